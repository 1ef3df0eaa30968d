"""The entropy ledger: what a step did to the entropy at states that it visited, booked by the token sampled there.

    change = H_new(s) - H_old(s) = first order + residual,     first order = -Cov_{v~old}(log pi_old(v), dz(v))

Both are of the same states before and after all optimiser steps of a rollout (ops/entropy_change.py), mean over
states. Each state has one place: by the sign of its token's advantage, by whether the token was likelier than
exp(-H), so that more of it is less entropy, by whether the surrogate stopped its gradient, and by its role. So the
parts add up to the whole. Parts `at_selected` a method tell what happened at the tokens that it acts on; they overlap,
and are no causes. Parameters are shared: a state may move for what was sampled elsewhere.

Everything is computed in float32, whatever the policy computes in: differences of one step drown in bfloat16.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops import covariance, masked
from entropy_rl.ops.entropy_change import EntropyChange, entropy_change
from entropy_rl.parallel import sharding
from entropy_rl.parallel.rows import beside, local_rows, settled
from entropy_rl.problem import Role, Task
from entropy_rl.training import batch_covariance, length_buckets, memory, token_metrics
from entropy_rl.training import experience as experiences
from entropy_rl.training.learner import Placement, policy_params
from entropy_rl.types import Array, Experience, Params, Policy, TrainState

SIGNS = ("positive", "negative", "zero")  # of the advantage
LIKELIHOODS = ("likely", "unlikely")  # the token, against exp(-H) of its state
CLIPPED = ("passed", "clipped")  # its gradient, in any epoch
ROLES = tuple(role.name.lower() for role in Role)
CELLS = ["/".join(cell) for cell in itertools.product(SIGNS, LIKELIHOODS, CLIPPED, ROLES)]

Told = dict[str, Array]


@dataclasses.dataclass
class Account:
    """One entry of the ledger, from before the first optimiser step of a rollout to after the last.

    Attributes:
      old: what is trained, as it was.
      marks: of each mini-batch, see `token_metrics.marks`.
    """

    old: Params
    marks: list[Array] = dataclasses.field(default_factory=list)


class Keeper:
    """Keeps the ledger of a run; makes no program before it is used."""

    def __init__(self, config: Config, placement: Placement, watch: memory.Watch) -> None:
        self._config, self._mesh = config, placement.mesh
        where = jax.tree.map(lambda leaf: leaf.sharding, placement.state.params)
        copy = jax.jit(lambda params: jax.tree.map(jnp.copy, params), out_shardings=where)
        self._copy = watch.during(memory.UPDATE, copy)
        self._entry = watch.during("ledger", compiled_entry(config, placement.mesh))

    def open(self, state: TrainState) -> Account:
        """Before the update: the state is donated to it, so what is trained is copied."""
        return Account(self._copy(state.params))

    def close(self, account: Account, state: TrainState, experience: Experience, step: int) -> dict[str, float]:
        """After the update: the named figures of the step."""
        config, prompts = self._config, experience.prompts.shape[0]
        chosen = sample(config, self._mesh)
        looked_at = experience
        if len(chosen) < prompts:
            looked_at = settled(experiences.taking(self._mesh, len(chosen))(experience, chosen))
        looked_at = with_roles(looked_at, config.task)
        order = experiences.orders(prompts, config.update.epochs, config.seed, step)
        old = policy_params(dataclasses.replace(state, params=account.old))
        marks = tuple(account.marks)
        told = self._entry(old, policy_params(state), looked_at, experience, marks, chosen, order)
        return figures(jax.device_get(told), config.loss)


def sample(config: Config, mesh: Mesh) -> np.ndarray:
    """[n] int32: the groups of a step that are looked at, spread evenly over it and over the devices."""
    prompts, rows = config.rollout.prompts, config.ledger.rows
    shards = sharding.batch_shards(mesh)
    groups = -(-rows // config.rollout.responses) or prompts
    groups = min(-(-groups // shards) * shards, prompts)
    return (np.arange(groups) * prompts // groups).astype(np.int32)


def with_roles(looked_at: Experience, task: Task) -> Experience:
    """The same rows with their tokens' roles, if no method required them already."""
    if looked_at.roles is not None:
        return looked_at
    labels = [task.roles(row) for row in local_rows(looked_at.responses).tolist()]
    return dataclasses.replace(looked_at, roles=beside(looked_at.responses, np.asarray(labels, np.int32)))


def compiled_entry(config: Config, mesh: Mesh) -> Callable[..., Told]:
    """`entry` as one compiled program; its results are everywhere."""
    per_piece = config.rollout.prompts // (config.update.mini_batches * config.update.micro_batches)
    pieces = -(-len(sample(config, mesh)) // per_piece)
    options = {"policy": exact(config.policy), "pieces": pieces, "buckets": config.update.buckets}
    return jax.jit(
        functools.partial(entry, methods=len(marked_methods(config.loss)), **options),
        out_shardings=NamedSharding(mesh, PartitionSpec()),
    )


def marked_methods(loss: PolicyLoss) -> list[str]:
    """Those for which `token_metrics.marks` has a bit."""
    return token_metrics.method_names(loss)[: token_metrics.MOST_MARKS - 1]


def exact(policy: Decoder) -> Decoder:
    """The policy in float32; its kernels of attention may know fewer bits only."""
    return dataclasses.replace(policy, compute_dtype="float32", attention="xla")


def entry(
    old: Params,
    new: Params,
    looked_at: Experience,
    batch: Experience,
    marks: Sequence[Array],
    chosen: Array,
    orders: Array,
    *,
    policy: Policy,
    pieces: int,
    buckets: int,
    methods: int,
) -> Told:
    """One entry of the ledger; a pure function.

    Args:
      old, new: all parameters of the policy, before and after.
      looked_at: n groups, with roles.
      batch: all P groups of the step; nothing is computed of them that needs a model.
      marks: [P' * G, T] of each mini-batch.
      chosen: [n] which of the P groups are looked at.
      orders: [epochs, P] the groups of the mini-batches.
      policy: computes in float32.
      pieces, buckets: as `length_buckets.cut` takes them.
      methods: how many have a mark.
    """

    def compare(part: Experience) -> EntropyChange:
        where = part.prompts, part.prompt_mask, part.responses
        hidden = [policy.response_hidden(params, *where) for params in (old, new)]
        heads = [policy.head(params) for params in (old, new)]
        return entropy_change(hidden[0], heads[0], hidden[1], heads[1], part.responses, part.temperature)

    with jax.default_matmul_precision("float32"):
        found = length_buckets.score(length_buckets.cut(looked_at, pieces, buckets), compare, looked_at)
    flags = _flags(marks, chosen, orders, looked_at.responses.shape)
    return _whole(found, looked_at) | _parts(found, looked_at, flags, methods) | batch_covariance.figures(batch)


def _flags(marks: Sequence[Array], chosen: Array, orders: Array, shape: tuple[int, ...]) -> Array:
    """[n * G, T]: the marks of the chosen groups, of all epochs together."""
    epochs, prompts = orders.shape
    length = shape[1]
    by_group = jnp.concatenate([part.reshape(-1, shape[0] // len(chosen), length) for part in marks])
    by_group = by_group.reshape(epochs, prompts, -1, length)
    places = jnp.argsort(orders, axis=1)[:, chosen]  # [epochs, n]
    taken = jax.vmap(lambda own, index: own[index])(by_group, places)
    return jax.lax.reduce(taken, jnp.uint16(0), jax.lax.bitwise_or, (0,)).reshape(shape)


def _whole(found: EntropyChange, looked_at: Experience) -> Told:
    """Change, first order and how well one tells the other; and the estimates that need one token of each state."""
    mask, change, first_order = looked_at.response_mask, found.change, found.first_order
    mean = lambda values: masked.mean(values, mask)  # noqa: E731
    moved, predicted = (masked.zeroed(values - mean(values), mask) for values in (change, first_order))
    together, spread, spread_predicted = mean(moved * predicted), mean(moved**2), mean(predicted**2)
    discriminator = jnp.exp(found.logprobs) * (found.logprobs + found.entropies)
    return {
        "states": masked.count(mask),
        "change": mean(change),
        "first_order": mean(first_order),
        "residual": mean(change - first_order),
        # 1e-30, not less: what is smaller than float32's least normal number may count as zero.
        "correlation": together / jnp.maximum(jnp.sqrt(spread * spread_predicted), 1e-30),
        "slope": together / jnp.maximum(spread_predicted, 1e-30),
        "proxy/covariance": mean(covariance.centred_product(looked_at.advantages, found.logprobs, mask)),
        "proxy/discriminator": mean(discriminator * looked_at.advantages),
    }


def _parts(found: EntropyChange, looked_at: Experience, flags: Array, methods: int) -> Told:
    """First order and share of the states of each cell [cells], and at the tokens of each method [methods]."""
    mask, advantages = looked_at.response_mask, looked_at.advantages
    roles = looked_at.roles
    assert roles is not None
    sign = jnp.where(advantages > 0, 0, jnp.where(advantages < 0, 1, 2))
    unlikely = (found.logprobs <= -found.entropies).astype(jnp.int32)
    clipped = (flags & 1).astype(jnp.int32)
    cell = ((sign * len(LIKELIHOODS) + unlikely) * len(CLIPPED) + clipped) * len(ROLES) + roles
    inside = (cell == jnp.arange(len(CELLS))[:, None, None]) & mask  # [cells, n * G, T]
    bits = jnp.arange(1, methods + 1, dtype=jnp.uint16)[:, None, None]
    selected = ((flags >> bits) & 1).astype(bool) & mask  # [methods, n * G, T]
    states = jnp.maximum(masked.count(mask), 1).astype(jnp.float32)
    share = lambda of, values: jnp.sum(jnp.where(of, values, 0.0), axis=(1, 2)) / states  # noqa: E731
    return {
        "part": share(inside, found.first_order),
        "share": share(inside, 1.0),
        "at_selected": share(selected, found.first_order),
        "share_selected": share(selected, 1.0),
    }


def figures(told: Mapping[str, Any], loss: PolicyLoss) -> dict[str, float]:
    """Named as training/metrics.py declares them; what no token belongs to is left out."""
    named = {f"ledger/{name}": float(value) for name, value in told.items() if np.ndim(value) == 0}
    if named["ledger/change"] == named["ledger/first_order"] == 0.0:  # no step was made: nothing to correlate
        named = {name: value for name, value in named.items() if name not in ("ledger/correlation", "ledger/slope")}
    methods = marked_methods(loss)
    for of, count, names in (("part", "share", CELLS), ("at_selected", "share_selected", methods)):
        for name, part, share in zip(names, told[of], told[count], strict=True):
            if share > 0 or names is methods:
                named |= {f"ledger/{of}/{name}": float(part), f"ledger/{count}/{name}": float(share)}
    return named | batch_covariance.named(told)
