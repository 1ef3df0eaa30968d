"""Mazes with several shortest routes: plain GRPO where many answers are right.

Run:     python -m entropy_rl.train --config=maze_grpo --workdir=runs/maze_grpo
Result:  base -> test: pass@1 .256 -> .741, pass@16 .906 -> .911,
         entropy .357 -> .100 nats/token; a test maze has 3.4 right routes on average
         (1 seed, 120 steps; commit 61f1aaf, AMD EPYC; the run was not kept)
"""

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import Config, EvaluationConfig, WarmStart
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.tasks.maze import Maze


def get_config() -> Config:
    return Config(
        name="maze_grpo",
        task=Maze(),
        init=WarmStart(steps=600, demonstrations=16_000),
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2)),
        optimizer=AdamW(learning_rate=3e-4),
        evaluation=EvaluationConfig(problems=192, test_problems=192),
        steps=120,
    )
