"""Plan, loss and gradient of every method, and every estimator, on eight devices against one.

Run as a script on eight forced CPU devices.

Prints, for each method that differs, what differs; nothing else.
"""

from __future__ import annotations

import functools
import sys

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from entropy_rl.parallel.mesh import AXES
from tests import examples, methods
from tests.advantages.test_advantages import ORACLES

SHAPE = (4, 2, 1)


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def answers(loss, stats):
    plan = loss.plan(stats, examples.KEY)
    return (plan.gates, plan.selected, plan.branch), *examples.value_and_grad(loss, stats)


def differences(case: methods.Case, placement: NamedSharding, mesh: jax.sharding.Mesh) -> str:
    """What is not the same, or nothing. Sums are taken in another order, so numbers may differ in the last digits."""
    stats = examples.example_stats(11)
    decided, value, slopes = answers(case.loss, stats)
    with jax.set_mesh(mesh):
        many_decided, many_value, many_slopes = answers(case.loss, jax.device_put(stats, placement))
    pairs = zip(jax.tree.leaves(decided), jax.tree.leaves(many_decided), strict=True)
    for one, many in pairs:
        if not np.array_equal(np.asarray(one) == 0, np.asarray(many) == 0):
            return f"{np.sum((np.asarray(one) == 0) != (np.asarray(many) == 0))} tokens are selected otherwise"
        if not np.allclose(one, many, rtol=1e-6, atol=1e-6):
            return "the weights differ"
    if abs(float(value) - float(many_value)) > 2e-6 * max(abs(float(value)), 0.1):
        return f"the loss is {float(value)} on one device and {float(many_value)} on eight"
    for one, many in zip(slopes, many_slopes, strict=True):
        if np.abs(np.asarray(one) - np.asarray(many)).max() > 1e-6 * max(np.abs(np.asarray(one)).max(), 1e-3):
            return "the gradients differ"
    return ""


def advantages_differ(estimator: object, placement: NamedSharding, mesh: jax.sharding.Mesh) -> bool:
    stats = examples.example_stats(11)
    rewards = (stats.correct + 0.25 * (stats.sample_ids % 3)).astype(np.float32)
    run = jax.jit(lambda estimator, rewards, mask: estimator(rewards, mask, 4))
    alone = run(estimator, rewards, stats.mask)
    with jax.set_mesh(mesh):
        many = run(estimator, *jax.device_put((rewards, stats.mask), placement))
    return not np.allclose(alone, many, rtol=1e-5, atol=1e-6)


def main() -> None:
    if len(jax.devices()) != 8:
        raise SystemExit("run with XLA_FLAGS=--xla_force_host_platform_device_count=8")
    mesh = jax.make_mesh(SHAPE, AXES, axis_types=(AxisType.Auto,) * 3)
    placement = NamedSharding(mesh, PartitionSpec(AXES[:-1]))
    for case in methods.CASES:
        difference = differences(case, placement, mesh)
        if difference:
            sys.stdout.write(f"{case.name}: {difference}\n")
    for estimator, _ in ORACLES:
        if advantages_differ(estimator, placement, mesh):
            sys.stdout.write(f"{estimator}: the advantages differ\n")
    sys.stdout.write(f"{len(methods.CASES)} methods\n")


if __name__ == "__main__":
    main()
