"""Lift what is rare, restrain what is extreme, weigh successes less: all eight combinations.

Run:  python -m entropy_rl.experiment --config=configs/lab/factors.py --workdir=runs/lab
"""

import dataclasses
from collections.abc import Callable

from configs import countdown_cispo, countdown_grpo, countdown_w_reinforce
from configs.lab import _easy
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY, of_the_best
from entropy_rl.advantages.signed import Signed
from entropy_rl.config import Config
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate, last
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.study import Arm, Study

CHOICE = last("validation/pass@16", 3)
NAMES = ("CISPO", "KL-Cov", "positives .1")
PRESETS = {(0, 0, 0): countdown_grpo, (1, 0, 0): countdown_cispo, (0, 0, 1): countdown_w_reinforce}
CELLS = [(lift, hold, weigh) for lift in (0, 1) for hold in (0, 1) for weigh in (0, 1)]


def label(cell: tuple[int, ...]) -> str:
    return " + ".join(name for name, on in zip(NAMES, cell, strict=True) if on) or "GRPO"


def setting(cell: tuple[int, int, int]) -> Config:
    if cell in PRESETS:
        return PRESETS[cell].get_config()
    lift, hold, weigh = cell
    config = _easy.with_loss(
        f"factors{lift}{hold}{weigh}",
        surrogate=CispoSurrogate(epsilon_low=1.0, epsilon_high=4.0) if lift else _easy.PPO,
        penalties=(KlCov(fraction=2e-2, coefficient=2.0),) if hold else (),
    )
    return dataclasses.replace(config, advantages=Signed(positive=0.1, negative=1.0)) if weigh else config


def effect(factor: int, figure: Figure) -> Callable[[Results], Estimate]:
    """Of a factor: with it less without it, averaged over the other two, for each seed."""

    def measured(results: Results) -> Estimate:
        values = {cell: results.values(label(cell), figure) for cell in CELLS}
        seeds = set.intersection(*(set(found) for found in values.values()))
        signs = {cell: 1 if cell[factor] else -1 for cell in CELLS}
        return estimate(sum(signs[cell] * values[cell][seed] for cell in CELLS) / 4 for seed in sorted(seeds))

    return measured


def get_study() -> Study:
    single, several = ([label(cell) for cell in CELLS if sum(cell) in many] for many in ((1,), (2, 3)))
    lead = of_the_best(several, single, CHOICE, PASS_16)  # each best on validation
    return Study(
        name="factors",
        claim="controls that lift rare tokens, restrain extreme ones and weigh successes less can be combined, and the "
        "best combination beats the best single one",
        source="ours; nobody has published the grid",
        rows=(41,),
        bars=(
            Bar("test pass@16, best combination - best single control", lead, low=0.0, whole=True),
            *(
                Bar(f"effect of {name} on {what}", effect(factor, figure), decisive=False)
                for factor, name in enumerate(NAMES)
                for what, figure in (("entropy", TEST_ENTROPY), ("pass@1", PASS_1), ("pass@16", PASS_16))
            ),
        ),
        arms=tuple(Arm(label(cell), setting(cell)) for cell in CELLS),
    )
