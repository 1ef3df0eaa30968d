"""Dynamic sampling reads raw accuracy, keeps what lies inside its band, and never runs out of groups."""

from __future__ import annotations

import pytest

from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.rollout.filters import DynamicSampling, Signal
from entropy_rl.rollout.refinement import Refinement

NAN = float("nan")


@pytest.mark.parametrize(
    ("accuracy", "signal"),
    [
        (0.0, Signal.TOO_HARD),
        (0.125, Signal.KEPT),
        (0.875, Signal.KEPT),
        (1.0, Signal.TOO_EASY),
        (NAN, Signal.UNDECIDED),
    ],
)
def test_by_default_only_groups_of_equals_are_filtered(accuracy, signal):
    assert DynamicSampling().signal(accuracy) is signal


def test_the_bounds_of_the_band_are_outside_it():
    band = DynamicSampling(low=0.25, high=0.75)
    assert [band.signal(a) for a in (0.25, 0.26, 0.74, 0.75)] == [
        Signal.TOO_HARD,
        Signal.KEPT,
        Signal.KEPT,
        Signal.TOO_EASY,
    ]


def test_the_batch_is_filled_with_what_is_nearest_the_band():
    # distances to (0.25, 0.75): 0.25, undecided, 0.125, 0.25, 0.0; equals keep their order
    assert DynamicSampling(low=0.25, high=0.75).fallback([1.0, NAN, 0.125, 0.0, 0.75]) == [4, 2, 0, 3, 1]


@pytest.mark.parametrize(
    "rule", [DynamicSampling(low=0.5, high=0.5), DynamicSampling(low=-0.1), DynamicSampling(rounds=0)]
)
def test_a_number_outside_its_range_is_named(rule):
    with pytest.raises(ValueError, match="sampling"):
        rule.validate()


def test_it_is_not_combined_with_help_for_groups_that_it_takes_out():
    config = Config(loss=PolicyLoss(RefinementShaping()), refinement=Refinement(), sampling=DynamicSampling())
    with pytest.raises(ValueError, match="refinement helps groups that are all wrong, which sampling takes out"):
        config.resolved().validate()
