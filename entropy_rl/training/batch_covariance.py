"""The covariance of log-probability and advantage over a whole batch, as it was sampled: by difficulty, and its tail.

It is the estimate that everybody logs: of sampled tokens only, under the policy that sampled them. No model is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from entropy_rl.ops import covariance, masked
from entropy_rl.training.token_metrics import quantiles
from entropy_rl.types import Array, Experience

BINS = 8  # of the accuracy of a group; the outer two have no signal
TOP = {"0.02": 9998, "0.2": 9980, "2": 9800, "20": 8000, "50": 5000}  # percent, and where it begins in 1 / 10,000


def figures(batch: Experience) -> dict[str, Array]:
    """Arrays that `named` gives names; a pure function.

    Args:
      batch: all groups of a step; only log-probs, advantages, masks and who was right are read.
    """
    mask, logprobs, advantages = batch.response_mask, batch.old_logprobs, batch.advantages
    products = covariance.centred_product(advantages, logprobs, mask)
    parts = tuple(TOP.values())
    limits = quantiles(products, mask, parts)
    above = [masked.mean(products, mask & (products >= limits[place])) for place in range(len(parts))]
    found, held = _by_accuracy(batch)
    return {"covariance_top": jnp.stack(above), "covariance_by_accuracy": found, "groups_by_accuracy": held}


def _by_accuracy(batch: Experience) -> tuple[Array, Array]:
    """[BINS - 1] mean covariance within the groups of each accuracy, and how many groups those are."""
    prompts, (rows, length) = batch.prompts.shape[0], batch.response_mask.shape
    assert batch.correct is not None
    by_group = lambda array: array.reshape(prompts, rows // prompts * length)  # noqa: E731
    mask = by_group(batch.response_mask)
    centred = [
        masked.zeroed(values - masked.mean(values, mask, axis=1, keepdims=True), mask)
        for values in (by_group(batch.old_logprobs), by_group(batch.advantages))
    ]
    within = masked.mean(centred[0] * centred[1], mask, axis=1)  # [P]
    accuracy = batch.correct.reshape(prompts, -1).mean(axis=1)
    eighths = jnp.round(accuracy * BINS).astype(jnp.int32)
    inside = eighths == jnp.arange(1, BINS)[:, None]  # [BINS - 1, P]
    held = inside.sum(axis=1)
    return jnp.where(inside, within, 0.0).sum(axis=1) / jnp.maximum(held, 1), held


def named(told: Mapping[str, Any]) -> dict[str, float]:
    """Named as training/metrics.py declares them; accuracies that no group has are left out."""
    top = {f"ledger/covariance/top_{share}": float(v) for share, v in zip(TOP, told["covariance_top"], strict=True)}
    pairs = zip(np.asarray(told["covariance_by_accuracy"]), np.asarray(told["groups_by_accuracy"]), strict=True)
    by_accuracy = {
        f"ledger/covariance/accuracy_{eighths}of{BINS}": float(value)
        for eighths, (value, held) in enumerate(pairs, start=1)
        if held
    }
    return top | by_accuracy
