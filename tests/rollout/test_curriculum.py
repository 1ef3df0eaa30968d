"""A curriculum orders a window of problems by their measured pass rates, and loses none for good."""

from __future__ import annotations

import pytest

from entropy_rl.rollout.curriculum import Band, EasiestFirst

LOTS = [0.5, 0.5, 0.5, 0.5, 0.05]


def test_a_band_asks_what_lies_in_it_or_is_unknown_or_drawn_again():
    rates = [None, 0.05, 0.5, 1.0, 0.0]  # unknown, too hard, inside, too easy, too hard but its lot 0.05 < 0.1
    assert Band(low=0.1, high=0.9, revisit=0.1).order(rates, LOTS) == [0, 2, 4]


def test_the_bounds_of_a_band_belong_to_it():
    assert Band(low=0.25, high=0.75, revisit=0.01).order([0.25, 0.75, 0.24, 0.76], LOTS[:4]) == [0, 1]


def test_the_easiest_come_first_and_equals_keep_their_order():
    assert EasiestFirst(unasked=0.5).order([0.5, 1.0, None, 0.0, 0.75], LOTS) == [1, 4, 0, 2, 3]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Band(low=0.9, high=0.1), "0 <= low < high <= 1"),
        (Band(revisit=0.0), "keeps problems from being lost"),
        (Band(window=0), "curriculum.window is 0"),
        (Band(memory=1.0), "curriculum.memory is 1.0"),
        (EasiestFirst(unasked=2.0), "curriculum.unasked is 2.0"),
        (EasiestFirst(window=-1), "curriculum.window is -1"),
    ],
    ids=repr,
)
def test_a_number_outside_its_range_is_named(rule, message):
    with pytest.raises(ValueError, match=message):
        rule.validate()


def test_the_defaults_are_in_range():
    Band().validate()
    EasiestFirst().validate()
