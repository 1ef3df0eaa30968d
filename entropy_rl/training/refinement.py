"""A second attempt, with the task's help, at problems that no response of a group solved."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from entropy_rl.parallel import rows
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion
from entropy_rl.rewards.scoring import score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import processes, substitution
from entropy_rl.training.judging import agreed, is_correct
from entropy_rl.training.substitution import Substitute, Trained
from entropy_rl.types import Array, Params, Rollout


def refine(
    engine: Engine,
    task: Any,
    reward: Any,
    params: Params,
    problems: Sequence[Problem],
    rollout: Rollout,
    verdicts: Sequence[Verdict],
    draws: Sequence[int],
    slots: int,
    version: Array | int,
) -> Trained:
    """Samples one refinement for each of the first `slots` groups that are all wrong; those that are right join.

    A refinement is right or wrong by the same reward as the responses. It answers to the bare prompt from then on:
    what the task put behind that prompt (see problem.Refinable) is the beginning of its response.

    Args:
      params: as rollouts read them.
      problems, draws: [P], those of the rollout.
      version: optimiser steps of `params`.
    """
    groups, texts = len(problems), engine.texts(rollout)
    slots = rows.own_slots(engine.mesh, slots)
    failed = np.flatnonzero(~is_correct(verdicts).reshape(groups, -1).any(axis=1))[:slots]
    last = {int(group): (int(group) + 1) * engine.group_size - 1 for group in failed}
    width = engine.prompt_tokens + engine.response_tokens
    refiner = dataclasses.replace(engine, group_size=1, prompt_tokens=width)
    asked = {g: task.refinement_prompt(problems[g], texts[row], verdicts[row]) for g, row in last.items()}
    asked = {g: prompt for g, prompt in asked.items() if refiner.fits(prompt)}  # words may have no room for a critique
    chosen = ([*asked] + [0] * slots)[:slots]  # always the same shape; the surplus is dropped
    prompts = [asked.get(g, problems[g].prompt) for g in chosen]
    temperature = float(rows.local_rows(rollout.temperature)[0])
    sampled = refiner(params, prompts, [draws[g] for g in chosen], Purpose.REFINEMENT, temperature)
    answers = [_answer(engine, problems[g], prompts[slot], sampled, slot) for slot, g in enumerate([*asked])]
    finished = rows.local_rows(sampled.finished)
    completions = [
        Completion(engine.text(tokens), len(tokens), bool(end)) for tokens, end in zip(answers, finished, strict=False)
    ]
    judged = agreed(
        engine.mesh, lambda: score_all(reward or TaskAccuracy(task), [problems[g] for g in asked], completions)
    )
    fits = [len(tokens) <= engine.response_tokens for tokens in answers]
    joining = {
        last[g]: Substitute(answers[slot], True, judged[slot])
        for slot, g in enumerate(asked)
        if fits[slot] and is_correct([judged[slot]])[0]
    }
    counts = processes.everyones([groups, len(asked), len(joining)], "refinements")
    n_groups, n_asked, n_joining = (sum(column) for column in zip(*counts, strict=True))
    figures = {"refinement/attempted": n_asked / n_groups}
    if n_asked:
        figures["refinement/right"] = n_joining / n_asked
    return substitution.substituted(rollout, verdicts, joining, engine.tokenizer.pad_id, version, figures)


def _answer(engine: Engine, problem: Problem, prompt: str, sampled: Rollout, slot: int) -> list[int]:
    """Tokens of the whole refined response: the opening that stood behind the bare prompt, and what was sampled."""
    tokens = rows.local_rows(sampled.responses)[slot][rows.local_rows(sampled.response_mask)[slot]].tolist()
    if not prompt.startswith(problem.prompt):
        return tokens
    return engine.tokenizer.encode(prompt)[len(engine.tokenizer.encode(problem.prompt)) :] + tokens
