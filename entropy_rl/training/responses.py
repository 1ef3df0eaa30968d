"""What metrics keep of a sampled response: a few numbers, which processes can tell each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from entropy_rl.parallel.rows import local_rows
from entropy_rl.problem import Verdict
from entropy_rl.types import Rollout


class Response(NamedTuple):
    """One response as metrics see it; a JSON list of plain values.

    Attributes:
      length: tokens.
      entropy, unit_entropy: nats, sums over its tokens at the sampling temperature and at temperature 1.
      finished: it ended by itself.
      score, undecided, components: of its verdict.
    """

    length: int
    entropy: float
    unit_entropy: float
    finished: bool
    score: float
    undecided: bool
    components: dict[str, float]

    @property
    def verdict(self) -> Verdict:
        """What is left of the verdict."""
        return Verdict(self.score, components=self.components, undecided=self.undecided)


def of_rollout(rollout: Rollout, verdicts: Sequence[Verdict]) -> list[Response]:
    """The responses whose rows are this process's own, with their verdicts."""
    mask = local_rows(rollout.response_mask)
    total = lambda values: np.where(mask, local_rows(values), 0.0).sum(axis=1, dtype=np.float64).tolist()  # noqa: E731
    numbers = zip(
        mask.sum(axis=1).tolist(), total(rollout.entropies), total(rollout.unit_entropies),
        local_rows(rollout.finished).tolist(), strict=True,
    )  # fmt: skip
    return [
        Response(*row, float(verdict.score), verdict.undecided, {k: float(v) for k, v in verdict.components.items()})
        for row, verdict in zip(numbers, verdicts, strict=True)
    ]


def figures(responses: Sequence[Response], prompts: int) -> dict[str, float]:
    """Metrics of what was sampled and how it was judged; the responses to one of P `prompts` are adjacent."""
    lengths = np.array([response.length for response in responses])
    measured = _reward_figures(responses, prompts)
    for name, sums in (
        ("entropy", np.array([response.entropy for response in responses])),
        ("entropy_unit", np.array([response.unit_entropy for response in responses])),
    ):
        measured[f"{name}/token_mean"] = float(sums.sum() / max(lengths.sum(), 1))
        measured[f"{name}/sequence_mean"] = float((sums / np.maximum(lengths, 1)).mean())
    _, measured["entropy_unit/standard_error"] = unit_entropy(responses, prompts)
    return measured | {
        "response/length_mean": float(lengths.mean()),
        "response/length_max": float(lengths.max()),
        "response/truncated": float(1.0 - np.mean([response.finished for response in responses])),
    }


def unit_entropy(responses: Sequence[Response], prompts: int) -> tuple[float, float]:
    """Token mean at temperature 1 and its standard error, nats: of a ratio of sums, whose draws are the P `prompts`.

    error = sqrt(P / (P - 1) sum_p (S_p - mean L_p)^2) / sum_p L_p,   S_p nats and L_p tokens of a prompt

    One prompt does not tell how much prompts differ: its error is all of its entropy.
    """
    lengths = np.array([response.length for response in responses], np.float64).reshape(prompts, -1).sum(axis=1)
    sums = np.array([response.unit_entropy for response in responses], np.float64).reshape(prompts, -1).sum(axis=1)
    tokens = max(lengths.sum(), 1.0)
    mean = sums.sum() / tokens
    if prompts == 1:
        return float(mean), float(mean)
    spread = ((sums - mean * lengths) ** 2).sum() * prompts / (prompts - 1)
    return float(mean), float(np.sqrt(spread) / tokens)


def _reward_figures(responses: Sequence[Response], prompts: int) -> dict[str, float]:
    rewards = np.array([response.score for response in responses], np.float64)
    decided = np.array([not response.undecided for response in responses])
    right = [response.components.get("accuracy", response.score) >= 1.0 for response in responses]
    lowest = np.where(decided, rewards, np.inf).reshape(prompts, -1).min(axis=1)
    highest = np.where(decided, rewards, -np.inf).reshape(prompts, -1).max(axis=1)
    counted = rewards[decided] if decided.any() else np.zeros(1)
    measured = {
        "reward/mean": counted.mean(),
        "reward/std": counted.std(),
        "reward/accuracy": np.mean(right),
        "reward/zero_variance_groups": np.mean(highest <= lowest),  # <: nothing was decided
        "reward/undecided": 1.0 - decided.mean(),
    }
    for name in sorted({name for response in responses for name in response.components}):
        parts = [response.components[name] for response in responses if name in response.components]
        measured[f"reward/component/{name}"] = np.mean(parts)
    return {name: float(value) for name, value in measured.items()}
