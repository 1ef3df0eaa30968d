"""Whatever tasks and rewards do, a run goes on, or stops with a sentence; damage costs steps, never the run."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import logging
from etils import epath

from entropy_rl import presets, training
from entropy_rl.config import Config, FromRun, RandomWeights, WarmStart
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops.schedules import Schedule
from entropy_rl.problem import Verdict
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.training import session
from entropy_rl.training.alarms import NonFiniteError
from tests.training.resuming import CONFIG_FILE, assert_same_run, final_state, finished_checkpoints
from tests.training.test_checkpoints import data_files

TINY: Config = dataclasses.replace(presets.load_config(str(CONFIG_FILE)), init=RandomWeights(), steps=4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    training.run(TINY, str(workdir))
    return workdir


def equal(problem, completion):
    return 0.5


def not_a_number(problem, completion):
    return float("nan")


def raising(problem, completion):
    raise RuntimeError("the judge is out")


def undecided(problem, completion):
    return Verdict(score=1.0, undecided=True)


@pytest.mark.parametrize(("reward", "share_undecided"), [(equal, 0.0), (undecided, 1.0)])
def test_rewards_that_teach_nothing_change_no_weight(tmp_path, reward, share_undecided):
    """No weight decay: AdamW moves nothing when every gradient is exactly zero."""
    run = training.run(dataclasses.replace(TINY, reward=reward, steps=2), str(tmp_path / "run"))
    last = run.metrics[-1]
    assert last["reward/undecided"] == share_undecided and last["reward/zero_variance_groups"] == 1.0
    assert last["update/gradient_norm"] == last["loss/total"] == 0.0
    assert last["reward/mean"] == (0.5 if reward is equal else 0.0)
    started = jax.jit(TINY.resolved().policy.init)(jax.random.key(0))
    trained = final_state(tmp_path / "run", TINY)
    for path, leaf in jax.tree_util.tree_flatten_with_path(started)[0]:
        np.testing.assert_array_equal(trained[f".params{jax.tree_util.keystr(path)}"], leaf)


@dataclasses.dataclass(frozen=True)
class Silent(Countdown):
    """Its demonstrations are empty: the policy learns to end at once."""

    def demonstration(self, seed, index):
        return super().demonstration(seed, index)[0], ""


def test_all_processes_meet_when_the_summary_is_there_and_before_it_is_read(tmp_path, monkeypatch):
    met = []
    summary = tmp_path / "run/summary.json"
    monkeypatch.setattr(session.exchange, "meet", lambda place: met.append((place, summary.exists())))
    run = training.run(dataclasses.replace(TINY, steps=1), str(tmp_path / "run"))
    assert ("the summary is written", True) in met and run.summary["steps"] == 1


def test_responses_of_the_end_alone_are_a_run_like_any_other(tmp_path):
    task = Silent(max_value=6, validation_problems=8, test_problems=8)
    init = WarmStart(steps=150, batch=8, demonstrations=16, warmup=2, learning_rate=3e-2)
    run = training.run(dataclasses.replace(TINY, task=task, init=init, steps=1, reward=equal), str(tmp_path / "run"))
    assert run.metrics[-1]["response/length_max"] == 1.0
    assert run.summary["test"]["pass@1"] == 0.0 and run.summary["test"]["length"] == 1.0
    assert all(np.isfinite(value) for value in run.metrics[-1].values())


@dataclasses.dataclass(frozen=True)
class Talkative(Countdown):
    @property
    def max_prompt_tokens(self):
        return 3


def test_a_prompt_that_does_not_fit_is_named(tmp_path):
    config = dataclasses.replace(TINY, task=Talkative(max_value=6, validation_problems=8, test_problems=8))
    with pytest.raises(ValueError, match="8 of 8 prompts of test are too long; .* Raise rollout.prompt_tokens"):
        training.run(config, str(tmp_path / "run"))


@flax.struct.dataclass
class Explodes(Schedule):
    """A sane learning rate for the first four optimiser steps."""

    def __call__(self, step):
        return jnp.where(step < 4, 1e-3, 1e38)

    def extremes(self):
        return 1e-3, 1e38


def test_weights_that_are_no_numbers_stop_the_run_and_name_the_last_good_checkpoint(tmp_path):
    optimizer = dataclasses.replace(TINY.optimizer, learning_rate=Explodes())
    config = dataclasses.replace(TINY, optimizer=optimizer, steps=9)
    with pytest.raises(NonFiniteError, match=r"^step [34]: .* the last good checkpoint is of step 2\.") as error:
        training.run(config, str(tmp_path / "run"))
    assert error.value.last_good == 2 and finished_checkpoints(tmp_path / "run")[-1] == 2


def truncate(step: pathlib.Path) -> None:
    for path in data_files(step / "state"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(step: pathlib.Path) -> None:
    for path in data_files(step / "state"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
        path.write_bytes(content)


def remove_metadata(step: pathlib.Path) -> None:
    (step / "state" / "_METADATA").unlink()


@pytest.mark.parametrize("damage", [truncate, flip, remove_metadata])
def test_a_damaged_checkpoint_costs_steps_and_is_replaced(whole, tmp_path, damage, caplog):
    logging.get_absl_logger().propagate = True
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    (workdir / "summary.json").unlink()
    assert finished_checkpoints(workdir) == [2, 4]
    damage(workdir / "checkpoints" / "4")
    training.run(TINY, str(workdir))
    assert "checkpoint 4" in caplog.text and "is damaged" in caplog.text
    assert_same_run(whole, workdir, TINY)  # checkpoint 4 is a good one again


def test_a_run_without_a_whole_checkpoint_says_what_was_tried(whole, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    (workdir / "summary.json").unlink()
    for step in (2, 4):
        truncate(workdir / "checkpoints" / str(step))
    with pytest.raises(ValueError, match="(?s)Tried step 4: .*; step 2: .*Start again in an empty workdir"):
        training.run(TINY, str(workdir))


def test_a_line_that_was_cut_is_written_again(whole, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    (workdir / "summary.json").unlink()
    shutil.rmtree(workdir / "checkpoints" / "4")
    lines = (workdir / "metrics.jsonl").read_text()
    (workdir / "metrics.jsonl").write_text(lines[:-40])
    training.run(TINY, str(workdir))
    assert_same_run(whole, workdir, TINY)


def test_a_full_disk_names_what_is_intact(whole, tmp_path, monkeypatch):
    free = iter([1 << 40])  # enough when the run starts, none when it saves
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, next(free, 0)))
    with pytest.raises(OSError, match="free some space and run the same command again to resume"):
        training.run(TINY, str(tmp_path / "run"))


def test_another_field_is_refused_until_it_is_allowed(whole, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(whole, workdir)
    changed = dataclasses.replace(TINY, seed=1, evaluation=dataclasses.replace(TINY.evaluation, samples=8))
    with pytest.raises(ValueError, match=r"evaluation.samples: 4 -> 8; seed: 0 -> 1.*--allow_change=evaluation"):
        training.run(changed, str(workdir))
    with pytest.raises(ValueError, match=r"\(seed: 0 -> 1\)"):
        training.run(changed, str(workdir), allow_changes=["evaluation.samples"])
    with pytest.raises(ValueError, match="steps: 4 -> 3"):
        training.run(dataclasses.replace(TINY, steps=3), str(workdir))
    run = training.run(changed, str(workdir), allow_changes=["evaluation.samples", "seed"])
    assert "pass@8" in run.summary["test"]  # the old summary did not belong to this config


def test_a_run_starts_from_another_and_refuses_one_of_another_model(whole, tmp_path):
    config = dataclasses.replace(TINY, init=FromRun(str(whole)), steps=1)
    run = training.run(config, str(tmp_path / "run"))
    figures = [training.Run(epath.Path(whole)).summary["test"], run.summary["base"]]
    assert figures[0]["pass@1"] == figures[1]["pass@1"] and figures[0]["entropy"] == figures[1]["entropy"]
    wider = dataclasses.replace(config, policy=Decoder(layers=1, width=32))
    with pytest.raises(ValueError, match="holds another state.*Use the config it was saved with"):
        training.run(wider, str(tmp_path / "wider"))


def test_a_step_sampled_in_pieces_is_the_step_sampled_whole(tmp_path):
    """Samples depend on no batch; each piece is judged while the next is sampled."""
    runs = {}
    for pieces in (1, 2):
        rollout = dataclasses.replace(TINY.rollout, pieces=pieces)
        config = dataclasses.replace(TINY, rollout=rollout, steps=2)
        runs[pieces] = training.run(config, str(tmp_path / str(pieces)), bases=str(tmp_path / "bases"))
    for whole, cut in zip(runs[1].metrics, runs[2].metrics, strict=True):
        timed = {name for name in whole if name.startswith(("time/", "speed/"))}
        for name in whole.keys() - timed:
            assert cut[name] == pytest.approx(whole[name], rel=1e-4, abs=1e-6), name
    assert [record["responses"] for record in runs[1].samples] == [record["responses"] for record in runs[2].samples]


@pytest.mark.parametrize(("reward", "complaint"), [(raising, "the judge is out"), (not_a_number, "not finite")])
def test_a_reward_that_fails_on_all_of_the_first_step_ends_the_run_with_its_error(whole, tmp_path, reward, complaint):
    config = dataclasses.replace(TINY, reward=reward)
    with pytest.raises(ValueError, match=f"judged none of the 16 responses of the first step: .*{complaint}"):
        training.run(config, str(tmp_path / "run"), bases=str(whole.parent / "bases"))
