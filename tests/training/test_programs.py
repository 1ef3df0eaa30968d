"""The list of a run's programs: what it names is what a run calls, with arguments of the same shapes."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import pytest
from jax.sharding import SingleDeviceSharding

from entropy_rl.advantages.gae import Gae
from entropy_rl.config import UpdateConfig
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.losses.value_loss import ClippedValueLoss
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.references import EmaReference, ResetReference
from entropy_rl.training import experience, learner, loop, programs, session
from tests.training import tiny_run


def resolved(**changes: Any):
    return dataclasses.replace(tiny_run.get_config(), **changes).resolved()


def listed(config) -> dict[str, programs.Program]:
    return {program.name: program for program in programs.of(config, make_mesh(config.mesh))}


def kinds(tree: Any) -> list[tuple[str, Any, Any]]:
    """Paths, shapes and types of arrays; plain numbers have none."""
    leaves = jax.tree.leaves_with_path(tree)
    return [(jax.tree_util.keystr(path), jax.numpy.shape(x), jax.numpy.result_type(x)) for path, x in leaves]


@pytest.fixture(scope="module")
def called(tmp_path_factory) -> dict[str, tuple[Any, ...]]:
    """The arguments of each program of one step of a real run, by what the list calls it."""
    seen: dict[str, tuple[Any, ...]] = {}
    config = dataclasses.replace(
        tiny_run.get_config(),
        steps=1,
        update=UpdateConfig(mini_batches=2, rescore=True),
        evaluation=dataclasses.replace(tiny_run.get_config().evaluation, every=0),
    )

    def spied(name: str, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if name not in seen:
                seen[name] = jax.tree.map(
                    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype) if hasattr(x, "dtype") else x, arguments
                )
            return function(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        taking = experience.taking
        patch.setattr(experience, "taking", lambda *a: spied("mini-batch", taking(*a)))
        for name, attribute in (("update", "compiled_update"), ("rescoring", "compiled_rescore")):
            made = getattr(session, attribute)
            patch.setattr(session, attribute, lambda *a, m=made, n=name: spied(n, m(*a)))
        loop.run(config, str(tmp_path_factory.mktemp("run") / "run"))
    return {"config": (config.resolved(),), **seen}


@pytest.mark.parametrize("name", ["mini-batch", "rescoring", "update"])
def test_a_program_is_listed_with_the_arguments_that_a_run_gives_it(called, name):
    program = listed(called["config"][0])[name]
    assert kinds(program.arguments) == kinds(called[name])


def test_a_plain_run_has_four_programs_that_can_be_lowered_and_compiled():
    config = resolved()
    found = listed(config)
    assert list(found) == ["publish", "sampling", "mini-batch", "update"]
    lowered = {name: program.lower() for name, program in found.items()}
    assert lowered["mini-batch"].compile().memory_analysis() is not None
    assert found["update"].times == config.update.steps_per_rollout


def test_what_a_method_requires_is_a_program_of_the_run():
    loss = dataclasses.replace(tiny_run.get_config().loss, penalties=(ReferenceKl(),))
    assert "reference log-probs" in listed(resolved(loss=loss))
    assert "moving the reference" in listed(resolved(loss=loss, reference=EmaReference()))
    assert "moving the reference" in listed(resolved(loss=loss, reference=ResetReference(every=2)))
    critic = dataclasses.replace(tiny_run.get_config().loss, value_loss=ClippedValueLoss())
    assert "values" in listed(resolved(advantages=Gae(), loss=critic))


def test_pieces_are_sampled_one_after_the_other():
    config = resolved()
    halves = dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, pieces=2))
    whole, half = listed(config)["sampling"], listed(halves)["sampling"]
    assert (whole.times, half.times) == (1, 2) and half.responses == whole.responses / 2


def test_the_state_stays_beside_a_rollout_and_is_the_update_s_own():
    config = resolved()
    found, mesh = listed(config), make_mesh(config.mesh)
    state = learner.place(mesh, config.policy, config.optimizer, False).state
    parameters = programs.bytes_per_device(state.params)
    moments = programs.bytes_per_device(state.opt_state)
    rollout = found["sampling"].beside - moments
    assert moments > 2 * parameters  # two of each, and counts
    assert 0 < rollout < programs.bytes_per_device(found["mini-batch"].arguments)  # parameters are read where they lie
    assert found["update"].beside == programs.bytes_per_device(found["mini-batch"].arguments[0])


def test_bytes_on_a_device_are_those_of_its_share():
    device = SingleDeviceSharding(jax.devices()[0])
    shapes = (jax.ShapeDtypeStruct((3, 5), "float32", sharding=device), jax.ShapeDtypeStruct((7,), "bfloat16"), 1.0)
    assert programs.bytes_per_device(shapes) == 3 * 5 * 4 + 7 * 2
