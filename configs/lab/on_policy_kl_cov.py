"""With one update per rollout KL-Cov does nothing at all; with two it acts.

Run:  python -m entropy_rl.experiment --config=configs/lab/on_policy_kl_cov.py --workdir=runs/lab
"""

import dataclasses

import numpy as np

from configs.lab import _easy, _measures
from entropy_rl.config import Config
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.phases import EvaluationConfig
from entropy_rl.study import Arm, Study

MEASURED = ("reward/", "entropy/", "loss/", "update/gradient_norm", "update/log_ratio", "validation/")


def setting(mini_batches: int, penalised: bool) -> Config:
    name = f"on_policy_{'kl_cov' if penalised else 'none'}_{mini_batches}"
    penalties = (KlCov(fraction=2e-2, coefficient=2.0),) if penalised else ()
    config = _easy.with_loss(name, surrogate=UnclippedSurrogate(), penalties=penalties)
    evaluation = EvaluationConfig(every=10, problems=64, test_problems=64)
    return dataclasses.replace(config, update=_easy.updates(mini_batches), evaluation=evaluation, steps=20)


def largest_difference(one: Run, other: Run) -> float:
    """Of everything measured at any step: later rollouts are the same only if the parameters are."""
    keys = sorted(key for key in one.keys & other.keys if key.startswith(MEASURED))
    pairs = [(one.series(key)[1], other.series(key)[1]) for key in keys]
    return max(float(np.abs(a - b).max()) if len(a) == len(b) else float("inf") for a, b in pairs)


def between(arm: str, other: str):
    def measured(results: Results) -> Estimate:
        ours, theirs = results.runs.get(arm, {}), results.runs.get(other, {})
        found = [largest_difference(ours[key], theirs[key]) for key in ours if key in theirs]
        return Estimate(max(found), n=len(found)) if found else Estimate()

    return measured


def warned(run: Run) -> float:
    return float(any("KlCov" in str(warning) for warning in run.summary.get("warnings", [])))


def get_study() -> Study:
    return Study(
        name="on_policy_kl_cov",
        claim="KL-Cov is inert when each rollout serves one update: the penalty's gradient at ratio 1 is exactly 0",
        source="from the authors' loss, which nobody has published as a finding; " + _easy.PAPER,
        rows=(19,),
        note="Exact: every reward, entropy, loss and gradient norm of 20 steps, float32, is compared. The parameters "
        "cannot differ where all of these agree over 20 rollouts.",
        bars=(
            Bar("largest difference to no penalty, one update per rollout", between("one, KL-Cov", "one, none"), 0, 0),
            Bar("largest difference, two updates per rollout", between("two, KL-Cov", "two, none"), low=1e-6),
            Bar("share of runs in which the trainer warns of it", _measures.mean("one, KL-Cov", warned), 1, 1),
        ),
        arms=(
            Arm("one, none", setting(1, False)),
            Arm("one, KL-Cov", setting(1, True)),
            Arm("two, none", setting(2, False)),
            Arm("two, KL-Cov", setting(2, True)),
        ),
    )
