"""Countdown with three numbers: tokens of wrong answers that would cost most entropy sit out (Clip_B).

Run:     python -m entropy_rl.train --config=countdown_entropy_discriminator --workdir=runs/discriminator
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.entropy_discriminator import EntropyDiscriminator
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(EntropyDiscriminator(mu=2.5),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_entropy_discriminator", loss=loss)
