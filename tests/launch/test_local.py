"""launch/local.sh and launch/test.sh on a pretended machine: which commands they run, and how they end."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.launch.machine import Machine

ARMS = ("countdown_grpo", "countdown_clip_cov")


def ran(machine: Machine) -> list[str]:
    return [line.removeprefix("run ") for line in machine.asked.read_text().splitlines() if line.startswith("run ")]


@pytest.mark.parametrize("cores", [1, 2])
def test_both_arms_are_trained_and_reported(machine, cores):
    machine.tool("nproc", f"#!/bin/bash\necho {cores}\n")
    result = machine.run("bash launch/local.sh")
    assert result.returncode == 0, result.stderr
    trained = {f"-m entropy_rl.train --config=configs/{arm}.py --workdir=runs/{arm}" for arm in ARMS}
    assert set(ran(machine)[:2]) == trained
    assert (
        ran(machine)[2] == "-m entropy_rl.report --output=runs/report.html runs/countdown_grpo runs/countdown_clip_cov"
    )


def test_a_machine_that_cannot_count_its_cores_is_taken_for_one_core(machine):
    (machine.tools / "nproc").unlink()  # macOS has none
    result = machine.run("bash launch/local.sh")
    assert result.returncode == 0 and "nproc" not in result.stderr and "beside" not in result.stderr
    assert len(ran(machine)) == 3


@pytest.mark.parametrize("flag", ["--workdir={}/out/", "--workdir {}/out"])
def test_the_folder_and_further_flags_are_passed_on(machine, flag, tmp_path):
    result = machine.run(f"bash launch/local.sh {flag.format(tmp_path)} -- --set steps=5 --set 'name=a b'")
    assert result.returncode == 0, result.stderr
    for arm, line in zip(
        sorted(ARMS), sorted(ran(machine)[:2], key=lambda line: line.split("configs/")[1]), strict=True
    ):
        assert line.endswith(f"--workdir={tmp_path}/out/{arm} --set steps=5 --set name=a b")
    assert f"--output={tmp_path}/out/report.html " in ran(machine)[2]


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("cores", [1, 2])
def test_a_failed_arm_stops_the_job_without_a_report(machine, arm, cores):
    machine.tool("nproc", f"#!/bin/bash\necho {cores}\n")
    result = machine.run("bash launch/local.sh", FAILING_ARM=f"runs/{arm}")
    assert result.returncode == 1
    assert f"{arm} stopped with exit status 1; the same command resumes it" in result.stderr
    assert not any("entropy_rl.report" in line for line in ran(machine))


@pytest.mark.parametrize("cores", [1, 2])
def test_sigterm_reaches_every_arm_and_is_waited_for(machine, cores):
    machine.tool("nproc", f"#!/bin/bash\necho {cores}\n")
    saving = 'trap "sleep 0.3; echo saved >>$ASKED; exit 143" TERM; echo started >>$ASKED; while :; do sleep 0.05; done'
    machine.tool("interpreter", f"#!/bin/bash\n[[ $* == *entropy_rl.train* ]] || exit 0\n{saving}\n")
    machine.asked.write_text("")
    process = subprocess.Popen(
        ["/bin/bash", "launch/local.sh"], cwd=machine.repository, env=machine.environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while machine.asked.read_text().count("started") < cores and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    assert machine.asked.read_text().count("saved") == cores


TESTS = "-m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile"


def test_quick_tests_are_the_default_and_flags_go_to_pytest(machine):
    assert machine.run("bash launch/test.sh -k clip -x").returncode == 0
    assert ran(machine) == [f"{TESTS} -m not slow -k clip -x"]
    machine.run("bash launch/test.sh --all -- -q")
    assert ran(machine) == [f"{TESTS} -q"]


def test_checks_come_before_the_tests_and_a_failing_one_ends_it(machine):
    for name in ("ruff", "pyright", "shellcheck"):
        machine.tool(name, f'#!/bin/bash\necho "run {name} $1" >>"$ASKED"\n[[ {name} != "${{FAILING_TOOL:-}}" ]]\n')
    (machine.repository / ".ci").mkdir()
    assert machine.run("bash launch/test.sh --checks").returncode == 0
    assert [line.split()[0] for line in ran(machine)] == ["ruff", "ruff", "shellcheck", "pyright", "-m"]
    assert machine.run("bash launch/test.sh --checks", FAILING_TOOL="pyright").returncode == 1
    assert not any("pytest" in line for line in ran(machine))
