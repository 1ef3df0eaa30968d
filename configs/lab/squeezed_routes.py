"""Supervised training widens the set of different answers; RL squeezes it, the wrong ones first.

Run:  python -m entropy_rl.experiment --config=configs/lab/squeezed_routes.py --workdir=runs/lab
"""

import dataclasses

from configs.lab import _easy
from configs.lab._measures import mean, ratio
from entropy_rl.config import EvaluationConfig, WarmStart
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Arm, Study

EVALUATION = EvaluationConfig(every=0, problems=16, test_problems=128, samples=128)


def change(key: str) -> Figure:
    """A test figure after RL, over the same before."""
    return verdicts.over(verdicts.test(key), verdicts.base(key))


def get_study() -> Study:
    grpo = _easy.changed("grpo_routes", evaluation=EVALUATION)
    shorter = dataclasses.replace(grpo, name="countdown_short_warm_start_routes", init=WarmStart(steps=200), steps=1)
    return Study(
        name="squeezed_routes",
        claim="RL compresses the wrong answers and some of the right ones; supervised training expands the right ones",
        source="RL Squeezes, SFT Expands 2025, https://arxiv.org/abs/2509.21128",
        rows=(36,),
        note="Different answers among 128 samples to each of 128 test problems, where the paper clusters 256. "
        "Supervised training: 800 steps on imperfect demonstrations against 200, each from three starts. "
        "(A first round had three seeds of RL on one start, which says nothing of other starts: .21, .40 and 1.26.)",
        bars=(
            Bar("RL: different wrong answers, after / before", mean("RL", change("distinct_wrong")), high=0.7),
            Bar("RL: different right answers, after / before", mean("RL", change("distinct_right")), high=1.0),
            Bar("different right answers, 800 / 200 supervised steps",
                ratio("RL", "short warm start", verdicts.base("distinct_right")), low=1.0),
        ),
        seeds=(0,),
        bases=(0, 1, 2),
        arms=(Arm("RL", grpo), Arm("short warm start", shorter)),
        figures=(
            ("different right answers before", verdicts.base("distinct_right")),
            ("after", verdicts.test("distinct_right")),
            ("different wrong answers before", verdicts.base("distinct_wrong")),
            ("wrong after", verdicts.test("distinct_wrong")),
        ),
        series=("entropy/token_mean", "reward/mean"),
    )  # fmt: skip
