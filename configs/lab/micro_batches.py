"""The update does not depend on how many micro-batches it is computed in, selection by covariance included.

Run:  python -m entropy_rl.experiment --config=configs/lab/micro_batches.py --workdir=runs/lab
"""

import dataclasses

from configs.lab import _easy
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.phases import EvaluationConfig
from entropy_rl.study import Arm, Study

MICRO_BATCHES = (1, 2, 4, 8, 16)
SELECTED = ("select/ClipCov/fraction", "select/KlCov/fraction")


def setting(micro_batches: int) -> Config:
    gates, penalties = (ClipCov(fraction=1e-2),), (KlCov(fraction=2e-2, coefficient=2.0),)
    config = _easy.with_loss(f"micro_batches{micro_batches}", gates=gates, penalties=penalties)
    evaluation = EvaluationConfig(every=0, problems=16, test_problems=16)
    update = _easy.updates(mini_batches=1, micro_batches=micro_batches)
    return dataclasses.replace(config, update=update, evaluation=evaluation, steps=1)


def largest(*keys: str, relative: bool = True):
    """Difference to one micro-batch, over all numbers of micro-batches and seeds."""

    def measured(results: Results) -> Estimate:
        gaps = []
        for count in MICRO_BATCHES[1:]:
            for key in keys:
                ours, whole = results.paired(str(count), "1", verdicts.last(key))
                gaps += list(abs(ours - whole) / (abs(whole) if relative else 1.0))
        return Estimate(max(gaps), n=len(gaps)) if gaps else Estimate()

    return measured


def get_study() -> Study:
    return Study(
        name="micro_batches",
        claim="public code selects tokens in each micro-batch, so that its gradient depends on their number; ours does "
        "not",
        source="ours; ALGORITHMS of " + _easy.PAPER,
        rows=(20,),
        note="One rollout of 512 answers and one update on them, computed in 1 to 16 micro-batches, float32. Of the "
        "gradient its norm is compared; tests/training hold the gradients themselves to 1e-5.",
        bars=(
            Bar("gradient norm, largest relative difference", largest("update/gradient_norm"), high=1e-6),
            Bar("tokens selected, largest difference", largest(*SELECTED, relative=False), 0, 0),
        ),
        arms=tuple(Arm(str(count), setting(count)) for count in MICRO_BATCHES),
        series=(),
        figures=(("gradient norm", verdicts.last("update/gradient_norm")),),
    )  # fmt: skip
