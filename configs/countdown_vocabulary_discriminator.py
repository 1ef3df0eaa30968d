"""Countdown with three numbers: Clip_V drops the tokens of wrong answers that cost the most entropy.

Run:     python -m entropy_rl.train --config=countdown_vocabulary_discriminator --workdir=runs/vocabulary_discriminator
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.entropy_discriminator import VocabularyDiscriminator
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    gate = VocabularyDiscriminator(mu=2.0, fraction=1e-2)
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.2), gates=(gate,))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_vocabulary_discriminator", loss=loss)
