"""Which way a token's update moves the entropy, to first order.

With logits z and p = softmax(z), d entropy / d z_v = -S_v with

    S_v = p_v (log p_v + H)            > 0 for a token likelier than exp(-H), < 0 for a rarer one

so that raising the logit of token a by A moves the entropy by -A S_a, and a policy-gradient step, which lowers all
logits by their share as well, by -A (S_a - E_p[S]).

Source: Wang et al. 2026, On the Entropy Dynamics in Reinforcement Fine-Tuning, theorems 3.2 and 3.3,
https://arxiv.org/abs/2602.03392
"""

from __future__ import annotations

import jax.numpy as jnp

from entropy_rl.types import Array


def discriminator(logprobs: Array, entropies: Array) -> Array:
    """S of the sampled token, from its log-prob and the entropy of its distribution, in nats; any shape."""
    return jnp.exp(logprobs) * (logprobs + entropies)


def expected_discriminator(logprobs: Array) -> Array:
    """E_p[S] = sum_v p_v S_v of whole distributions: log-probs [..., V] of a tile of logits to [...], in nats."""
    probabilities = jnp.exp(logprobs)
    entropies = -jnp.sum(probabilities * logprobs, axis=-1, keepdims=True)
    return jnp.sum(probabilities**2 * (logprobs + entropies), axis=-1)
