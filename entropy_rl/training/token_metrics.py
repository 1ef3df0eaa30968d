"""What an update did, token by token, as a few scalars; part of the compiled update."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from entropy_rl.losses.policy_loss import Plan, PolicyLoss
from entropy_rl.ops import covariance, kl, masked
from entropy_rl.types import Array, TokenStats

COVARIANCE_QUANTILES = {"q50": 5000, "q80": 8000, "q98": 9800, "q99.8": 9980, "q99.98": 9998}  # in 1 / 10,000
MOST_MARKS = 16  # bits


def update_metrics(stats: TokenStats, plan: Plan, loss: PolicyLoss) -> dict[str, Array]:
    """Scalars of one mini-batch, named as training/metrics.py declares them. Pure, and without any gradient.

    Args:
      stats: of the whole mini-batch, unshaped advantages.
      plan: of the same tokens.
      loss: with the numbers of this step.
    """
    stats, plan = jax.lax.stop_gradient((stats, plan))
    mask, magnitude = stats.mask, jnp.where(stats.mask, jnp.abs(stats.log_ratio), 0.0)
    measured = {
        "update/tokens": masked.count(mask),
        "update/log_ratio_mean": masked.mean(stats.log_ratio, mask),
        "update/log_ratio_abs_max": jnp.max(magnitude, initial=0.0),
    }
    if stats.reference_logprobs is not None:
        measured["reference/kl"] = masked.mean(kl.k3(stats.logprobs - stats.reference_logprobs), mask)
    if loss.value_loss is not None:
        measured |= _value_metrics(stats, loss.value_loss)
    measured |= _covariance_metrics(covariance.centred_product(stats.advantages, stats.logprobs, mask), mask)
    measured |= _clip_metrics(stats, plan, loss.surrogate)
    for name, chosen in zip(method_names(loss), _selections(mask, plan, loss), strict=True):
        measured |= _selection_metrics(name, chosen, stats)
    return measured


def method_names(loss: PolicyLoss) -> list[str]:
    """Of gates and penalties; the second method of one name is numbered."""
    names: list[str] = []
    for method in (*loss.gates, *loss.penalties):
        name, number = type(method).__name__, 1
        while name in names:
            number += 1
            name = f"{type(method).__name__}{number}"
        names.append(name)
    return names


def _selections(mask: Array, plan: Plan, loss: PolicyLoss) -> Iterator[Array]:
    """[B, T] bool of each gate and penalty: the tokens that it acts on."""
    for _, weights in zip(loss.gates, plan.gates, strict=True):
        yield weights < jnp.max(weights, initial=0.0, where=mask)  # tokens that weigh less than others
    for _, weights in zip(loss.penalties, plan.selected, strict=True):
        yield weights != 0.0


def marks(stats: TokenStats, plan: Plan, loss: PolicyLoss) -> Array:
    """[B, T] uint16, of the whole mini-batch: bit 0 where the surrogate stops the gradient, bit i where method i acts.

    Methods in the order of `method_names`, as far as the bits go.
    """
    stats, plan = jax.lax.stop_gradient((stats, plan))
    judged = dataclasses.replace(stats, advantages=plan.advantages, covariance=plan.covariance, branch=plan.branch)
    flags = [loss.surrogate.clipped(judged), *_selections(stats.mask, plan, loss)][:MOST_MARKS]
    marked = sum((flag.astype(jnp.uint16) << bit for bit, flag in enumerate(flags)), jnp.zeros((), jnp.uint16))
    return jnp.where(stats.mask, marked, jnp.uint16(0))


def _value_metrics(stats: TokenStats, value_loss: Any) -> dict[str, Array]:
    values, returns, mask = stats.values, stats.returns, stats.mask
    assert values is not None and returns is not None
    spread = jnp.maximum(masked.standard_deviation(returns, mask) ** 2, 1e-8)
    return {
        "value/loss": masked.mean(value_loss(values, stats.old_values, returns), mask),
        "value/mean": masked.mean(values, mask),
        "value/explained_variance": 1.0 - masked.standard_deviation(returns - values, mask) ** 2 / spread,
    }


def quantiles(values: Array, mask: Array, parts: Sequence[int]) -> Array:
    """Order statistics of the valid values: the smallest v such that ceil(part / 10,000 * n_valid) of them are <= v.

    The value is built bit by bit on an order-preserving integer image of the floats: 32 counting passes, no sort and no
    gather (a sort of 1e6 values takes seconds on a CPU, and moves them all where they are sharded).

    Args:
      values: any shape, float32.
      mask: bool of the same shape.
      parts: in ten-thousandths, 1 to 10,000.

    Returns:
      [len(parts)] float32; zeros if nothing is valid.
    """
    sign = jnp.uint32(0x80000000)
    bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.uint32)
    image = jnp.where(bits >= sign, ~bits, bits | sign)  # unsigned order = order of the values
    image = jnp.where(mask, image, jnp.uint32(0xFFFFFFFF))
    n_valid = masked.count(mask)
    ranks = jnp.stack([_rank(n_valid, part) for part in parts])  # [len(parts)] 1 for the smallest

    def refine(index: Array, found: Array) -> Array:
        candidates = found | (sign >> index.astype(jnp.uint32))
        below = jnp.stack([jnp.sum(image < candidates[i], dtype=jnp.int32) for i in range(len(parts))])
        return jnp.where(below < ranks, candidates, found)

    found = jax.lax.fori_loop(0, 32, refine, jnp.zeros(len(parts), jnp.uint32))
    bits = jnp.where(found >= sign, found ^ sign, ~found)
    return jnp.where(n_valid > 0, jax.lax.bitcast_convert_type(bits, jnp.float32), 0.0)


def _rank(n_valid: Array, part: int) -> Array:
    """ceil(part * n / 10,000) without leaving int32."""
    whole, rest = n_valid // 10_000, n_valid % 10_000
    return jnp.maximum(whole * part + (rest * part + 9_999) // 10_000, 1)


def _covariance_metrics(values: Array, mask: Array) -> dict[str, Array]:
    found = quantiles(values, mask, tuple(COVARIANCE_QUANTILES.values()))
    return {
        "covariance/mean": masked.mean(values, mask),
        "covariance/positive_fraction": masked.mean(values > 0, mask),
    } | {f"covariance/{name}": found[i] for i, name in enumerate(COVARIANCE_QUANTILES)}


def _clip_metrics(stats: TokenStats, plan: Plan, surrogate: Any) -> dict[str, Array]:
    """Where the ratio left the trust region, by side and sign; nothing for a surrogate without one."""
    if not (hasattr(surrogate, "epsilon_low") and hasattr(surrogate, "epsilon_high")):
        return {}
    ratio = jnp.exp(stats.log_ratio)
    sides = {"high": ratio > 1.0 + surrogate.epsilon_high, "low": ratio < 1.0 - surrogate.epsilon_low}
    signs = {"positive": plan.advantages > 0, "negative": plan.advantages < 0}
    return {
        f"clip/{side}_{sign}": masked.mean(outside & signed, stats.mask)
        for side, outside in sides.items()
        for sign, signed in signs.items()
    }


def _selection_metrics(name: str, chosen: Array, stats: TokenStats) -> dict[str, Array]:
    """Which tokens a method took."""
    chosen = chosen & stats.mask
    return {
        f"select/{name}/fraction": masked.mean(chosen, stats.mask),
        f"select/{name}/positive_advantage": masked.mean(stats.advantages > 0, chosen),
        f"select/{name}/mean_probability": masked.mean(jnp.exp(stats.logprobs), chosen),
    }
