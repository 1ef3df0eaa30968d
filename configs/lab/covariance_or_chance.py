"""Is it the covariance? Clip-Cov beside tokens drawn at random, in the same number or with the same gradient.

Run:  python -m entropy_rl.experiment --config=configs/lab/covariance_or_chance.py --workdir=runs/lab
"""

from configs import countdown_clip_cov, countdown_grpo, countdown_random_positive
from configs.lab import _easy
from configs.lab._measures import LEFT, PASS_1, PASS_16, TEST_ENTROPY, difference, ratio
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study


def get_study() -> Study:
    matched = RandomControl(matched=ClipCov(fraction=1e-2), match="gradient_norm", side="both")
    return Study(
        name="covariance_or_chance",
        claim="what Clip-Cov does to entropy comes from the covariance of the tokens that it closes, not from a "
        "smaller update",
        source="ours; no such control is published for " + _easy.PAPER,
        rows=(18,),
        note="One control closes as many tokens, drawn from right answers; the other draws from all tokens until it "
        "has removed the same squared gradient.",
        bars=(
            Bar("entropy, Clip-Cov / as many random tokens", ratio("Clip-Cov", "random, number", TEST_ENTROPY), 1.2),
            Bar("entropy, Clip-Cov / as much gradient", ratio("Clip-Cov", "random, gradient", TEST_ENTROPY), 1.2),
            Bar("test pass@16, Clip-Cov - as much gradient", difference("Clip-Cov", "random, gradient", PASS_16), 0.03),
            Bar("test pass@1, Clip-Cov - as much gradient", difference("Clip-Cov", "random, gradient", PASS_1),
                decisive=False),
            Bar("entropy, as much gradient / GRPO", ratio("random, gradient", "GRPO", TEST_ENTROPY), decisive=False),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("Clip-Cov", countdown_clip_cov.get_config()),
            Arm("random, number", countdown_random_positive.get_config()),
            Arm("random, gradient", _easy.with_loss("random_gradient", gates=(matched,))),
        ),
        figures=(*FIGURES, ("entropy left", LEFT)),
    )  # fmt: skip
