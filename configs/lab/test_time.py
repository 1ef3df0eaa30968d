"""Collapse in training and luck at inference are two things: the first is the policy's, the second the temperature's.

Run:  python -m entropy_rl.experiment --config=configs/lab/test_time.py --workdir=runs/lab
"""

from configs import countdown_clip_cov, countdown_grpo, countdown_kl_cov
from configs.lab._measures import ratio
from entropy_rl.lab import test_time
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate
from entropy_rl.study import Arm, AtTestTime, Study

CONTROLLED = ("KL-Cov", "Clip-Cov")


def swept(temperature: float, figure) -> Figure:
    """A figure of the sweep in a run's folder; nan where there is none."""

    def measured(run: Run) -> float:
        found = test_time.of_run(run)
        return float(figure(found.at(temperature))) if found else float("nan")

    return measured


def entropy(cell: test_time.Cell) -> float:
    return cell.entropy


def noise(cell: test_time.Cell) -> float:
    return cell.noise


def of_64(cell: test_time.Cell) -> float:
    return cell.pass_at[-1]


def heated(results: Results) -> Estimate:
    """Noise of the collapsed policy at temperature 1.5 over that at 1."""
    return estimate(swept(1.5, noise)(run) / swept(1.0, noise)(run) for run in results.of("GRPO"))


def not_given_back(arm: str):
    """pass@64 of the controlled policy at temperature 1 less that of the collapsed one at 1.5."""

    def measured(results: Results) -> Estimate:
        controlled, collapsed = results.values(arm, swept(1.0, of_64)), results.values("GRPO", swept(1.5, of_64))
        return estimate(controlled[key] - collapsed[key] for key in controlled if key in collapsed)

    return measured


def get_study() -> Study:
    return Study(
        name="test_time",
        claim="a controller changes the entropy and not the luck of a sample at a fixed temperature; temperature does "
        "the reverse, and gives back nothing that training lost",
        source="ours",
        rows=(38,),
        note="Test problems, 64 samples each at temperatures .5, 1 and 1.5. Luck: mean of p (1 - p) over problems, the "
        "variance of one sample's score. The length budget is the run's: an answer of Countdown has one length. "
        "The sweep of one run (GRPO, seed 0) had been seen when the bars were written.",
        bars=(
            *(Bar(f"entropy at temperature 1, {arm} / GRPO", ratio(arm, "GRPO", swept(1.0, entropy)), low=1.5)
              for arm in CONTROLLED),
            *(Bar(f"luck at temperature 1, {arm} / GRPO", ratio(arm, "GRPO", swept(1.0, noise)), low=0.8, high=1.25)
              for arm in CONTROLLED),
            Bar("luck of GRPO, temperature 1.5 / 1", heated, low=1.25),
            *(Bar(f"pass@64, {arm} at 1 - GRPO at 1.5", not_given_back(arm), low=0.0) for arm in CONTROLLED),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("KL-Cov", countdown_kl_cov.get_config()),
            Arm("Clip-Cov", countdown_clip_cov.get_config()),
        ),
        test_time=AtTestTime((0.5, 1.0, 1.5), samples=64),
        figures=(
            ("entropy at T = 1", swept(1.0, entropy)),
            ("luck at T = .5", swept(0.5, noise)),
            ("luck at T = 1", swept(1.0, noise)),
            ("luck at T = 1.5", swept(1.5, noise)),
            ("pass@1 at T = 1", swept(1.0, lambda cell: cell.pass_at[0])),
            ("maj@64 at T = 1", swept(1.0, lambda cell: cell.majority[-1])),
            ("its likeliest of 64 at T = 1", swept(1.0, lambda cell: cell.likeliest[-1])),
            ("pass@64 at T = 1", swept(1.0, of_64)),
            ("pass@64 at T = 1.5", swept(1.5, of_64)),
        ),
    )  # fmt: skip
