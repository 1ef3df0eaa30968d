"""How many workers, and what an answer may cost in them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entropy_rl.rewards.pool.pool import Pool

TIMED_OUT = "timed_out"  # components that count verdicts which no reward gave; see also scoring.FAILED
DIED = "worker_died"
SECONDS_PER_ANSWER = 0.02  # what a batch is given for each of its answers where batch_seconds is not set
LEAST_MEMORY = 256 << 20


@dataclasses.dataclass(frozen=True)
class Workers:
    """Limits behind the deterministic ones of the verifier: they should never be met, and cost little if they are.

    Attributes:
      count: worker processes.
      seconds: CPU time of one answer (of one group, for a reward that judges groups); so many seconds of wall time
        also end one that waits.
      memory_bytes: address space of a worker.
      batch_seconds: how long the trainer waits for a batch at most; what is not scored then is undecided. None:
        `seconds`, and 0.02 s for each answer.
    """

    count: int = 2
    seconds: float = 5.0
    memory_bytes: int = 2 << 30
    batch_seconds: float | None = None

    def limit(self, answers: int) -> float:
        """Seconds that the trainer waits for a batch of so many answers."""
        return self.seconds + SECONDS_PER_ANSWER * answers if self.batch_seconds is None else self.batch_seconds

    def start(self) -> Pool:
        """A pool with these limits; close it, or use it in a with statement."""
        from entropy_rl.rewards.pool.pool import Pool

        return Pool(self.count, self.seconds, self.memory_bytes, self.batch_seconds)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if self.count < 1:
            raise ValueError(f"workers.count={self.count} must be at least 1; leave workers None to score in process")
        for name, value in (("seconds", self.seconds), ("batch_seconds", self.batch_seconds)):
            if value is not None and not (math.isfinite(value) and value >= 0.01):
                raise ValueError(f"workers.{name}={value} must be finite and at least 0.01 s")
        if self.memory_bytes < LEAST_MEMORY:
            raise ValueError(
                f"workers.memory_bytes={self.memory_bytes} must be at least {LEAST_MEMORY}: Python and sympy need that"
            )
