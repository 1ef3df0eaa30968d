"""The settings of the headline study: Countdown with three or four numbers, 1,600 steps, one or two numbers changed."""

from __future__ import annotations

import dataclasses

from configs import countdown_hard_clip_cov, countdown_hard_grpo, countdown_hard_kl_cov
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov


def grpo(rate: float) -> Config:
    return _at(rate, countdown_hard_grpo.get_config())


def clip_cov(fraction: float, rate: float = 3e-4) -> Config:
    config = countdown_hard_clip_cov.get_config()
    gates = (ClipCov(fraction=fraction),)
    if gates != config.loss.gates:
        loss = dataclasses.replace(config.loss, gates=gates)
        config = dataclasses.replace(config, name=f"{config.name}_fraction{fraction:g}", loss=loss)
    return _at(rate, config)


def kl_cov(coefficient: float, rate: float = 3e-4) -> Config:
    config = countdown_hard_kl_cov.get_config()
    penalties = (KlCov(fraction=2e-2, coefficient=coefficient),)
    if penalties != config.loss.penalties:
        loss = dataclasses.replace(config.loss, penalties=penalties)
        config = dataclasses.replace(config, name=f"{config.name}_coefficient{coefficient:g}", loss=loss)
    return _at(rate, config)


def _at(rate: float, config: Config) -> Config:
    """A run at a learning rate."""
    if rate == config.optimizer.learning_rate:
        return config
    optimizer = dataclasses.replace(config.optimizer, learning_rate=rate)
    return dataclasses.replace(config, name=f"{config.name}_rate{rate:g}", optimizer=optimizer)
