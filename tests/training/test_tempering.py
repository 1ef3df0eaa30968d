"""Right answers of another temperature: who joins, what they replace, what is learned of them, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from entropy_rl import training
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.ops.schedules import Controlled
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.reward import Completion
from entropy_rl.rollout.refinement import Refinement
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.rollout.tempering import Tempering
from entropy_rl.tasks.countdown import EASY
from entropy_rl.training import loop, session
from entropy_rl.training.judging import judge
from entropy_rl.training.tempering import temper
from tests.training import tiny_run
from tests.training.resuming import assert_same_run
from tests.training.test_methods_in_the_loop import problem, rollout_of

HEAT = Controlled("temperature", low=0.8, high=1.2, rest=1.0)
RIGHT, WRONG = "6 + 9 = 15 15 + 8 = 23", "6 + 9 = 15 15 - 8 = 7"  # of the target 23
PROBLEMS = [problem(23), problem(23), problem(23)]


@dataclasses.dataclass(frozen=True)
class Scripted:
    """An engine whose tempered answers are written down, of the first two of three problems."""

    answers: tuple[str, ...]
    group_size: int = 3
    tokenizer = EASY.tokenizer
    mesh = make_mesh(MeshShape(), jax.devices()[:1])

    def __call__(self, params, prompts, draws, purpose, temperature, version):
        assert (len(prompts), list(draws), purpose, version) == (2, [10, 11], Purpose.TEMPERING, 7)
        return rollout_of(self.answers, self.group_size)

    def texts(self, rollout):
        tokens = [row[mask] for row, mask in zip(np.asarray(rollout.responses), rollout.response_mask, strict=True)]
        return [EASY.tokenizer.decode(row[:-1].tolist()) for row in tokens]


def tempered(answers, temperatures=(1.0, 1.2), most=9):
    scripted: Any = Scripted(answers)
    rollout = rollout_of([WRONG] * 9, group_size=3)
    verdicts = judge(scripted, EASY, None, PROBLEMS, rollout)
    judges: Any = lambda problems, sampled: judge(scripted, EASY, None, problems, sampled)  # noqa: E731
    setting = Tempering(temperatures[1], prompts=2, most=most)
    draws = [10, 11, 12]
    result = temper(scripted, setting, judges, None, PROBLEMS, rollout, verdicts, draws, temperatures, version=7)
    return result, scripted.texts(result.rollout)


def test_right_answers_take_the_first_rows_of_their_prompts():
    result, texts = tempered((WRONG, RIGHT, RIGHT, RIGHT, WRONG, WRONG))
    rows = [0, 1, 3]
    assert np.flatnonzero(result.rows).tolist() == rows
    assert [n for n, text in enumerate(texts) if text == RIGHT] == rows and texts.count(WRONG) == 6
    assert [verdict.score for verdict in result.verdicts] == [1.0, 1.0, 0.0, 1.0] + [0.0] * 5
    assert np.asarray(result.rollout.policy_version).tolist() == [7, 7, 0, 7, 0, 0, 0, 0, 0]
    assert not np.asarray(result.rollout.logprobs)[rows].any()  # to be rescored
    assert result.figures == {
        "tempering/temperature": 1.2, "tempering/accuracy": 0.5, "tempering/joined": pytest.approx(1 / 3)
    }  # fmt: skip


def test_a_prompt_that_is_always_answered_right_has_no_signal():
    result, _ = tempered((RIGHT, RIGHT, RIGHT, WRONG, WRONG, RIGHT))
    assert np.flatnonzero(result.rows).tolist() == [3]


@pytest.mark.parametrize(("temperature", "joining"), [(1.2, 2), (0.8, 1)])
def test_no_more_join_than_are_allowed_and_half_as_many_of_a_colder_policy(temperature, joining):
    result, _ = tempered((WRONG, RIGHT, RIGHT, RIGHT, WRONG, WRONG), (1.0, temperature), most=2)
    assert result.rows.sum() == joining


def test_nothing_is_sampled_at_the_temperature_of_the_rollouts():
    scripted: Any = None
    rollout, verdicts = rollout_of([WRONG] * 9, group_size=3), [Verdict(0.0)] * 9
    same = temper(scripted, Tempering(), scripted, None, PROBLEMS, rollout, verdicts, [1, 2, 3], (1.0, 1.0), 0)
    assert same.rollout is rollout and not same.rows.any() and same.figures == {}


def first_token_is_even(problem: Problem, completion: Completion) -> float:
    """Even a policy that can do nothing is right now and then."""
    return float(completion.tokens[0] % 2 == 0)


def config(steps: int = 4, rescore: bool = True) -> Config:
    run = tiny_run.get_config()
    held = EntropyLoop(target=InNats(1.0), actuators=(HEAT,), controller=OnOff())
    tempering = Tempering(HEAT, prompts=run.rollout.prompts // 2, most=6)
    update = dataclasses.replace(run.update, rescore=rescore)
    run = dataclasses.replace(run, reward=first_token_is_even, tempering=tempering, closed_loop=(held,), name="hot")
    return dataclasses.replace(run, update=update, steps=steps)


def test_a_run_learns_from_them_and_goes_on_after_a_stop_as_if_there_had_been_none(tmp_path):
    bases = str(tmp_path / "bases")
    whole = training.run(config(), str(tmp_path / "whole"), bases=bases)
    steps = [record for record in whole.metrics if "reward/mean" in record]
    joined = [record["tempering/joined"] for record in steps]
    assert max(joined) > 0, joined
    for record in steps:
        low = record["controller/entropy/entropy"] <= 1.0
        assert record["tempering/temperature"] == pytest.approx(1.2 if low else 0.8)  # of this step's entropy
        assert record["mismatch/logprob_abs_max"] < 1e-4  # a substitute's ratio is of the policy that trains
    training.run(config(steps=2), str(tmp_path / "cut"), bases=bases)
    training.run(config(), str(tmp_path / "cut"), bases=bases)
    assert_same_run(tmp_path / "whole", tmp_path / "cut", config())


@pytest.mark.parametrize("rescore", [True, False])
def test_a_substitute_has_the_advantage_one_and_the_trainers_log_probs(tmp_path, rescore, monkeypatch):
    seen = []

    def watched(run, batch, trained, numbers):
        found = build(run, batch, trained, numbers)
        seen.append((batch, trained, found, run.rescore(run.params, found)[0]))
        return found

    build = loop._experience
    monkeypatch.setattr(loop, "_experience", watched)
    with session.open_session(config(rescore=rescore).resolved(), tmp_path / "run", str(tmp_path / "bases")) as opened:
        while not seen or not seen[-1][1].rows.any():
            assert len(seen) < 6, "no right answer in six steps"
            loop.train_step(opened)
    batch, trained, experience, rescored = seen[-1]
    mask, replaced = np.asarray(experience.response_mask), trained.rows
    assert (np.asarray(experience.advantages)[replaced] == mask[replaced]).all()
    np.testing.assert_allclose(experience.old_logprobs[replaced], rescored[replaced], atol=1e-5)
    others = np.asarray(experience.advantages)[~replaced]
    assert not (others == 1.0).any()
    groups = np.asarray([verdict.score for verdict in batch.verdicts]).reshape(-1, opened.engine.group_size)
    signal = np.repeat(groups.std(axis=1) > 0, opened.engine.group_size)
    assert ((others != 0).any(axis=1) == signal[~replaced]).all()  # of the responses that were sampled


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tempering": Tempering(0.0)}, "Tempering.temperature is 0.0"),
        ({"tempering": Tempering(most=0)}, "tempering.most is 0; it must be at least 1, or write tempering=None"),
        ({"tempering": Tempering(prompts=1000)}, "tempering.prompts is 1000, but a step has rollout.prompts = "),
        (
            {"tempering": Tempering(1.0, prompts=1)},
            "tempering.temperature is 1.0, that of the rollouts; choose another",
        ),
        ({"tempering": Tempering(HEAT, prompts=1)}, "'temperature' is Controlled, but no loop moves it"),
        (
            {"tempering": Tempering(prompts=1), "reward": MajorityVote(lambda *_: 1.0)},
            "a tempered answer is judged alone",
        ),
        (
            {
                "tempering": Tempering(prompts=1),
                "refinement": Refinement(),
                "loss": PolicyLoss(RefinementShaping()),
                "task": EASY,
            },
            "tempering and refinement both take the places of responses",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(tiny_run.get_config(), **changes).validate()
