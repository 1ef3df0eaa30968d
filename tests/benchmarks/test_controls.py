"""Paired differences, and that the benchmark's losses can run."""

from __future__ import annotations

import pytest

from benchmarks import controls


def test_the_cost_is_the_median_of_paired_differences():
    # Differences .1, .3, .2: median .2. Steps 1 + 2, 1 + 4, 1 + 6: median 5. Medians taken apart would give .3.
    found = controls.cost(8, "old", [1.0, 1.0, 1.0], [2.0, 4.0, 6.0], [2.1, 4.3, 6.2])
    assert (found.added, found.plain, found.share) == pytest.approx((0.2, 5.0, 0.04))


def test_every_timed_loss_is_valid_and_the_controls_read_statistics():
    for name, loss in controls.LOSSES.items():
        loss.validate()
        assert loss.reads_statistics == (name != "plain")


def test_the_table_has_a_line_for_each_cost_and_names_the_limit():
    rows = controls.table([controls.Cost(1, "old", 2.0, 0.05), controls.Cost(8, "current", 2.0, 0.1)]).splitlines()
    assert len(rows) == 3
    assert "2.5%" in rows[1] and "3%" in rows[1] and "5.0%" in rows[2]
