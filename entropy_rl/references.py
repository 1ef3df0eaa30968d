"""How the reference policy moves: what a config may hold in `reference`. training/references.py carries it out."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class FixedReference:
    """The reference stays what the policy was before the first step. The default wherever a reference is required."""

    def validate(self) -> None:
        """Nothing to check."""


@dataclasses.dataclass(frozen=True)
class EmaReference:
    """The reference follows the policy as an exponential moving average.

        reference <- decay * reference + (1 - decay) * params,   every `every` RL steps

    Source: Bai et al. 2025 (M-GRPO), https://arxiv.org/abs/2512.13070, with 0.99 and 1.
    Entropy: a leash to a moving policy slows its collapse without forbidding it; half of a change is passed on after
    log(1/2) / log(decay) moves (69 for 0.99).
    """

    decay: float = 0.99
    every: int = 1  # RL steps

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not 0 <= self.decay < 1:
            raise ValueError(
                f"reference.decay is {self.decay}; it must be in [0, 1): 0 copies the policy, 1 never moves"
            )
        if self.every < 1:
            raise ValueError(f"reference.every is {self.every}; it must be at least 1 RL step")


@dataclasses.dataclass(frozen=True)
class ResetReference:
    """The reference is set to the policy, hard, when one of the triggers is met; and the optimiser forgets.

    Source: Liu et al. 2025 (ProRL), https://arxiv.org/abs/2505.24864: a small reference KL keeps the entropy, and with
    time its pull dominates the loss; a reset lets the policy go on.
    A reset is decided at the end of a step, a checkpoint is saved, and it is carried out before the next rollout.
    Needs a penalty that reads the reference: ReferenceKl. Learning-rate schedules go on: they count optimiser steps.

    Attributes:
      every: RL steps between resets; 0: no interval.
      plateau: evaluations in a row without a better validation/pass@1; 0: not looked at.
      kl_above: nats/token of reference/kl above which a reset is due; 0: not looked at.
      reset_optimizer: moments start again from zero.
    """

    every: int = 0
    plateau: int = 0
    kl_above: float = 0.0
    reset_optimizer: bool = True

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        for name in ("every", "plateau"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"reference.{name} is {getattr(self, name)}; it must be at least 0, which switches it off"
                )
        if not (math.isfinite(self.kl_above) and self.kl_above >= 0):
            raise ValueError(f"reference.kl_above is {self.kl_above}; it must be finite and at least 0 nats/token")
        if not (self.every or self.plateau or self.kl_above):
            raise ValueError(
                "ResetReference has no trigger, so it would never reset; set every, plateau or kl_above, "
                "or write FixedReference()"
            )


Reference = FixedReference | EmaReference | ResetReference
