"""Configs that are valid and will probably disappoint."""

from __future__ import annotations

import dataclasses

import pytest

from entropy_rl.advantages.grpo import GroupCentred, GroupNormalized
from entropy_rl.closed_loop.loop import EntropyLoop, OfDifficulty
from entropy_rl.closed_loop.targets import Budget, OfInitial
from entropy_rl.config import Config, RolloutConfig, UpdateConfig
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.overlong import OverlongPenalty
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.training.advice import advice

PPO = ClippedSurrogate()


def moved(target) -> Config:
    bonus = Controlled("bonus", -1.0, 1.0)
    loss = PolicyLoss(PPO, penalties=(EntropyBonus(bonus),))
    return Config(loss=loss, closed_loop=(EntropyLoop(target, (bonus,)),))


ONE_UPDATE = UpdateConfig(mini_batches=1)
# 64 prompts / 4 mini-batches * 8 responses * 11 tokens = 1408 tokens: 2e-3 of them are 2.8 tokens, 7e-4 not one.
SICK = [
    (Config(loss=PolicyLoss(PPO, penalties=(KlCov(),)), update=ONE_UPDATE), "KlCov does nothing"),
    (Config(loss=PolicyLoss(PPO, penalties=(KlCov(fraction=7e-4),))), "KlCov.fraction = 0.0007 of at most 1408 tokens"),
    (Config(loss=PolicyLoss(PPO, gates=(ClipCov(fraction=Linear(7e-4, 1e-4, 9)),))), "use at least 7.1e-04"),
    (Config(loss=PolicyLoss(PPO, gates=(ClipCov(fraction=1e-2),)), advantages=GroupCentred()), "band (1, 5)"),
    (Config(loss=PolicyLoss(CispoSurrogate(epsilon_high=0.2))), "caps importance weights at 1.2"),
    (Config(sampling=DynamicSampling(), reward=OverlongPenalty(11, 10)), "without a component 'accuracy'"),
]
SHAPED, HARD = OverlongPenalty(11, 10), Controlled("hard", 0.0, 1.0)
BY_DIFFICULTY = EntropyLoop(OfInitial(0.5), (HARD,), measured=OfDifficulty())
SICK += [
    (Config(loss=PolicyLoss(PPO, penalties=(DifficultyBonus(),)), reward=SHAPED), "a reference answer -0.7 without a"),
    (
        Config(loss=PolicyLoss(PPO, penalties=(EntropyBonus(HARD),)), reward=SHAPED, closed_loop=(BY_DIFFICULTY,)),
        "asks which answers are right",
    ),
]
SICK += [
    (dataclasses.replace(moved(target), steps=60), "moves over 240 steps and the run has 60")
    for target in (OfInitial(Linear(1.0, 0.15, 240)), Budget(240))
]
SICK.append((moved(Budget(60)), "moves over 60 steps and the run has 240"))
HEALTHY = [
    moved(OfInitial(Linear(1.0, 0.15, 240))),
    moved(OfInitial(Linear(1.0, 0.15, 80))),  # then it is held
    Config(),
    Config(loss=PolicyLoss(PPO, penalties=(KlCov(),))),
    Config(loss=PolicyLoss(PPO, penalties=(KlCov(),)), update=UpdateConfig(mini_batches=1, epochs=2)),
    Config(loss=PolicyLoss(PPO, penalties=(KlCov(fraction=7e-4, minimum=1),))),
    Config(loss=PolicyLoss(PPO, penalties=(KlCov(fraction=7e-4),)), rollout=RolloutConfig(prompts=128)),
    Config(loss=PolicyLoss(PPO, gates=(ClipCov(fraction=0.0),))),  # switched off on purpose
    Config(loss=PolicyLoss(PPO, gates=(ClipCov(fraction=1e-2),)), advantages=GroupNormalized()),
    Config(loss=PolicyLoss(CispoSurrogate())),
    Config(reward=OverlongPenalty(11, 10)),  # nothing is filtered
    Config(sampling=DynamicSampling()),
    Config(sampling=DynamicSampling(), reward=lambda problem, completion: float(completion.text == problem.answer)),
    Config(sampling=DynamicSampling(), reward=MajorityVote(TaskAccuracy(Countdown()))),
    Config(sampling=DynamicSampling(), reward=lambda problem, completion: 1 / 0),  # said when it is used
]


@pytest.mark.parametrize(("config", "words"), SICK, ids=[words for _, words in SICK])
def test_what_will_not_act_is_named_with_a_remedy(config, words):
    (sentence,) = advice(config.resolved())
    assert words in sentence and "use" in sentence


@pytest.mark.parametrize("config", HEALTHY, ids=range(len(HEALTHY)))
def test_what_acts_is_left_alone(config):
    assert advice(config.resolved()) == []


def test_each_reason_is_a_sentence_of_its_own():
    both = PolicyLoss(PPO, gates=(ClipCov(),), penalties=(KlCov(fraction=1e-5),))
    config = Config(loss=both, update=ONE_UPDATE)  # 5632 tokens: 2e-4 of them are 1.1, 1e-5 not one
    assert len(advice(config.resolved())) == 2
