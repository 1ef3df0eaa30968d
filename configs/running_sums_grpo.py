"""Sums modulo 5, a control: plain GRPO where one answer is right, so that entropy falls and should.

Run:     python -m entropy_rl.train --config=running_sums_grpo --workdir=runs/running_sums_grpo
Result:  base -> test: pass@1 .192 -> .721, pass@16 .865 -> .917,
         entropy .766 -> .094 nats/token: pass@16 rises while entropy falls
         (1 seed, 120 steps; commit 61f1aaf, AMD EPYC; the run was not kept)
"""

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import Config, EvaluationConfig, WarmStart
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.tasks.modular import RunningSums


def get_config() -> Config:
    return Config(
        name="running_sums_grpo",
        task=RunningSums(min_length=3, max_length=5, modulus=5),
        init=WarmStart(steps=600, demonstrations=16_000),
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2)),
        optimizer=AdamW(learning_rate=3e-4),
        evaluation=EvaluationConfig(problems=192, test_problems=192),
        steps=120,
    )
