"""What helps a policy that failed: how far its own attempt was right, and one right step where it was not at all."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.tasks.countdown.arithmetic import Rules, Step, evaluate, reachable, routes
from entropy_rl.tasks.countdown.notation import Notation


def opening(rules: Rules, notation: Notation, numbers: Sequence[int], target: int, response: str) -> str:
    """The first steps of an answer that can still be right, for the policy to go on from.

    The steps of the response are kept as far as they are legal, true and leave the target within reach; the last step
    of an answer is never kept, for it is the answer. If not even the first step is good, one of a right route stands
    in for it: the reference answer as a hint, Critique-GRPO's "simple_gt".
    """
    steps, _ = notation.parse(response.strip(" "))
    kept = _good_start(rules, numbers, target, steps[: max(len(numbers) - 2, 0)])
    if not kept and len(numbers) > 2:
        kept = list(next(routes(rules, tuple(sorted(numbers)), target))[:1])
    return notation.response(kept)


def _good_start(rules: Rules, numbers: Sequence[int], target: int, steps: Sequence[Step]) -> list[Step]:
    table, kept = list(numbers), []
    for step in steps:
        left, operator, right, result = step
        for operand in (left, right):
            if operand not in table:
                return kept
            table.remove(operand)
        if operator not in rules.operators or evaluate(left, operator, right) != result or not rules.allows(result):
            return kept
        table.append(result)
        if target not in reachable(rules, tuple(sorted(table))):
            return kept
        kept.append(step)
    return kept
