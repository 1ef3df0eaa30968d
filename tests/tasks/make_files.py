"""Writes small files of the true schemas: word problems as in GSM8K, and problems with boxed answers as in MATH.

Run:  python -m tests.tasks.make_files FOLDER [COUNT]
"""

from __future__ import annotations

import json
import pathlib
import random
import sys
from fractions import Fraction
from typing import Any

NAMES = ("Ana", "Ben", "Chloe", "Dev", "Eli", "Fatima", "Goro", "Hana", "Ivan", "Jo")
THINGS = ("apples", "pens", "stickers", "marbles", "books", "coins")


def gsm8k_row(chance: random.Random) -> dict[str, str]:
    """A question, and a worked answer that ends in `#### number`."""
    name, other = chance.sample(NAMES, 2)
    thing = chance.choice(THINGS)
    start, bought, times = chance.randint(2, 99), chance.randint(2, 99), chance.randint(2, 20)
    total = (start + bought) * times
    question = (
        f"{name} has {start} {thing} and buys {bought} more. {other} has {times} times as many {thing} as {name} has "
        f"then. How many {thing} does {other} have?"
    )
    answer = (
        f"{name} has {start} + {bought} = <<{start}+{bought}={start + bought}>>{start + bought} {thing}.\n"
        f"{other} has {start + bought} * {times} = <<{start + bought}*{times}={total}>>{total} {thing}.\n"
        f"#### {total:,}"
    )
    return {"question": question, "answer": answer}


def math_row(chance: random.Random) -> dict[str, Any]:
    """A problem and a solution whose last \\boxed is the answer: a fraction, an interval, a root or an integer."""
    a, b, c = chance.randint(2, 30), chance.choice((2, 3, 5, 7, 11, 13, 17, 19, 23, 29)), chance.randint(1, 60)
    kind = chance.randrange(4)
    if kind == 0:
        value = Fraction(a, b) + Fraction(c, b + 1)
        problem = rf"Compute $\frac{{{a}}}{{{b}}} + \frac{{{c}}}{{{b + 1}}}$. Express your answer as a common fraction."
        answer, subject = latex(value), "Prealgebra"
    elif kind == 1:
        problem = rf"Find all real $x$ with $|x - {a}| \le {b}$. Express your answer in interval notation."
        answer, subject = f"[{a - b},{a + b}]", "Algebra"
    elif kind == 2:
        problem = rf"Simplify $\sqrt{{{a * a * b}}}$ for the integer ${a * a * b}$ as ${a}$ times a root of ${b}$."
        answer, subject = rf"{a}\sqrt{{{b}}}", "Algebra"
    else:
        problem = rf"What is the remainder when ${a * b + c}$ is divided by ${b}$?"
        answer, subject = str((a * b + c) % b), "Number Theory"
    solution = rf"We work it out step by step. The answer is $\boxed{{{answer}}}$."
    return {"problem": problem, "level": f"Level {1 + kind}", "type": subject, "solution": solution}


def latex(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def distinct_rows(make: Any, column: str, count: int, seed: int) -> list[dict[str, Any]]:
    """So many rows whose question differs."""
    chance, rows = random.Random(seed), {}
    while len(rows) < count:
        row = make(chance)
        rows.setdefault(row[column], row)
    return list(rows.values())


def write_jsonl(path: pathlib.Path, rows: list[dict[str, Any]]) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_gsm8k(folder: pathlib.Path, train: int = 240, test: int = 60, seed: int = 0) -> tuple[pathlib.Path, ...]:
    """train.jsonl and test.jsonl of GSM8K's schema."""
    rows = distinct_rows(gsm8k_row, "question", train + test, seed)
    return write_jsonl(folder / "train.jsonl", rows[:train]), write_jsonl(folder / "test.jsonl", rows[train:])


def write_math(folder: pathlib.Path, train: int = 240, test: int = 60, seed: int = 0) -> tuple[pathlib.Path, ...]:
    """train.jsonl and test.jsonl of MATH's schema."""
    rows = distinct_rows(math_row, "problem", train + test, seed)
    return write_jsonl(folder / "train.jsonl", rows[:train]), write_jsonl(folder / "test.jsonl", rows[train:])


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 240
    write_gsm8k(target / "gsm8k", number, number // 4)
    write_math(target / "math", number, number // 4)
