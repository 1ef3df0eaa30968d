"""How fast a step was, and which share that is of what its devices can do.

Counted are the operations and bytes that the model needs for the tokens at hand (models/flops.py), not those that were
spent. Every process measures its own rows on its own devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jax.sharding import Mesh

from entropy_rl.models import flops
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel import devices as hardware
from entropy_rl.parallel.rows import local_rows, team
from entropy_rl.types import Rollout


@dataclasses.dataclass(frozen=True)
class Lengths:
    """Of what was sampled together: prompts [P] and responses [B], in tokens; on several processes its own."""

    prompts: np.ndarray
    responses: np.ndarray


def lengths(rollout: Rollout) -> Lengths:
    """Of the rows of this process."""
    return Lengths(local_rows(rollout.prompt_mask).sum(axis=1), local_rows(rollout.response_mask).sum(axis=1))


def figures(
    policy: Decoder, sampled: Sequence[Lengths], trained: Lengths, epochs: int, seconds: Mapping[str, float], mesh: Mesh
) -> dict[str, float]:
    """Shares of the peak, of the rows and devices of this process; {} where nobody says what a device can do.

    Where "tensor" reaches over hosts, several processes hold the same rows and share the work on them.

    Args:
      policy: of which the operations are counted.
      sampled: what was sampled, in the pieces in which it was.
      trained: what the update saw, `epochs` times.
      seconds: that were spent on "rollout" and "update".
      mesh: of all devices.
    """
    peak = hardware.peak(mesh.devices.flat[0])
    if peak is None:
        return {}
    devices = len(hardware.own(mesh.devices.flat)) * len(team(mesh).members)  # that worked on these rows
    replicas = max(devices // mesh.shape["tensor"], 1)  # of the weights, each sampling rows of its own
    forward = sum(flops.forward(policy, one.prompts, one.responses) for one in sampled)
    read = sum(flops.decode_bytes(policy, one.prompts, one.responses, replicas) for one in sampled)
    both = epochs * flops.update(policy, trained.prompts, trained.responses)
    measured = {}
    if seconds.get("rollout"):
        measured["speed/rollout_mfu"] = forward / seconds["rollout"] / devices / peak.flops
        measured["speed/rollout_bandwidth"] = read / seconds["rollout"] / devices / peak.bandwidth
    if seconds.get("update"):
        measured["speed/update_mfu"] = both / seconds["update"] / devices / peak.flops
    return measured


def tokens_per_second(sampled: int, updated: float, seconds: Mapping[str, float], devices: int) -> dict[str, float]:
    """Response tokens of all processes over the seconds of "rollout", "update" and "step", and those per device."""
    rates = {"rollout": sampled, "update": updated, "step": sampled}
    found = {phase: tokens / seconds[phase] for phase, tokens in rates.items() if seconds.get(phase)}
    whole = {f"speed/{phase}_tokens_per_second": rate for phase, rate in found.items() if phase != "rollout"}
    return whole | {f"speed/{phase}_tokens_per_second_per_device": rate / devices for phase, rate in found.items()}


def spent(laps: Mapping[str, float], overlapped: bool) -> dict[str, float]:
    """Seconds of each phase.

    Args:
      laps: of a stopwatch.
      overlapped: the next piece is sampled while one is judged, so that the judge's time is the sampler's too; what is
        said of the sampler's speed is then the least that it can have been.
    """
    rollout = laps.get("time/rollout", 0.0) + (laps.get("time/reward", 0.0) if overlapped else 0.0)
    return {"rollout": rollout, "update": laps.get("time/update", 0.0), "step": laps.get("time/step", 0.0)}


def memory(mesh: Mesh) -> dict[str, float]:
    """Metrics of the fullest device of this process; none where nobody counts."""
    found = [in_use for in_use in map(hardware.memory_in_use, hardware.own(mesh.devices.flat)) if in_use is not None]
    if not found:
        return {}
    now, most = (max(values) / hardware.GIB for values in zip(*found, strict=True))
    return {"memory/in_use": now, "memory/peak": most}
