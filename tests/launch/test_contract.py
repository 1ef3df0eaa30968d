"""What the launch scripts take for granted of the package."""

from __future__ import annotations

import re

from entropy_rl.parallel import watchdog
from entropy_rl.training import interrupts, workdirs
from tests.launch.machine import REPOSITORY


def script(name: str) -> str:
    return (REPOSITORY / "launch" / name).read_text()


def test_the_trainer_has_the_flags_that_the_scripts_add():
    defined = re.findall(r'DEFINE_\w+\(\s*"(\w+)"', (REPOSITORY / "entropy_rl" / "train.py").read_text())
    assert {"config", "workdir", "processes", "set"} <= set(defined)
    for name in ("tpu_vm/run.sh", "gke/job.sh"):
        added = re.findall(r'"--(workdir|processes)=\$', script(name))
        assert set(added) == {"workdir", "processes"}


def test_exit_codes_are_those_of_the_package():
    assert f"exit=({watchdog.EXIT_CODE}|{interrupts.EXIT_CODE})" in script("tpu_vm/up.sh")
    assert f"values: [{watchdog.EXIT_CODE}, {interrupts.EXIT_CODE}]" in script("gke/jobset.yaml")


def test_files_of_a_workdir_have_the_names_that_status_reads():
    text = script("tpu_vm/progress.sh")
    assert f"$WORKDIR/{workdirs.CONFIG}" in text
    assert "$WORKDIR/metrics.*.jsonl" in text  # parts of training/streams.py in a bucket: metrics.00001.jsonl
    assert f"--exclude=^{workdirs.CHECKPOINTS}/" in script("tpu_vm/copy.sh")
