"""The entropy law on runs to their plateau: the hard tier, 1,600 steps.

Run:  python -m entropy_rl.experiment --config=configs/lab/entropy_law_plateau.py --workdir=runs/lab
"""

from configs.lab import _hard, entropy_law
from entropy_rl.study import Study


def get_study() -> Study:
    return entropy_law.study("entropy_law_plateau", _hard.grpo(3e-4), (0, 1, 2))
