"""What the runs of the Entropy Mechanism paper have in common; a model's own file adds its checkpoint and architecture.

Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617, and the authors' training scripts: 256 prompts with 8
responses each, mini-batches of 32 prompts and so 8 optimiser steps per rollout, prompts of at most 2048 tokens and
responses of 8192, temperature 1, token mean, no KL, no bonus, AdamW without decay and a clipped gradient; groups that
are all right or all wrong are replaced, within 10 rounds; validation every 4 rollouts. The scripts' learning rate is
5e-7 at 7B and 1e-6 at 32B. (Section 2.2 of the paper states 512 prompts and batches of 256 for the runs of its law.)

Data: the scripts train on DAPO-Math-17k, and so do Qwen and Mistral Small here; the paper's law has Eurus-2-RL-Math for
them. The other families train on GSM8K, as in the paper's appendix A: harder problems give them no signal. All start
from base models. Those with a chat template are asked in it, as the scripts do; the others in plain text.
"""

from __future__ import annotations

import dataclasses

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.config import Config, EvaluationConfig, HuggingFace, RolloutConfig, UpdateConfig
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.phases import CheckpointConfig
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.rollout.templates import CHAT_BOXED, PLAIN_BOXED, Chat, Plain
from entropy_rl.tasks.datasets import DapoMath, Gsm8k, Math500, Published
from entropy_rl.tasks.mixture import TrainTest

CHAT, PLAIN = CHAT_BOXED, PLAIN_BOXED
DAPO, GSM8K = DapoMath(), Gsm8k()


def run(
    name: str,
    checkpoint: str,
    policy: Decoder,
    template: Chat | Plain,
    problems: Published = DAPO,
    learning_rate: float = 5e-7,
    devices: int = 8,
) -> Config:
    """GRPO on a base model.

    Args:
      checkpoint: its repository on the hub; `--set init.path=FOLDER` for a copy of it.
      policy: its architecture.
      problems: to train on; the test is MATH-500.
      devices: that the run is made for. A device then holds one prompt with its 8 responses at a time.
    """
    return Config(
        name=name,
        task=TrainTest(train=problems, test=Math500()),
        policy=dataclasses.replace(policy, compute_dtype="auto", remat="full"),
        init=HuggingFace(checkpoint),
        template=template,
        rollout=RolloutConfig(prompts=256, responses=8, temperature=1.0, prompt_tokens=2048, response_tokens=8192),
        sampling=DynamicSampling(rounds=10),
        advantages=GroupNormalized(),
        loss=PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2)),
        optimizer=AdamW(learning_rate=learning_rate, weight_decay=0.0, max_gradient_norm=1.0),
        update=UpdateConfig(mini_batches=8, micro_batches=32 // devices),
        evaluation=EvaluationConfig(every=4, problems=128, test_problems=500, samples=8, temperature=0.6),
        checkpoint=CheckpointConfig(every=20, samples_every=4),
        steps=300,
    )
