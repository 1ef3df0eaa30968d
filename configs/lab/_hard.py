"""The settings of the headline study: Countdown with three or four numbers, 1,600 steps, one number changed."""

from __future__ import annotations

import dataclasses

from configs import countdown_hard_clip_cov, countdown_hard_grpo, countdown_hard_kl_cov
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov


def grpo(learning_rate: float) -> Config:
    config = countdown_hard_grpo.get_config()
    if learning_rate == config.optimizer.learning_rate:
        return config
    optimizer = dataclasses.replace(config.optimizer, learning_rate=learning_rate)
    return dataclasses.replace(config, name=f"{config.name}_rate{learning_rate:g}", optimizer=optimizer)


def clip_cov(fraction: float) -> Config:
    config = countdown_hard_clip_cov.get_config()
    gates = (ClipCov(fraction=fraction),)
    if gates == config.loss.gates:
        return config
    loss = dataclasses.replace(config.loss, gates=gates)
    return dataclasses.replace(config, name=f"{config.name}_fraction{fraction:g}", loss=loss)


def kl_cov(coefficient: float) -> Config:
    config = countdown_hard_kl_cov.get_config()
    penalties = (KlCov(fraction=2e-2, coefficient=coefficient),)
    if penalties == config.loss.penalties:
        return config
    loss = dataclasses.replace(config.loss, penalties=penalties)
    return dataclasses.replace(config, name=f"{config.name}_coefficient{coefficient:g}", loss=loss)
