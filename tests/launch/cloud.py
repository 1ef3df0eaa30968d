"""A pretended laptop with the launch scripts, a gcloud that stands in for the real one, and machines behind it."""

from __future__ import annotations

import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import time
from typing import Any

from tests.launch.machine import Machine

FOLDER = pathlib.Path(__file__).parent
SETTINGS = {
    "PROJECT_ID": "project",
    "ZONE": "us-central1-a",
    "TPU_NAME": "slice",
    "QUEUED_RESOURCE_ID": "request",
    "ACCELERATOR_TYPE": "v5litepod-8",
    "RUNTIME_VERSION": "v2-alpha-tpuv5-lite",
    "BUCKET": "bucket",
    "PROVISIONING": "spot",
}
# What gcloud says when a login has run out.
LOGIN = (
    "ERROR: (gcloud) There was a problem refreshing your current auth tokens: Reauthentication failed.\n"
    "Please run:\n\n  $ gcloud auth login\n"
)
TOOLS = "basename date dirname du find git gzip ls mkdir mv rm sed setsid sleep sort stat tar touch tr wc xargs"
STAND_IN = """#!/bin/bash
exec {python} -S -E -c 'import sys; sys.path.insert(0, "{folder}"); import stand_in; stand_in.main()' {name} "$@"
"""
# Trains by waiting: the stand-in writes a line of metrics whenever somebody looks at the workers.
TRAINER = """#!/bin/bash
case $* in
    *version_info*) exit 0 ;;
    *entropy_rl.train*) ;;
    *) exit 1 ;;
esac
for word in "$@"; do
    case $word in
        --workdir=gs://*) folder=$BUCKET_FOLDER/${word#*gs://} ;;
        steps=*) steps=${word#steps=} ;;
    esac
done
run=$HOME/entropy_rl_run
echo "train $*" >>"$ASKED"
echo "token of ${#HF_TOKEN} letters, data in $TFDS_DATA_DIR"
mkdir -p "$folder/checkpoints"
if [[ -f $folder/crash ]]; then
    [[ $(cat "$folder/crash") == once ]] && mv "$folder/crash" "$folder/crashed"
    exit 1
fi
trap 'echo saved; rm -f "$run/workdir"; exit 143' TERM
[[ -f $folder/stubborn ]] && trap '' TERM
printf '{"config": {"schedule": {"steps": 7}}, "flat": {"seed": 0, "steps": %s}}' "$steps" >"$folder/config.json"
printf '%s' "$folder" >"$run/workdir"
until [[ -f $folder/metrics.00001.jsonl ]] && (($(wc -l <"$folder/metrics.00001.jsonl") >= steps)); do sleep 0.1; done
rm -f "$run/workdir"
exit 0
"""


class Cloud(Machine):
    """The laptop; `state` is what the stand-in pretends, see stand_in.py."""

    prepared: pathlib.Path | None = None  # the home of a worker of an earlier test

    def __init__(self, folder: pathlib.Path) -> None:
        super().__init__(folder)
        self.stand_in = folder / "cloud"
        self.bucket = self.stand_in / "bucket" / "bucket"
        self.bucket.mkdir(parents=True)
        self.settings = dict(SETTINGS)
        (self.repository / "configs").mkdir()
        for name in ("c.py", "other.py", "configs/c.py", "configs/d.py", "configs/countdown_grpo.py"):
            self.config(name, "A config that needs nothing.")
        for name in TOOLS.split():
            if (found := shutil.which(name)) and not (self.tools / name).exists():
                (self.tools / name).symlink_to(found)
        worker_tools = folder / "worker_bin"
        shutil.copytree(self.tools, worker_tools, symlinks=True)
        for name in ("gcloud", "kubectl", "docker"):
            self.tool(name, STAND_IN.format(python=sys.executable, folder=FOLDER, name=name))
        self.tool("trainer", TRAINER)
        (worker_tools / "hostname").write_text('#!/bin/bash\necho "$HOST"\n')
        (worker_tools / "hostname").chmod(0o755)
        self.environment |= {
            "STAND_IN": str(self.stand_in),
            "WORKER_PATH": str(worker_tools),
            "INTERPRETER": str(self.tools / "trainer"),
            "POLL_SECONDS": "0.05",
        }
        self.state: dict[str, Any] = {
            "request": [],
            "queue": [],
            "reason": "",
            "slices": {},
            "names": [],
            "since": [ago(hours) for hours in (2, 1, 0.5, 0.25, 0.1, 0, 0, 0)],
            "hosts": 2,
            "topology": "2x4",
            "unreachable": [],
            "faults": [],
            "events": [],
            "account": "researcher@example.com",
            "types": ["v5litepod-1", "v5litepod-8", "v5litepod-16", "v5p-8"],
            "versions": ["tpu-ubuntu2204-base", "v2-alpha-tpuv5", "v2-alpha-tpuv5-lite", "v2-alpha-tpuv6e"],
            "quotas": [],
            "location": "US-CENTRAL1|region",
            "pool": "ct5lp-hightpu-4t|2x4|True",
        }

    def write(self) -> None:
        (self.stand_in / "state.json").write_text(json.dumps(self.state))
        lines = [f"{name}={value}" for name, value in self.settings.items()]
        (self.repository / "launch" / "settings.env").write_text("\n".join(lines) + "\n")

    def config(self, name: str, docstring: str, imports: str = "") -> None:
        (self.repository / name).write_text(f'"""{docstring}"""\n\n{imports}\n')

    def has_data(self, *names: str, folder: str = "bucket/data") -> None:
        """As `python -m entropy_rl.data prepare` leaves it in a bucket."""
        for name in names:
            prepared = self.stand_in / "bucket" / folder / name / "1.0.0"
            prepared.mkdir(parents=True)
            (prepared / "dataset_info.json").write_text("{}")

    def script(self, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs launch/LINE against the present state, which the stand-in then goes on with."""
        self.write()
        result = self.run(f"bash launch/{line}", **environment)
        self.read()
        return result

    def read(self) -> None:
        self.state = json.loads((self.stand_in / "state.json").read_text())

    def start(self, line: str) -> subprocess.Popen[str]:
        self.write()
        self.asked.touch()
        return subprocess.Popen(
            ["/bin/bash", *f"launch/{line}".split()],
            cwd=self.repository,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def fails(self, on: str, says: str, times: int = 1, status: int = 1) -> None:
        self.state["faults"].append({"on": on, "says": says, "times": times, "status": status})

    def preempts(self, look: int, name: str = "slice") -> None:
        """The machine vanishes at that look at the workers, counted from now."""
        self.state["events"].append({"on": "worker.sh status", "count": look, "slice": name})

    def active(self) -> None:
        """A machine that nothing was installed on."""
        for number in range(self.state["hosts"]):
            self.home(number).mkdir(parents=True, exist_ok=True)
        self.state["names"] = ["slice"]
        self.state["request"] = ["ACTIVE"]
        self.state["slices"] = {"slice": {"state": "READY", "since": ago(2)}}

    def ready(self) -> None:
        """A machine that setup.sh was run on; the first one really, the others as copies of that."""
        self.active()
        if Cloud.prepared is None:
            assert self.script("tpu_vm/setup.sh").returncode == 0
            Cloud.prepared = shutil.copytree(self.home(0), self.stand_in / "prepared", symlinks=True)
            return
        for number in range(self.state["hosts"]):
            shutil.copytree(Cloud.prepared, self.home(number), symlinks=True, dirs_exist_ok=True)

    def home(self, number: int, name: str = "slice") -> pathlib.Path:
        return self.stand_in / "workers" / name / str(number)

    @property
    def commands(self) -> list[list[str]]:
        path = self.stand_in / "commands.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def said(self, words: str) -> list[str]:
        """The commands that contain these words, each as one line."""
        return [line for line in map(" ".join, self.commands) if words in line]

    @property
    def step(self) -> int:
        path = self.bucket / "request" / "metrics.00001.jsonl"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def wait_for(self, condition: Any, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "this never came"
            time.sleep(0.02)

    def close(self) -> None:
        """Ends the trainings that were started on the pretended machines."""
        for pid in self.stand_in.glob("workers/*/*/entropy_rl_run/pid"):
            subprocess.run(["/bin/bash", "-c", f"kill -KILL -- -{int(pid.read_text())}"], capture_output=True)


def ago(hours: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
