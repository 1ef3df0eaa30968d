"""Countdown with three numbers: clip-higher and a leash to a reference that is reset when validation stalls.

ProRL's bounds and its small leash; a reset after 3 evaluations without a better pass@1, or when the policy is half a
nat away.

Run:     python -m entropy_rl.train --config=countdown_prorl --workdir=runs/countdown_prorl
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.references import ResetReference


def get_config() -> Config:
    base = countdown_grpo.get_config()
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.4), penalties=(ReferenceKl(coefficient=0.01),)
    )
    return dataclasses.replace(
        base, name="countdown_prorl", loss=loss, reference=ResetReference(plateau=3, kl_above=0.5)
    )
