"""Reversal, the control: plain GRPO where one answer is right, so that entropy falls and should.

Run:     python -m entropy_rl.train --config=reversal_grpo --workdir=runs/reversal_grpo
Result:  base -> test: pass@1 .335 -> .986, pass@16 .995 -> 1.000,
         entropy .771 -> .019 nats/token: nothing is lost with it
         (1 seed, 120 steps; commit 61f1aaf, AMD EPYC; the run was not kept)
"""

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import Config, EvaluationConfig, WarmStart
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.tasks.reversal import Reversal


def get_config() -> Config:
    return Config(
        name="reversal_grpo",
        task=Reversal(),
        init=WarmStart(steps=600, demonstrations=16_000),
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2)),
        optimizer=AdamW(learning_rate=3e-4),
        evaluation=EvaluationConfig(problems=192, test_problems=192),
        steps=120,
    )
