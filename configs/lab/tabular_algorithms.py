"""One law for all algorithms?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_algorithms.py --workdir=runs/lab
"""

import itertools
from collections.abc import Sequence

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.advantages.grpo import GroupCentred
from entropy_rl.advantages.reinforce_plus_plus import ReinforcePlusPlus
from entropy_rl.advantages.rloo import LeaveOneOut
from entropy_rl.lab import law
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate
from entropy_rl.study import Arm, Study

NAMES = ("GRPO", "RLOO", "REINFORCE++", "Dr.GRPO", "PPO, exact critic")


def coefficient(name: str) -> Figure:
    """a or b of the law, or its "ceiling"."""

    def figure(run: Run) -> float:
        _, entropies, rewards = _tabular.curve(run)
        return float(getattr(law.fit_law(entropies, rewards), name))

    return figure


def pooled(results: Results, arms: Sequence[str]) -> Estimate:
    """R2 of one law through the runs of all arms with one seed; over seeds."""
    keys = set.intersection(*(set(results.runs.get(arm, {})) for arm in arms))
    found = []
    for key in sorted(keys):
        curves = [_tabular.curve(results.runs[arm][key])[1:] for arm in arms]
        entropies, rewards = (np.concatenate(parts) for parts in zip(*curves, strict=True))
        found.append(law.fit_law(entropies, rewards).r2)
    return estimate(found)


def agreeing(results: Results) -> Estimate:
    """Of all pairs of algorithms, for a and b, the share whose intervals overlap."""
    shares = []
    for name in ("a", "b"):
        found = [results.mean(arm, coefficient(name)) for arm in NAMES]
        if any(one.n < 2 for one in found):
            return Estimate()
        shares += [one.low <= other.high and other.low <= one.high for one, other in itertools.combinations(found, 2)]
    return Estimate(float(np.mean(shares)), n=len(shares))


def arms() -> tuple[Arm, ...]:
    # Advantages that are not divided by a deviation are about a third as large.
    return (
        _tabular.grpo(),
        _tabular.arm("RLOO", "rloo", advantages=LeaveOneOut(), learning_rate=1.5),
        _tabular.arm("REINFORCE++", "reinforce_plus_plus", advantages=ReinforcePlusPlus()),
        _tabular.arm("Dr.GRPO", "dr_grpo", advantages=GroupCentred(), learning_rate=1.5),
        _tabular.arm("PPO, exact critic", "ppo", critic=True),
    )


def get_study() -> Study:
    return _tabular.study(
        "algorithms",
        claim="a and b of the law do not depend on the RL algorithm",
        source=_tabular.PAPER,
        rows=(6,),
        note="400 steps.",
        bars=(
            Bar("R² of one law through all algorithms", lambda results: pooled(results, NAMES), low=0.95),
            Bar("share of pairs of algorithms with overlapping intervals of a and b", agreeing, low=1.0),
            *(Bar(f"{name} of {arm}", mean(arm, coefficient(name)), decisive=False) for arm in NAMES
              for name in ("a", "b")),
        ),
        arms=arms(),
    )  # fmt: skip
