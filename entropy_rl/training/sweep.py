"""The test-time twin of training: one checkpoint, sampled at several temperatures and length budgets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from absl import logging

from entropy_rl import checks
from entropy_rl.lab import test_time
from entropy_rl.training import revisit
from entropy_rl.training.evaluation import evaluate


def sweep_run(
    run: str,
    temperatures: Sequence[float],
    samples: int,
    lengths: Sequence[int] = (),
    split: str = "test",
    problems: int | None = None,
    step: int | None = None,
) -> test_time.Sweep:
    """Samples and judges in every cell, of the same random numbers: what differs is the temperature, or the budget.

    Args:
      run: the workdir, local or gs://; it is only read.
      temperatures: > 0.
      samples: responses to each problem; all smaller counts are read from them.
      lengths: budgets in tokens; () for the run's own.
      split, problems, step: as in revisit.evaluate_run.

    Raises:
      ValueError: for a temperature, length or number outside its range; and as revisit.opened.
    """
    for temperature in temperatures:
        checks.positive("--temperatures: one", temperature)
    for length in lengths:
        checks.at_least("--lengths: one", length, 1)
    if not temperatures:
        raise ValueError("--temperatures is empty; give some, such as --temperatures=0.6,1,1.4")
    cells = []
    with revisit.opened(run, split, problems, samples, None, step) as opened:
        own = opened.engine.response_tokens
        too_long = [length for length in lengths if length > own]
        if too_long:
            raise ValueError(f"--lengths names {too_long[0]}, but the run's responses have at most {own} tokens")
        for length in lengths or (own,):
            engine = dataclasses.replace(opened.engine, response_tokens=length)
            for temperature in temperatures:
                found = evaluate(
                    engine, opened.params, opened.task, split, opened.problems, samples, temperature, opened.batch,
                    pool=opened.pool,
                )  # fmt: skip
                assert found.likelihoods is not None
                cells.append(
                    test_time.cell(
                        found.correct, found.answers, found.likelihoods, temperature=temperature, length=length,
                        entropy=found.entropy, mean_length=found.length,
                    )
                )  # fmt: skip
                logging.info("temperature %g, %d tokens: pass@1 %.3f", temperature, length, cells[-1].pass_at[0])
        return test_time.Sweep(opened.step, len(opened.problems), samples, tuple(cells))
