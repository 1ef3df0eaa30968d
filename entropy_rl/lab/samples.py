"""Sampled answers made ready to be shown: few enough to read, each token with its entropy, no byte of them trusted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entropy_rl.lab.runs import Run, number
from entropy_rl.lab.text import MOST_LETTERS, visible

# Nats per token. Bounds are fixed, so that a colour means the same in every report.
BOUNDS = (0.01, 0.1, 0.3, 0.7, 1.2, 2.0)
# One hue, darker with entropy: told apart in any colour vision and in grey; black text stays legible on all of them.
SHADES = ("#ffffff", "#fff2d8", "#ffe2ad", "#ffcd7d", "#fbb04f", "#ee9130", "#dd7420")
MOST_STEPS, MOST_PROBLEMS, MOST_RESPONSES = 10, 3, 4
MOST_TOKENS = 40_000  # of the whole page: about 4 MB of markup


@dataclasses.dataclass(frozen=True)
class Token:
    text: str
    shade: int  # index into SHADES; -1 for a token without entropy
    note: str


@dataclasses.dataclass(frozen=True)
class Answer:
    tokens: Sequence[Token]
    left_out: int  # tokens that are not shown
    reward: float
    advantage: float
    reason: str
    finished: bool
    mean_entropy: float


@dataclasses.dataclass(frozen=True)
class Sample:
    problem: str
    split: str
    prompt: str
    reference: str
    answers: Sequence[Answer]


@dataclasses.dataclass(frozen=True)
class Moment:
    """The samples of one run at one step."""

    run: int
    step: int
    samples: Sequence[Sample]


def moments(runs: Sequence[Run]) -> list[Moment]:
    """Samples of a few steps, evenly spaced, of every run; problems sampled at many of these steps come first."""
    chosen = [(index, step, records) for index, run in enumerate(runs) for step, records in _chosen(run)]
    answers = sum(len(_responses(record)) for _, _, records in chosen for record in records)
    room = max(60, MOST_TOKENS // max(answers, 1))
    return [Moment(i, step, [_sample(record, room) for record in records]) for i, step, records in chosen]


def _chosen(run: Run) -> list[tuple[int, list[Mapping[str, Any]]]]:
    by_step: dict[int, list[Mapping[str, Any]]] = {}
    for record in run.samples:
        by_step.setdefault(int(record["step"]), []).append(record)
    steps = sorted(by_step)
    kept = np.unique(np.linspace(0, max(len(steps) - 1, 0), min(len(steps), MOST_STEPS)).round().astype(int))
    steps = [steps[i] for i in kept]
    seen = {}
    for step in steps:
        for problem in {str(record.get("problem_id")) for record in by_step[step]}:
            seen[problem] = seen.get(problem, 0) + 1

    def order(record: Mapping[str, Any]) -> tuple[int, str]:
        problem = str(record.get("problem_id"))
        return -seen[problem], problem

    return [(step, sorted(by_step[step], key=order)[:MOST_PROBLEMS]) for step in steps]


def _responses(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    responses = record.get("responses")
    if not isinstance(responses, list):
        return []
    return [response for response in responses if isinstance(response, Mapping)][:MOST_RESPONSES]


def _sample(record: Mapping[str, Any], room: int) -> Sample:
    return Sample(
        problem=visible(record.get("problem_id", ""), 200),
        split=visible(record.get("split", ""), 40),
        prompt=visible(record.get("prompt", "")),
        reference=visible(record.get("reference", ""), 500),
        answers=[_answer(response, room) for response in _responses(record)],
    )


def _answer(response: Mapping[str, Any], room: int) -> Answer:
    tokens, entropies, logprobs = (_list(response.get(key)) for key in ("tokens", "entropies", "logprobs"))
    if not tokens:
        tokens, entropies = [visible(response.get("text", ""))], []
    entropies = [number(value) for value in entropies] + [math.nan] * max(0, len(tokens) - len(entropies))
    logprobs = [number(value) for value in logprobs] + [math.nan] * max(0, len(tokens) - len(logprobs))
    shown = [_token(*each) for each in zip(tokens[:room], entropies, logprobs, strict=False)]
    finite = [value for value in entropies if math.isfinite(value)]
    return Answer(
        tokens=shown,
        left_out=len(tokens) - len(shown),
        reward=number(response.get("reward")),
        advantage=number(response.get("advantage")),
        reason=visible(response.get("reason", ""), 300),
        finished=response.get("finished") is not False,
        mean_entropy=float(np.mean(finite)) if finite else math.nan,
    )


def _token(text: Any, entropy: float, logprob: float) -> Token:
    shown = visible(text, MOST_LETTERS + 60).replace("\n", "↵\n")
    if not math.isfinite(entropy):
        return Token(shown, -1, "")
    probability = f", probability {math.exp(min(logprob, 0.0)):.3g}" if math.isfinite(logprob) else ""
    return Token(shown, int(np.searchsorted(BOUNDS, entropy, side="right")), f"entropy {entropy:.3g} nats{probability}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
