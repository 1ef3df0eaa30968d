"""A leash to the base holds entropy and costs accuracy; a leash that is reset gives the accuracy back.

Run:  python -m entropy_rl.experiment --config=configs/lab/reference_reset.py --workdir=runs/lab
"""

from configs import countdown_grpo
from configs.lab import _easy
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY, difference, ratio
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.lab.verdicts import Bar
from entropy_rl.references import FixedReference, ResetReference
from entropy_rl.study import Arm, Study


def get_study() -> Study:
    leash = (ReferenceKl(coefficient=0.05),)
    fixed = _easy.with_loss("leash_fixed", penalties=leash, reference=FixedReference())
    reset = _easy.with_loss("leash_reset", penalties=leash, reference=ResetReference(every=60))
    return Study(
        name="reference_reset",
        claim="a KL penalty to the base holds entropy but lowers accuracy at every coefficient; resetting the "
        "reference now and then recovers it",
        source=_easy.PAPER + "; Liu et al. 2025 (ProRL), https://arxiv.org/abs/2505.24864",
        rows=(24,),
        note="One coefficient, .05, and a reset every 60 of 240 steps, chosen before the runs. ProRL's own "
        "preset, weaker and with clip-higher, is configs/countdown_prorl.py.",
        bars=(
            Bar("entropy, fixed leash / GRPO", ratio("fixed", "GRPO", TEST_ENTROPY), low=1.5),
            Bar("test pass@1, fixed leash - GRPO", difference("fixed", "GRPO", PASS_1), high=-0.02),
            Bar("test pass@1, reset - fixed leash", difference("reset", "fixed", PASS_1), low=0.02),
            Bar("entropy, reset / GRPO", ratio("reset", "GRPO", TEST_ENTROPY), decisive=False),
            Bar("test pass@16, fixed leash - GRPO", difference("fixed", "GRPO", PASS_16), decisive=False),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("fixed", fixed),
            Arm("reset", reset),
        ),
    )
