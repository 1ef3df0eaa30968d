"""The tiny run with every kind of loop at once, of two tasks; a config file, so that other processes can start it.

A Budget waits for forecasts, which so short a run does not make: a test gives it one.
"""

import dataclasses

from entropy_rl.closed_loop.loop import EntropyLoop, OfDifficulty, OfTask
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.stepwise import Stepwise
from entropy_rl.closed_loop.targets import Budget, InNats, OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.sign_weights import SignWeights
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.tasks.mixture import Mixture
from tests.training import tiny_run
from tests.training.filtered_run import OddLength

BONUS = Controlled("bonus", low=-1.0, high=1.0)
BALANCE = Controlled("balance", low=-1.0, high=1.0)
COVARIANCE = Controlled("covariance", low=0.0, high=2.0)
FRACTION = Controlled("fraction", low=0.0, high=0.1)
EPSILON = Controlled("epsilon", low=0.1, high=0.4, rest=0.2)
ON_HARD = Controlled("on_hard", low=0.0, high=1.0)
ON_FIRST = Controlled("on_first", low=-1.0, high=1.0)
ON_SECOND = Controlled("on_second", low=-1.0, high=1.0)
LOSS = PolicyLoss(
    ClippedSurrogate(epsilon_high=EPSILON),
    gates=(ClipCov(fraction=FRACTION, omega_low=0.0, max_fraction=0.1), SignWeights(BALANCE)),
    penalties=(
        EntropyBonus(BONUS),
        KlCov(fraction=0.1, coefficient=COVARIANCE, max_fraction=0.1),
        DifficultyBonus(hard=ON_HARD, split=0.8),
        TaskBonus((ON_FIRST, ON_SECOND)),
    ),
)
LOOPS = (
    EntropyLoop(OfInitial(Linear(1.0, 0.5, 6)), (EPSILON, FRACTION), SelfTuning(split=True), name="shared"),
    EntropyLoop(InNats(4.0), (COVARIANCE,), Stepwise(0.05), name="stepwise"),
    EntropyLoop(OfInitial(0.9), (BALANCE,), ProportionalIntegral(1.0, 0.1), name="integral"),
    EntropyLoop(Budget(steps=12), (BONUS,), SelfTuning(), name="budget"),
    EntropyLoop(OfInitial(1.1), (ON_HARD,), OnOff(), measured=OfDifficulty(0.0, 0.8), name="hard"),
    EntropyLoop(OfInitial(0.9), (ON_FIRST,), measured=OfTask("countdown_0"), name="first"),
    EntropyLoop(OfInitial(0.6), (ON_SECOND,), measured=OfTask("countdown_1"), name="second"),
)


def get_config(steps: int = 6) -> Config:
    run = tiny_run.get_config()
    other = dataclasses.replace(run.task, max_value=5, seed=1)
    return dataclasses.replace(
        run,
        name="looped",
        task=Mixture(((run.task, 1.0), (other, 1.0))),
        reward=OddLength(),
        loss=LOSS,
        closed_loop=LOOPS,
        steps=steps,
    )
