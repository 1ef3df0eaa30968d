"""The composition: what a plan holds, and what is refused before anything is compiled."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from tests import examples


def test_the_plain_loss_is_the_token_mean_of_minus_advantage_times_ratio():
    stats = examples.example_stats(0)
    value, _ = examples.value_and_grad(PolicyLoss(UnclippedSurrogate()), stats)
    mask = np.asarray(stats.mask)
    expected = -(np.asarray(stats.advantages) * np.exp(stats.log_ratio))[mask].mean()
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_a_loss_requires_what_its_methods_read():
    assert PolicyLoss(ClippedSurrogate(), gates=(ClipCov(),)).requires == frozenset()
    assert PolicyLoss(ClippedSurrogate(), penalties=(ReferenceKl(),)).requires == {"reference_logprobs"}


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (PolicyLoss(ClippedSurrogate(), gates=cast(Any, ClipCov())), r"write a tuple: gates=\(Method\(\),\)"),
        (PolicyLoss(ClippedSurrogate), "not a method; write an instance"),
        (
            PolicyLoss(ClippedSurrogate(), penalties=(EntropyBonus(cast(Any, None)),)),
            "EntropyBonus.coefficient is None",
        ),
        (PolicyLoss(ClippedSurrogate(), covariance_logprobs="new"), "write 'current' or 'old'"),
    ],
)
def test_a_loss_that_makes_no_sense_is_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.validate()
