"""Qwen2.5-32B, DAPO-Math-17k: KL-Cov, as in the authors' script; the rest as paper_qwen25_32b.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=paper_qwen25_32b_kl_cov --workdir=runs/paper_qwen25_32b_kl_cov
Made for 32 devices.
Result:  not yet measured
"""

import dataclasses

from configs import paper_qwen25_32b
from entropy_rl.config import Config
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate


def get_config() -> Config:
    loss = PolicyLoss(surrogate=UnclippedSurrogate(), penalties=(KlCov(fraction=2e-4, coefficient=1.0),))
    return dataclasses.replace(paper_qwen25_32b.get_config(), name="paper_qwen25_32b_kl_cov", loss=loss)
