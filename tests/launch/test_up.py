"""up.sh: from nothing to results, through preemptions, failures and its own death, against the stand-in."""

from __future__ import annotations

import os
import signal

import pytest

UP = "tpu_vm/up.sh --config=c.py --set steps=3"


@pytest.fixture
def cloud(cloud):
    cloud.state["hosts"] = 1
    return cloud


def created(cloud) -> int:
    return len(cloud.said("queued-resources create"))


def test_it_does_it_all_and_leaves_nothing_that_costs(cloud):
    cloud.state["hosts"] = 2
    cloud.state["queue"] = [["WAITING_FOR_RESOURCES", "PROVISIONING", "ACTIVE"]]
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert cloud.step == 3
    assert cloud.state["request"] == [] and cloud.state["slices"] == {}
    here = cloud.repository / "runs" / "request"
    assert (here / "metrics.00001.jsonl").exists()
    assert "ended with exit status 0" in (here / "logs" / "slice-worker-1.log").read_text()


@pytest.mark.slow
def test_a_finished_training_is_not_started_again(cloud):
    cloud.script(UP)
    result = cloud.script(UP)
    assert result.returncode == 0
    assert "this training is finished, as gs://bucket/request/launch/finished says" in result.stderr
    assert created(cloud) == 1
    assert cloud.script(UP.replace("steps=3", "steps=4")).returncode == 0  # more steps are another command
    assert cloud.step == 4


@pytest.mark.parametrize(
    "looks", [(3,), pytest.param((2, 3), marks=pytest.mark.slow)], ids=["training", "starting and training"]
)
def test_a_preempted_machine_is_deleted_and_another_resumes(cloud, looks):
    first, *later = looks
    cloud.preempts(first)
    for look in later:
        cloud.preempts(first + look)
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert created(cloud) == 1 + len(looks)
    assert len(cloud.said("queued-resources delete")) == 1 + len(looks)
    assert cloud.step == 3  # none was made twice
    assert "given up" not in result.stderr


@pytest.mark.slow
def test_any_number_of_preemptions_is_no_failure(cloud):
    for look in (2, 4, 6, 8):  # each while setting up: no step lies between them
        cloud.preempts(look)
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert created(cloud) == 5


@pytest.mark.slow
def test_a_suspended_request_is_deleted_and_asked_for_again(cloud):
    cloud.state["request"] = ["SUSPENDED"]
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert "request was preempted; deleting it and asking for another" in result.stderr


@pytest.mark.slow
def test_a_request_that_fails_for_want_of_machines_is_made_again(cloud):
    cloud.state |= {"queue": [["ACCEPTED", "FAILED"]] * 4, "reason": "There is no more capacity in the zone"}
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert created(cloud) == 5


@pytest.mark.slow
def test_a_full_zone_is_waited_for(cloud):
    cloud.fails("queued-resources create", 'There is no more capacity in the zone "us-central1-a"', times=4)
    assert cloud.script(UP).returncode == 0
    assert created(cloud) == 5


@pytest.mark.parametrize(
    ("reason", "settings", "sentence"),
    [
        ("Quota 'TPUV5sPreemptibleLitepod' exhausted. Limit 0", {}, "ask for more quota of v5litepod-8 (spot)"),
        ("the request expired", {"VALID_UNTIL_DURATION": "6h"}, "no v5litepod-8 came within 6h (the request expired)"),
        ("the image is broken", {}, "the request failed 3 times (the image is broken)"),
    ],
)
def test_a_request_that_waiting_does_not_help_is_given_up_and_deleted(cloud, reason, settings, sentence):
    cloud.settings |= settings
    cloud.state |= {"queue": [["FAILED"]] * 9, "reason": reason}
    result = cloud.script(UP)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert cloud.state["request"] == []


def test_quota_that_is_refused_at_once_ends_it(cloud):
    cloud.fails("queued-resources create", "Quota limit 'TPUV5s' has been exceeded. Limit: 0 in zone us-central1-a.")
    result = cloud.script(UP)
    assert result.returncode == 1
    assert "ask for more quota of v5litepod-8 (spot) in us-central1-a" in result.stderr
    assert created(cloud) == 1


@pytest.mark.slow
def test_a_worker_that_never_answers_has_the_machine_replaced(cloud):
    cloud.state |= {"hosts": 2, "unreachable": [1]}
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert "1 of 2 workers do not answer: 1" in result.stderr
    assert created(cloud) == 2


@pytest.mark.slow
def test_a_training_that_fails_once_is_resumed(cloud):
    folder = cloud.bucket / "request"
    folder.mkdir()
    (folder / "crash").write_text("once")
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert "the training failed:" in result.stderr and "trying again; stopping the rest and resuming" in result.stderr
    assert cloud.step == 3
    assert created(cloud) == 1


@pytest.mark.slow
def test_a_training_that_always_fails_is_given_up_with_its_log_and_without_costs(cloud):
    folder = cloud.bucket / "request"
    folder.mkdir()
    (folder / "crash").write_text("always")
    result = cloud.script(UP)
    assert result.returncode == 1
    assert "given up after 3 failures since step 0" in result.stderr
    assert "token of 0 letters" in result.stderr  # the log's last lines
    assert cloud.state["request"] == []


@pytest.mark.slow
def test_a_kept_machine_is_not_deleted(cloud):
    result = cloud.script(f"{UP} --keep")
    assert result.returncode == 0
    assert cloud.state["request"] == ["ACTIVE"]
    assert "the machine is kept and paid for until launch/tpu_vm/delete.sh" in result.stderr
    other = UP.replace("c.py", "other.py").replace("steps=3", "steps=5")  # the other is finished: no matter
    assert cloud.script(other).returncode == 0
    assert cloud.step == 5


def test_another_training_on_the_machine_is_not_disturbed(cloud):
    cloud.active()
    cloud.script("tpu_vm/setup.sh")
    cloud.script("tpu_vm/run.sh --config=other.py --set steps=99")
    result = cloud.script(UP)
    assert result.returncode == 1
    assert "another training runs on request; launch/tpu_vm/stop.sh stops it" in result.stderr
    assert "1 of 1 running" in cloud.script("tpu_vm/status.sh").stdout


@pytest.mark.slow
def test_stop_ends_the_loop_and_the_same_command_resumes(cloud):
    up = UP.replace("steps=3", "steps=9999")
    process = cloud.start(up)
    cloud.wait_for(lambda: cloud.step >= 2, 60)
    cloud.run("bash launch/tpu_vm/stop.sh")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output
    cloud.read()
    assert cloud.script(UP.replace("steps=3", f"steps={cloud.step + 2}")).returncode == 0
    assert created(cloud) == 1


@pytest.mark.parametrize(
    "words",
    [
        "worker.sh start",
        *(
            pytest.param(w, marks=pytest.mark.slow)
            for w in ("queued-resources create", "tpu-vm scp", "launch/machines")
        ),
    ],
)
def test_killed_anywhere_and_started_again_it_goes_on(cloud, words):
    """Killed without a word just after a command of each kind; the new one finds everything in the cloud."""
    process = cloud.start(UP)
    cloud.wait_for(lambda: any(words in " ".join(command) for command in cloud.commands[:-1]), 60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    cloud.read()
    result = cloud.script(UP)
    assert result.returncode == 0, result.stderr
    assert created(cloud) == 1
    assert cloud.step == 3


@pytest.mark.slow
def test_interrupted_it_says_that_the_costs_go_on(cloud):
    process = cloud.start(UP.replace("steps=3", "steps=9999"))
    cloud.wait_for(lambda: cloud.step >= 1, 60)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "left; what runs in the cloud goes on and is paid for" in output
