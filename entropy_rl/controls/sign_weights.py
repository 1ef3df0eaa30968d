"""Right and wrong answers weigh differently: the lever of the sign, soft and hard."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class SignWeights:
    """Weighs positive advantages less and negative ones more, or the other way round.

        gate_t = max(positive - balance, 0) if A_t > 0,  max(negative + balance, 0) if A_t < 0,   where pi_t > above
               = 1   elsewhere

    Source: EntroPIC, https://arxiv.org/abs/2511.15248, which sets the balance by a PI loop and acts on likely tokens
    alone. There the extra term is not clipped; here gate and surrogate are one product. `SignWeights(positive=0.1)` is
    the weighing of W-REINFORCE, https://arxiv.org/abs/2506.01347, for advantages of any kind.
    Slot: gate. Combines with everything.
    Entropy: a positive balance raises it, for likely right tokens sharpen most. Its reach is limited: at balance 1
    only wrong answers teach.
    When: as an actuator of a closed loop, with one that reaches further behind it.

    Attributes:
      balance: in [-1, 1].
      above: tokens of this probability or less are left as they are.
      positive, negative: weights at balance 0.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    balance: float = 0.0
    above: float = 0.0
    positive: float = 1.0
    negative: float = 1.0

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        positive = jnp.maximum(self.positive - self.balance, 0.0)
        negative = jnp.maximum(self.negative + self.balance, 0.0)
        weights = jnp.where(stats.advantages > 0, positive, jnp.where(stats.advantages < 0, negative, 1.0))
        return jnp.where(jnp.exp(stats.logprobs) > self.above, weights, 1.0)

    def validate(self) -> None:
        schedules.check(self, "balance", -1.0, 1.0, "at 1 right answers weigh nothing, at -1 wrong ones do not")
        schedules.check(self, "above", 0.0, 1.0, "it is a probability")
        for field in ("positive", "negative"):
            schedules.check(self, field, 0.0, remedy="it is a weight; 0 leaves these answers out")


@flax.struct.dataclass
class SignRejection:
    """Leaves out whole responses of one sign, drawn at random.

        gate of a response = 0 with probability max(balance, 0) if A > 0, max(-balance, 0) if A < 0;   else 1

    Source: Entrocraft, https://arxiv.org/abs/2604.26326, which rejects responses by the sign of their advantage while
    the entropy is outside a band. Here they are rejected from the loss, so that a batch keeps its shape, and what is
    left over still divides by all tokens.
    Slot: gate. Combines with everything; penalties still see every token.
    Entropy: without positive responses it rises, without negative ones it falls.
    When: as an actuator of a closed loop that should touch the data and not the weights.

    Attributes:
      balance: in [-1, 1].
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    balance: float = 0.0

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        lots = selection.random_shares(key, stats.sample_ids)  # [B, 1]: one for a response
        share = jnp.maximum(self.balance * jnp.sign(stats.advantages), 0.0)
        return jnp.where(lots < share, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check(self, "balance", -1.0, 1.0, "1 rejects all positive responses, -1 all negative ones")
