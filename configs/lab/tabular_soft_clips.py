"""Surrogates that keep the gradient of rare tokens: do they, and does it pay?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_soft_clips.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import difference, ratio
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Results, estimate
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.study import Study

SOFT = {"CISPO": CispoSurrogate(), "GPPO": CeGppoSurrogate(beta_low=1.0), "CE-GPPO": CeGppoSurrogate()}
GOAL = 0.9  # of PPO's last pass@1


def rare(run: Run) -> float:
    """Mean over the steps of the share of the push that goes to tokens with probability below .1."""
    return float(np.mean(run.series("tabular/rare_push")[1]))


def quicker(arm: str):
    """Steps to 90 % of what PPO reaches with the same seed, over PPO's own."""

    def measured(results: Results) -> Estimate:
        found = []
        for key, run in sorted(results.runs.get(arm, {}).items()):
            plain = results.runs["PPO"].get(key)
            if plain is not None:
                goal = GOAL * plain.series(_tabular.PASS_1)[1][-1]
                found.append(reached(run, goal) / reached(plain, goal))
        return estimate(found)

    return measured


def reached(run: Run, goal: float) -> float:
    """The first step with that pass@1; the run's length twice over where it is never reached."""
    steps, values = run.series(_tabular.PASS_1)
    return float(steps[np.argmax(values >= goal)] if (values >= goal).any() else 2 * steps[-1])


def get_study() -> Study:
    entropy = verdicts.last(_tabular.ENTROPY)
    return _tabular.study(
        "soft_clips",
        claim="CISPO, GPPO and CE-GPPO keep the gradient of rare tokens that PPO's clip drops, and learn faster",
        source="https://arxiv.org/abs/2506.13585, https://arxiv.org/abs/2508.07629, https://arxiv.org/abs/2509.20712",
        rows=(27,),
        note="8 epochs per rollout. Push: |d loss / d log pi|, tokens with probability below .1 at the rollout.",
        bars=(
            *(Bar(f"share of the push on rare tokens, {name} - PPO", difference(name, "PPO", rare), 0.0, whole=True)
              for name in SOFT),
            *(Bar(f"steps to 90 % of PPO's pass@1, {name} / PPO", quicker(name), high=0.8) for name in SOFT),
            *(Bar(f"entropy, {name} / PPO", ratio(name, "PPO", entropy), decisive=False) for name in SOFT),
        ),
        arms=(
            _tabular.arm("PPO", "high_0.2", loss=_tabular.clipped(), epochs=8),
            *(_tabular.arm(name, name.lower().replace("-", "_"), loss=PolicyLoss(surrogate=surrogate), epochs=8)
              for name, surrogate in SOFT.items()),
        ),
    )  # fmt: skip
