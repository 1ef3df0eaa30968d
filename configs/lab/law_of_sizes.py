"""a and b of the entropy law over five sizes of the policy, from 27 thousand to 1.6 million parameters.

Run:  python -m entropy_rl.experiment --config=configs/lab/law_of_sizes.py --workdir=runs/lab
"""

import math

import numpy as np

from configs.lab import _easy
from configs.lab._measures import coefficient, fit
from entropy_rl.config import Config
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results
from entropy_rl.models.decoder import Decoder
from entropy_rl.study import Arm, Study

WIDTHS = (32, 64, 96, 128, 256)  # parameters grow with the square


def setting(width: int) -> Config:
    policy = Decoder(width=width, heads=4, kv_heads=2, head_width=width // 4, feed_forward=3 * width)
    return _easy.changed(f"width{width}", policy=policy)


def points(results: Results, figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the widths squared, which stand for the sizes, and the mean figures."""
    means = np.array([results.mean(str(width), figure).mean for width in WIDTHS])
    return 2 * np.log(np.array(WIDTHS, float)), means


def r2(name: str):
    """Of a straight line through the means of the five sizes."""

    def measured(results: Results) -> Estimate:
        x, y = points(results, coefficient(name))
        return Estimate(float(np.corrcoef(x, y)[0, 1] ** 2)) if np.isfinite(y).all() else Estimate()

    return measured


def miss(results: Results) -> Estimate:
    """The ceiling of the largest, extrapolated from the others."""
    x, y = points(results, fit("exp(H)", "ceiling"))
    if not np.isfinite(y).all():
        return Estimate()
    slope, intercept = np.polyfit(x[:-1], y[:-1], 1)
    return Estimate(math.fabs(slope * x[-1] + intercept - y[-1]))


def get_study() -> Study:
    return Study(
        name="law_of_sizes",
        claim="a and b are linear in the logarithm of the number of parameters, within a family of models",
        source=_easy.PAPER,
        rows=(8,),
        note="Every size has its own warm start by the same recipe. About nine core-hours.",
        bars=(
            Bar("R² of a line through a", r2("a"), low=0.85),
            Bar("R² of a line through b", r2("b"), low=0.85),
            Bar("ceiling of the largest, extrapolated - measured", miss, high=0.05),
        ),
        arms=tuple(Arm(str(width), setting(width)) for width in WIDTHS),
        figures=(("a", coefficient("a")), ("b", coefficient("b")), ("ceiling", fit("exp(H)", "ceiling"))),
        series=("entropy/token_mean", "reward/mean"),
    )
