"""The scripts for TPU machines, one by one, against a gcloud that stands in for the real one."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

from tests.launch import stand_in_flags
from tests.launch.cloud import LOGIN

TRAIN = "tpu_vm/run.sh --config=c.py --set steps=50"
FLAKE = "ERROR: (gcloud.compute.tpus.tpu-vm.ssh) [/usr/bin/ssh] exited with return code [255]."


def test_setup_ships_uncommitted_files_and_leaves_what_git_ignores(cloud):
    cloud.active()
    (cloud.repository / ".gitignore").write_text("/runs/\n/.launch/\n/launch/settings.env\n*.big\n")
    (cloud.repository / "committed.py").write_text("old")
    (cloud.repository / "deleted.py").write_text("")
    git = "git -c user.name=n -c user.email=e"
    subprocess.run(f"git init -q && git add . && {git} commit -qm 1", shell=True, cwd=cloud.repository, check=True)
    (cloud.repository / "committed.py").write_text("new")
    (cloud.repository / "deleted.py").unlink()
    (cloud.repository / "an untracked file.py").write_text("")
    (cloud.repository / "weights.big").write_text("")
    result = cloud.script("tpu_vm/setup.sh")
    assert result.returncode == 0, result.stderr
    for number in range(2):
        tree = cloud.home(number) / "entropy_rl"
        assert (tree / "committed.py").read_text() == "new"
        assert (tree / "an untracked file.py").exists()
        assert (tree / ".venv").exists()
        for name in ("deleted.py", "weights.big", ".git", "launch/settings.env"):
            assert not (tree / name).exists()


def test_a_second_setup_ships_nothing_and_a_changed_file_ships_again(cloud):
    cloud.active()
    cloud.script("tpu_vm/setup.sh")
    assert "all 2 workers have this tree already" in cloud.script("tpu_vm/setup.sh").stderr
    assert len(cloud.said("tpu-vm scp")) == 1
    (cloud.repository / "added.py").write_text("")
    installed = cloud.home(0) / "entropy_rl" / ".venv"
    before = installed.stat().st_ino
    assert cloud.script("tpu_vm/setup.sh").returncode == 0
    assert len(cloud.said("tpu-vm scp")) == 2
    assert installed.stat().st_ino == before  # moved from the old tree: nothing is downloaded again


def test_too_large_a_tree_names_the_largest_file(cloud):
    cloud.active()
    with open(cloud.repository / "weights.bin", "wb") as file:
        file.write(b"0" * 101 * 2**20)
    result = cloud.script("tpu_vm/setup.sh")
    assert "more than 100; move ./weights.bin away or list it in .gitignore" in result.stderr
    assert not cloud.said("tpu-vm scp")


@pytest.mark.parametrize("script", ["tpu_vm/setup.sh", TRAIN])
def test_one_unreachable_worker_of_several_is_named_and_nothing_is_started(cloud, script):
    cloud.ready()
    cloud.state["unreachable"] = [1]
    (cloud.repository / "added.py").write_text("")
    result = cloud.script(script)
    assert result.returncode == 1
    assert "on 1 of 2 workers; silent: 1; every worker must answer" in result.stderr
    assert not cloud.said("worker.sh start")


def test_a_flake_of_ssh_is_tried_again(cloud):
    cloud.active()
    cloud.fails("tpu-vm ssh", FLAKE, times=2, status=255)
    result = cloud.script("tpu_vm/setup.sh")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("ssh to slice failed; trying again") == 2


@pytest.mark.parametrize("script", ["tpu_vm/setup.sh", TRAIN, "tpu_vm/status.sh"])
def test_an_expired_login_ends_every_script_with_the_remedy(cloud, script):
    cloud.active()
    cloud.fails("", LOGIN, times=99)
    result = cloud.script(script)
    assert result.returncode == 1
    assert result.stderr.endswith("log in with: gcloud auth login\n")


def test_a_key_that_the_agent_does_not_hold_is_explained(cloud):
    cloud.active()
    cloud.fails("tpu-vm ssh", "ERROR: SSH Key is not present in the SSH agent.")
    assert "ssh-add ~/.ssh/google_compute_engine" in cloud.script("tpu_vm/setup.sh").stderr


def test_a_cloud_that_does_not_answer_is_asked_again(cloud):
    cloud.active()
    cloud.fails("queued-resources describe", "ERROR: UNAVAILABLE: The service is currently unavailable.", times=3)
    result = cloud.script("tpu_vm/status.sh")
    assert result.returncode == 0
    assert "asking again (3)" in result.stderr


def test_a_training_starts_once_on_every_worker(cloud):
    cloud.ready()
    first = cloud.script(TRAIN)
    assert first.returncode == 0, first.stderr
    assert cloud.script(TRAIN).returncode == 0
    for number in range(2):
        log = (cloud.home(number) / "entropy_rl_run" / "log").read_text()
        assert log.count("starts: --config=c.py --set steps=50 --workdir=gs://bucket/request --processes=2") == 1


def test_arguments_reach_the_training_letter_by_letter(cloud):
    cloud.ready()
    odd = """name=it's "$HOME" `pwd` \\ & *"""
    assert cloud.script(f"tpu_vm/run.sh --config=c.py --set {shlex.quote(odd)}").returncode == 0
    command = (cloud.home(0) / "entropy_rl_run" / "command").read_text()
    assert command.splitlines()[2] == odd


def test_another_training_is_refused_while_one_runs(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    result = cloud.script("tpu_vm/run.sh --config=other.py")
    assert result.returncode == 1
    assert "another training runs here: --config=c.py --set steps=50" in result.stderr
    (cloud.repository / "added.py").write_text("")
    assert "a training runs on the workers; stop it first" in cloud.script("tpu_vm/setup.sh").stderr


def test_a_worker_that_fails_to_start_takes_the_others_with_it(cloud):
    cloud.ready()
    shutil.rmtree(cloud.home(1) / "entropy_rl_run")
    (cloud.home(1) / "entropy_rl_run").write_text("in the way")
    result = cloud.script(TRAIN)
    assert result.returncode == 1
    assert not (cloud.home(0) / "entropy_rl_run" / "pid").exists()


def test_stop_saves_and_the_same_command_resumes(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    for _ in range(2):  # the second finds nothing to stop
        result = cloud.script("tpu_vm/stop.sh")
        assert result.returncode == 0, result.stderr
    assert "0 of 2 running" in cloud.script("tpu_vm/status.sh").stdout
    assert (cloud.home(0) / "entropy_rl_run" / "exit_status").read_text() == "143"
    assert cloud.script(TRAIN).returncode == 0
    assert "2 of 2 running" in cloud.script("tpu_vm/status.sh").stdout


def test_status_counts_workers_steps_chip_hours_and_cost(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    notes = cloud.bucket / "request" / "launch" / "machines"
    notes.mkdir(parents=True)
    (notes / "first").write_text("8 2026-01-01T00:00:00Z 2026-01-01T00:30:00Z\n")  # 8 chips for half an hour: 4
    since = cloud.state["slices"]["slice"]["since"]
    (notes / "second").write_text(f"8 {since} {since}\n")  # the machine of now, which counts until now and once
    rows = cloud.script("tpu_vm/status.sh", PRICE_PER_CHIP_HOUR="1.5").stdout
    assert "machine        slice: READY, 2x4, 8 chips, 2 workers, since " in rows
    assert "workers        2 of 2 running" in rows
    assert "step           1 of 50, reward/mean -0.5, entropy/token_mean 1.25" in rows
    assert "chip-hours     20.0 on 2 machine(s)" in rows  # 8 chips for 2 hours, and 4
    assert "remaining      0.49 h at 36.0 s a step" in rows  # 49 steps of 36 s
    assert "cost           $30.00 so far, $35.88 at the end" in rows  # 20 x 1.5; and 8 x 0.49 x 1.5


def test_status_names_the_workers_that_do_not_run(cloud):
    cloud.ready()
    cloud.state["unreachable"] = [1]
    rows = cloud.script("tpu_vm/status.sh").stdout
    assert "workers        0 of 2 running" in rows
    assert "t1v-n-1234-w-0: idle" in rows
    assert "1 do not answer: 1" in rows


def test_status_of_nothing_is_no_error(cloud):
    result = cloud.script("tpu_vm/status.sh")
    assert result.returncode == 0
    assert "request is ABSENT" in result.stdout
    assert "step           none of unknown" in result.stdout


def test_copy_brings_results_and_logs_without_checkpoints(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    cloud.script("tpu_vm/status.sh")
    (cloud.bucket / "request" / "checkpoints" / "1").write_text("large")
    for _ in range(2):
        assert cloud.script("tpu_vm/copy.sh").returncode == 0
    here = cloud.repository / "runs" / "request"
    assert (here / "metrics.00001.jsonl").exists() and not (here / "checkpoints").exists()
    assert sorted(path.name for path in (here / "logs").iterdir()) == ["slice-worker-0.log", "slice-worker-1.log"]
    assert cloud.script("tpu_vm/copy.sh --checkpoints").returncode == 0
    assert (here / "checkpoints" / "1").exists()


def test_delete_stops_the_training_first_and_deleting_twice_is_no_error(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    for _ in range(2):
        assert cloud.script("tpu_vm/delete.sh").returncode == 0
    assert len(cloud.said("queued-resources delete request")) == 1
    assert cloud.said("queued-resources delete")[0].endswith("--force --quiet")
    assert cloud.said("worker.sh stop")


def test_a_machine_whose_workers_are_lost_is_deleted_all_the_same(cloud):
    cloud.ready()
    cloud.state["unreachable"] = [0, 1]
    result = cloud.script("tpu_vm/delete.sh")
    assert result.returncode == 0
    assert "could not be stopped; deleting the machine all the same" in result.stderr


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--worker=2", "a slice has 2, counted from 0"),
        ("--slice=1", "there are 1, counted"),
        ("--lines=x", "whole numbers"),
    ],
)
def test_logs_of_a_worker_that_is_not_there_are_refused(cloud, flag, sentence):
    cloud.active()
    assert sentence in cloud.script(f"tpu_vm/logs.sh {flag}").stderr


def test_the_number_of_hosts_is_what_the_cloud_says(cloud):
    cloud.state |= {"hosts": 4, "topology": "4x4"}
    cloud.ready()
    result = cloud.script(TRAIN)
    assert "the training runs on 4 workers" in result.stderr
    assert "4x4, 16 chips, 4 workers" in cloud.script("tpu_vm/status.sh").stdout


def test_several_slices_are_set_up_and_started_together(cloud):
    cloud.settings["NUM_SLICES"] = "2"
    for script in ("tpu_vm/create.sh", "tpu_vm/setup.sh", TRAIN):
        result = cloud.script(script)
        assert result.returncode == 0, result.stderr
    assert "the training runs on 4 workers" in result.stderr
    assert "--node-count=2 --node-prefix=slice" in cloud.said("queued-resources create")[0]
    for name in ("slice-0", "slice-1"):
        assert "--processes=4" in (cloud.home(1, name) / "entropy_rl_run" / "log").read_text()
    assert "4 of 4 running" in cloud.script("tpu_vm/status.sh").stdout


def test_a_training_has_a_session_of_its_own_that_outlives_the_connection(cloud):
    cloud.ready()
    cloud.script(TRAIN)
    pid = int((cloud.home(0) / "entropy_rl_run" / "pid").read_text())
    assert os.getsid(pid) == pid


@pytest.mark.slow
def test_a_training_that_goes_on_saving_is_waited_for_and_given_up_only_when_told(cloud):
    cloud.ready()
    (cloud.bucket / "request").mkdir()
    (cloud.bucket / "request" / "stubborn").touch()
    cloud.script(TRAIN)
    result = cloud.script("tpu_vm/stop.sh")
    assert result.returncode == 1
    assert "the training is still saving; run this again, or with --now" in result.stderr
    child = (cloud.home(0) / "entropy_rl_run" / "child").read_text()
    assert cloud.script("tpu_vm/stop.sh --now").returncode == 0
    state = pathlib.Path(f"/proc/{child}/stat")
    assert not state.exists() or " Z " in state.read_text()  # ended, or waiting to be buried


@pytest.mark.skipif(not shutil.which("gcloud"), reason="no Google Cloud CLI on this machine")
def test_gcloud_knows_every_flag_that_the_stand_in_takes():
    gcloud = pathlib.Path(shutil.which("gcloud") or "").resolve()
    path = gcloud.parents[1] / "data" / "cli" / "gcloud_completions.py"
    if not path.exists():
        pytest.skip("this gcloud has no table of its commands")
    spec = importlib.util.spec_from_file_location("gcloud_completions", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for command, flags in stand_in_flags.FLAGS.items():
        node = module.STATIC_COMPLETION_CLI_TREE
        for word in command.split():
            node = node["commands"][word]
        assert set(flags.split()) <= set(node["flags"]), command
