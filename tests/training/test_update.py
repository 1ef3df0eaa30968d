"""The compiled update: exact under any cut of the machine, inert where it must be, and one program."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import schedules
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.training import learner
from entropy_rl.training import update as updating
from tests.policies import TINY, example_experience, tiny_params
from tests.training import invariance

KEY = jax.random.key(3)
PLAIN = PolicyLoss(ClippedSurrogate())


@functools.cache
def program(micro_batches: int = 1):
    return updating.compiled_update(TINY, micro_batches)


def after_one_update(loss, experience, micro_batches=1, optimizer=AdamW(learning_rate=1e-2), step=program):  # noqa: B008
    params = jax.tree.map(jnp.copy, tiny_params())
    state, metrics = step(micro_batches)(learner.new_state(params, optimizer, False), experience, loss, optimizer, KEY)
    return state, metrics


@pytest.mark.slow
def test_no_mesh_and_no_number_of_micro_batches_or_buckets_changes_the_parameters_or_the_selection():
    repository = pathlib.Path(__file__).parents[2]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "tests.training.invariance"]
    done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert [tuple(row[:3]) for row in rows] == invariance.CUTS
    for *cut, apart, n_selected, otherwise in rows:
        assert n_selected > 100  # or the test could not fail
        assert apart <= 1e-5, (cut, apart)
        assert otherwise == 0, (cut, otherwise)


@pytest.mark.parametrize("name", list(invariance.LOSSES))
def test_micro_batches_change_neither_parameters_nor_metrics(name):
    loss, experience = invariance.LOSSES[name], example_experience(prompts=16)
    whole, metrics = after_one_update(loss, experience)
    for micro_batches in (2, 8):
        pieces, again = after_one_update(loss, experience, micro_batches)
        assert invariance.difference(whole.params, jax.device_get(pieces.params)) <= 1e-5
        for key, value in metrics.items():
            np.testing.assert_allclose(again[key], value, rtol=2e-4, atol=1e-5, err_msg=key)


def test_selecting_in_each_micro_batch_would_change_the_parameters():
    """The control: what public implementations do must not pass for invariant."""
    loss, experience = invariance.LOSSES["both"], example_experience(prompts=16)
    whole, _ = after_one_update(loss, experience)

    def gradient_of_piece(params, piece):
        def objective(params):
            stats = updating.token_stats(params, piece, policy=TINY, step=jnp.int32(0))
            return loss(stats, loss.plan(stats, KEY))

        return jax.grad(objective)(params)

    pieces = jax.tree.map(lambda array: array.reshape(4, -1, *array.shape[1:]), experience)
    gradients = jax.jit(lambda p: jax.lax.map(lambda piece: gradient_of_piece(p, piece), pieces))(tiny_params())
    optimizer = AdamW(learning_rate=1e-2)
    state = learner.new_state(tiny_params(), optimizer, False)
    mean = jax.tree.map(lambda g: g.mean(axis=0), gradients)
    updates, _ = optimizer.transform().update(mean, state.opt_state, state.params)
    apart = invariance.difference(whole.params, jax.tree.map(jnp.add, state.params, updates))
    assert apart > 1e-4


def test_an_on_policy_row_has_a_log_ratio_of_exactly_zero():
    experience = example_experience(prompts=16)
    mixed = experience.replace(policy_version=jnp.where(jnp.arange(32) < 16, 0, -1))
    stats = jax.jit(lambda p, e: updating.token_stats(p, e, policy=TINY, step=jnp.int32(0)))(tiny_params(), mixed)
    assert (np.asarray(stats.log_ratio[:16]) == 0).all()
    assert (np.abs(np.asarray(stats.log_ratio[16:]))[np.asarray(stats.mask[16:])] > 0).all()
    refined = mixed.replace(off_policy=jnp.ones_like(mixed.response_mask))
    stats = jax.jit(lambda p, e: updating.token_stats(p, e, policy=TINY, step=jnp.int32(0)))(tiny_params(), refined)
    assert np.abs(np.asarray(stats.log_ratio[:16])).max() > 0


def test_kl_cov_leaves_an_on_policy_gradient_unchanged():
    experience = example_experience(prompts=16)
    on_policy = experience.replace(policy_version=jnp.zeros_like(experience.policy_version))
    plain, _ = after_one_update(PolicyLoss(UnclippedSurrogate()), on_policy)
    held, metrics = after_one_update(PolicyLoss(UnclippedSurrogate(), penalties=(KlCov(fraction=0.04),)), on_policy)
    assert metrics["select/KlCov/fraction"] > 0.03
    jax.tree.map(np.testing.assert_array_equal, plain.params, held.params)


def test_padding_is_never_read():
    experience = example_experience(prompts=16)
    poison = {
        name: jnp.where(experience.response_mask, getattr(experience, name), jnp.nan)
        for name in ("advantages", "old_logprobs", "old_entropies", "rollout_logprobs", "reference_logprobs")
    }
    for loss in invariance.LOSSES.values():
        clean, _ = after_one_update(loss, experience)
        dirty, metrics = after_one_update(loss, experience.replace(**poison))
        jax.tree.map(np.testing.assert_array_equal, clean.params, dirty.params)
        assert all(np.isfinite(value) for value in metrics.values())


def test_changing_numbers_does_not_compile_again():
    step = updating.compiled_update(TINY)
    experience = example_experience(prompts=16)
    for epsilon, fraction, rate in ((0.2, 0.01, 1e-3), (0.3, 0.02, 1e-4), (0.1, 0.005, 3e-3)):
        loss = PolicyLoss(ClippedSurrogate(epsilon, epsilon), gates=(ClipCov(fraction=fraction, max_fraction=0.04),))
        after_one_update(loss, experience, optimizer=AdamW(learning_rate=rate), step=lambda _: step)
    assert step._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_schedule_moves_with_the_optimiser_step():
    optimizer = AdamW(learning_rate=schedules.Linear(1e-2, 0.0, 10))
    state = learner.new_state(jax.tree.map(jnp.copy, tiny_params()), optimizer, False)
    rates = []
    for _ in range(3):
        state, metrics = program()(state, example_experience(prompts=16), PLAIN, optimizer, KEY)
        rates.append(float(metrics["update/learning_rate"]))
    np.testing.assert_allclose(rates, [1e-2, 9e-3, 8e-3], rtol=1e-5)


def test_the_update_holds_no_host_callback():
    optimizer = AdamW()
    state = learner.new_state(tiny_params(), optimizer, False)
    loss = invariance.LOSSES["both"]
    text = str(jax.make_jaxpr(functools.partial(updating.update, policy=TINY, micro_batches=2))(
        state, example_experience(prompts=16), loss, optimizer, KEY
    ))  # fmt: skip
    assert "callback" not in text and "infeed" not in text


@pytest.mark.parametrize("reads", [True, False])
def test_a_statistics_pass_is_spent_only_where_a_method_reads_the_whole_batch(reads):
    loss = PolicyLoss(ClippedSurrogate(), gates=(ClipCov(),) if reads else ())
    optimizer = AdamW()
    function = functools.partial(updating.update, policy=TINY, micro_batches=2)
    text = str(jax.make_jaxpr(function)(
        learner.new_state(tiny_params(), optimizer, False), example_experience(prompts=16), loss, optimizer, KEY
    ))  # fmt: skip
    old = dataclasses.replace(loss, covariance_logprobs="old")
    free = str(jax.make_jaxpr(function)(
        learner.new_state(tiny_params(), optimizer, False), example_experience(prompts=16), old, optimizer, KEY
    ))  # fmt: skip
    assert (text.count("dot_general") > free.count("dot_general")) == reads
