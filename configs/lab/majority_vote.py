"""Trained on its own majority vote: with votes of a slow average of itself, and the too certain left out, or without.

Run:  python -m entropy_rl.experiment --config=configs/lab/majority_vote.py --workdir=runs/lab
"""

from configs import countdown_grpo, countdown_majority_vote
from configs.lab import _easy
from configs.lab._measures import LEFT, mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.study import FIGURES, Arm, Study

PASS_1 = "validation/pass@1"


def fall(run: Run) -> float:
    """Validation pass@1 at its best, less the mean of its last three values."""
    return verdicts.highest(PASS_1)(run) - verdicts.last(PASS_1, 3)(run)


def get_study() -> Study:
    vote = MajorityVote(TaskAccuracy(countdown_grpo.get_config().task))
    return Study(
        name="majority_vote",
        claim="training on the majority vote collapses from its peak; votes of a momentum model with a filter of too "
        "certain answers (M-GRPO) keep what was reached",
        source="Bai et al. 2025 (M-GRPO), https://arxiv.org/abs/2512.13070; Zuo et al. 2025 (TTRL), "
        "https://arxiv.org/abs/2504.16084",
        rows=(37,),
        bars=(
            Bar("M-GRPO: validation pass@1, best - end", mean("anchors and filter", fall), high=0.02),
            Bar("vote alone: validation pass@1, best - end", mean("vote alone", fall), low=0.10),
            Bar("M-GRPO: entropy left", mean("anchors and filter", LEFT), decisive=False),
            Bar("vote alone: entropy left", mean("vote alone", LEFT), decisive=False),
        ),
        arms=(
            Arm("vote alone", _easy.changed("vote_alone", reward=vote)),
            Arm("anchors and filter", countdown_majority_vote.get_config()),
        ),
        figures=(*FIGURES, ("validation pass@1, best", verdicts.highest(PASS_1))),
    )
