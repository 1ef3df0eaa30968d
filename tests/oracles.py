"""Surrogates and aggregations once more, in NumPy float64 and with gradients written out by hand.

A surrogate's oracle takes the statistics and the weight of each token, and returns the token losses and the gradient of
their weighted sum in the log-probs.
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
        fields[name] = np.where(mask, array, array.dtype.type(0)) if array.shape == mask.shape else array
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


# ---- aggregation -----------------------------------------------------------------------------------------------------


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


# ---- surrogates ------------------------------------------------------------------------------------------------------


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


def ppo_clipped(s: Stats, low: float = 0.2, high: float = 0.2) -> np.ndarray:
    return ((s.advantages > 0) & (s.ratio > 1 + high)) | ((s.advantages < 0) & (s.ratio < 1 - low))


def row_mean(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask, x, 0).sum(1, keepdims=True) / np.maximum(mask.sum(1, keepdims=True), 1)


def gspo(low: float, high: float, token_form: bool = False) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ratio = np.exp(row_mean(s.log_ratio, s.mask)) * np.ones(s.mask.shape)
        free, held = -s.advantages * ratio, -s.advantages * np.clip(ratio, 1 - low, 1 + high)
        per_token = weight * np.where(held > free, 0, free)
        pooled = per_token.sum(1, keepdims=True) / np.maximum(s.mask.sum(1, keepdims=True), 1) * s.mask
        return np.maximum(free, held), per_token if token_form else pooled

    return oracle


def gmpo(low: float, high: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sign, clipped = np.sign(s.advantages), np.clip(s.log_ratio, -low, high)
        held = np.where(sign == 0, s.log_ratio, sign * np.minimum(sign * s.log_ratio, sign * clipped))
        value = -s.advantages * np.exp(row_mean(held, s.mask))
        pooled = (weight * value).sum(1, keepdims=True) / np.maximum(s.mask.sum(1, keepdims=True), 1)
        return value, np.where(s.mask & (held == s.log_ratio), pooled, 0)

    return oracle


def cispo(low: float, high: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = -np.clip(s.ratio, 1 - low, 1 + high) * s.advantages
        return slope * s.logprobs, weight * slope

    return oracle


def ce_gppo(beta_low: float, beta_high: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value = -s.advantages * s.ratio
        value = np.where((s.advantages > 0) & (s.ratio > 1.2), -beta_high * 1.2 * s.advantages, value)
        value = np.where((s.advantages < 0) & (s.ratio < 0.8), -beta_low * 0.8 * s.advantages, value)
        return value, weight * value

    return oracle


def sapo(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tau = np.where(s.advantages > 0, 1.0, 1.05)
    sigmoid = 1 / (1 + np.exp(-tau * (s.ratio - 1)))
    return -s.advantages * 4 / tau * sigmoid, -weight * s.advantages * 4 * sigmoid * (1 - sigmoid) * s.ratio


def dppo(delta: float, binary_kl: bool) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        now, old = np.where(s.mask, np.exp(s.logprobs), 0.5), np.where(s.mask, np.exp(s.old_logprobs), 0.5)
        kl = old * np.log(old / now) + (1 - old) * np.log((1 - old) / (1 - now))
        far = (kl if binary_kl else np.abs(now - old)) > delta
        value = -s.advantages * s.ratio
        return value, weight * np.where(far & (s.advantages * (now - old) > 0), 0, value)

    return oracle


def lp_reg_switch(fraction: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        negative = s.mask & (s.advantages < 0)
        chosen = top(-s.logprobs, negative, int(np.floor(fraction * negative.sum() + 1e-6)))
        chosen &= s.logprobs < s.proxy_logprobs
        pairs = zip(unclipped(s, weight), ppo()(s, weight), strict=True)
        value, slope = (np.where(chosen, one, other) for one, other in pairs)
        return value, slope

    return oracle


def refinement(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = np.exp(s.logprobs)
    helped = -s.advantages * p / (p + 0.1), -weight * s.advantages * 0.1 * p / (p + 0.1) ** 2
    value, slope = (np.where(s.off_policy, *pair) for pair in zip(helped, unclipped(s, weight), strict=True))
    return value, slope
