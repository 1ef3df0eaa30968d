"""Countdown with three numbers: the policy loss on the fifth of the tokens with the highest entropy.

Run:     python -m entropy_rl.train --config=countdown_forking_tokens --workdir=runs/countdown_forking_tokens
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(ForkingTokens(fraction=0.2),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_forking_tokens", loss=loss)
