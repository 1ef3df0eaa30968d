"""Does the entropy move more evenly under KL-Cov than under Clip-Cov?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_smoothness.py --workdir=runs/lab
"""

import math

import numpy as np

from configs.lab import _tabular, tabular_kl_cov
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Results, estimate
from entropy_rl.study import Study

KL_COV, CLIP_COV = tabular_kl_cov.label(10, 3.0), "Clip-Cov, 5 % of (1, 5)"
LEVELS = np.arange(0.2, 1.21, 0.2)  # nats
LEAST = 3  # steps in a bin


def spreads(run: Run) -> np.ndarray:
    """[bins] standard deviation of the change of entropy over a step, by the entropy at which it was made."""
    _, entropies, changes = run.table(_tabular.ENTROPY, "tabular/true_with_drift")
    bins = np.digitize(entropies, LEVELS)
    inside = [changes[bins == number] for number in range(1, len(LEVELS))]
    return np.array([values.std(ddof=1) if len(values) >= LEAST else math.nan for values in inside])


def relative(results: Results) -> Estimate:
    """KL-Cov over Clip-Cov, geometric mean over the bins that both runs of a seed passed through."""
    logs = []
    for key, run in sorted(results.runs.get(KL_COV, {}).items()):
        other = results.runs.get(CLIP_COV, {}).get(key)
        if other is not None:
            logs.append(float(np.nanmean(np.log(spreads(run) / spreads(other)))))
    found = estimate(logs)
    return Estimate(math.exp(found.mean), math.exp(found.low), math.exp(found.high), found.n)


def get_study() -> Study:
    gate = ClipCov(fraction=0.05, max_fraction=0.1)
    loss = _tabular.clipped(1.0, 1.0, gates=(gate,))
    return _tabular.study(
        "smoothness",
        claim="Entropy is steadier under KL-Cov than under Clip-Cov",
        source=_tabular.PAPER,
        rows=(16,),
        note="At the same entropy: changes over one step in bins of .2 nats, enumerated every fourth step "
        "(bins of .1 held too few to measure; the fewest changes that a bin needs were lowered to 3 with that).",
        bars=(Bar("standard deviation of the change of entropy, KL-Cov / Clip-Cov", relative, high=0.7),),
        arms=(tabular_kl_cov.kl_cov(10, 3.0), _tabular.arm(CLIP_COV, "clip_cov_5", 800, 4, loss=loss)),
    )
