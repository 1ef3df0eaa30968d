"""A closed loop on the entropy bonus: does it hold the entropy it is asked for, and say so when it cannot?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_control.py --workdir=runs/lab
"""

from typing import Any

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.ops.schedules import Controlled
from entropy_rl.study import Arm, Study

STEPS = 800
GAINS = ProportionalIntegral(proportional=1.0, integral=0.05)  # from tables of seed 100
HELD = {"held at .4": 0.4, "held at .2": 0.2}
WEAK = "asked for .6 of a weak bonus"


def held(
    label: str, target: Any, steps: int = STEPS, strength: float = 1.0, controller: Any = GAINS, name: str = ""
) -> Arm:
    """GRPO with a bonus that a loop sets between 0 and a strength."""
    bonus = Controlled("bonus", low=0.0, high=strength)
    loops = (EntropyLoop(InNats(target), (bonus,), controller),)
    loss = _tabular.clipped(penalties=(EntropyBonus(coefficient=bonus),))
    return _tabular.arm(label, name or f"held_{target:g}_{steps}", steps, steps // 200, loss=loss, loops=loops)


def error(target: float) -> Figure:
    """Mean of |H - target| over the last half of the run, nats, by enumeration."""

    def figure(run: Run) -> float:
        steps, values = run.series(_tabular.ENTROPY)
        return float(np.abs(values[steps > steps[-1] / 2] - target).mean())

    return figure


def settling(target: float, band: float = 0.05) -> Figure:
    """From the first step at the target to the last one outside a band around it, as a share of the run."""

    def figure(run: Run) -> float:
        steps, values = run.series(_tabular.ENTROPY)
        arrival = steps[np.argmax(values <= target)] if (values <= target).any() else steps[-1]
        outside = steps[(np.abs(values - target) > band) & (steps >= arrival)]
        return float((outside[-1] - arrival) / steps[-1]) if len(outside) else 0.0

    return figure


def saturated(run: Run) -> float:
    """Share of the steps of the last half in which the loop says that it is at its end."""
    steps, values = run.series("controller/entropy/saturated")
    return float(values[steps > steps[-1] / 2].mean())


def get_study() -> Study:
    arms = (
        *(held(name, target) for name, target in HELD.items()),
        held(WEAK, 0.6, strength=0.02, name="held_0.6_weak"),
    )
    return _tabular.study(
        "control",
        claim="A closed loop holds the entropy at a target within .02 nats, settles within a tenth of the run, and "
        "reports when its actuator is at its end",
        source="ours; proportional and integral control after https://arxiv.org/abs/2511.15248",
        rows=(39,),
        note="800 steps. The loop reads the entropy of the sampled states and sets the bonus between 0 and 1 (weak: "
        "0 and .02). It can only raise entropy, so settling is counted from the first step at the target.",
        bars=(
            *(Bar(f"mean |H - target| over the last half, {name}", mean(name, error(target)), high=0.02)
              for name, target in HELD.items()),
            *(Bar(f"settling, share of the run, {name}", mean(name, settling(target)), high=0.1)
              for name, target in HELD.items()),
            Bar("share of the last half flagged as saturated, weak bonus", mean(WEAK, saturated), low=0.9),
            Bar("mean |H - target| there", mean(WEAK, error(0.6)), decisive=False),
        ),
        arms=arms,
        series=(_tabular.ENTROPY, "controller/entropy/bonus/output", _tabular.PASS_1),
    )  # fmt: skip
