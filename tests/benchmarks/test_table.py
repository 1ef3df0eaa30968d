"""The README's table is what was measured."""

from __future__ import annotations

import pytest

from benchmarks import table

STEP = {
    "benchmark": "step", "size": "S", "shape": "fixed", "unit": "cpu-s", "rounds": 5, "commit": "abcdef123456",
    "dirty": False, "hardware": "a processor, 2 cores", "load": [3.2, 3.0, 3.0], "peers": {"trl": {"trl": "1.16.0"}},
    "limit": {"steps": 0.8}, "ratios": {"steps": {"trl": 1.6}},
    "medians": {"entropy_rl": {"toks": 8000, "tokens_per_s": 6000.4}, "trl": {"toks": 8000, "tokens_per_s": 3750.2}},
}  # fmt: skip


def test_the_readme_is_up_to_date_with_the_results():
    readme = table.README.read_text()
    assert table.placed(readme, table.section(table.results())) == readme, "run python benchmarks/table.py"


def test_a_row_gives_rates_and_the_best_peer():
    row = table.steps_table([STEP]).splitlines()[2]
    assert row == "| S: 16-token prompts, 64 new tokens (cpu-s) | 10,000 | **6,000** | 3,750 | 1.6 × |"  # 8000 / .8


def test_a_peer_that_was_not_run_leaves_its_cell_empty():
    alone = STEP | {"size": "M", "medians": {"entropy_rl": STEP["medians"]["entropy_rl"]}, "ratios": {"steps": {}}}
    assert table.steps_table([STEP, alone]).splitlines()[3].endswith("| **6,000** |  |  |")


def test_changed_code_is_said():
    assert "abcdef1 with changes" in table.about([STEP | {"dirty": True}])
    assert "with changes" not in table.about([STEP])


def test_without_results_nothing_is_claimed():
    assert table.section([]) == "Not yet measured."


def test_the_rest_of_the_readme_stays_as_it_is():
    readme = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.placed(readme, "new") == f"before\n{table.BEGIN}\nnew\n{table.END}\nafter\n"


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="write both"):
        table.placed("nothing", "new")
