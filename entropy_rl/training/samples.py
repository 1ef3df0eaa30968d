"""A few prompts of a step with all their answers, kept to be read: in the report, a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from entropy_rl.parallel.rows import local_rows
from entropy_rl.problem import Problem, Tokenizer, Verdict
from entropy_rl.types import Experience, Rollout

PROMPTS = 3  # kept of each step
CONTEXT = 3  # tokens that the text of a token may depend on


def records(
    step: int,
    tokenizer: Tokenizer,
    problems: Sequence[Problem],
    rollout: Rollout,
    verdicts: Sequence[Verdict],
    experience: Experience,
) -> list[dict[str, Any]]:
    """One record per kept prompt; groups whose answers differ in score come first: they are what is learned from.

    On several processes of this process's prompts; only those of the first are written.
    """
    group_size = len(verdicts) // len(problems)
    scores = np.asarray([verdict.score for verdict in verdicts]).reshape(-1, group_size)
    order = np.argsort(-scores.std(axis=1), kind="stable")[:PROMPTS]
    arrays = {
        name: local_rows(values)
        for name, values in (
            ("tokens", rollout.responses), ("mask", rollout.response_mask), ("entropies", rollout.entropies),
            ("logprobs", rollout.logprobs), ("advantages", experience.advantages), ("finished", rollout.finished),
        )
    }  # fmt: skip
    rows = lambda prompt: range(prompt * group_size, (prompt + 1) * group_size)  # noqa: E731
    return [
        {
            "step": step,
            "split": "train",
            "problem_id": problems[prompt].id,
            "prompt": problems[prompt].prompt,
            "reference": problems[prompt].answer,
            "responses": [_response(arrays, row, verdicts[row], tokenizer) for row in rows(prompt)],
        }
        for prompt in order
    ]


def _response(arrays: dict[str, np.ndarray], row: int, verdict: Verdict, tokenizer: Tokenizer) -> dict[str, Any]:
    length = int(arrays["mask"][row].sum())
    tokens = arrays["tokens"][row, :length].tolist()
    return {
        "text": tokenizer.decode(tokens),
        "tokens": pieces(tokens, tokenizer),
        "entropies": np.round(arrays["entropies"][row, :length].astype(float), 4).tolist(),
        "logprobs": np.round(arrays["logprobs"][row, :length].astype(float), 4).tolist(),
        "reward": verdict.score,
        "components": dict(verdict.components),
        "advantage": float(arrays["advantages"][row, 0]) if length else 0.0,
        "reason": verdict.reason,
        "finished": bool(arrays["finished"][row]),
    }


def pieces(tokens: list[int], tokenizer: Tokenizer) -> list[str]:
    """The text that each token adds behind the few before it: a space between tokens belongs to the later one."""
    shown = []
    for index, token in enumerate(tokens):
        before = tokens[max(0, index - CONTEXT) : index]
        added = tokenizer.decode([*before, token])[len(tokenizer.decode(before)) :]
        shown.append("<eos>" if token in tokenizer.eos_ids else added)
    return shown
