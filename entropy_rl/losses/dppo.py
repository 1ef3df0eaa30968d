"""DPPO: tokens are stopped by how far their probability moved, not by their ratio."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class DppoSurrogate:
    """Stops a token once its probability has moved by `delta` to where its advantage pushes.

        loss_t = -A r,   without gradient where A (p - p_old) > 0 and D(p_old, p) > delta

    D is |p - p_old| ("total_variation") or the divergence of the two-way choice token or not, in nats ("binary_kl").

    Source: https://arxiv.org/abs/2602.04879
    Slot: surrogate.
    Entropy: a rare token may grow many times over before it has moved by delta, so exploration is not cut off; a likely
    one is stopped at a ratio near 1.

    Gradient with respect to log pi_t, times -1:

                 p < p_old and D > delta   inside   p > p_old and D > delta
        A > 0    r A                       r A      0
        A < 0    0                         r A      r A
    """

    delta: float = 0.2  # probability, or nats for binary_kl
    divergence: str = flax.struct.field(pytree_node=False, default="total_variation")

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        ratio = jnp.exp(stats.log_ratio)
        return -stats.advantages * jnp.where(self.clipped(stats), jax.lax.stop_gradient(ratio), ratio)

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        moved = jnp.exp(stats.logprobs) - jnp.exp(stats.old_logprobs)
        distance = jnp.abs(moved)
        if self.divergence == "binary_kl":
            now, old = (jnp.clip(jnp.exp(x), 1e-7, 1.0 - 1e-6) for x in (stats.logprobs, stats.old_logprobs))
            distance = old * jnp.log(old / now) + (1.0 - old) * jnp.log((1.0 - old) / (1.0 - now))
        return (stats.advantages * moved > 0) & (distance > self.delta)

    def validate(self) -> None:
        schedules.check(self, "delta", 0.0, remedy="0.2 is usual for the total variation")
        schedules.check_choice(self, "divergence", ("total_variation", "binary_kl"))
