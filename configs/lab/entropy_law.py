"""R = -a exp(H) + b on single runs: how well it describes them, beside a straight line, and the ceiling that it names.

Run:  python -m entropy_rl.experiment --config=configs/lab/entropy_law.py --workdir=runs/lab

On the easy tier; entropy_law_plateau.py asks the same of runs that end with their entropy spent.
"""

from configs import countdown_grpo
from configs.lab import _easy
from configs.lab._measures import fit, mean, smoothed
from entropy_rl.config import Config
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

R2, RMSE = fit("exp(H)", "r2"), fit("exp(H)", "rmse")


def lead(run: Run) -> float:
    """AIC of the straight line less that of the law: above 0 the law is the better description."""
    return fit("line in H", "aic")(run) - fit("exp(H)", "aic")(run)


def miss(run: Run) -> float:
    """The ceiling b - a less the highest smoothed reward."""
    return abs(fit("exp(H)", "ceiling")(run) - float(smoothed(run)[2].max()))


def bars(arm: str) -> tuple[Bar, ...]:
    return (
        Bar("R² of the law", mean(arm, R2), low=0.85),
        Bar("root mean square error, reward", mean(arm, RMSE), high=0.02),
        Bar("ceiling and highest reward, distance", mean(arm, miss), high=0.03),
        Bar("AIC of a line - AIC of the law", mean(arm, lead), decisive=False),
    )


def study(name: str, config: Config, seeds: tuple[int, ...]) -> Study:
    return Study(
        name=name,
        claim="R = -a exp(H) + b describes a run, and b - a is the accuracy that it can reach",
        source=_easy.PAPER,
        rows=(3, 4),
        note="Training reward and entropy, moving means of 7 steps. R² at least .85 is the bar of the embedded scale "
        "(a probe found .93 to .96), where one step's reward has a noise of 2 points; the lab's own bar is .97.",
        bars=bars("GRPO"),
        arms=(Arm("GRPO", config),),
        seeds=seeds,
        figures=(
            ("R² of the law", R2),
            ("R² of a line", fit("line in H", "r2")),
            ("ceiling", fit("exp(H)", "ceiling")),
        ),
        series=("entropy/token_mean", "reward/mean"),
    )


def get_study() -> Study:
    return study("entropy_law", countdown_grpo.get_config(), (0, 1, 2, 3, 4))
