"""The compile-time benchmark, on lengths that compile fastest."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from benchmarks import compile_time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_the_table_has_a_line_for_each_depth_and_peer():
    pair = {
        "cold": {"compile": 20.0, "programs": 9, "large": [["generate", 4.0]], "later": 0},
        "warm": {"compile": 2.5},
    }
    figures = {"layers": {2: pair, 24: pair}, "first_step_of_peers": {"tunix": 18.0}, "absent": {"trl": "not run"}}
    lines = compile_time.table(figures).splitlines()
    assert [line.split(" ", 1)[0] for line in lines[1:]] == ["2", "24", "tunix", "trl:"]
    assert [cell.strip() for cell in lines[1].split("|")] == ["2 layers", "20.0", "2.5", "9", "1", "0"]


@pytest.mark.slow
def test_a_measurement_counts_programs_and_a_second_step_compiles_none(tmp_path):
    flags = ["--size=S", "--new_tokens=4", "--measure_layers=1"]
    command = [sys.executable, "-m", "benchmarks.compile_time", *flags]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=600)
    found = json.loads(done.stdout)
    assert found["later"] == 0 < len(found["large"]) <= found["programs"]
    assert found["compile"] > 0
