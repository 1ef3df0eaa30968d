"""Adds to a fake run what only some runs measure: a ledger, a closed loop, diversity."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

CELLS = ("positive/likely", "positive/unlikely", "negative/likely", "negative/unlikely", "zero/likely")
WORTH = np.array([1.6, -0.4, -0.5, 0.2, 0.1])  # of the fall of entropy, at tokens of each kind; their sum is 1


def add(folder: pathlib.Path, *, ledger: bool = True, loop: bool = True, diversity: bool = True) -> pathlib.Path:
    """Rewrites the run's metrics with those of the chosen kinds beside what there is."""
    path = folder / "metrics.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    entropies = [record["entropy/token_mean"] for record in records]
    generator = np.random.default_rng(len(records))
    for place, record in enumerate(records):
        if ledger and place and place % 5 == 0:
            record |= _entry((entropies[place] - entropies[place - 5]) / 5, generator)
        if loop:
            record |= _loop(place, entropies)
        if diversity and "validation/pass@1" in record:
            record |= _diversity(entropies[place])
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    if diversity and (folder / "summary.json").exists():
        _counts(folder / "summary.json")
    return folder


def _entry(change: float, generator: np.random.Generator) -> dict[str, Any]:
    first = change * 0.9 + 1e-4 * generator.normal()
    found = {
        "ledger/states": 900.0,
        "ledger/change": change,
        "ledger/first_order": first,
        "ledger/residual": change - first,
        "ledger/correlation": 0.98,
        "ledger/slope": 1.02,
        "ledger/at_selected/KlCov": 0.1 * first,
        "ledger/proxy/covariance": -change + 1e-4 * generator.normal(),
        "ledger/proxy/discriminator": -change + 3e-3 * generator.normal(),
        "ledger/covariance/top_0.02": 9.0,
        "ledger/covariance/top_2": 0.8,
    }
    found |= {f"ledger/part/{cell}/passed/execution": w * first for cell, w in zip(CELLS, WORTH, strict=True)}
    return found | {f"ledger/covariance/accuracy_{k}of8": 0.02 * k * (8 - k) / 16 for k in range(1, 8)}


def _loop(place: int, entropies: list[float]) -> dict[str, Any]:
    saturated = float(20 <= place < 40)
    return {
        "controller/entropy/target": 0.5 * entropies[0],
        "controller/entropy/entropy": entropies[place],
        "controller/entropy/saturated": saturated,
        "controller/entropy/bonus/output": min(0.01 * place, 0.2),
        "controller/entropy/bonus/saturated": saturated,
        "controller/entropy/temperature/output": 1.0 + 0.001 * place,
        "controller/entropy/temperature/saturated": 0.0,
    }


def _diversity(entropy: float) -> dict[str, Any]:
    return {
        "validation/answer_entropy": 2 * entropy,
        "validation/routes": 1 + entropy,
        "validation/distinct_wrong": 4 * entropy,
        "validation/cover@0.5": 0.5,
        "validation/vote_calibration_error": 0.2,
    }


def _counts(path: pathlib.Path) -> None:
    summary = json.loads(path.read_text())
    right = np.random.default_rng(summary["seed"]).binomial(16, 0.5, 40).tolist()
    summary["test"]["right"] = {"samples": 16, "counts": right}
    path.write_text(json.dumps(summary))
