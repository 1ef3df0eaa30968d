"""Judges one written response. The text is data: nothing of it is evaluated, and long texts are not even read."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.problem import Verdict
from entropy_rl.tasks.countdown.arithmetic import Rules, Step, canonical, evaluate
from entropy_rl.tasks.countdown.notation import MAX_STEP_CHARACTERS, Notation

_EXCERPT = 24  # characters of the response that a reason may quote


def verify(rules: Rules, notation: Notation, numbers: Sequence[int], target: int, text: str) -> Verdict:
    """Checks every step of a response.

    Returns:
      score 1 if all numbers are used once, every step is right and the last makes the target, else 0. Components: the
      raw `accuracy`, which is the score, and `format`, 1 if the whole text reads as steps. `reason` names the first
      step that failed and why; `answer` is the canonical route of a text that reads as steps, right or wrong.
    """
    limit = MAX_STEP_CHARACTERS * len(numbers)
    if len(text) > limit:
        return _verdict(f"the response has {len(text)} characters, more than the {limit} that any solution needs")
    text = text.strip(" ")
    steps, stopped = notation.parse(text)
    complaint = _first_mistake(rules, list(numbers), steps)
    if not complaint and stopped is not None:
        complaint = _unreadable(notation, text, len(steps) + 1, stopped)
    if not complaint:
        complaint = _wrong_ending(numbers, target, steps)
    return _verdict(complaint, readable=stopped is None, answer=canonical(steps) if stopped is None else "")


def _verdict(complaint: str, readable: bool = False, answer: str = "") -> Verdict:
    accuracy = 0.0 if complaint else 1.0
    components = {"accuracy": accuracy, "format": float(readable)}
    return Verdict(score=accuracy, components=components, reason=complaint or "correct", answer=answer)


def _first_mistake(rules: Rules, available: list[int], steps: Sequence[Step]) -> str:
    """The first illegal or wrong step; "" if there is none."""
    for count, (left, operator, right, result) in enumerate(steps, start=1):
        table = list(available)
        for operand in (left, right):
            if operand not in available:
                lack = "there only once" if operand in table else "not available"
                return f"step {count}: {operand} is {lack}; on the table: {' '.join(map(str, table))}"
            available.remove(operand)
        if operator not in rules.operators:
            return f"step {count}: operator {operator} is not allowed; use {' '.join(rules.operators)}"
        value = evaluate(left, operator, right)
        if value != result:
            return f"step {count}: {left} {operator} {right} is {value}, not {result}"
        if not rules.allows(value):
            return f"step {count}: {left} {operator} {right} is {value}, outside 0..{rules.max_intermediate}"
        available.append(result)
    return ""


def _unreadable(notation: Notation, text: str, count: int, position: int) -> str:
    form = notation.response([Step(1, "+", 2, 3)])
    found = ascii(text[position : position + _EXCERPT]) if position < len(text) else "the end"
    return f"step {count}: expected a step such as {form!r}, found {found}"


def _wrong_ending(numbers: Sequence[int], target: int, steps: Sequence[Step]) -> str:
    """Complains of unused numbers or a missed target; the steps are right so far."""
    if len(steps) < len(numbers) - 1:
        return f"after step {len(steps)}: {len(numbers) - len(steps)} numbers are still on the table; combine them all"
    result = steps[-1].result
    return "" if result == target else f"step {len(steps)}: the last result is {result}, not the target {target}"
