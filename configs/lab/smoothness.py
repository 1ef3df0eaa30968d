"""KL-Cov and Clip-Cov at about the same entropy: whose curve is the smoother one?

Run:  python -m entropy_rl.experiment --config=configs/lab/smoothness.py --workdir=runs/lab
"""

import numpy as np

from configs import countdown_clip_cov, countdown_kl_cov
from configs.lab import _easy
from configs.lab._measures import ENTROPY, TEST_ENTROPY, ratio
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study


def roughness(run: Run) -> float:
    """Standard deviation of the change of entropy from step to step, over the second half of the run."""
    values = run.series(ENTROPY)[1]
    return float(np.diff(values[len(values) // 2 :]).std(ddof=1))


def get_study() -> Study:
    return Study(
        name="smoothness",
        claim="the entropy of KL-Cov moves more smoothly than that of Clip-Cov",
        source=_easy.PAPER,
        rows=(16,),
        note="Compared over the second half of 240 steps, where both hold about .13 to .15 nats. The change from step "
        "to step holds the noise of a rollout, which is the same for both.",
        bars=(
            Bar("roughness, KL-Cov / Clip-Cov", ratio("KL-Cov", "Clip-Cov", roughness), high=0.7),
            Bar("entropy, KL-Cov / Clip-Cov", ratio("KL-Cov", "Clip-Cov", TEST_ENTROPY), decisive=False),
        ),
        arms=(Arm("KL-Cov", countdown_kl_cov.get_config()), Arm("Clip-Cov", countdown_clip_cov.get_config())),
        figures=(*FIGURES, ("roughness, nats", roughness)),
    )
