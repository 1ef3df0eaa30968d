import math

import numpy as np
import pytest

from entropy_rl.lab import scales
from entropy_rl.lab.scales import Axis


@pytest.mark.parametrize(
    ("span", "step"), [(0.11, 0.2), (0.2, 0.2), (1.0, 1.0), (3.0, 5.0), (7.0, 10.0), (120.0, 200.0)]
)
def test_steps_between_ticks_are_one_two_or_five_times_a_power_of_ten(span, step):
    assert math.isclose(scales.nice_step(span), step)


def test_a_scale_covers_its_values_and_ends_on_ticks():
    scale = scales.make_scale([np.array([0.13, 0.87])], Axis("x"), 0.0, 100.0)
    np.testing.assert_allclose(scale.ticks, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], atol=1e-12)
    np.testing.assert_allclose(scale(np.array([0.0, 0.5, 1.0])), [0.0, 50.0, 100.0], atol=1e-9)


@pytest.mark.parametrize("values", [[], [0.0], [5.0, 5.0], [-3.0], [np.nan]])
@pytest.mark.parametrize("log", [False, True])
def test_a_scale_survives_data_without_extent(values, log):
    scale = scales.make_scale([np.array(values)], Axis("x", log=log), 0.0, 100.0)
    assert scale.high > scale.low and len(scale.ticks) >= 2


def test_logarithmic_ticks_are_decades_over_a_long_range_and_finer_over_a_short_one():
    assert scales.make_scale([np.array([1e-5, 10.0])], Axis("x", log=True), 0, 1).ticks == pytest.approx(
        [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10]
    )
    assert scales.make_scale([np.array([0.2, 0.9])], Axis("x", log=True), 0, 1).ticks == pytest.approx(
        [0.1, 0.2, 0.5, 1]
    )


@pytest.mark.parametrize(
    ("value", "axis", "text"),
    [
        (0.30000000000000004, Axis(""), "0.3"),
        (-1e-17, Axis(""), "0"),
        (0.25, Axis("", percent=True), "25 %"),
        (1e-4, Axis(""), "10⁻⁴"),
        (2e-5, Axis(""), "2·10⁻⁵"),
        (20_000, Axis(""), "20\u202f000"),
    ],
)
def test_tick_labels_show_no_more_digits_than_the_number_has(value, axis, text):
    assert scales.tick_text(value, axis) == text


def test_what_lies_beyond_an_axis_is_moved_to_its_end():
    scale = scales.make_scale([np.array([1.0])], Axis("x", log=True, low=0.1, high=10.0), 0.0, 100.0)
    np.testing.assert_allclose(scale.clipped(np.array([-1.0, 1.0, 1e9])), [0.0, 50.0, 100.0], atol=1e-9)


@pytest.mark.parametrize(
    ("value", "axis", "ends"),
    [(0.0, Axis("x"), (0.0, 1.0)), (0.0, Axis("x", low=0.0), (0.0, 1.0)), (0.0, Axis("x", percent=True), (0.0, 1.0))],
)
def test_what_is_zero_throughout_stands_at_the_bottom(value, axis, ends):
    scale = scales.make_scale([np.full(3, value)], axis, 0.0, 100.0)
    assert (scale.low, scale.high) == ends


def test_one_value_lies_between_its_ends_and_a_fixed_end_stays():
    free = scales.make_scale([np.array([-3.0])], Axis("x"), 0.0, 100.0)
    assert free.low < -3.0 < free.high
    fixed = scales.make_scale([np.array([5.0])], Axis("x", low=0.0), 0.0, 100.0)
    assert fixed.low == 0.0 and fixed.high >= 5.0
