"""Writes run folders that look like training's: entropy decays, the reward follows the entropy law with some noise."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

EXPRESSIONS = ("3*2=6,6+5=11;", "5+2=7,7*3=21;", "3+5=8,8+2=10;", "5*2=10,10+3=13;")


def write_run(
    folder: pathlib.Path,
    name: str = "grpo",
    *,
    steps: int = 120,
    seed: int = 0,
    first: float = 0.8,
    floor: float = 0.04,
    decay: float = 18.0,
    a: float = 0.5,
    b: float = 1.4,
    evaluate_every: int | None = 20,
    methods: tuple[str, ...] = (),
    overrides: dict[str, Any] | None = None,
    alarms: list[dict[str, Any]] | None = None,
    samples: list[dict[str, Any]] | None = None,
    summary: bool = True,
) -> pathlib.Path:
    """A run whose true law is R = -a exp(H) + b; `overrides` replace metrics at every step."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    entropies = floor + (first - floor) * np.exp(-np.arange(steps) / decay)
    records = [_record(step, h, a, b, methods, generator) | (overrides or {}) for step, h in enumerate(entropies)]
    if evaluate_every:
        for record, entropy in zip(records[::evaluate_every], entropies[::evaluate_every], strict=True):
            figures = _evaluation(entropy, a, b, generator)
            record |= {f"validation/{key}": value for key, value in figures.items() if "interval" not in key}
    _write_lines(folder / "metrics.jsonl", records)
    _write_lines(folder / "samples.jsonl", samples if samples is not None else _samples(entropies, generator))
    config = {"name": name, "steps": steps, "loss": {"class": "PolicyLoss", "gates": [{"class": m} for m in methods]}}
    (folder / "config.json").write_text(json.dumps(config))
    if summary:
        test, base = (_evaluation(h, a, b, generator) for h in (entropies[-1], entropies[0]))
        (folder / "summary.json").write_text(json.dumps(_summary(name, seed, test, base, alarms or [])))
    return folder


def _record(
    step: int, entropy: float, a: float, b: float, methods: tuple[str, ...], generator: np.random.Generator
) -> dict[str, Any]:
    reward = b - a * np.exp(entropy) + 0.02 * generator.normal()
    tail = {"50": 2e-4, "80": 3e-2, "98": 0.6, "99.8": 1.8, "99.98": 3.5}
    record: dict[str, Any] = {
        "step": step,
        "reward/mean": reward,
        "reward/zero_variance_groups": 0.2 + 0.6 * reward,
        "entropy/token_mean": entropy * (1 + 0.03 * generator.normal()),
        "entropy/sequence_mean": 14 * entropy,
        "response/length_mean": 14 + generator.normal(),
        "response/truncated": 0.01,
        "loss/total": 0.01 * generator.normal(),
        "update/gradient_norm": 0.3 * np.exp(0.2 * generator.normal()),
        "update/log_ratio_abs_max": 0.5 * np.exp(0.3 * generator.normal()),
        "clip/high_positive": 0.01,
        "clip/low_negative": 0.008,
        "covariance/mean": 0.02 * entropy,
        "covariance/positive_fraction": 0.68,
        "time/step": 1.5,
    }
    record |= {f"covariance/q{q}": x * (0.3 + entropy) * np.exp(0.1 * generator.normal()) for q, x in tail.items()}
    for method in methods:
        record |= {
            f"select/{method}/fraction": 2e-3,
            f"select/{method}/positive_advantage": 0.7 + 0.05 * generator.normal(),
            f"select/{method}/mean_probability": 0.35 + 0.05 * generator.normal(),
        }
    return record


def _evaluation(entropy: float, a: float, b: float, generator: np.random.Generator) -> dict[str, Any]:
    pass_1 = float(np.clip(b - a * np.exp(entropy) - 0.05 + 0.01 * generator.normal(), 0.01, 0.99))
    figures: dict[str, Any] = {f"pass@{k}": 1 - (1 - pass_1) ** (1 + np.log2(k) * (0.2 + entropy)) for k in (1, 4, 16)}
    figures |= {"maj@16": min(1.0, pass_1 + 0.05), "entropy": entropy}
    intervals = {f"{key}/interval": [value - 0.03, min(value + 0.03, 1.0)] for key, value in figures.items()}
    return figures | intervals


def _samples(entropies: np.ndarray, generator: np.random.Generator) -> list[dict[str, Any]]:
    stamps = range(0, len(entropies), max(1, len(entropies) // 6))
    return [
        {
            "step": step,
            "split": "validation",
            "problem_id": f"countdown-{problem}",
            "prompt": "3 5 2 =11 :",
            "reference": EXPRESSIONS[0],
            "responses": [_response(entropies[step], index, generator) for index in range(4)],
        }
        for step in stamps
        for problem in range(2)
    ]


def _response(entropy: float, index: int, generator: np.random.Generator) -> dict[str, Any]:
    text = EXPRESSIONS[index]
    entropies = entropy * generator.exponential(1.0, len(text)) * np.array([0.1 if c in "=,;" else 1.3 for c in text])
    right = index == 0
    return {
        "text": text,
        "tokens": list(text),
        "entropies": entropies.round(4).tolist(),
        "logprobs": (-entropies).round(4).tolist(),
        "reward": float(right),
        "components": {"correct": float(right)},
        "advantage": 1.5 if right else -0.5,
        "reason": "reaches 11" if right else f"ends at {text.split('=')[-1].rstrip(';')}, not at 11",
        "finished": True,
    }


def _summary(name: str, seed: int, test: dict, base: dict, alarms: list) -> dict[str, Any]:
    return {
        "name": name,
        "test": test,
        "base": base,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "diff": "",
        "versions": {"python": "3.11.7", "jax": "0.10.2", "flax": "0.12.0"},
        "devices": 8,
        "hardware": "TPU v5 lite",
        "seed": seed,
        "command": f"python -m entropy_rl.train --config=configs/{name}.py --workdir=runs/{name}",
        "alarms": alarms,
        "seconds": 512.3,
    }


def _write_lines(path: pathlib.Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
