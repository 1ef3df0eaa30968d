import dataclasses

import numpy as np
import pytest

from entropy_rl.lab import outcomes, runs, seeds, story
from entropy_rl.lab.panels import budget, law
from tests.lab import fake_runs


@pytest.fixture
def run(tmp_path) -> runs.Run:
    return runs.read_run(fake_runs.write_run(tmp_path / "grpo"))


def with_test(run: runs.Run, test: dict, base: dict, name: str = "grpo") -> runs.Run:
    return dataclasses.replace(run, name=name, summary={"test": test, "base": base})


def group(*members: runs.Run) -> seeds.Group:
    return seeds.Group(members[0].name, members)


def test_the_verdict_says_what_changed_and_what_entropy_is_left(run):
    test = {"pass@1": 0.5, "pass@1/interval": [0.47, 0.53], "pass@16": 0.7, "pass@16/interval": [0.67, 0.73]}
    base = {"pass@1": 0.25, "pass@1/interval": [0.22, 0.28], "pass@16": 0.8, "pass@16/interval": [0.77, 0.83]}
    verdict = story.verdict(group(with_test(run, test, base))).replace("\u202f", " ")
    assert verdict.startswith(
        "Solves 50.0 % of test problems at the first try (25.0 % before training), "
        "70.0 % within 16 tries (80.0 % before). Worse than before within 16 tries. Entropy collapsed: 6 % left"
    )


def test_overlapping_intervals_are_no_clear_change(run):
    test = {"pass@1": 0.5, "pass@1/interval": [0.45, 0.55]}
    base = {"pass@1": 0.44, "pass@1/interval": [0.4, 0.48]}
    assert "No clear change at the first try." in story.verdict(group(with_test(run, test, base)))


def test_a_run_under_way_is_judged_by_its_last_validation_and_its_step_zero(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "grpo", steps=50, summary=False))
    result = outcomes.outcome(run)
    assert result.source == "validation at step 40" and result.base_value("pass@1") < result.value("pass@1")
    assert "of validation problems (step 40)" in story.verdict(group(run))


def test_a_run_without_evaluation_says_so(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "grpo", evaluate_every=None, summary=False))
    assert story.verdict(group(run)).startswith("No evaluation recorded. Entropy collapsed")


def test_a_bad_end_is_told_first_with_its_reason(run):
    bad = dataclasses.replace(run, summary={"failed": "loss/total was not finite in step 13"})
    said = "to a bad end: loss/total was not finite in step 13. "
    assert story.verdict(group(bad)).startswith(f"Came {said}")
    assert story.tile(group(bad)).remarks.startswith(f"Came {said}")
    assert story.verdict(group(bad, run, bad)).startswith(f"2 of 3 runs came {said}")
    assert "bad end" not in story.verdict(group(run))


@pytest.mark.parametrize(
    ("floor", "words"), [(0.8, "held steady"), (1.2, "rose from"), (0.1, "running low"), (0.4, "still there")]
)
def test_entropy_is_described_by_what_is_left_of_it(tmp_path, floor, words):
    run = runs.read_run(fake_runs.write_run(tmp_path / "r", first=0.8, floor=floor))
    assert words in story.entropy_sentence(group(run))


def test_the_headline_names_the_leader_and_those_it_cannot_be_told_apart_from(run):
    tests = {"x": (0.5, [0.45, 0.55]), "y": (0.48, [0.43, 0.53]), "z": (0.2, [0.15, 0.25])}
    several = [group(with_test(run, {"pass@1": v, "pass@1/interval": i}, {}, name)) for name, (v, i) in tests.items()]
    assert story.headline(several).startswith(
        "Highest pass@1: x, 50.0\u202f% (intervals overlap with y). Entropy left: about 6\u202f%"
    )
    assert story.headline(several[:1]) == story.verdict(several[0])


def test_test_figures_are_never_ranked_against_validation_figures(run):
    assert "Highest" not in story.headline([group(run), group(dataclasses.replace(run, summary={}))])


def test_the_law_row_reads_the_planted_law_and_the_ceiling(run):
    row = law.law_table([group(run)]).rows[0]
    ceiling, low, high = (float(x.strip("[],")) for x in row[1].split())
    assert row[0] == "grpo" and row[4].startswith("exp(H) describes this run better")
    np.testing.assert_allclose(ceiling, 0.9, atol=0.01)  # b - a = 1.4 - 0.5
    assert low < ceiling < high


def test_the_law_row_and_the_chart_have_no_ceiling_where_the_reward_falls_as_entropy_is_spent(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "r", a=-0.15, b=0.2))
    row = law.law_table([group(run)]).rows[0]
    assert row[1] == "—" and row[5].startswith("-0.15") and "the law's direction does not hold here" in row[4]
    lines = law.section([group(run)]).figures[0].charts[0].data["series"]
    assert not any("ceiling" in line["label"] for line in lines)
    assert all(min(line["x"]) > 0 for line in lines)  # no curve goes on to H = 0
    upright = runs.read_run(fake_runs.write_run(tmp_path / "u"))
    mixed = law.law_table([group(upright, run)]).rows[0]
    assert mixed[1].startswith("0.9") and mixed[1].endswith("1 of 2 seeds") and "direction reversed" in mixed[4]


def test_too_short_a_run_has_rows_without_figures(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "r", steps=1))
    assert law.law_table([group(run)]).rows[0][1:4] == ["—"] * 3
    assert budget.table([group(run)]).rows[0] == ["grpo", *["— / —"] * 4]
