"""The cost of the ledger, as the benchmark states it."""

from __future__ import annotations

import pathlib

import pytest

from benchmarks import ledger
from tests.training import tiny_run


def test_what_a_ledger_adds_is_paired_with_the_run_without_one():
    # differences .1, .1 and .4: the median is .1, of a median step of 2
    found = ledger.shares({"off": [1.0, 2.0, 3.0], "default": [1.1, 2.1, 3.4], "full": [2.0, 3.0, 4.0]})
    assert found["default"] == {"step": pytest.approx(2.1), "added": pytest.approx(0.1), "share": pytest.approx(0.05)}
    assert found["full"]["share"] == pytest.approx(0.5) and found["off"]["added"] == 0.0


def test_each_round_of_the_default_has_one_entry(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ledger.LEDGERS, "default", ledger.Ledger(every=2, rows=4))
    seconds = ledger.measure(tiny_run.get_config(), tmp_path, str(tmp_path / "bases"), rounds=1)
    assert {name: len(values) for name, values in seconds.items()} == {"off": 1, "default": 1, "full": 1}
    lines = (tmp_path / "default" / "metrics.jsonl").read_text().splitlines()
    assert ["ledger/change" in line for line in lines] == [False, True, False, True]
