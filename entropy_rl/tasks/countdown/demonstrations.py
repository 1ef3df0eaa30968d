"""Demonstrations for the warm start: right arithmetic, aimless search."""

from __future__ import annotations

from entropy_rl.tasks.countdown.arithmetic import Numbers, Rules, Step, moves, reachable
from entropy_rl.tasks.countdown.splits import split_of
from entropy_rl.tasks.draws import Draws


def random_path(rules: Rules, numbers: Numbers, draws: Draws) -> tuple[Step, ...] | None:
    """Legal steps over all the numbers, each chosen uniformly among the legal ones; None at a dead end."""
    steps = []
    while len(numbers) > 1:
        choices = moves(rules, numbers)
        if not choices:
            return None
        step, numbers = choices[draws.below(len(choices))]
        steps.append(step)
    return tuple(steps)


def target_for(rules: Rules, numbers: Numbers, steps: tuple[Step, ...], misses: bool, draws: Draws) -> int | None:
    """The target that a path is shown with: its own result, or a reachable one that it misses.

    Returns:
      A positive target of the train split, or None if this path has none.
    """
    made = steps[-1].result
    if misses:
        others = [value for value in reachable(rules, numbers) if value > 0 and value != made]
        if not others:
            return None
        made = others[draws.below(len(others))]
    return made if made > 0 and split_of(numbers, made) == "train" else None
