"""The command as a user runs it, on the smallest size."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_command_prints_one_line_with_the_peers_keys():
    flags = ["--size=S", "--steps=2", "--new_tokens=4", "--micro_batches=4"]
    command = [sys.executable, "benchmarks/step.py", *flags]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=600)
    (line,) = done.stdout.splitlines()
    record = json.loads(line)
    assert record["toks"] == [128 * 4] * 2 and record["NT"] == 1 and record["B"] == 128
    for (step, _), (score, _), (update, _) in zip(record["steps"], record["score"], record["update"], strict=True):
        assert 0 < score < step and abs(step - score - update) < 0.1 * step
    keys = {"peer", "size", "flops", "load", "gen", "import_s", "setup_s", "first_step_end_s", "peak_rss_GiB"}
    assert keys <= record.keys()
