"""Presets: one file is one run. A wheel carries this folder as entropy_rl/configs.

A preset derives from another with `from . import countdown_grpo`, which holds in the repository and in a wheel alike.
"""
