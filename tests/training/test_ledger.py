"""The entropy ledger: exact, complete, and without a trace in the training that it watches."""

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
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.phases import Ledger, UpdateConfig
from entropy_rl.training import experience as experiences
from entropy_rl.training import learner, ledger, loop, programs, token_metrics
from entropy_rl.training import update as updating
from tests.policies import TINY, example_experience, tiny_params
from tests.training import ledger_invariance, tiny_run

KEY = jax.random.key(3)
LOSS = PolicyLoss(
    ClippedSurrogate(), gates=(ClipCov(fraction=0.05, max_fraction=0.1, omega_low=0.0),), penalties=(KlCov(0.1),)
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Metrics of four steps without a ledger, with one of a few rows, and with one of all."""
    folder = tmp_path_factory.mktemp("runs")
    kept = {"none": Ledger(every=0), "some": Ledger(every=2, rows=6), "all": Ledger(every=1, rows=0)}
    base = dataclasses.replace(tiny_run.get_config(), steps=4, update=UpdateConfig(mini_batches=2, epochs=2))
    return {
        name: loop.run(dataclasses.replace(base, ledger=kept), str(folder / name), bases=str(folder / "bases")).metrics
        for name, kept in kept.items()
    }


def entries(metrics, prefix="ledger/"):
    return [{k: v for k, v in line.items() if k.startswith(prefix)} for line in metrics if "ledger/change" in line]


def test_what_a_ledger_watches_goes_on_as_if_it_were_not_there(finished):
    ignored = ("time/", "speed/", "ledger/", "memory/")
    for with_ledger in ("some", "all"):
        for before, after in zip(finished["none"], finished[with_ledger], strict=True):
            assert before == {k: v for k, v in after.items() if not k.startswith(ignored)} | {
                k: v for k, v in before.items() if k.startswith(ignored)
            }


def test_entries_come_when_they_are_due(finished):
    due = {name: [line["step"] for line in metrics if "ledger/change" in line] for name, metrics in finished.items()}
    assert due == {"none": [], "some": [2, 4], "all": [1, 2, 3, 4]}
    assert not any("time/ledger" in line for line in finished["none"])


def test_parts_and_shares_add_up_to_the_whole(finished):
    for entry in entries(finished["all"]) + entries(finished["some"]):
        total = lambda of: sum(v for k, v in entry.items() if k.startswith(of))  # noqa: B023, E731
        scale = sum(abs(v) for k, v in entry.items() if k.startswith("ledger/part/"))
        assert total("ledger/part/") == pytest.approx(entry["ledger/first_order"], abs=1e-5 * scale)
        assert total("ledger/share/") == pytest.approx(1.0, abs=1e-5)
        whole = entry["ledger/first_order"] + entry["ledger/residual"]
        assert whole == pytest.approx(entry["ledger/change"], abs=1e-5 * scale)


def test_all_rows_are_all_the_states_that_the_update_saw(finished):
    for line in finished["all"]:
        if "ledger/states" in line:
            assert line["ledger/states"] == line["update/tokens"] / 2  # two epochs


def test_methods_and_tokens_are_told_apart(finished):
    for entry in entries(finished["all"]):
        assert 0 < entry["ledger/share_selected/ClipCov"] <= 0.2  # at most .05 in each epoch, and what is never below 1
        assert {name.split("/")[2] for name in entry if name.startswith("ledger/part/")} >= {"negative"}
        assert {name.split("/")[5] for name in entry if name.startswith("ledger/part/")} >= {"planning", "execution"}


@functools.cache
def moved(rate: float, micro_batches: int = 1):
    """Parameters before and after one update of all of a batch, and its marks."""
    old, optimizer, experience = tiny_params(), AdamW(learning_rate=rate), labelled()
    state = learner.new_state(jax.tree.map(jnp.copy, old), optimizer, False)
    update = updating.compiled_update(TINY, micro_batches, marked=True)
    state, figures = update(state, experience, LOSS, optimizer, KEY)
    return old, state.params, figures[updating.MARKS]


def labelled():
    experience = example_experience(prompts=16)
    roles = np.random.default_rng(0).integers(0, 3, experience.responses.shape)
    return dataclasses.replace(experience, roles=jnp.asarray(roles, jnp.int32))


def entry_of(rate: float, pieces: int = 1, buckets: int = 1, experience=None, micro_batches: int = 1):
    old, new, marks = moved(rate, micro_batches)
    experience = labelled() if experience is None else experience
    whole = jnp.arange(16, dtype=jnp.int32)
    options = {"policy": TINY, "pieces": pieces, "buckets": buckets, "methods": 2}
    make = jax.jit(functools.partial(ledger.entry, **options))
    return ledger.figures(jax.device_get(make(old, new, experience, experience, (marks,), whole, whole[None])), LOSS)


def test_the_change_is_that_of_the_entropies_of_both_policies():
    old, new, _ = moved(1e-2)
    rescore, experience = updating.compiled_rescore(TINY), labelled()
    mask = np.asarray(experience.response_mask)
    (_, before), (_, after) = (rescore(params, experience) for params in (old, new))
    expected = (np.asarray(after, np.float64) - np.asarray(before, np.float64))[mask].mean()
    assert entry_of(1e-2)["ledger/change"] == pytest.approx(expected, rel=1e-3)


def test_the_first_order_holds_for_small_steps_and_not_for_large_ones():
    small, middle, large = (entry_of(rate) for rate in (1e-5, 1e-3, 1e-1))
    assert small["ledger/correlation"] > 0.9999 and abs(small["ledger/slope"] - 1) < 0.01
    assert abs(small["ledger/residual"]) < 0.01 * abs(small["ledger/change"])
    assert small["ledger/correlation"] > middle["ledger/correlation"] > large["ledger/correlation"]


def test_a_step_that_moved_nothing_is_an_entry_of_finite_numbers():
    old, _, marks = moved(1e-3)
    whole = jnp.arange(16, dtype=jnp.int32)
    make = jax.jit(functools.partial(ledger.entry, policy=TINY, pieces=1, buckets=1, methods=2))
    entry = ledger.figures(jax.device_get(make(old, old, labelled(), labelled(), (marks,), whole, whole[None])), LOSS)
    assert entry["ledger/change"] == 0.0 and all(np.isfinite(value) for value in entry.values())
    assert not {"ledger/correlation", "ledger/slope"} & set(entry)  # nothing to correlate


@pytest.mark.parametrize("cut", [(2, 1), (5, 1), (4, 2)])
def test_no_cut_changes_an_entry(cut):
    whole, pieces = entry_of(1e-3), entry_of(1e-3, *cut)
    assert whole.keys() == pieces.keys()
    for name, value in whole.items():
        assert pieces[name] == pytest.approx(value, rel=1e-4, abs=1e-7), name


def test_micro_batches_mark_the_same_tokens():
    np.testing.assert_array_equal(moved(1e-3)[2], moved(1e-3, 4)[2])
    assert len(np.unique(moved(1e-3)[2])) > 3  # clipped, and both methods


def test_marks_are_what_the_plan_says():
    experience = labelled()
    stats = updating.token_stats(tiny_params(), experience, policy=TINY, step=jnp.int32(0))
    plan = LOSS.plan(stats, KEY)
    marks = np.asarray(moved(1e-3)[2])
    np.testing.assert_array_equal(marks & 1 > 0, LOSS.surrogate.clipped(stats) & stats.mask)
    np.testing.assert_array_equal(marks & 2 > 0, (plan.gates[0] < 1) & stats.mask)
    np.testing.assert_array_equal(marks & 4 > 0, (plan.selected[0] != 0) & stats.mask)


def test_marks_find_their_groups_again_whatever_the_order_of_the_mini_batches():
    rng = np.random.default_rng(0)
    orders = np.stack([rng.permutation(6), rng.permutation(6)]).astype(np.int32)
    own = rng.integers(0, 8, (2, 6, 2, 3)).astype(np.uint16)  # [epochs, P, G, T] by group
    marks = [
        jnp.asarray(own[epoch][chosen].reshape(-1, 3)) for epoch in range(2) for chosen in orders[epoch].reshape(3, 2)
    ]
    chosen = np.array([0, 3, 5], np.int32)
    found = ledger._flags(marks, jnp.asarray(chosen), jnp.asarray(orders), (6, 3))
    np.testing.assert_array_equal(found.reshape(3, 2, 3), (own[0] | own[1])[chosen])


def test_padding_is_never_read():
    experience = labelled()
    mask = experience.response_mask
    poison = {name: jnp.where(mask, getattr(experience, name), jnp.nan) for name in ("advantages", "old_logprobs")}
    assert entry_of(1e-3) == entry_of(1e-3, experience=dataclasses.replace(experience, **poison))


def test_an_update_without_a_ledger_marks_nothing():
    optimizer = AdamW()
    state = learner.new_state(tiny_params(), optimizer, False)
    trace = lambda **options: str(  # noqa: E731
        jax.make_jaxpr(functools.partial(updating.update, policy=TINY, **options))(
            state, example_experience(), LOSS, optimizer, KEY
        )
    )
    assert "u16" not in trace() and "u16" in trace(marked=True)


def test_groups_are_spread_over_the_step_and_whole():
    config = dataclasses.replace(tiny_run.get_config(), ledger=Ledger(rows=6))  # 4 prompts x 4 responses
    mesh = make_mesh(config.mesh)
    assert ledger.sample(config, mesh).tolist() == [0, 2]
    everything = dataclasses.replace(config, ledger=Ledger(rows=0))
    assert ledger.sample(everything, mesh).tolist() == [0, 1, 2, 3]
    assert ledger.sample(dataclasses.replace(config, ledger=Ledger(rows=999)), mesh).tolist() == [0, 1, 2, 3]


def test_the_program_of_the_ledger_is_listed_and_can_be_lowered():
    config = dataclasses.replace(tiny_run.get_config(), ledger=Ledger(every=3, rows=8)).resolved()
    found = {program.name: program for program in programs.of(config, make_mesh(config.mesh))}
    assert found["ledger"].times == pytest.approx(1 / 3)
    assert "u16" in found["ledger"].lower().as_text() or "ui16" in found["ledger"].lower().as_text()


@pytest.mark.parametrize(
    ("value", "message"),
    [(Ledger(every=-1), "ledger.every"), (Ledger(rows=-8), "ledger.rows"), (Ledger(every=0, probe=True), "probe")],
)
def test_an_impossible_ledger_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(tiny_run.get_config(), ledger=value).validate()


def test_every_method_has_a_name_of_its_own():
    loss = dataclasses.replace(LOSS, penalties=(KlCov(0.1), KlCov(0.2)))
    assert token_metrics.method_names(loss) == ["ClipCov", "KlCov", "KlCov2"]
    assert ledger.marked_methods(dataclasses.replace(LOSS, penalties=(KlCov(0.1),) * 20))[-1] == "KlCov14"


def test_mini_batches_follow_the_orders():
    experience = example_experience(prompts=6)
    order = experiences.orders(6, 2, seed=1, step=4)
    taken = [part.sample_ids[::2] // 2 for part in experiences.mini_batches(experience, 3, 2, 1, 4)]
    np.testing.assert_array_equal(np.concatenate(taken), order.reshape(-1))


@pytest.mark.slow
def test_no_mesh_changes_an_entry():
    repository = pathlib.Path(__file__).parents[2]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "tests.training.ledger_invariance"]
    done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert [row[0] for row in rows] == list(ledger_invariance.CUTS)
    for name, apart, missing in rows:
        assert apart < ledger_invariance.EXACT and not missing, (name, apart, missing)
