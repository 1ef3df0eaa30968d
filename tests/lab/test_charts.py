import itertools
import math

import numpy as np
import pytest

from entropy_rl.lab import charts
from entropy_rl.lab.charts import Axis, Line


@pytest.mark.parametrize(
    ("span", "step"), [(0.11, 0.2), (0.2, 0.2), (1.0, 1.0), (3.0, 5.0), (7.0, 10.0), (120.0, 200.0)]
)
def test_steps_between_ticks_are_one_two_or_five_times_a_power_of_ten(span, step):
    assert math.isclose(charts.nice_step(span), step)


def test_a_scale_covers_its_values_and_ends_on_ticks():
    scale = charts.make_scale([np.array([0.13, 0.87])], Axis("x"), 0.0, 100.0)
    np.testing.assert_allclose(scale.ticks, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], atol=1e-12)
    np.testing.assert_allclose(scale(np.array([0.0, 0.5, 1.0])), [0.0, 50.0, 100.0], atol=1e-9)


@pytest.mark.parametrize("values", [[], [0.0], [5.0, 5.0], [-3.0], [np.nan]])
@pytest.mark.parametrize("log", [False, True])
def test_a_scale_survives_data_without_extent(values, log):
    scale = charts.make_scale([np.array(values)], Axis("x", log=log), 0.0, 100.0)
    assert scale.high > scale.low and len(scale.ticks) >= 2


def test_logarithmic_ticks_are_decades_over_a_long_range_and_finer_over_a_short_one():
    assert charts.make_scale([np.array([1e-5, 10.0])], Axis("x", log=True), 0, 1).ticks == pytest.approx(
        [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10]
    )
    assert charts.make_scale([np.array([0.2, 0.9])], Axis("x", log=True), 0, 1).ticks == pytest.approx(
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
    assert charts.tick_text(value, axis) == text


def test_labels_are_pushed_apart_and_stay_inside_and_in_order():
    placed = charts.spread([50.0, 51.0, 52.0, 99.0, 10.0], gap=14.0, low=0.0, high=100.0)
    ordered = sorted(placed)
    assert all(b - a >= 14 - 1e-9 for a, b in itertools.pairwise(ordered)) and ordered[0] >= 0 and ordered[-1] <= 100
    assert placed[4] < placed[0] < placed[1] < placed[2] < placed[3]


def test_labels_without_room_share_what_there_is():
    assert charts.spread([5.0] * 11, gap=14.0, low=0.0, high=100.0) == pytest.approx([10.0 * i for i in range(11)])


def test_long_lines_are_thinned_but_keep_their_ends_and_lose_what_is_not_finite():
    line = Line(0, np.arange(10_000.0), np.where(np.arange(10_000) == 5, np.nan, 1.0)).thinned()
    assert len(line.x) == charts.MOST_POINTS and line.x[0] == 0 and line.x[-1] == 9999 and np.isfinite(line.y).all()


def test_text_in_a_chart_is_escaped_and_a_single_point_is_visible():
    line = Line(0, np.array([1.0]), np.array([2.0]), label="<script>")
    chart = charts.draw('"><script>', Axis("<b>"), Axis("y"), [line])
    assert "<script>" not in chart.svg and "<b>" not in chart.svg and "<circle" in chart.svg


def test_values_below_zero_are_left_out_of_a_logarithmic_chart():
    chart = charts.draw("t", Axis("x"), Axis("y", log=True), [Line(0, np.arange(3.0), np.array([-1.0, 0.0, 1.0]), "a")])
    assert chart.data["series"][0]["y"] == [1.0]
