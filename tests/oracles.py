"""Every method once more, in NumPy float64 and with gradients written out by hand: what the JAX code is held against.

A surrogate's oracle takes the statistics and the weight of each token, and returns the token losses and the gradient of
their weighted sum in the log-probs. A penalty's returns the gradient in the entropies as well. Gates and shapers have
no gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from entropy_rl.types import TokenStats

Stats = Any  # the fields of TokenStats in float64, with covariance


def double(stats: TokenStats) -> Stats:
    """The fields in float64, padding 0, and the covariance."""
    fields = {}
    mask = np.asarray(stats.mask)
    for name in stats.__dataclass_fields__:
        value = getattr(stats, name)
        if value is None or name == "group_size":
            fields[name] = value
            continue
        array = np.asarray(value)
        array = array.astype(np.float64) if array.dtype.kind == "f" else array
        fields[name] = np.where(mask, array, 0) if array.shape == mask.shape else array
    s = SimpleNamespace(**fields)
    s.log_ratio = s.logprobs - s.old_logprobs
    s.ratio = np.exp(s.log_ratio)
    centred_a = s.advantages - s.advantages[mask].mean()
    centred_lp = s.logprobs - s.logprobs[mask].mean()
    s.covariance = np.where(mask, centred_a * centred_lp, 0)
    return s


def top(scores: np.ndarray, eligible: np.ndarray, count: int) -> np.ndarray:
    """The `count` highest eligible scores, ties by flat index: a stable sort of everything."""
    flat = np.where(eligible, scores, -np.inf).reshape(-1)
    order = np.argsort(-flat, kind="stable")[: min(count, int(eligible.sum()))]
    chosen = np.zeros(flat.size, bool)
    chosen[order] = True
    return chosen.reshape(scores.shape)


def share(s: Stats, fraction: float) -> int:
    return int(np.floor(fraction * s.mask.sum() + 1e-6))


# ---- aggregation ----------------------------------------------------------------------------------------------------


def token_mean(mask: np.ndarray, group_size: int) -> np.ndarray:
    return mask / mask.sum()


def sequence_mean(mask: np.ndarray, group_size: int) -> np.ndarray:
    lengths = mask.sum(1)
    return np.array([row / max(n, 1) / (lengths > 0).sum() for row, n in zip(mask, lengths, strict=True)])


def sequence_sum(mask: np.ndarray, group_size: int) -> np.ndarray:
    return mask / (mask.sum(1) > 0).sum()


def prompt_mean(mask: np.ndarray, group_size: int) -> np.ndarray:
    blocks = np.split(mask, len(mask) // group_size)
    n_prompts = sum(block.any() for block in blocks)
    return np.concatenate([block / max(block.sum(), 1) / n_prompts for block in blocks])


# ---- surrogates -----------------------------------------------------------------------------------------------------


def ppo(low: float = 0.2, high: float = 0.2, dual: float | None = None) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        free, held = -s.advantages * s.ratio, -s.advantages * np.clip(s.ratio, 1 - low, 1 + high)
        value, slope = np.maximum(free, held), np.where(held > free, 0.0, free)
        if dual is not None:
            ceiling = -s.advantages * dual
            hit = (s.advantages < 0) & (value > ceiling)
            value, slope = np.where(hit, ceiling, value), np.where(hit, 0.0, slope)
        return value, weight * slope

    return oracle


def unclipped(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -s.advantages * s.ratio, -weight * s.advantages * s.ratio


# ---- gates ----------------------------------------------------------------------------------------------------------


def no_gate(s: Stats, random: np.ndarray) -> np.ndarray:
    return np.ones(s.mask.shape)


def clip_cov(fraction: float, low: float, high: float, clipped: Callable, side: int = 0) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        eligible = s.mask & ~clipped(s) & (s.covariance > low) & (s.covariance < high)
        if side:
            eligible &= np.sign(s.advantages) == side
        return 1.0 - top(random, eligible, share(s, fraction))

    return oracle


def random_control(fraction: float, side: int) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        eligible = s.mask & (np.sign(s.advantages) == side) if side else s.mask
        return 1.0 - top(random, eligible, share(s, fraction))

    return oracle


def ppo_clipped(s: Stats, low: float = 0.2, high: float = 0.2) -> np.ndarray:
    return ((s.advantages > 0) & (s.ratio > 1 + high)) | ((s.advantages < 0) & (s.ratio < 1 - low))


# ---- penalties ------------------------------------------------------------------------------------------------------


def kl_cov(fraction: float, coefficient: float, shape: str = "absolute", delta: float = 0.05) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        d = s.log_ratio
        value, slope = {
            "absolute": (np.abs(d), np.sign(d)),
            "k2": (d**2 / 2, d),
            "huber": (np.where(np.abs(d) > delta, np.abs(d) - delta / 2, d**2 / 2 / delta), np.clip(d / delta, -1, 1)),
        }[shape]
        chosen = coefficient * top(s.covariance, s.mask, share(s, fraction))
        return chosen * value, weight * chosen * slope, np.zeros_like(d)

    return oracle


def entropy_bonus(coefficient: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return -coefficient * s.entropies, np.zeros_like(weight), -coefficient * weight

    return oracle


def reference_kl(coefficient: float, estimator: str) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = s.logprobs - s.reference_logprobs
        k3 = np.exp(-x) + x - 1
        value, slope = {
            "k1": (x, np.ones_like(x)),
            "k2": (x**2 / 2, x),
            "k3": (k3, 1 - np.exp(-x)),
            "unbiased": (k3, x),
        }[estimator]
        return coefficient * value, coefficient * weight * slope, np.zeros_like(x)

    return oracle
