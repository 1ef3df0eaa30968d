"""Responses that take the place of sampled ones, between the rollout and the update."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np

from entropy_rl.parallel import rows
from entropy_rl.problem import Verdict
from entropy_rl.types import Array, Rollout


@dataclasses.dataclass(frozen=True)
class Trained:
    """What is trained on: a rollout, or what stands in its place.

    Attributes:
      rollout: B rows; log-probs and entropies of substitutes are 0, to be rescored.
      verdicts: [B].
      rows: [B] bool, the substitutes.
      figures: metrics.
    """

    rollout: Rollout
    verdicts: list[Verdict]
    rows: np.ndarray
    figures: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Substitute:
    """A response that takes a row's place: its tokens, whether they came to an end, and what was judged of it."""

    tokens: list[int]
    finished: bool
    verdict: Verdict


def untouched(rollout: Rollout, verdicts: Sequence[Verdict]) -> Trained:
    """What was sampled, as it is."""
    return Trained(rollout, list(verdicts), np.zeros(len(verdicts), bool), {})


def substituted(
    rollout: Rollout,
    verdicts: Sequence[Verdict],
    substitutes: Mapping[int, Substitute],
    pad_id: int,
    version: Array | int,
    figures: dict[str, float],
) -> Trained:
    """The rollout with other responses in some of its rows.

    Args:
      rollout, verdicts: B rows; of several processes, their own.
      substitutes: by row.
      version: optimiser steps of the policy that is to rescore them.
    """
    verdicts, replaced = list(verdicts), np.zeros(len(verdicts), bool)
    responses, mask, finished, versions = (
        np.array(rows.local_rows(old))
        for old in (rollout.responses, rollout.response_mask, rollout.finished, rollout.policy_version)
    )
    for row, one in substitutes.items():
        responses[row], mask[row] = pad_id, False
        responses[row, : len(one.tokens)], mask[row, : len(one.tokens)] = one.tokens, True
        finished[row], versions[row], replaced[row], verdicts[row] = one.finished, version, True, one.verdict
    kept = rows.beside(rollout.responses, ~replaced)[:, None]
    rollout = dataclasses.replace(
        rollout,
        responses=rows.in_place_of(rollout.responses, responses),
        response_mask=rows.in_place_of(rollout.response_mask, mask),
        finished=rows.in_place_of(rollout.finished, finished),
        policy_version=rows.in_place_of(rollout.policy_version, versions),
        logprobs=jnp.where(kept, rollout.logprobs, 0.0),
        entropies=jnp.where(kept, rollout.entropies, 0.0),
        unit_entropies=jnp.where(kept, rollout.unit_entropies, 0.0),
    )
    return Trained(rollout, verdicts, replaced, figures)
