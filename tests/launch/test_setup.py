"""launch/setup.sh: what it installs on which machine, when it installs nothing, and how it fails."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from tests.launch.machine import REPOSITORY, UV

SET_UP = "source launch/setup.sh; set_up run; env | grep ^JAX"
GPU = "#!/bin/bash\n[[ $* == *driver_version* ]] && echo {driver}.65.06\nexit 0\n"


def test_a_machine_without_accelerator_gets_the_cpu_extra_and_the_cpu_platform(machine):
    result = machine.run(SET_UP)
    assert result.returncode == 0, result.stderr
    assert len(machine.installs()) == 1
    assert machine.installs()[0].endswith("clone[cpu]")
    assert "requirements.lock" in machine.installs()[0]
    assert "JAX_PLATFORMS=cpu" in result.stdout
    assert f"JAX_COMPILATION_CACHE_DIR={machine.repository}/.jax_cache" in result.stdout


def test_a_second_run_asks_for_nothing(machine):
    machine.run(SET_UP)
    assert machine.run(SET_UP).returncode == 0
    assert machine.asked.read_text() == ""


def test_a_changed_lock_installs_again_in_the_same_environment(machine):
    machine.run(SET_UP)
    (machine.repository / "requirements.lock").write_text("jax==0.10.3\n")
    machine.run(SET_UP)
    assert len(machine.installs()) == 1
    assert "venv --clear" not in machine.asked.read_text()


def test_the_tests_add_the_dev_extra_and_running_then_needs_no_more(machine):
    machine.run("source launch/setup.sh; set_up dev")
    assert machine.installs()[0].endswith("clone[cpu,dev]")
    machine.run(SET_UP)
    assert machine.installs() == []


def test_running_does_not_pass_for_having_the_test_tools(machine):
    machine.run(SET_UP)
    machine.run("source launch/setup.sh; set_up dev")
    assert machine.installs()[0].endswith("clone[cpu,dev]")


@pytest.mark.parametrize(("driver", "extra"), [("570", "cuda12"), ("580", "cuda"), ("600", "cuda")])
def test_a_gpu_gets_the_cuda_of_its_driver(machine, driver, extra):
    machine.tool("nvidia-smi", GPU.format(driver=driver))
    result = machine.run("source launch/setup.sh; require_space() { :; }; set_up run", BACKEND="gpu")
    assert result.returncode == 0, result.stderr
    assert machine.installs()[0].endswith(f"clone[{extra}]")


def test_a_tpu_gets_the_tpu_extra(machine):
    assert machine.run(SET_UP, TPU_NAME="v5e", BACKEND="tpu").returncode == 0
    assert machine.installs()[0].endswith("clone[tpu]")


def test_an_accelerator_that_jax_does_not_see_stops_the_run(machine):
    result = machine.run(SET_UP, TPU_NAME="v5e", BACKEND="cpu")
    assert result.returncode == 1
    assert "this machine has an accelerator (tpu) but JAX sees cpu" in result.stderr


def test_the_extra_can_be_chosen_and_a_wrong_one_is_refused(machine):
    assert machine.run(SET_UP, TPU_NAME="v5e", ENTROPY_RL_EXTRA="cpu").returncode == 0
    assert machine.installs()[0].endswith("clone[cpu]")
    result = machine.run(SET_UP, ENTROPY_RL_EXTRA="gpu")
    assert result.returncode == 1
    assert "ENTROPY_RL_EXTRA is 'gpu'; it must be" in result.stderr


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        ("error: Failed to fetch: dns error: failed to lookup address", "check the network"),
        ("error: Connection refused (os error 111)", "check the network"),
        ("error: failed to write: No space left on device (os error 28)", "the disk is full"),
        ("error: something else", "failed for the reason above"),
    ],
)
def test_a_failed_installation_is_explained_and_leaves_no_stamp(machine, failure, sentence):
    result = machine.run(SET_UP, UV_FAILS=failure)
    assert result.returncode == 1
    assert sentence in result.stderr.splitlines()[-1]
    assert machine.run(SET_UP).returncode == 0
    assert len(machine.installs()) == 1


def test_too_small_a_disk_is_noticed_before_anything_is_downloaded(machine):
    machine.tool("df", "#!/bin/bash\necho Filesystem\necho /dev/sda 9 9 2097152 99% /\n")  # 2 GiB
    result = machine.run(SET_UP)
    assert result.returncode == 1
    assert "set-up needs 3 GiB" in result.stderr and "2 are free" in result.stderr
    assert machine.installs() == []


def test_neither_uv_nor_python_is_one_sentence(machine):
    (machine.tools / "uv").unlink()
    result = machine.run(SET_UP)
    assert result.returncode == 1
    assert "no python3 found; install Python 3 (or uv)" in result.stderr


def test_without_uv_the_system_python_fetches_it(machine):
    (machine.tools / "uv").unlink()
    machine.tool("kept", UV)
    pip = "[[ $* == *--target* ]] || exit 1\nmkdir -p .uv/bin\ncp $PATH/kept .uv/bin/uv\n"
    machine.tool("python3", f"#!/bin/bash\n{pip}")
    result = machine.run(SET_UP)
    assert result.returncode == 0, result.stderr
    assert len(machine.installs()) == 1


@pytest.mark.skipif(
    not shutil.which("shellcheck", path=os.path.dirname(sys.executable)), reason="shellcheck not installed"
)
def test_shell_scripts_are_clean():
    scripts = [*map(str, (REPOSITORY / "launch").rglob("*.sh")), str(REPOSITORY / ".ci" / "run")]
    shellcheck = pathlib.Path(sys.executable).parent / "shellcheck"
    result = subprocess.run(
        [shellcheck, "--external-sources", *scripts], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
