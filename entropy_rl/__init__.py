"""Reinforcement learning for reasoning language models that keeps policy entropy from being spent too early."""

__version__ = "0.1.0"
