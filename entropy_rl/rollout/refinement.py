"""Whether, and how often, failed problems are tried again with help."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Refinement:
    """Problems that no response solved are tried again with the task's help; a right answer takes a response's place.

    Source: Zhang et al. 2025 (Critique-GRPO), https://arxiv.org/abs/2506.03106. The surrogate for such rows is
    losses/refinement.py; training/refinement.py carries this out.

    Attributes:
      slots: refinements sampled in a step, whether they are needed or not; problems beyond them are left as they are.
    """

    slots: int = 16

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if self.slots < 1:
            raise ValueError(f"refinement.slots is {self.slots}; it must be at least 1, or write refinement=None")
