"""The least time that a step can take on a device: operations and bytes it cannot do without, over measured rates.

    generation >= max(sum of operations / rate of their products, bytes read / rate of reading)
    update     >= sum of operations / rate of their products

Both are counted by models/flops.py: each prompt once, and nothing for a response that has ended.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from benchmarks.ceilings import Ceilings
from entropy_rl.models import flops
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel import devices


@dataclasses.dataclass(frozen=True)
class Limit:
    """Least seconds of the two halves of a step, in the unit of the ceilings."""

    generation: float
    update: float

    @property
    def step(self) -> float:
        return self.generation + self.update


def least(policy: Decoder, ceilings: Ceilings, prompts: Sequence[int], responses: Sequence[int]) -> Limit:
    """The limit of a step.

    Args:
      prompts, responses: tokens of each, the responses of a prompt adjacent.
    """
    rates, head = ceilings.products, 2.0 * policy.width * policy.vocab_size * sum(responses)
    decoding = (flops.decode(policy, prompts, responses) - head) / rates["decode"] + head / rates["decode head"]
    reading = flops.decode_bytes(policy, prompts, responses) / ceilings.read
    scoring = flops.update(policy, prompts, responses) - 3 * head
    return Limit(
        flops.prefill(policy, prompts) / rates["update"] + max(decoding, reading),
        scoring / rates["update"] + 3 * head / rates["update head"],
    )


def shares(
    policy: Decoder,
    ceilings: Ceilings,
    prompts: Sequence[int],
    responses: Sequence[int],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Of the maker's figures where the device is known, of what was measured in this process where it is not.

    Args:
      seconds: of `gen` and `update`.

    Returns:
      bandwidth: of the memory while decoding, prefill included in the time; mfu: of the update; of: whose peaks.
    """
    peak = devices.peak(jax.devices()[0])
    product, read = (max(ceilings.products.values()), ceilings.read) if peak is None else (peak.flops, peak.bandwidth)
    return {
        "bandwidth": round(flops.decode_bytes(policy, prompts, responses) / seconds["gen"] / read, 4),
        "mfu": round(flops.update(policy, prompts, responses) / seconds["update"] / product, 4),
        "of": "measured ceilings" if peak is None else "the maker's peaks",
    }


def mean_limit(policy: Decoder, ceilings: Ceilings, prompts: Sequence[int], steps: Sequence[Sequence[int]]) -> Limit:
    """Mean over steps with responses of different lengths."""
    found = [least(policy, ceilings, prompts, responses) for responses in steps]
    means = np.mean([(limit.generation, limit.update) for limit in found], axis=0)
    return Limit(float(means[0]), float(means[1]))
