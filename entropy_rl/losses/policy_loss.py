"""The one line that puts a policy loss together.

    loss = aggregate_t( prod_i gate_i,t * surrogate(ratio_t, A_t)  +  sum_j penalty_j,t  +  value loss_t )

A mini-batch is `plan`ned once, whole and without gradient: covariance, selections, shaped advantages, and the weight
that the aggregation gives each token. The loss itself is then a plain weighted sum over tokens, so that any cut of the
mini-batch into micro-batches, devices or hosts adds up to the same number.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.losses.aggregation import TokenMean
from entropy_rl.ops import covariance, masked
from entropy_rl.types import Array, TokenStats


class Surrogate(Protocol):
    """Replaces -A * log pi by something that may be used for several steps."""

    def __call__(self, stats: TokenStats) -> Array:
        """[B, T] loss per token, to be minimised; differentiable in stats.logprobs."""
        ...

    def clipped(self, stats: TokenStats) -> Array:
        """[B, T] bool: tokens whose gradient the surrogate stops."""
        ...


class Gate(Protocol):
    """A factor >= 0 on the surrogate of each token. Gates multiply, so their order cannot matter."""

    requires: ClassVar[frozenset[str]]

    def __call__(self, stats: TokenStats, key: Array) -> Array:
        """[B, T] weights, from the detached statistics of the whole mini-batch."""
        ...


class Penalty(Protocol):
    """A term added to the loss of each token, its coefficient inside. Penalties add, so their order cannot matter."""

    requires: ClassVar[frozenset[str]]

    def select(self, stats: TokenStats, key: Array) -> Array:
        """[B, T] weights, from the detached statistics of the whole mini-batch: what needs to see all tokens."""
        ...

    def __call__(self, stats: TokenStats, selected: Array) -> Array:
        """[B, T] loss per token; differentiable, and a function of the token (or its sequence) and its weight alone."""
        ...


class Shaper(Protocol):
    """Rewrites the advantages, from the detached statistics of the whole mini-batch. A chain, order as written."""

    requires: ClassVar[frozenset[str]]

    def __call__(self, stats: TokenStats) -> Array:
        """[B, T] advantages."""
        ...


class Aggregate(Protocol):
    """How tokens make one number."""

    def __call__(self, mask: Array, group_size: int) -> Array:
        """[B, T] weight of each token of the whole mini-batch, 0 where the mask is False."""
        ...


@flax.struct.dataclass
class Plan:
    """What the whole mini-batch decided about each token; cut along B, it serves micro-batches."""

    advantages: Array  # [B, T] shaped
    gate: Array  # [B, T] product of the gates
    selected: tuple[Array, ...]  # one [B, T] per penalty
    weights: Array  # [B, T] of the aggregation
    gates: tuple[Array, ...]  # one [B, T] per gate, for metrics
    covariance: Array  # [B, T] for metrics
    branch: Array | None = None  # [B, T] bool, of a Switch


@flax.struct.dataclass
class PolicyLoss:
    """One surrogate, any number of gates, penalties and advantage shapers, and an aggregation: the loss and its config.

    A pytree: its numbers are arguments of the compiled update, so changing one never recompiles; which methods it holds
    is its structure.

    Attributes:
      covariance_logprobs: "current" selects with the log-probs of this forward pass (under gradient accumulation that
        costs a statistics pass first); "old" selects with those of the rollout, which is free.
      value_loss: the regression of a critic, for advantages that need one; its gradient reaches head and trunk.
    """

    surrogate: Any
    gates: tuple[Any, ...] = ()
    penalties: tuple[Any, ...] = ()
    shapers: tuple[Any, ...] = ()
    aggregate: Any = TokenMean()
    covariance_logprobs: str = flax.struct.field(pytree_node=False, default="current")
    value_loss: Any | None = None

    def methods(self) -> Iterator[Any]:
        """Surrogate, gates, penalties and shapers.

        Raises:
          ValueError: if a slot is no tuple: one method without its comma is the commonest slip of a config.
        """
        yield self.surrogate
        for slot in ("gates", "penalties", "shapers"):
            methods = getattr(self, slot)
            if not isinstance(methods, tuple):
                raise ValueError(f"PolicyLoss.{slot} is {methods!r}; write a tuple: {slot}=(Method(),)")
            yield from methods

    @property
    def requires(self) -> frozenset[str]:
        """Names of the optional `Experience` fields that the methods read."""
        critic = frozenset() if self.value_loss is None else frozenset({"values", "old_values", "returns"})
        return critic.union(*(getattr(method, "requires", frozenset()) for method in self.methods()))

    @property
    def reads_statistics(self) -> bool:
        """Whether a method looks at the whole mini-batch before it decides on one token; if none, no pass is run."""
        deciding = (*self.gates, *self.penalties)
        switching = getattr(self.surrogate, "reads_statistics", False)
        return switching or bool(self.shapers) or any(getattr(method, "reads_statistics", True) for method in deciding)

    def validate(self) -> None:
        """Raises ValueError that names the field, its value and the remedy. Called once, at start-up."""
        critic = () if self.value_loss is None else (self.value_loss,)
        for method in (*self.methods(), self.aggregate, *critic):
            if isinstance(method, type) or not callable(method):
                raise ValueError(f"PolicyLoss holds {method!r}, which is not a method; write an instance: Method()")
            check = getattr(method, "validate", None)
            if check is not None:
                check()
        if self.covariance_logprobs not in ("current", "old"):
            raise ValueError(
                f"PolicyLoss.covariance_logprobs is {self.covariance_logprobs!r}; write 'current' or 'old'"
            )
        aggregate = type(self.aggregate).__name__
        for gate in self.gates:
            if getattr(gate, "denominator", "all") == "kept" and not isinstance(self.aggregate, TokenMean):
                raise ValueError(
                    f"{type(gate).__name__}(denominator='kept') rescales a token mean, but the aggregate is "
                    f"{aggregate}; use TokenMean() or denominator='all'"
                )
        if getattr(self.surrogate, "sequence_level", False) and isinstance(self.aggregate, TokenMean):
            raise ValueError(
                f"{type(self.surrogate).__name__} is one loss per response, but the aggregate is TokenMean, which "
                "weighs responses by their length; use SequenceMean()"
            )

    def plan(self, stats: TokenStats, key: Array) -> Plan:
        """Sees the whole mini-batch, detached; `stats.advantages` are unshaped."""
        read = {name for method in self.methods() for name in getattr(method, "requires", frozenset())}
        missing = sorted(name for name in read if getattr(stats, name) is None)  # the critic's come with the loss
        if missing:
            raise ValueError(
                f"the loss requires {', '.join(missing)}, which this batch lacks; compute it, or drop the method"
            )
        stats = jax.lax.stop_gradient(_padding_zeroed(stats))
        products = covariance.centred_product(stats.advantages, stats.logprobs, stats.mask)
        stats = dataclasses.replace(stats, covariance=products)
        branch = self.surrogate.choose(stats, key) if hasattr(self.surrogate, "choose") else None
        stats = dataclasses.replace(stats, branch=branch)
        stats = dataclasses.replace(stats, clipped=self.surrogate.clipped(stats) & stats.mask)
        advantages = stats.advantages
        for shaper in self.shapers:
            advantages = shaper(dataclasses.replace(stats, advantages=advantages))
        gates = tuple(gate(stats, own_key(key, gate)) for gate in self.gates)
        selected = tuple(penalty.select(stats, own_key(key, penalty)) for penalty in self.penalties)
        product = jnp.ones_like(stats.logprobs)
        for gate in gates:
            product = product * gate
        weights = self.aggregate(stats.mask, stats.group_size)
        return Plan(advantages, product, selected, weights, gates, products, branch)

    def __call__(self, stats: TokenStats, plan: Plan) -> Array:
        """This part's share [] of the loss of the mini-batch that was planned."""
        stats = _padding_zeroed(dataclasses.replace(stats, advantages=plan.advantages, branch=plan.branch))
        tokens = plan.gate * self.surrogate(stats)  # [B, T]
        for penalty, selected in zip(self.penalties, plan.selected, strict=True):
            tokens = tokens + penalty(stats, selected)
        if self.value_loss is not None:
            tokens = tokens + self.value_loss(stats.values, stats.old_values, stats.returns)
        return masked.sum(tokens * plan.weights, stats.mask)


def _padding_zeroed(stats: TokenStats) -> TokenStats:
    """NaN in padding must not meet a zero cotangent: the product would be NaN. So it never enters the maths."""
    mask = stats.mask
    return jax.tree.map(lambda x: masked.zeroed(x, mask) if x.shape == mask.shape else x, stats)


def own_key(key: Array, method: Any) -> Array:
    """A key that depends on the method's class and not on its place among others, so that order never matters.

    Two methods of one class in one loss therefore draw the same lots.
    """
    return jax.random.fold_in(key, zlib.crc32(type(method).__name__.encode()))
