"""What to change so that a program fits: computed where the compiler's figures allow, in words where they do not.

What a program needs is taken apart: what is there whatever its batch (state, weights), and the rest, which shrinks
with the rows that are computed at a time.
"""

from __future__ import annotations

import math

from entropy_rl.config import Config
from entropy_rl.models import flops
from entropy_rl.training import memory
from entropy_rl.training.ahead import GIB, Checked

ROOM = 0.97  # of a device: rows do not shrink everything in proportion


def advice(found: Checked, config: Config, limit: float) -> list[str]:
    """How much is lacking and the changes that help, the most effective first; [] if the program fits."""
    if found.fits(limit):
        return []
    if not found.needed:
        return [f"{found.program.name} does not compile: {found.error[:300]}"]
    lacking = (
        f"{found.program.name} needs {found.needed / GIB:.2f} GiB per device and has {limit / GIB:.2f}: "
        f"{(found.needed - limit) / GIB:.2f} GiB too many"
    )
    phase = memory.UPDATE if found.program.kind in ("update", "scoring") else memory.ROLLOUT
    general = [remedy for remedy in memory.remedies(config, phase, _shards(found)) if not _said(remedy)]
    return [lacking, *_fewer_rows(found, config, limit), *_smaller_state(found, config, limit), *general]


def _said(remedy: str) -> bool:
    return remedy.startswith(
        ("rollout.pieces", "rollout.slots", "update.micro_batches", "update.buckets", "policy.lora")
    )


def _fewer_rows(found: Checked, config: Config, limit: float) -> list[str]:
    """More pieces or micro-batches, as many as make the part that depends on rows small enough."""
    fixed, by_rows = _parts(found)
    room = ROOM * limit - fixed
    if found.program.kind not in ("sampling", "update", "scoring") or by_rows <= 0:
        return []
    if room <= 0:
        return [f"no number of rows fits: {fixed / GIB:.2f} GiB are there before the first row; see below"]
    factor = by_rows / room
    if found.program.kind == "sampling":
        return [*_as_slots(config, found, factor), *_as_pieces(config, found, factor)]
    return _as_micro_batches(config, found, factor)


def _parts(found: Checked) -> tuple[float, float]:
    """Bytes that do not depend on rows, and those that do."""
    fixed = found.arguments + found.program.beside
    return fixed, found.needed - fixed


def _as_slots(config: Config, found: Checked, factor: float) -> list[str]:
    """Fewer responses at a time; the others take the places of those that end."""
    shards, now = _shards(found), config.rollout.slots or found.program.responses
    slots = math.floor(now / factor / shards) * shards
    if not 0 < slots < now:
        return []
    return [f"rollout.slots={slots} (from {now}): {_gib(found, slots / now)} by estimate"]


def _as_pieces(config: Config, found: Checked, factor: float) -> list[str]:
    rollout, shards = config.rollout, _shards(found)
    able = [
        n for n in _divisors(rollout.prompts) if n >= factor * rollout.pieces and rollout.prompts // n % shards == 0
    ]
    if able:
        return [
            f"rollout.pieces={able[0]} (from {rollout.pieces}): {_gib(found, rollout.pieces / able[0])} by estimate"
        ]
    return [
        f"one prompt with its {rollout.responses} responses per device is still too much: a larger mesh.tensor splits "
        "its keys and values, as far as there are heads"
    ]


def _as_micro_batches(config: Config, found: Checked, factor: float) -> list[str]:
    update, shards = config.update, _shards(found)
    per_step = config.rollout.prompts // update.mini_batches
    able = [
        n
        for n in _divisors(per_step)
        if n >= factor * update.micro_batches and (per_step // n) % shards == 0 and n > update.micro_batches
    ]
    remedies = []
    if able:
        name = f"update.micro_batches={able[0]} (from {update.micro_batches})"
        remedies.append(f"{name}: {_gib(found, update.micro_batches / able[0])} by estimate")
    elif update.buckets == 1:
        remedies.append("update.buckets=2: a prompt is computed with some of its responses and not with all of them")
    elif config.policy.remat in ("full", True):
        remedies.append(
            "a prompt with a few of its responses per device is still too much: a larger mesh.tensor splits what "
            "they keep"
        )
    if config.policy.remat not in ("full", True):
        remedies.append("policy.remat=full: the backward pass keeps each layer's input and nothing else")
    return remedies


def _gib(found: Checked, share: float) -> str:
    fixed, by_rows = _parts(found)
    return f"{(fixed + share * by_rows) / GIB:.2f} GiB"


def _smaller_state(found: Checked, config: Config, limit: float) -> list[str]:
    """Bytes of weights, moments and gradients under other types, adapters and meshes, where they are the trouble."""
    policy, sizes = config.policy, found.program.mesh.shape
    number = flops.layer_weights(policy) + policy.vocab_size * policy.width * (1 if policy.tied_embeddings else 2)
    shards = sizes["fsdp"] * sizes["tensor"]
    if number * 16 / shards < 0.25 * limit:  # weights, gradients and two moments in float32
        return []
    remedies = []
    if policy.lora is None:
        saved = number * (16 - 2) / shards
        remedies.append(
            "policy.lora=Lora(rank=16) with policy.param_dtype=bfloat16 in the config file: about "
            f"{saved / GIB:.2f} GiB less, for no gradients and moments of weights are kept"
        )
        if config.optimizer.moments_dtype == "float32":
            remedies.append(f"optimizer.moments_dtype=bfloat16: {number * 4 / shards / GIB:.2f} GiB less")
        if policy.param_dtype == "float32":
            remedies.append(f"policy.param_dtype=bfloat16: {number * 2 / shards / GIB:.2f} GiB less")
    weights = 2 * number / sizes["tensor"]
    if found.program.kind in ("sampling", "publish") and weights > 0.2 * limit:
        larger = 2 * sizes["tensor"]
        remedies.append(
            f"mesh.tensor={larger} (from {sizes['tensor']}): weights as rollouts read them take "
            f"{weights / 2 / GIB:.2f} GiB and not {weights / GIB:.2f}"
        )
    return remedies


def _shards(found: Checked) -> int:
    sizes = found.program.mesh.shape
    return math.prod(size for name, size in sizes.items() if name != "tensor")


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
