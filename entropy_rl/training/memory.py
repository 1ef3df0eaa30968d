"""How much memory a run needs on each device: a table before anything is compiled, and an explanation when it ran out.

Weights, optimiser and caches are counted from their shapes and shardings. What a compiler keeps of activations is its
own affair: those rows are estimates, and say so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath

from entropy_rl.config import Config
from entropy_rl.models import attention, lora
from entropy_rl.ops import logprobs
from entropy_rl.parallel import devices as hardware
from entropy_rl.parallel import sharding
from entropy_rl.parallel.rows import settled
from entropy_rl.rollout import buckets
from entropy_rl.training import length_buckets
from entropy_rl.training.learner import Placement

ROLLOUT, UPDATE = "rollout", "update"
GIB = 1 << 30


class OutOfMemoryError(RuntimeError):
    """A device's memory did not suffice; says in which phase, for how much, and what to change."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: bytes on each device, while the phases named are running; () is always."""

    what: str
    bytes: int
    phases: tuple[str, ...] = ()
    estimated: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """What a run keeps on each device.

    Attributes:
      limit: bytes that a device has; None if unknown.
    """

    rows: tuple[Row, ...]
    limit: int | None

    def needed(self, phase: str) -> int:
        """Bytes while a phase runs."""
        return sum(row.bytes for row in self.rows if not row.phases or phase in row.phases)

    @property
    def shortfall(self) -> int:
        """Bytes that the larger phase lacks; at most 0 if it fits, or if nobody knows the limit."""
        return -1 if self.limit is None else max(self.needed(ROLLOUT), self.needed(UPDATE)) - self.limit

    def __str__(self) -> str:
        lines = [f"{'memory per device':<44}{'GiB':>9}"]
        for row in self.rows:
            during = f" (during the {', '.join(row.phases)})" if row.phases else ""
            lines.append(f"  {row.what + during:<42}{row.bytes / GIB:>9.3f}{'  estimated' if row.estimated else ''}")
        lines += [f"  {phase + ', in all':<42}{self.needed(phase) / GIB:>9.3f}" for phase in (ROLLOUT, UPDATE)]
        lines.append(f"  {'available':<42}" + ("  unknown" if self.limit is None else f"{self.limit / GIB:>9.3f}"))
        return "\n".join(lines)


def table(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> Table:
    """The memory of a run, before anything is compiled.

    Args:
      config: resolved, its policy with a definite compute type.
      prompt_tokens, response_tokens: Q and T.
    """
    state = placement.state
    trained = {"params": state.params, "critic": state.critic}
    whole = _cut(config, placement, prompt_tokens, response_tokens).is_whole
    gradients = _size(trained) if whole else _size(trained, jnp.float32)
    rows = [
        Row("trained parameters", _size(trained)),
        Row("frozen weights", _size(state.frozen)),
        Row("optimiser", _size(state.opt_state)),
        Row("reference policy", _size(state.reference)),
        Row("weights as rollouts read them", _copied(placement), (ROLLOUT,)),
        Row("keys and values", _cache(config, placement, prompt_tokens, response_tokens), (ROLLOUT,)),
        Row("sampling", _sampling(config, placement, prompt_tokens, response_tokens), (ROLLOUT,), estimated=True),
        Row("gradients", gradients, (UPDATE,)),
        Row("parameters before the step, for the ledger", bool(config.ledger.every) * _size(state.params), (UPDATE,)),
        Row("activations", _activations(config, placement, prompt_tokens, response_tokens), (UPDATE,), estimated=True),
    ]
    devices = hardware.own(placement.mesh.devices.flat)
    limit = hardware.memory_bytes(devices[0], sharing=len(devices))
    return Table(tuple(row for row in rows if row.bytes), limit)


def checkpoint_bytes(placement: Placement) -> int:
    """Of one checkpoint: the state without what is frozen."""
    whole = dataclasses.replace(placement.state, frozen=None)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(whole))


def remedies(config: Config, phase: str, shards: int = 1) -> list[str]:
    """Changes that free memory in a phase, the most effective first; three of them.

    Args:
      shards: pieces that rows are split into: what is computed at a time stays a multiple of it.
    """
    policy, update, optimizer = config.policy, config.update, config.optimizer
    per_step = config.rollout.prompts // update.mini_batches
    rollout, able = config.rollout, []
    if phase == ROLLOUT:
        decoded = rollout.slots or rollout.prompts // rollout.pieces * rollout.responses
        pieces = _next_divisor(rollout.prompts, rollout.pieces, shards)
        able = [
            (decoded > 1, f"rollout.slots={-(-decoded // 2)}"),
            (pieces is not None, f"rollout.pieces={pieces}"),
        ]
    else:
        micro_batches = _next_divisor(per_step, update.micro_batches, shards)
        able = [
            (config.ledger.every > 0, "ledger.every=0"),
            (micro_batches is not None, f"update.micro_batches={micro_batches}"),
            (policy.remat in (False, "none", "dots"), "policy.remat=full"),
        ]
    able += [
        (policy.lora is None, "policy.lora=Lora(rank=8) in the config file: gradients and moments of adapters only"),
        (optimizer.moments_dtype == "float32", "optimizer.moments_dtype=bfloat16"),
        (policy.param_dtype == "float32", "policy.param_dtype=bfloat16"),
        (policy.compute_dtype == "float32", "policy.compute_dtype=bfloat16"),
        (True, "a larger mesh.fsdp or mesh.tensor, on more devices"),
        (True, "a smaller rollout.response_tokens"),
        (True, "fewer rollout.responses"),
    ]
    return [remedy for possible, remedy in able if possible][:3]


def watch(config: Config, placement: Placement, folder: epath.Path) -> Watch:
    """Logs what a run needs of memory and of the disk that its folder is on, and what will not fit.

    Raises:
      ValueError: if not even one checkpoint fits the disk.
    """
    found = table(config, placement, config.rollout.prompt_tokens, config.rollout.response_tokens)
    announce(config, found, placement)
    require_disk(folder, checkpoint_bytes(placement), config.checkpoint.keep)
    return Watch(config, found, sharding.batch_shards(placement.mesh))


def require_disk(folder: epath.Path, needed: int, keep: int) -> None:
    """Compares checkpoints with the free disk; an object store has no end.

    Raises:
      ValueError: if one checkpoint does not fit.
    """
    if "://" in str(folder):
        logging.info("checkpoints: %.3f GiB each", needed / GIB)
        return
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    logging.info(
        "checkpoints: %.3f GiB each, up to %d kept; %.1f GiB of disk are free", needed / GIB, keep + 1, free / GIB
    )
    if needed > free:
        raise ValueError(
            f"a checkpoint needs {needed / GIB:.2f} GiB and {folder} has {free / GIB:.2f} free; free some, give a "
            "--workdir elsewhere, or train adapters (policy.lora)"
        )
    if (keep + 2) * needed > free:  # one more is written before the oldest goes, and the best is kept as well
        logging.warning(
            "%d checkpoints need %.2f GiB, more than is free; lower checkpoint.keep",
            keep + 2,
            (keep + 2) * needed / GIB,
        )


def announce(config: Config, found: Table, placement: Placement) -> None:
    """Logs the table, and warns of what will not fit, before the minutes of compilation."""
    logging.info(
        "devices: %s; computing in %s, weights in %s, %s attention\n%s",
        hardware.describe(placement.mesh.devices.flat), config.policy.compute_dtype, config.policy.param_dtype,
        _attention(config, placement), found,
    )  # fmt: skip
    if found.shortfall > 0:
        phase = max((ROLLOUT, UPDATE), key=found.needed)
        changes = remedies(config, phase, sharding.batch_shards(placement.mesh))
        logging.warning(
            "the %s needs %.2f GiB per device and has %.2f: it will probably run out of memory. In order of effect: %s",
            phase, found.needed(phase) / GIB, (found.limit or 0) / GIB, "; ".join(changes),
        )  # fmt: skip


class Watch:
    """Knows which phase is running, and explains an exhausted device in its terms."""

    def __init__(self, config: Config, found: Table, shards: int = 1) -> None:
        self.phase = "start"
        self._config, self._table, self._shards = config, found, shards

    def during(self, phase: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; while it runs, and after it until another, the phase is this one."""

        def tracked(*args: Any, **kwargs: Any) -> Any:
            self.phase = phase
            return settled(call(*args, **kwargs))

        return tracked

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Raises an OutOfMemoryError in the place of XLA's; any other error passes as it is."""
        try:
            yield
        except jax.errors.JaxRuntimeError as error:
            text = str(error)
            if "RESOURCE_EXHAUSTED" not in text and "out of memory" not in text.lower():
                raise
            raise OutOfMemoryError(self.explanation(text)) from error

    def explanation(self, text: str) -> str:
        """What XLA's message means: the phase, what is lacking, and what to change."""
        asked = re.search(r"allocat\w*\D{0,20}([\d.]+)\s*([KMGT]?i?B|bytes)?", text)
        wanted = f" It could not get {asked[1]} {asked[2] or 'bytes'} more." if asked else ""
        kind = ROLLOUT if self.phase == ROLLOUT else UPDATE
        limit = self._table.limit
        there = "" if limit is None else f" of {limit / GIB:.2f} GiB available"
        lacking = self._table.needed(kind) - (limit or math.inf)
        short = f", {lacking / GIB:.2f} too many" if lacking > 0 else ""
        return (
            f"out of memory in the {self.phase}.{wanted} By our table it needs "
            f"{self._table.needed(kind) / GIB:.2f} GiB per device{there}{short}. In order of effect: "
            + "; ".join(remedies(self._config, kind, self._shards))
        )


def _size(tree: Any, dtype: Any = None) -> int:
    """Bytes on each device of shapes that carry shardings."""
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * jnp.dtype(dtype or leaf.dtype).itemsize
        for leaf in jax.tree.leaves(tree)
    )


def _copied(placement: Placement) -> int:
    """Weights that rollouts cannot read where they lie: in another type, or spread over more devices."""
    frozen = placement.state.frozen
    here = placement.state.params if frozen is None else lora.join(frozen, placement.state.params)
    pairs = zip(jax.tree.leaves(here), jax.tree.leaves(placement.rollout_params), strict=True)
    moved = [
        target
        for leaf, target in pairs
        if leaf.dtype != target.dtype or not leaf.sharding.is_equivalent_to(target.sharding, len(leaf.shape))
    ]
    return _size(moved)


def _cache(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> int:
    """Prompts once each, and once more for rows that left their group; responses of the rows decoded at a time."""
    policy, rollout, sizes = config.policy, config.rollout, placement.mesh.shape
    heads = policy.kv_heads // sizes["tensor"] if policy.kv_heads % sizes["tensor"] == 0 else policy.kv_heads
    dtype = policy.dtype if rollout.cache == "auto" else jnp.dtype(rollout.cache)
    scales = 4 if rollout.cache == "int8" else 0
    per_token = 2 * policy.layers * heads * (policy.head_width * dtype.itemsize + scales)
    prompts, chain = _prompts(config, placement), _chain(config, placement, prompt_tokens, response_tokens)
    alone = chain[0] if chain[0] < prompts * rollout.responses else max(chain[1:], default=0)
    return per_token * ((prompts + alone) * prompt_tokens + chain[0] * response_tokens)


def _sampling(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> int:
    """Logits of one token of every row, and what a sampler makes of them."""
    return 4 * 4 * _chain(config, placement, prompt_tokens, response_tokens)[0] * config.policy.vocab_size


def _prompts(config: Config, placement: Placement) -> int:
    return _share(config.rollout.prompts // config.rollout.pieces, placement)


def _chain(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> tuple[int, ...]:
    rollout, shards = config.rollout, sharding.batch_shards(placement.mesh)
    prompts = rollout.prompts // rollout.pieces
    return buckets.plan(
        prompts, rollout.responses, prompt_tokens, response_tokens, rollout.slots, rollout.buckets, shards
    )


def _activations(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> int:
    """What the backward pass of a micro-batch keeps: layer inputs, one layer whole or all of them, a tile of logits."""
    policy, sizes = config.policy, placement.mesh.shape
    cut = _cut(config, placement, prompt_tokens, response_tokens)
    prompts = cut.at_once(response_tokens)
    rows = prompts * cut.rows
    tokens = prompts * prompt_tokens + rows * response_tokens
    width, tensor = policy.dtype.itemsize, sizes["tensor"]
    inner = (policy.heads + 2 * policy.kv_heads) * policy.head_width + policy.heads * policy.head_width
    one_layer = tokens * (4 * policy.width + (inner + 3 * policy.feed_forward) // tensor)
    attended = min(response_tokens, 512) * (prompt_tokens + response_tokens)
    in_kernel = _attention(config, placement) == "splash"
    scores = 0 if in_kernel else rows * max(policy.heads // tensor, 1) * attended * 3
    kept = tokens * policy.width * policy.layers
    layers = 1 if policy.remat in (True, "full") else policy.layers
    score_layers = layers if response_tokens <= 512 else 1  # longer ones are recomputed block by block
    tile = 4 * 3 * logprobs.tile_elements()
    return width * (kept + layers * one_layer) + 4 * score_layers * scores + tile


def _cut(config: Config, placement: Placement, prompt_tokens: int, response_tokens: int) -> length_buckets.Cut:
    """Of a mini-batch."""
    rollout, update, shards = config.rollout, config.update, sharding.batch_shards(placement.mesh)
    return length_buckets.cut_of(
        rollout.prompts // update.mini_batches, rollout.responses, prompt_tokens, response_tokens, shards,
        update.micro_batches, update.buckets,
    )  # fmt: skip


def _attention(config: Config, placement: Placement) -> str:
    policy = config.policy
    with jax.set_mesh(placement.mesh):
        return attention.choose(policy.attention, policy.heads, policy.kv_heads, policy.head_width)


def _share(prompts: int, placement: Placement) -> int:
    return math.ceil(prompts / sharding.batch_shards(placement.mesh))


def _next_divisor(number: int, above: int, shards: int) -> int | None:
    """The next larger number of parts whose rows split over the shards; None if there is none."""
    return next((d for d in range(above + 1, number + 1) if number % d == 0 and number // d % shards == 0), None)
