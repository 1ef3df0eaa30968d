"""Mazes with several shortest routes: many right answers, exact verdicts, no downloads."""

from entropy_rl.tasks.maze.task import Maze

__all__ = ["Maze"]
