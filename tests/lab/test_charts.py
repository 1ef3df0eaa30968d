import itertools
import re

import numpy as np
import pytest

from entropy_rl.lab import charts
from entropy_rl.lab.charts import Line
from entropy_rl.lab.scales import Axis


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


def test_a_band_is_drawn_between_its_sides_and_read_under_the_pointer():
    x = np.array([0.0, 1.0])
    line = Line(0, x, np.array([1.0, 2.0]), "a", low=np.array([0.5, np.nan]), high=np.array([1.5, 3.0]))
    chart = charts.draw("t", Axis("x"), Axis("y"), [line])
    assert chart.svg.count("<polygon") == 1 and chart.data["y"]["high"] >= 3.0
    assert chart.data["series"][0]["low"] == [0.5, None]


def test_end_labels_go_where_they_would_cover_each_other():
    lines = [Line(i, np.arange(2.0), np.full(2, float(i)), f"line {i}") for i in range(20)]
    few, many = (charts.draw("t", Axis("x"), Axis("y"), lines[:count]) for count in (14, 20))
    assert few.svg.count('class="label"') == 14 and many.svg.count('class="label"') == 0
    assert len(many.data["series"]) == 20  # still named under the pointer


@pytest.mark.parametrize(
    ("label", "pixels"), [("my_model", 70), ("GRPO", 39), ("countdown_close…", 130), ("bonus", 41)]
)
def test_a_label_of_wide_letters_has_room_at_the_size_of_phones(label, pixels):
    """Pixels in DejaVu Sans at 13.5."""
    chart = charts.draw("t", Axis("x"), Axis("y"), [Line(0, np.arange(3.0), np.arange(3.0), label)]).svg
    start = float(re.search(r'<text class="label" x="([0-9.]+)"', chart)[1])
    assert start + pixels <= charts.WIDTH < start + 1.3 * pixels + 12


def test_the_eighth_line_is_not_the_first_one_again():
    lines = [Line(i, np.arange(2.0), np.arange(2.0), f"line {i}") for i in range(8)]
    svg = charts.draw("t", Axis("x"), Axis("y"), lines).svg
    assert svg.count('class="line again"') == 1
