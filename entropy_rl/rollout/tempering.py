"""Whether, and how many, right answers that were sampled at another temperature take part in an update."""

from __future__ import annotations

import dataclasses
from typing import Any

from entropy_rl.ops import schedules


@dataclasses.dataclass(frozen=True)
class Tempering:
    """Right answers of another temperature are made likelier: above that of the rollouts entropy grows, below it falls.

    Of each of the first `prompts` prompts of a step as many responses are sampled again, at `temperature`. The right
    ones, of prompts that were not answered right by all, take the places of the first responses to their prompt, with
    the advantage 1 on every token; the others keep the advantages that they had. Their log-probs are those of the
    rollouts' temperature: what is learned is the tempered policy's answers, not its probabilities.

    Source: Wang et al. 2025 (AEPO), https://arxiv.org/abs/2510.08141, and its code: 1.2 or .8 by a closed loop
    (closed_loop/on_off.py), the first quarter of 512 prompts, 60 of 2,560 responses. There they take the places of the
    first responses of the whole batch.

    Measured on Countdown, one seed, 60 steps: .17 nats on the test without it, .23 with a fixed 1.5 (23 % of the
    responses replaced), .12 with a fixed .6 (8 %).

    Attributes:
      temperature: > 0; a number, a schedule of optimiser steps, or what a closed loop says. Nothing is sampled in steps
        in which it is that of the rollouts.
      prompts: that are asked again; on several processes each asks its share.
      most: responses of a step that are replaced, at most; half as many below the temperature of the rollouts.
    """

    temperature: Any = 1.2
    prompts: int = 16
    most: int = 12

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        schedules.check(self, "temperature", 0.0, remedy="raise it", open_low=True)
        for field in ("prompts", "most"):
            if getattr(self, field) < 1:
                raise ValueError(
                    f"tempering.{field} is {getattr(self, field)}; it must be at least 1, or write tempering=None"
                )
