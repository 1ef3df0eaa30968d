"""The panels that only some runs have: what they draw, and that they are absent where nothing was measured."""

import json
import pathlib

import numpy as np
import pytest

from entropy_rl.lab import runs, seeds, test_time
from entropy_rl.lab.panels import controllers, covariance, diversity, ledger, probe
from entropy_rl.lab.panels import test_time as test_time_panel
from entropy_rl.lab.sections import sections
from tests.lab import fake_metrics, fake_runs


@pytest.fixture
def groups(tmp_path) -> list[seeds.Group]:
    """Two seeds of one setting that measured everything, and one run that measured nothing more."""
    folders = [fake_metrics.add(fake_runs.write_run(tmp_path / str(i), seed=i)) for i in range(2)]
    return seeds.grouped(runs.read_runs([*folders, fake_runs.write_run(tmp_path / "plain", "plain")]))


def lines(figure, chart: int = 0) -> dict[str, dict]:
    return {line["label"]: line for line in figure.charts[chart].data["series"]}


def test_a_section_is_there_if_one_run_has_its_metrics_and_absent_if_none_has(groups):
    titles = [section.title for section in sections(groups)]
    assert {"The closed loop", "The entropy ledger", "Diversity and coverage"} <= set(titles)
    alone = [section.title for section in sections(groups[1:])]
    assert not {"The closed loop", "The entropy ledger", "What is left of the base", "At test time"} & set(alone)


def test_the_parts_of_the_ledger_add_up_to_the_whole_and_stand_for_the_steps_between(groups):
    drawn = lines(ledger.section(groups).figures[0])
    whole = drawn.pop("all parts, mean of 2")
    parts = [line for name, line in drawn.items() if name.startswith("A")]
    assert len(parts) == 5
    np.testing.assert_allclose(np.sum([line["y"] for line in parts], axis=0), whole["y"], atol=1e-4)
    # entries of every 5th step, each 0.9 of the change per step: over the run 0.9 of the fall of entropy
    entropy = [np.array(run.series("entropy/token_mean")[1]) for run in groups[0].runs]
    fall = np.mean([e[115] - e[0] for e in entropy])
    assert whole["y"][-1] == pytest.approx(0.9 * fall, abs=0.02)


def test_the_ledgers_tables_tell_how_well_the_first_order_and_the_proxies_do(groups):
    table, kinds = ledger.section(groups).tables
    (row,) = table.rows  # the run without a ledger has no row
    assert float(row[1]) > 0.99 and float(row[2]) == pytest.approx(1 / 0.9, abs=0.01) and row[3] == "0.980"
    assert float(row[5]) > float(row[6]) > 0.4
    assert kinds.header[2] == "execution" and kinds.rows[0][2].startswith("−0.") and kinds.rows[0][1] == "+0.000"


def test_the_loop_shows_target_entropy_actuators_and_saturation_in_one_panel(groups):
    (panel,) = controllers.section(groups).figures
    assert len(panel.charts) == 3  # entropy and target, two actuators
    assert {"target ±5 % of the first entropy", "entropy, moving mean, mean of 2"} == set(lines(panel))
    assert panel.charts[0].svg.count("<rect") == 1 and panel.charts[2].svg.count("<rect") == 0
    shared = [chart.data["x"]["low"] for chart in panel.charts], [chart.data["x"]["high"] for chart in panel.charts]
    assert len(set(shared[0])) == len(set(shared[1])) == 1


def test_the_loops_table_says_that_it_does_not_hold(groups):
    row = controllers.section(groups).tables[0].rows[0]
    # half of the first entropy is the target, and a twentieth of it is what is left: some 90 % below
    assert row[0] == "grpo, entropy" and row[1].startswith("−8") and row[-1] == "does not hold"
    assert row[5] == "17\u202f%"  # 20 of 120 steps


def test_a_stretch_of_saturation_begins_and_ends_where_it_does(groups):
    spans = controllers._saturated(0, groups[0], "controller/entropy")
    np.testing.assert_array_equal(spans.x, [20.0, 39.0])


def test_pass_at_k_is_drawn_for_every_k_beside_the_base_and_pairs_are_compared(groups):
    found = diversity.section(groups)
    drawn = lines(found.figures[0])
    assert drawn["before training"]["x"] == [1.0, 4.0, 16.0]
    pair = seeds.grouped([groups[0].runs[0]]) + [seeds.Group("other", (groups[0].runs[1],))]
    (row,) = diversity.crossing_table(pair).rows
    assert row[0] == "grpo less other" and "[" in row[1]
    assert diversity.crossing_table(groups).rows == []  # the plain run holds no counts


def test_covariance_by_difficulty_is_drawn_for_those_that_measured_it(groups):
    titles = [figure.title for figure in covariance.sections(groups)[0].figures]
    assert titles.count("Covariance by difficulty: grpo") == 1 and "Covariance by difficulty: plain" not in titles
    table = covariance.sections(groups)[0].tables[0]
    assert table.rows == [["grpo", "9", "—", "0.8", "—", "—"]]


def probed(folder: pathlib.Path, seed: int, rare: float) -> pathlib.Path:
    found = {"probe/fork_overlap": 0.4 + 0.2 * seed, "probe/fork_entropy": 0.3}
    found |= {"probe/rare_tokens": rare, "probe/rare_survival": 0.5 * seed}
    found |= {"probe/uncommon_tokens": 40.0, "probe/uncommon_survival": 0.25}
    return fake_runs.write_run(folder / str(seed), seed=seed, overrides=found)


def test_what_is_left_of_the_base_is_drawn_where_there_are_enough_tokens_to_tell(tmp_path):
    plain = fake_runs.write_run(tmp_path / "plain", "plain")
    few = seeds.grouped(runs.read_runs([*(probed(tmp_path / "few", seed, rare=3.0) for seed in range(2)), plain]))
    found = probe.section(few)
    titles = [figure.title for figure in found.figures]
    assert titles[0] == "Right tokens of 10 to 30\u202f% that survive"
    assert titles[1:] == ["Forks that are still forks", "Entropy at the base's forks"]
    overlap = lines(found.figures[1])["grpo, mean of 2"]
    assert overlap["y"][0] == 0.5 and overlap["low"][0] == 0.4 and overlap["high"][0] == 0.6
    # 3 + 3 rare tokens, of which none and half survive; the run without a probe has no row
    assert found.tables[0].rows == [["grpo", "6", "25\u202f%", "80", "25\u202f%", "50\u202f%"]]
    many = seeds.grouped(runs.read_runs([probed(tmp_path / "many", seed, rare=10.0) for seed in range(2)]))
    assert [figure.title for figure in probe.section(many).figures][0] == "Right tokens of 1 to 10\u202f% that survive"


def swept(folder: pathlib.Path, seed: int, *temperatures: float) -> None:
    """Half of 40 problems are answered rightly each time, the others by a share that falls with temperature."""
    cells = []
    for temperature in temperatures:
        correct = np.arange(40)[:, None] % 2 == 0
        correct = correct | (np.random.default_rng(seed).random((40, 8)) < 0.4 / temperature)
        answers = [["right" if right else f"wrong {place}" for place, right in enumerate(row)] for row in correct]
        given = {"temperature": temperature, "length": 9, "entropy": 0.3, "mean_length": 8.0}
        cells.append(test_time.cell(correct, answers, correct * 1.0, **given))
    document = test_time.to_json(test_time.Sweep(120, 40, 8, tuple(cells)))
    (folder / test_time.FILE).write_text(json.dumps(document))


def test_a_sweep_is_drawn_over_temperature_and_over_answers(tmp_path):
    folders = [fake_runs.write_run(tmp_path / str(seed), seed=seed) for seed in range(2)]
    swept(folders[0], 0, 0.5, 1.0, 2.0)
    (one,) = seeds.grouped(runs.read_runs(folders))  # of one of the two seeds
    found = test_time_panel.section([one])
    over_temperature, over_samples = found.figures
    (line,) = lines(over_temperature).values()
    assert line["x"] == [0.5, 1.0, 2.0] and line["y"][0] > line["y"][1] > line["y"][2]
    assert all(low < y < high for low, y, high in zip(line["low"], line["y"], line["high"], strict=True))
    drawn = lines(over_samples)
    assert set(drawn) == {"perfect judge", "vote", "own choice"} and drawn["vote"]["x"] == [1.0, 2.0, 4.0, 8.0]
    assert len({values["y"][0] for values in drawn.values()}) == 1  # one answer leaves no choice
    assert over_samples.caption == "At temperature 1." and "95" in over_temperature.caption
    assert [row[1] for row in found.tables[0].rows] == ["0.5", "1", "2"]
    swept(folders[1], 1, 0.5, 1.0, 2.0)
    (both,) = seeds.grouped(runs.read_runs(folders))
    first, second = test_time_panel.section([both]).figures
    assert "grpo, mean of 2" in lines(first) and "lowest to highest seed" in first.caption
    assert "vote, mean of 2" in lines(second)


@pytest.mark.parametrize("text", ['{"step": 1, "cel', "[]", '{"step": 1, "problems": 2, "samples": 4, "cells": [3]}'])
def test_a_sweep_that_is_cut_is_left_out_of_the_report(tmp_path, text):
    folder = fake_runs.write_run(tmp_path / "a")
    (folder / test_time.FILE).write_text(text)
    assert test_time_panel.section(seeds.grouped(runs.read_runs([folder]))).figures == []


def test_one_temperature_and_one_answer_leave_nothing_to_draw(tmp_path):
    folder = fake_runs.write_run(tmp_path / "a")
    only = test_time.cell(
        np.ones((3, 1), bool), [["a"]] * 3, np.ones((3, 1)), temperature=1.0, length=4, entropy=0.0, mean_length=4.0
    )
    document = test_time.to_json(test_time.Sweep(1, 3, 1, (only,)))
    (folder / test_time.FILE).write_text(json.dumps(document))
    found = test_time_panel.section(seeds.grouped(runs.read_runs([folder])))
    assert found.figures == [] and found.tables[0].rows[0][1:4] == ["1", "4", "100.0\u202f% [100.0, 100.0]"]
