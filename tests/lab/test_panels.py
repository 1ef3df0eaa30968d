"""The panels that only some runs have: what they draw, and that they are absent where nothing was measured."""

import numpy as np
import pytest

from entropy_rl.lab import runs, seeds
from entropy_rl.lab.panels import controllers, covariance, diversity, ledger
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
    assert not {"The closed loop", "The entropy ledger"} & set(alone)


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
