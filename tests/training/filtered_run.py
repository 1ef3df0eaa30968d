"""The tiny run with everything that moves the order of its data: mixing, a curriculum, dynamic sampling, carry-over."""

import dataclasses

from entropy_rl.config import Config, RandomWeights
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion
from entropy_rl.rollout.curriculum import Band
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.mixture import Mixture
from tests.training import tiny_run


@dataclasses.dataclass(frozen=True)
class OddLength:
    """Right is an odd number of tokens, which the weakest policy manages now and then; length shapes the score."""

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        right = float(completion.n_tokens % 2)
        return Verdict(right - 0.01 * completion.n_tokens, {"accuracy": right})


def get_config() -> Config:
    small = Countdown(max_value=6, validation_problems=8, test_problems=8)
    other = dataclasses.replace(small, max_value=5, seed=1)
    return dataclasses.replace(
        tiny_run.get_config(),
        name="filtered",
        task=Mixture(((small, 2.0), (other, 1.0))),
        init=RandomWeights(),
        reward=OddLength(),
        sampling=DynamicSampling(low=0.3, rounds=3),
        curriculum=Band(low=0.05, high=0.95, revisit=0.2, window=6),
        steps=6,
    )
