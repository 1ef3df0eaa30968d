"""Countdown, the embedded task: no downloads, exact answers, several right routes."""

from entropy_rl.tasks.countdown.task import EASY, HARD, MULTI_DIGIT, Countdown

__all__ = ["EASY", "HARD", "MULTI_DIGIT", "Countdown"]
