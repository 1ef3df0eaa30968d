"""Countdown with three numbers: SIREN holds the entropy of the plausible tokens at an anchor near that of the base.

Run:     python -m entropy_rl.train --config=countdown_siren --workdir=runs/countdown_siren
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.siren import Siren
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.28), penalties=(Siren(anchor=0.8, coefficient=0.02),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_siren", loss=loss)
