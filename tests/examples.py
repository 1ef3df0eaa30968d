"""Batches that tests share: ragged, off-policy, with a hole, an empty response and, on request, NaN in all padding."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.losses.policy_loss import Plan, PolicyLoss
from entropy_rl.types import Array, TokenStats

KEY = jax.random.key(7)
N_ORACLE_BATCHES = 50


def example_stats(
    seed: int = 0,
    padding: float = 0.0,
    prompts: int = 4,
    group_size: int = 4,
    length: int = 12,
    on_policy: bool = False,
    drift: float = 0.3,
) -> TokenStats:
    """Statistics of `prompts * group_size` responses; every optional field is there, padding holds `padding`."""
    rng = np.random.default_rng(seed)
    batch = prompts * group_size
    lengths = rng.integers(1, length + 1, batch)
    lengths[rng.integers(batch)] = 0  # a response without a token
    mask = np.arange(length) < lengths[:, None]
    mask[:, 2:3] &= rng.random((batch, 1)) > 0.3  # a hole, as tool output leaves one
    logprobs = -np.exp(rng.normal(-1.0, 1.2, (batch, length)))
    correct = rng.random(batch) < 0.4
    advantages = np.repeat(np.where(correct, 1.4, -0.7) * rng.uniform(0.5, 1.5, batch), length).reshape(batch, length)
    advantages[rng.integers(batch)] = 0.0

    def floats(x: Any) -> Array:
        return jnp.asarray(np.where(mask, x, padding), jnp.float32)

    def near(scale: float) -> Array:
        return floats(np.minimum(logprobs + rng.normal(0.0, scale, logprobs.shape), -1e-3))

    current = floats(logprobs)
    old = current if on_policy else near(drift)
    stats = TokenStats(
        logprobs=current,
        old_logprobs=old,
        log_ratio=jnp.clip(current - old, -20.0, 20.0),
        entropies=floats(rng.gamma(1.0, 0.5, logprobs.shape)),
        advantages=floats(advantages),
        mask=jnp.asarray(mask),
        temperature=jnp.ones(batch),
        sample_ids=jnp.asarray(rng.permutation(1000)[:batch], jnp.uint32),
        group_size=group_size,
        rollout_logprobs=near(0.4),
        reference_logprobs=near(0.5),
        proxy_logprobs=near(0.7),
        roles=jnp.asarray(np.where(mask, rng.integers(0, 3, mask.shape), 0), jnp.int32),
        correct=jnp.asarray(correct),
        parts=jnp.asarray(np.repeat(np.arange(prompts) * 7 % 3 % 2, group_size), jnp.int32),
        off_policy=jnp.asarray(mask & (rng.random(mask.shape) < 0.1)),
        nucleus_entropies=floats(rng.gamma(1.0, 0.3, logprobs.shape)),
        expected_discriminators=floats(rng.normal(0.0, 0.1, logprobs.shape)),
    )
    return stats


def at(stats: TokenStats, logprobs: Array, entropies: Array) -> TokenStats:
    """The same statistics at other log-probs and entropies; the gradient of the nucleus goes to the entropies."""
    log_ratio = jnp.clip(logprobs - stats.old_logprobs, -20.0, 20.0)
    assert stats.nucleus_entropies is not None
    nucleus = stats.nucleus_entropies + (entropies - jax.lax.stop_gradient(entropies))
    return dataclasses.replace(
        stats, logprobs=logprobs, entropies=entropies, log_ratio=log_ratio, nucleus_entropies=nucleus
    )


def value_and_grad(loss: PolicyLoss, stats: TokenStats, key: Array = KEY) -> tuple[Array, tuple[Array, Array]]:
    """Loss [] and its gradient in (log-probs, entropies), planned and computed in one piece."""

    def objective(logprobs: Array, entropies: Array) -> Array:
        now = at(stats, logprobs, entropies)
        return loss(now, loss.plan(now, key))

    return jax.value_and_grad(objective, argnums=(0, 1))(stats.logprobs, stats.entropies)


def planned(loss: PolicyLoss, stats: TokenStats, key: Array = KEY) -> Plan:
    return jax.jit(lambda loss, stats: loss.plan(stats, key))(loss, stats)


def rows(tree: Any, index: Any) -> Any:
    """The same batch with its rows taken at `index`; every leaf has B first."""
    return jax.tree.map(lambda leaf: leaf[index], tree)
