"""Killable worker processes for rewards: whatever an answer does, it costs one undecided verdict and a bounded time."""

from entropy_rl.rewards.pool.pool import Batch, Pool
from entropy_rl.rewards.pool.workers import DIED, TIMED_OUT, Workers

__all__ = ["DIED", "TIMED_OUT", "Batch", "Pool", "Workers"]
