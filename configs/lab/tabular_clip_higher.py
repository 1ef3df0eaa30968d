"""Does a higher upper clip bound keep entropy where nothing is shared between tokens?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_clip_higher.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import difference, mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study

ENTROPY = verdicts.last(_tabular.ENTROPY)
HIGHS = {"high .2": 0.2, "high .28": 0.28, "high .4": 0.4, "no upper bound": 1e6}


def average(metric: str):
    return lambda run: float(np.mean(run.series(metric)[1]))


def probability(run: Run) -> float:
    """Mean probability of the tokens that were clipped on their way up; each step weighs as its clipped tokens."""
    _, shares, means = run.table("clip/high_positive", "tabular/clipped_up_probability")
    return float(np.average(means, weights=shares))


def get_study() -> Study:
    names = list(HIGHS)
    return _tabular.study(
        "clip_higher",
        claim="Raising the upper clip bound keeps entropy, for it is rare tokens that are clipped on their way up",
        source="Yu et al. 2025 (DAPO), https://arxiv.org/abs/2503.14476",
        rows=(21,),
        note="8 epochs per rollout.",
        bars=(
            *(Bar(f"entropy after 400 steps, {high} - {low}", difference(high, low, ENTROPY), low=0.0, whole=True)
              for low, high in zip(names, names[1:], strict=False)),
            Bar("mean probability of tokens clipped upwards, high .2", mean("high .2", probability), high=0.2),
            *(Bar(f"share of tokens clipped upwards, {name}", mean(name, average("clip/high_positive")),
                  decisive=False) for name in names),
        ),
        arms=tuple(
            _tabular.arm(name, f"high_{high:g}", loss=_tabular.clipped(high), epochs=8) for name, high in HIGHS.items()
        ),
    )  # fmt: skip
