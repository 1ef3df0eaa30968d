"""Lp-Reg: rare tokens that are not noise are kept alive."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import kl, schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class LpReg:
    """Pulls the rarest tokens of wrong answers back to a policy from which the noise was filtered.

        penalty_t = coefficient * k3(log pi_t - log proxy_t)   on the selected tokens   [nats]
        selected  = the floor(fraction * n_negative) lowest log pi_t among the tokens with A < 0, where log pi_t < log
        proxy_t

    The proxy is the rollout policy without the tokens below kappa (.02) times the likeliest one, renormalised.

    Source: Huang et al. 2025, Low-probability Tokens Sustain Exploration, https://arxiv.org/abs/2510.03222; fraction
    .01 (14B), .005 (32B). Public code clamps k3 at 10, which stops the gradient just where the drift is largest; not
    here.
    Slot: penalty. Combines with everything; published without the clip on its tokens.
    Requires: proxy_logprobs.
    Entropy: keeps the sparks that negative advantages put out one by one.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"proxy_logprobs"})

    fraction: float = 0.01  # of the valid tokens with a negative advantage
    coefficient: float = 1.0
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.05)  # static: bounds the selection

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key  # the lowest are the lowest
        assert stats.proxy_logprobs is not None
        negative = stats.mask & (stats.advantages < 0)
        lowest = selection.top_fraction(-stats.logprobs, negative, self.fraction, self.max_fraction)
        return (lowest & (stats.logprobs < stats.proxy_logprobs)).astype(jnp.float32)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        assert stats.proxy_logprobs is not None
        return self.coefficient * selected * kl.k3(stats.logprobs - stats.proxy_logprobs)

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check(self, "coefficient", 0.0, remedy="a negative one would reward drift")
