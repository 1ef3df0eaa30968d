"""Real processes agree on their data: the prompts are those of the simulation, and of the uninterrupted run."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from entropy_rl.training import processes
from tests.training.test_groups import Fleet

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def test_one_process_agrees_with_itself():
    assert processes.any_of(True) and not processes.any_of(False)
    assert processes.everyones({"a": 1}) == [{"a": 1}]


@pytest.mark.slow
def test_two_processes_repeat_after_a_stop_exactly_the_prompts_of_the_uninterrupted_run(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "tests.training.two_processes", port]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
    started = [
        subprocess.Popen([*command, str(process), str(tmp_path)], cwd=REPOSITORY, env=environment)
        for process in range(2)
    ]
    try:
        assert [process.wait(120) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
    records = [json.loads((tmp_path / f"{process}.json").read_text()) for process in range(2)]
    assert all(record["resumed"] == record["whole"] for record in records)
    assert records[0]["saved"] == records[1]["saved"]
    fleet = Fleet(2)
    simulated = [fleet.train_step() for _ in records[0]["whole"]]
    for process, record in enumerate(records):
        mine = [[list(one) for one in step[process]] for step in simulated]
        assert record["whole"] == mine
