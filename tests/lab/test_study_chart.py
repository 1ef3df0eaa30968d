"""The picture of a study is one small file that shows every arm with a run, and reads on its own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from entropy_rl.lab import charts, study_chart
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Results

SVG = "{http://www.w3.org/2000/svg}"


def run(level: float, steps: int = 240) -> Run:
    records = [{"step": step, "entropy/token_mean": level * np.exp(-step / 90)} for step in range(1, steps + 1)]
    for record in records[::20]:
        record["validation/pass@1"] = 1 - record["entropy/token_mean"]
    return Run("", "run", {}, records, [], {})


def results(*arms: str) -> Results:
    return Results({arm: {(0, seed): run(1 + 0.1 * seed) for seed in range(3)} for arm in arms})


def drawn(found: Results, *series: str) -> ElementTree.Element:
    return ElementTree.fromstring(study_chart.draw(found, series or ("entropy/token_mean",), "a <title> & more"))


def texts(root: ElementTree.Element) -> str:
    return " ".join(node.text or "" for node in root.iter(f"{SVG}text"))


def test_every_metric_that_was_measured_has_a_panel():
    root = drawn(results("one"), "entropy/token_mean", "never/measured", "validation/pass@1")
    panels = [node for node in root if node.tag == f"{SVG}svg"]
    assert [panel.get("x") for panel in panels] == ["0", "440"] and root.get("viewBox").startswith("0 0 880 ")
    assert "entropy/token_mean" in texts(root) and "never/measured" not in texts(root)


def test_an_arm_has_one_line_and_a_band_over_its_seeds():
    root = drawn(results("one", "two"))
    assert len(list(root.iter(f"{SVG}polyline"))) == 2 and len(list(root.iter(f"{SVG}polygon"))) == 2


def test_short_names_stand_at_their_lines_and_long_ones_in_a_legend():
    short = drawn(results("GRPO", "KL-Cov"))
    assert not [node for node in short if node.tag == f"{SVG}g"] and "KL-Cov" in texts(short)
    long = drawn(results("GRPO", "a setting whose name is long"))
    assert [node for node in long if node.tag == f"{SVG}g"] and "a setting whose name is long" in texts(long)


def test_many_arms_take_several_rows_of_legend_inside_the_picture():
    root = drawn(results(*(f"a setting of the name {number}" for number in range(6))))
    rows = [node for node in root if node.tag == f"{SVG}g"]
    assert len(rows) > 1
    last = float(rows[-1].get("transform").split()[1].rstrip(")"))
    assert last < float(root.get("height")) - 4


def test_a_colour_that_is_used_again_has_a_mark_of_its_own():
    several = [f"an arm with a long name, {number}" for number in range(9)]
    text = study_chart.draw(results(*several), ("validation/pass@1",), "t")
    assert text.count("h5v12h-5z") == 9 - len(charts.COLOURS)


def test_an_arm_without_runs_keeps_its_colour_and_is_not_named():
    found = results("one", "two that has a long name")
    with_gap = Results({"missing": {}, **found.runs})
    assert "missing" not in texts(drawn(with_gap))
    colours = {node.get("stroke") for node in drawn(with_gap).iter(f"{SVG}g") if node.get("class") == "line"}
    assert colours == {
        "#D55E00",
        "#009E73",
    }  # the second and the third: a colour means the same when the runs are there


@pytest.mark.parametrize("found", [Results({}), Results({"one": {}})])
def test_without_runs_there_is_no_picture(found):
    assert study_chart.draw(found, ("entropy/token_mean",), "title") == ""


def test_the_file_is_small_and_its_text_is_escaped():
    text = study_chart.draw(results(*"abcdefghijkl"), ("entropy/token_mean",) * 3, "<b>")
    assert len(text) < 60_000 and "<b>" not in text
