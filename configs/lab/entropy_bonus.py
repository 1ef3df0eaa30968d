"""The entropy bonus over four powers of ten: nothing, a narrow useful band, and an explosion.

Run:  python -m entropy_rl.experiment --config=configs/lab/entropy_bonus.py --workdir=runs/lab
"""

from configs import countdown_entropy_bonus, countdown_grpo
from configs.lab import _easy
from configs.lab._measures import LEFT, PASS_1, TEST_ENTROPY, difference, mean, ratio
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study


def bonus(coefficient: float) -> Config:
    return _easy.with_loss(f"entropy_bonus{coefficient:g}", penalties=(EntropyBonus(coefficient=coefficient),))


def get_study() -> Study:
    return Study(
        name="entropy_bonus",
        claim="an entropy bonus is a knife's edge: coefficients of 1e-4 and 1e-3 do nothing, 5e-3 helps, 1e-2 explodes",
        source=_easy.PAPER,
        rows=(23,),
        note="What counts is the shape: where the edge lies depends on the size of the gradients. A useful band is "
        "narrow if one power of ten leads from next to nothing to an explosion.",
        bars=(
            Bar("entropy, 0.001 / GRPO", ratio("0.001", "GRPO", TEST_ENTROPY), low=0.9, high=1.2),
            Bar("entropy left, 1", mean("1", LEFT), low=1.5),
            Bar("test pass@1, 1 - GRPO", difference("1", "GRPO", PASS_1), high=-0.2),
            Bar("entropy left, 0.1", mean("0.1", LEFT), low=1.5),
            Bar("test pass@1, 0.02 - GRPO", difference("0.02", "GRPO", PASS_1), decisive=False),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("0.001", bonus(1e-3)),
            Arm("0.02", countdown_entropy_bonus.get_config()),
            Arm("0.1", bonus(0.1)),
            Arm("1", bonus(1.0)),
        ),
        figures=(*FIGURES, ("entropy left", LEFT)),
    )
