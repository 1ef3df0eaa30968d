"""How much of the entropy is spent, and of the gain made, by a twelfth and by a third of a run to its plateau.

Run:  python -m entropy_rl.experiment --config=configs/lab/front_loading.py --workdir=runs/lab
"""

from collections.abc import Callable

from configs import countdown_grpo
from configs.lab import _easy, _hard
from configs.lab._measures import gained, mean, spent
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Arm, Study

LONG, SHORT = "hard tier, 1,600 steps", "easy tier, 240 steps"


def apart(*fractions: float) -> Callable[[Run], float]:
    """The largest gap between what is spent and what is gained."""
    return lambda run: max(abs(spent(fraction)(run) - gained(fraction)(run)) for fraction in fractions)


def between(figure: str, measured: Figure, low: float, high: float = 1.2) -> Bar:
    return Bar(f"{LONG}: {figure}", mean(LONG, measured), low, high)


def get_study() -> Study:
    return Study(
        name="front_loading",
        claim="73 % of the entropy is spent and 76 % of the gain made by 1/12 of the run; 94 % and 93 % by 1/3",
        source=_easy.PAPER,
        rows=(2,),
        note="The lab's own bars, on a run to its plateau. The short run, which is not at its plateau, is told beside "
        "it: a probe found 36 to 45 % and 34 to 40 % at a twelfth.",
        bars=(
            between("entropy spent by 1/12", spent(1 / 12), 0.6, 0.85),
            between("gain made by 1/12", gained(1 / 12), 0.6, 0.85),
            between("entropy spent by 1/3", spent(1 / 3), 0.85),
            between("gain made by 1/3", gained(1 / 3), 0.85),
            between("largest gap of the two at 1/12, 1/4, 1/3, 1/2", apart(1 / 12, 1 / 4, 1 / 3, 1 / 2), 0.0, 0.08),
            Bar(f"{SHORT}: entropy spent by 1/12", mean(SHORT, spent(1 / 12)), decisive=False),
            Bar(f"{SHORT}: gain made by 1/12", mean(SHORT, gained(1 / 12)), decisive=False),
        ),
        arms=(Arm(LONG, _hard.grpo(3e-4)), Arm(SHORT, countdown_grpo.get_config())),
        figures=(
            ("spent by 1/12", spent(1 / 12)),
            ("gained by 1/12", gained(1 / 12)),
            ("spent by 1/3", spent(1 / 3)),
            ("gained by 1/3", gained(1 / 3)),
        ),
        series=("entropy/token_mean", "reward/mean"),
    )
