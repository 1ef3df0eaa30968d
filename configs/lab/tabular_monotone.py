"""Without control, entropy falls and falls.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_monotone.py --workdir=runs/lab
"""

from scipy import stats

from configs.lab import _tabular
from configs.lab._measures import mean
from configs.lab._tabular import ENTROPY, PASS_1
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study


def spearman(run: Run) -> float:
    return float(stats.spearmanr(*run.series(ENTROPY)).statistic)  # type: ignore[attr-defined]


def late_gain(run: Run) -> float:
    """Share of the gain of pass@1 made in the second half of the run."""
    steps, values = run.series(PASS_1)
    middle = values[steps <= steps[-1] / 2][-1]
    return float((values[-1] - middle) / (values[-1] - values[0]))


def get_study() -> Study:
    return _tabular.study(
        "monotone",
        claim="Without control the entropy falls monotonically towards 0 while the accuracy saturates",
        source=_tabular.PAPER,
        rows=(1,),
        bars=(
            Bar("entropy at the end / at the start", mean("GRPO", left), high=0.1),
            Bar("rank correlation of step and entropy", mean("GRPO", spearman), high=-0.95),
            Bar("share of the gain in the second half of the run", mean("GRPO", late_gain), high=0.1),
        ),
        arms=(_tabular.grpo(800),),
    )


left = verdicts.over(verdicts.last(ENTROPY), verdicts.first(ENTROPY))
