"""Plain GRPO: entropy falls from the first step to the last, and accuracy rises while there is entropy to spend.

Run:  python -m entropy_rl.experiment --config=configs/lab/baseline_dynamics.py --workdir=runs/lab
"""

from configs import countdown_grpo
from configs.lab import _easy
from configs.lab._measures import LEFT, PASS_1, gained, mean, spearman, spent
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study


def late_gain(run: Run) -> float:
    return 1.0 - gained(1 / 2)(run)


def get_study() -> Study:
    return Study(
        name="baseline_dynamics",
        claim="without control, entropy falls monotonically while accuracy rises to a plateau",
        source=_easy.PAPER,
        rows=(1,),
        note="Bars of the embedded scale: three quarters of the entropy gone after 240 steps (the lab's own bar, nine "
        "tenths, asks for a longer run), pass@1 from about .2 to at least .45. The bar of the plateau, that of the "
        "table, was added after the runs.",
        bars=(
            Bar("entropy left on the test", mean("GRPO", LEFT), high=0.25),
            Bar("rank correlation of step and entropy", mean("GRPO", spearman), high=-0.95),
            Bar("test pass@1", mean("GRPO", PASS_1), low=0.45),
            Bar("share of the gain in the second half of the run", mean("GRPO", late_gain), high=0.1),
            Bar("entropy spent by half of the run", mean("GRPO", spent(1 / 2)), decisive=False),
        ),
        arms=(Arm("GRPO", countdown_grpo.get_config()),),
        seeds=(0, 1, 2, 3, 4),
        figures=(*FIGURES, ("entropy left", LEFT)),
    )
