"""The first policy's own answers, followed: what its forks and rare right tokens come to."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.phases import Ledger
from entropy_rl.training import loop, probe, programs
from entropy_rl.types import Rollout
from tests.training import tiny_run


def config(steps: int, **ledger):
    return dataclasses.replace(tiny_run.get_config(), steps=steps, ledger=Ledger(every=2, rows=8, probe=True, **ledger))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """Of a run of two steps that went on to four."""
    folder = tmp_path_factory.mktemp("probe")
    loop.run(config(2), str(folder / "run"))
    loop.run(config(4), str(folder / "run"))
    return folder


def followed(path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in line.items() if name.startswith(("probe/", "step"))}
        for line in loop.Run(path).metrics
        if "probe/entropy" in line
    ]


def test_a_policy_overlaps_with_itself_and_moves_away(folder):
    lines = followed(folder / "run")
    assert [line["step"] for line in lines] == [0, 2, 4]
    assert lines[0]["probe/fork_overlap"] == 1.0 > lines[-1]["probe/fork_overlap"]
    assert lines[0]["probe/entropy"] != lines[1]["probe/entropy"]


def test_a_resumed_run_goes_on_with_the_same_answers(folder):
    loop.run(config(4), str(folder / "whole"), bases=str(folder / "bases"))
    assert followed(folder / "whole") == followed(folder / "run")


def test_a_run_that_began_without_a_probe_goes_on_without(folder, tmp_path):
    plain = dataclasses.replace(config(2), ledger=Ledger(every=0))
    loop.run(plain, str(tmp_path / "run"), bases=str(folder / "bases"))
    changed = ["ledger.every", "ledger.rows", "ledger.probe"]
    loop.run(config(4), str(tmp_path / "run"), changed, bases=str(folder / "bases"))
    assert followed(tmp_path / "run") == []


def rows(before, entropies, correct, mask=None):
    """Two answers of five tokens; only what `compared` reads."""
    fields: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Rollout))
    fields |= {"logprobs": jnp.log(jnp.asarray(before)), "entropies": jnp.asarray(entropies)}
    fields["response_mask"] = jnp.ones((2, 5), bool) if mask is None else jnp.asarray(mask)
    return probe.Rows(Rollout(**fields), jnp.asarray(correct))


def test_rare_tokens_of_right_answers_are_counted_by_hand():
    before = np.array([[0.05, 0.02, 0.25, 0.005, 0.09], [0.05, 0.05, 0.05, 0.05, 0.05]])
    after = np.array([[0.02, 0.004, 0.001, 0.9, 0.2], [0.001] * 5])
    found = probe.compared(jnp.log(jnp.asarray(after)), jnp.ones((2, 5)), rows(before, np.ones((2, 5)), [True, False]))
    # of the first answer .05, .02 and .09 are rare; .02 and .2 of them are at or above .01 still: 2 of 3
    assert found["rare_tokens"] == 3
    assert found["rare_survival"] == pytest.approx(2 / 3)
    expected = (np.log(0.02 / 0.05) + np.log(0.004 / 0.02) + np.log(0.2 / 0.09)) / 3
    assert found["rare_log_ratio"] == pytest.approx(expected, rel=1e-5)
    assert (found["uncommon_tokens"], found["uncommon_survival"]) == (1, 0.0)  # the .25


def test_forks_are_the_fifth_of_the_states_with_the_highest_entropy():
    before = np.arange(10.0).reshape(2, 5)  # 8 and 9 are the forks
    after = before.copy()
    after[1, 3], after[0, 0] = 0.0, 8.5  # 8 has become 0, and 0 has become 8.5
    found = probe.compared(jnp.zeros((2, 5)), jnp.asarray(after), rows(np.full((2, 5), 0.5), before, [True, True]))
    assert found["fork_overlap"] == 0.5
    assert found["fork_entropy"] == pytest.approx((0.0 + 9.0) / 2)
    assert found["entropy"] == pytest.approx(after.mean())


def test_padding_is_never_read():
    mask = np.array([[True] * 5, [True, True, False, False, False]])
    before, entropies = np.full((2, 5), 0.05), np.arange(10.0).reshape(2, 5)
    clean = rows(before, entropies, [True, True], mask)
    dirty = rows(np.where(mask, before, np.nan), np.where(mask, entropies, np.nan), [True, True], mask)
    now = jnp.asarray(entropies) + 1.0
    poisoned = jnp.where(jnp.asarray(mask), now, jnp.nan)
    one, other = probe.compared(now - 9.0, now, clean), probe.compared(poisoned - 9.0, poisoned, dirty)
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_its_program_is_listed_and_can_be_lowered():
    found = {program.name: program for program in programs.of(config(2).resolved(), make_mesh(config(2).mesh))}
    assert found["probe"].lower() is not None
