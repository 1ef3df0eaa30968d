"""Two real processes are one run: they train, resume, notice each other's end, and refuse to differ."""

from __future__ import annotations

import json
import os
import pathlib
import random
import signal
import sys
import time

import numpy as np
import pytest

from entropy_rl.parallel import watchdog
from tests.training import hosts, resuming
from tests.training.hosts import codes, log_of
from tests.training.resuming import finished_checkpoints, last_step, outcome

ABORTED = -signal.SIGABRT  # how JAX ends a process when the first one, which holds its service, is gone
LOST = (watchdog.EXIT_CODE, ABORTED)
SHORT = ("--set=steps=4",)


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("bases")


@pytest.mark.slow
def test_two_processes_train_one_run_and_only_the_first_writes(bases, tmp_path):
    workdir = tmp_path / "run"
    with hosts.training(workdir, bases, "--set=steps=2") as processes:
        assert codes(processes) == [0, 0], log_of(workdir, 1).read_text()[-2000:]
    records = resuming.outcome(workdir)
    assert [record["step"] for record in records["metrics"]] == [0, 1, 2]
    assert json.loads((workdir / "summary.json").read_text())["processes"] == 2
    assert "2/2" in log_of(workdir, 0).read_text() and "2/2" not in log_of(workdir, 1).read_text()


def test_hosts_with_different_configs_are_refused_by_name_before_anything_is_written(tmp_path):
    workdir = tmp_path / "run"
    own = {1: ["--set=optimizer.learning_rate=0.5"]}
    with hosts.training(workdir, tmp_path / "bases", own=own) as processes:
        assert codes(processes, 60) == [1, 1]
    for process in range(2):
        text = log_of(workdir, process).read_text()
        assert "config.optimizer.learning_rate: 0.001 on process 0 (" in text and "0.5 on process 1 (" in text
    assert not (workdir / "config.json").exists()


def test_whoever_waits_in_vain_for_another_host_says_so(tmp_path):
    address = f"127.0.0.1:{hosts.free_port()}"
    flags = [f"--config={resuming.CONFIG_FILE}", f"--workdir={tmp_path / 'run'}", f"--coordinator={address}"]
    flags += ["--processes=2", "--process_id=0", "--join_seconds=2"]
    process = hosts.start_module("entropy_rl.train", flags, tmp_path / "log", 1)
    try:
        assert process.wait(60) == 1
    finally:
        process.kill()
    assert "process 0 of 2 has waited 2 s for the others" in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_within_a_minute_and_a_restart_resumes(bases, tmp_path, victim):
    workdir, whole = tmp_path / "run", tmp_path / "whole"
    with hosts.training(workdir, bases, *SHORT) as processes:
        hosts.wait_until(lambda: bool(finished_checkpoints(workdir)), processes[0])
        processes[victim].kill()
        killed = time.monotonic()
        assert processes[1 - victim].wait(90) in LOST
        assert time.monotonic() - killed <= 60
    text = log_of(workdir, 1 - victim).read_text().lower()  # it may stand at the head of a sentence
    assert "another" in text and "run the same command" in text or "another task died" in text
    for folder in (workdir, whole):
        with hosts.training(folder, bases, *SHORT) as processes:
            assert codes(processes) == [0, 0]
    assert "after step 2" in log_of(workdir, 0).read_text()
    assert outcome(workdir) == outcome(whole)


@pytest.mark.slow
def test_a_frozen_process_ends_the_other_within_a_minute(bases, tmp_path):
    workdir = tmp_path / "run"
    with hosts.training(workdir, bases, "--set=steps=30") as processes:
        hosts.wait_until(lambda: last_step(workdir) >= 1, processes[0])
        os.kill(processes[1].pid, signal.SIGSTOP)
        frozen = time.monotonic()
        assert processes[0].wait(90) == watchdog.EXIT_CODE  # JAX's service, which could end it otherwise, is its own
        assert time.monotonic() - frozen <= 60
    assert "given no sign of life" in log_of(workdir, 0).read_text()


@pytest.mark.slow
def test_a_run_of_two_processes_goes_on_in_one_with_eight_devices(bases, tmp_path):
    """And then the metrics are those of two processes throughout, but for rounding."""
    workdir, whole = tmp_path / "run", tmp_path / "whole"
    prompts = "--set=rollout.prompts=16"
    for folder, steps in ((workdir, 3), (whole, 6)):
        with hosts.training(folder, bases, prompts, f"--set=steps={steps}") as processes:
            assert codes(processes) == [0, 0]
    flags = [f"--config={resuming.CONFIG_FILE}", f"--workdir={workdir}", f"--bases={bases}", prompts, "--set=steps=6"]
    alone = hosts.start_module("entropy_rl.train", flags, log_of(workdir, 0), 8)
    try:
        assert alone.wait(240) == 0, log_of(workdir, 0).read_text()[-2000:]
    finally:
        alone.kill()
    assert "after step 3" in log_of(workdir, 0).read_text()
    for mine, theirs in zip(outcome(workdir)["metrics"], outcome(whole)["metrics"], strict=True):
        assert mine.keys() == theirs.keys()
        for name, value in mine.items():
            assert value == pytest.approx(theirs[name], rel=1e-4, abs=1e-5), name


@pytest.mark.slow
def test_five_updates_give_the_same_parameters_on_two_processes_on_eight_devices_and_on_one(tmp_path):
    cuts = {"one": (1, "1x1x1", 1), "eight": (8, "8x1x1,2x2x2", 1), "two": (4, "8x1x1,2x2x2", 2)}
    found = {}
    for name, (devices, meshes, number) in cuts.items():
        (tmp_path / name).mkdir()
        address = f"127.0.0.1:{hosts.free_port()}"
        joining = [[address, str(number), str(process)] if number > 1 else [] for process in range(number)]
        running = [
            hosts.start_module(
                "tests.training.hosts_invariance", [str(tmp_path / name), meshes, *flags], tmp_path / "log", devices
            )
            for flags in joining
        ]
        try:
            assert codes(running, 600) == [0] * number, (tmp_path / "log").read_text()[-2000:]
        finally:
            for process in running:
                process.kill()
        found |= {(name, mesh): dict(np.load(tmp_path / name / f"{mesh}.npz")) for mesh in meshes.split(",")}
    exact = found.pop(("one", "1x1x1"))
    assert all(difference(exact, other) <= 1e-5 for other in found.values())


def difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """Norm of the difference over the norm."""
    assert one.keys() == other.keys()
    apart = sum(float(np.sum((one[name].astype(float) - other[name]) ** 2)) for name in one)
    return (apart / sum(float(np.sum(array.astype(float) ** 2)) for array in one.values())) ** 0.5


def lives(workdir: pathlib.Path, bases: pathlib.Path, kills: int, seed: int, *flags: str) -> dict[str, float]:
    """Kills one of two processes again and again, every other time while a checkpoint is written; then lets them end.

    After every kill the other must have left within 60 s, and no finished checkpoint may be gone.
    """
    chance = random.Random(seed)
    figures = {"kills": 0, "in a save": 0, "steps lost": 0, "slowest end": 0.0}
    flags = (*flags, "--join_seconds=50")
    for number in range(kills):
        before, victim = finished_checkpoints(workdir), chance.randint(0, 1)
        goal = max(before, default=0) + chance.randint(1, 5)
        with hosts.training(workdir, bases, *flags) as processes:
            hosts.wait_until(lambda: last_step(workdir) >= goal, processes[0])  # noqa: B023 - called at once
            if number % 2:
                hosts.wait_until(lambda: resuming.is_saving(workdir), processes[0], pause=0.003)
            else:
                time.sleep(chance.uniform(0.0, 1.0))
            figures["in a save"] += resuming.is_saving(workdir)
            processes[victim].kill()
            killed = time.monotonic()
            code = processes[1 - victim].wait(90)
            alone = code == 1 and "has waited 50 s" in log_of(workdir, 1 - victim).read_text()  # not joined yet
            assert code in LOST or alone, f"{code} at kill {number} of process {victim}, seed {seed}"
            figures["slowest end"] = max(figures["slowest end"], time.monotonic() - killed)
        after = finished_checkpoints(workdir)
        assert max(after, default=-1) >= max(before, default=-1)  # only the one being written may be lost
        figures["kills"] += 1
        figures["steps lost"] += max(last_step(workdir) - max(after, default=0), 0)
        sys.stderr.write(f"seed {seed}, kill {number} of process {victim}: {figures}, checkpoints {after}\n")
    with hosts.training(workdir, bases, *flags) as processes:
        assert codes(processes) == [0, 0]
    return figures


@pytest.mark.slow
def test_twenty_random_kills_lose_nothing_but_unsaved_steps(bases, tmp_path, record_property):
    steps = "--set=steps=100"
    figures = lives(tmp_path / "run", bases, 20, 7, steps)
    record_property("figures", figures)
    assert figures["slowest end"] <= 60 and figures["in a save"] >= 5
    with hosts.training(tmp_path / "whole", bases, steps) as processes:
        assert codes(processes, 600) == [0, 0]
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")
