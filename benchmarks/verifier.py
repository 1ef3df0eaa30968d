"""How many answers are judged per second: fresh ones, by kind, in one process and through the worker pool.

Run:  python benchmarks/verifier.py --answers=3000

Every pair of reference and answer is new, so that no cache helps; every second answer is wrong. Prints one JSON line
per kind: process-CPU milliseconds per verdict on one core, answers per wall second through a pool of two workers, and
the load of the machine. Limits: 1,500 integers or fractions and 150 symbolic answers per second through the pool; the
embedded task's verifier at most 5 % of a training step (benchmarks/step.py --size=S: 1.5 cpu-s for 128 answers).
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence

from absl import app, flags

from entropy_rl.problem import Problem
from entropy_rl.rewards.maths_equivalence import MathsEquivalence
from entropy_rl.rewards.pool import Pool
from entropy_rl.rewards.reward import Completion
from entropy_rl.rewards.scoring import score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

ANSWERS = flags.DEFINE_integer("answers", 3000, "Per kind.")
WORKERS = flags.DEFINE_integer("workers", 2, "Processes of the pool.")
_THOUGHT = "Let me think about it step by step. " * 20

Pair = tuple[str, str]


def integer(rng: random.Random, wrong: int) -> Pair:
    value = rng.randrange(10**9)
    return str(value), rf"\boxed{{{value + wrong}}}"


def fraction(rng: random.Random, wrong: int) -> Pair:
    above, below, factor = rng.randrange(1, 10**5), rng.randrange(2, 10**5), rng.randrange(1, 9)
    return rf"\frac{{{above}}}{{{below}}}", rf"\boxed{{\dfrac{{{above * factor + wrong}}}{{{below * factor}}}}}"


def decimal(rng: random.Random, wrong: int) -> Pair:
    value = rng.randrange(1, 10**7)
    return f"{value}/8", rf"The answer is ${value / 8 + wrong:.3f}$."


def polynomial(rng: random.Random, wrong: int) -> Pair:
    a, b, c = (rng.randrange(1, 1000) for _ in range(3))
    return f"{a * b}x^2+{a * c}x+{b}y", rf"\boxed{{{a}x({b}x+{c})+{b + wrong}y}}"


def radical(rng: random.Random, wrong: int) -> Pair:
    a, b = rng.randrange(2, 10**5), rng.randrange(2, 10**4)
    return rf"\frac{{{b}\sqrt{{{a}}}}}{{2}}", rf"\boxed{{\frac{{\sqrt{{{a + wrong}}}}}{{2}} \cdot {b}}}"


def trigonometric(rng: random.Random, wrong: int) -> Pair:
    a, b = rng.randrange(2, 1000), rng.randrange(2, 10**4)
    return rf"{b}\sin({2 * a}x)+\ln {b}", rf"\boxed{{{2 * b + wrong}\sin({a}x)\cos({a}x)+\ln {b}}}"


def interval(rng: random.Random, wrong: int) -> Pair:
    a, b = rng.randrange(1000), rng.randrange(1000, 2000)
    return rf"(-\infty,{a})\cup[{b},\infty)", rf"\boxed{{x<{a + wrong} \text{{ or }} x\ge {b}}}"


def equation(rng: random.Random, wrong: int) -> Pair:
    a, b, c = (rng.randrange(1, 1000) for _ in range(3))
    return f"{a}x+{b}y={c}", rf"\boxed{{{2 * a}x={2 * c + wrong}-{2 * b}y}}"


KINDS: tuple[Callable[[random.Random, int], Pair], ...] = (
    *(integer, fraction, decimal),
    *(polynomial, radical, trigonometric, interval, equation),
)


def batch(kind: Callable[[random.Random, int], Pair], count: int, seed: int) -> tuple[list[Problem], list[Completion]]:
    """Fresh problems, and responses of which every second one is wrong."""
    rng = random.Random(f"{kind.__name__}/{seed}")
    made = [kind(rng, index % 2) for index in range(count)]
    problems = [Problem(str(index), "", reference) for index, (reference, _) in enumerate(made)]
    return problems, [Completion(_THOUGHT + text, 200, True) for _, text in made]


def cpu_milliseconds(reward: Callable, problems: Sequence[Problem], completions: Sequence[Completion]) -> float:
    """Of one verdict in this process."""
    begun = time.process_time()
    for problem, completion in zip(problems, completions, strict=True):
        reward(problem, completion)
    return 1e3 * (time.process_time() - begun) / len(problems)


def embedded() -> dict[str, object]:
    """The cost of Countdown's own verifier, which stays in process."""
    problems = [EASY.problem("train", index) for index in range(2_000)]
    completions = [Completion("6 + 9 = 15 15 + 8 = 23", 11, True)] * len(problems)
    begun = time.process_time()
    score_all(TaskAccuracy(EASY), problems, completions)
    spent = 1e3 * (time.process_time() - begun) / len(problems)
    return {"kind": "countdown", "cpu_ms": round(spent, 4), "share_of_step": round(spent * 128 / 1500, 5)}


def main(_: list[str]) -> None:
    """Measures every kind."""
    reward = MathsEquivalence()
    reward.warm()
    with Pool(WORKERS.value) as pool:
        pool.score(reward, *batch(polynomial, 200, seed=2))
        for kind in KINDS:
            cpu = cpu_milliseconds(reward, *batch(kind, min(ANSWERS.value, 1000), seed=0))
            problems, completions = batch(kind, ANSWERS.value, seed=1)
            begun = time.perf_counter()
            verdicts = pool.score(reward, problems, completions)
            wall = time.perf_counter() - begun
            line = {
                "kind": kind.__name__,
                "cpu_ms": round(cpu, 3),
                "per_second": round(len(verdicts) / wall),
                "right": sum(verdict.score for verdict in verdicts) / len(verdicts),
                "undecided": sum(verdict.undecided for verdict in verdicts),
                "workers": WORKERS.value,
                "load": [round(load, 1) for load in os.getloadavg()],
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    sys.stdout.write(json.dumps(embedded()) + "\n")


if __name__ == "__main__":
    app.run(main)
