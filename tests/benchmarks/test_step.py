"""The command as a user runs it, on the smallest size."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_command_prints_its_limit_and_how_to_get_the_peers():
    flags = ["--size=S", "--rounds=1", "--new_tokens=4", "--micro_batches=4"]
    command = [sys.executable, "benchmarks/step.py", *flags]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=600)
    *text, line = done.stdout.splitlines()
    record, laps = json.loads(line), json.loads(line)["laps"]["entropy_rl"]
    assert laps["toks"] == [128 * 4] * 2 and record["threads"] == 1
    for (step, _), (score, _), (update, _) in zip(laps["steps"], laps["score"], laps["update"], strict=True):
        assert 0 < score < step and abs(step - score - update) < 0.1 * step
    assert 0 < record["limit"]["steps"] < record["medians"]["entropy_rl"]["steps"]
    assert "--trl_python" in record["absent"]["trl"] and "--trl_python" in "".join(text)
