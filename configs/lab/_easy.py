"""Settings that several studies share: Countdown with three numbers, 240 steps, one thing changed."""

from __future__ import annotations

import dataclasses
from typing import Any

from configs import countdown_grpo
from entropy_rl.config import Config, UpdateConfig
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate

PPO = ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2)
PAPER = "Cui et al. 2025, https://arxiv.org/abs/2505.22617"


def changed(name: str, **fields: Any) -> Config:
    """GRPO with other fields, under a name of its own."""
    return dataclasses.replace(countdown_grpo.get_config(), name=f"countdown_{name}", **fields)


def with_loss(name: str, *, gates: tuple = (), penalties: tuple = (), surrogate: Any = PPO, **fields: Any) -> Config:
    """GRPO with another loss."""
    return changed(name, loss=PolicyLoss(surrogate=surrogate, gates=gates, penalties=penalties), **fields)


def kl_cov(fraction: float, coefficient: float) -> Config:
    """KL-Cov with unclipped ratios, as published, at another fraction or coefficient."""
    penalty = KlCov(fraction=fraction, coefficient=coefficient, max_fraction=max(0.05, fraction))
    name = f"kl_cov_fraction{fraction:g}_coefficient{coefficient:g}"
    return with_loss(name, surrogate=UnclippedSurrogate(), penalties=(penalty,))


def updates(mini_batches: int = 4, epochs: int = 1, micro_batches: int = 1) -> UpdateConfig:
    return UpdateConfig(mini_batches=mini_batches, epochs=epochs, micro_batches=micro_batches)
