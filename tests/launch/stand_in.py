"""Stands in for gcloud and kubectl: writes down what it was asked, pretends a cloud, and fails as the real one does.

Run by the tools that tests/launch/cloud.py makes. The folder STAND_IN holds state.json, commands.jsonl, bucket/NAME/...
and workers/SLICE/NUMBER, the homes of pretended machines, where commands sent over ssh really run.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys

from stand_in_flags import FLAGS, TPU  # beside this file, which is imported on its own

TYPE_CHECKING = False  # importing typing would take as long as answering
if TYPE_CHECKING:
    from typing import Any, NoReturn

FOLDER = pathlib.Path(os.environ["STAND_IN"])
WIDE = {"--project", "--format", "--quiet", "--flatten"}
GONE = ("PREEMPTED", "TERMINATED")


def fail(message: str, status: int = 1) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.exit(status)


def parse(arguments: list[str]) -> tuple[str, list[str], dict[str, str]]:
    """The command, its positional arguments and its flags; refuses what gcloud would refuse."""
    command = next((" ".join(arguments[:n]) for n in range(5, 0, -1) if " ".join(arguments[:n]) in FLAGS), None)
    if command is None:
        fail(f"ERROR: (gcloud) Invalid choice: '{' '.join(arguments[:4])}'.", 2)
    positional, flags = [], {}
    for argument in arguments[len(command.split()) :]:
        if not argument.startswith("--"):
            positional.append(argument)
            continue
        name, _, value = argument.partition("=")
        if name not in WIDE | set(FLAGS[command].split()):
            fail(f"ERROR: (gcloud.{command.replace(' ', '.')}) unrecognized arguments: {argument}", 2)
        flags[name] = value
    return command, positional, flags


class Cloud:
    def __init__(self) -> None:
        self.path = FOLDER / "state.json"
        self.state: dict[str, Any] = json.loads(self.path.read_text())

    def save(self) -> None:
        written = self.path.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(self.state))
        written.replace(self.path)  # a script that is killed leaves no half of it

    def home(self, name: str, number: int) -> pathlib.Path:
        return FOLDER / "workers" / name / str(number)

    def faults(self, line: str) -> None:
        """Fails as planned; a plan counts the commands whose line contains its words."""
        for event in self.state["events"]:
            if event["on"] in line and event["count"] > 0:
                event["count"] -= 1
                if event["count"] == 0:
                    self.preempt(event["slice"])
        for fault in self.state["faults"]:
            if fault["on"] in line and fault["times"] > 0:
                fault["times"] -= 1
                self.save()
                fail(fault["says"], fault.get("status", 1))

    def preempt(self, name: str) -> None:
        import shutil

        for number in range(self.state["hosts"]):
            kill(self.home(name, number))
        shutil.rmtree(FOLDER / "workers" / name, ignore_errors=True)
        self.state["slices"][name]["state"] = "PREEMPTED"
        self.state["request"] = ["ACTIVE", "SUSPENDING", "SUSPENDED"]

    def request_state(self) -> str:
        states = self.state["request"]
        now = states.pop(0) if len(states) > 1 else states[0]
        if now == "ACTIVE" and not self.state["slices"]:
            for name in self.state["names"]:
                self.state["slices"][name] = {"state": "READY", "since": self.state["since"].pop(0)}
                for number in range(self.state["hosts"]):
                    self.home(name, number).mkdir(parents=True, exist_ok=True)
        return now

    def queued_resource(self, verb: str, name: str, flags: dict[str, str]) -> None:
        if verb == "create":
            if self.state["request"]:
                fail(f"ERROR: (gcloud.{TPU}.queued-resources.create) ALREADY_EXISTS: Resource '{name}' already exists")
            count = int(flags.get("--node-count", "1"))
            prefix = flags.get("--node-prefix", "")
            self.state["names"] = [flags["--node-id"]] if count == 1 else [f"{prefix}-{n}" for n in range(count)]
            self.state["request"] = self.state["queue"].pop(0) if self.state["queue"] else ["ACCEPTED", "ACTIVE"]
            return
        if not self.state["request"]:
            path = f"projects/{flags['--project']}/locations/{flags['--zone']}/queuedResources/{name}"
            fail(f"ERROR: (gcloud.{TPU}.queued-resources.{verb}) NOT_FOUND: Resource '{path}' was not found")
        if verb == "delete":
            for slice_name in list(self.state["slices"]):
                self.preempt(slice_name)
            self.state.update(request=[], slices={}, unreachable=[])  # the next machine is another one
        elif "nodeId" in flags["--format"]:
            print(" ".join(self.state["names"]))
        else:
            now = self.request_state()
            print(f"{now}|{self.state['reason'] if now == 'FAILED' else ''}")

    def describe_slice(self, name: str) -> None:
        if name not in self.state["slices"]:
            fail(f"ERROR: (gcloud.{TPU}.tpu-vm.describe) NOT_FOUND: Resource 'nodes/{name}' was not found")
        found = self.state["slices"][name]
        print(f"{found['state']}|{found['since']}|{self.state['topology']}|{self.state['hosts']}")

    def workers(self, name: str, flags: dict[str, str]) -> list[int]:
        found = self.state["slices"].get(name, {"state": "TERMINATED"})
        if found["state"] in GONE:
            says = f'This TPU has terminal state "{found["state"]}", so it cannot be used anymore.'
            fail(f"ERROR: (gcloud.compute.tpus.tpu-vm.ssh) {says}")
        chosen = flags.get("--worker", "0")
        return list(range(self.state["hosts"])) if chosen == "all" else [int(chosen)]

    def ssh(self, name: str, flags: dict[str, str]) -> None:
        import subprocess

        if "worker.sh status" in flags["--command"]:
            self.step()
        status = 0
        for number in self.workers(name, flags):
            sys.stderr.write(f"SSH: Attempting to connect to worker {number}...\n")
            if number in self.state["unreachable"]:
                sys.stderr.write("[/usr/bin/ssh] exited with return code [255].\n")
                status = 255
                continue
            sys.stdout.flush()
            result = subprocess.run(
                ["/bin/bash", "-c", flags["--command"]],
                cwd=self.home(name, number),
                env={
                    "HOME": str(self.home(name, number)),
                    "HOST": f"t1v-n-1234-w-{number}",
                    "PATH": os.environ["WORKER_PATH"],
                    "ASKED": os.environ["ASKED"],
                    "INTERPRETER": os.environ["INTERPRETER"],
                    "BUCKET_FOLDER": str(FOLDER / "bucket"),
                    "TPU_NAME": name,
                    "GRACE_SECONDS": "3",
                },
                stdin=subprocess.DEVNULL,
            )
            if result.returncode:
                sys.stderr.write(
                    f"##### Command execution on worker {number} failed with exit status {result.returncode}.\n"
                )
                status = result.returncode
        self.save()
        sys.exit(status)

    def step(self) -> None:
        """One step of training happens between two looks at it, if any worker trains."""
        for workdir in {path.read_text() for path in FOLDER.glob("workers/*/*/entropy_rl_run/workdir")}:
            metrics = pathlib.Path(workdir, "metrics.00001.jsonl")
            rows = metrics.read_text().splitlines() if metrics.exists() else []
            row = {"step": len(rows) + 1, "reward/mean": -0.5, "entropy/token_mean": 1.25, "time/step": 36.0}
            metrics.write_text("\n".join([*rows, json.dumps(row), ""]))

    def scp(self, source: str, target: str, flags: dict[str, str]) -> None:
        import shutil

        host, remote, path = (source if ":" in source else target).rpartition(":")
        assert remote
        name = host.rpartition("@")[2]
        numbers = self.workers(name, flags)
        if ":" in source and len(numbers) > 1:
            fail("ERROR: Invalid value for [--worker]: cannot target multiple workers while copying files to client.")
        for number in numbers:
            if number in self.state["unreachable"]:
                fail("[/usr/bin/scp] exited with return code [255].", 255)
            there = self.home(name, number) / path
            if ":" in source and not there.exists():
                fail(f"scp: {path}: No such file or directory")
            shutil.copyfile(there, target) if ":" in source else shutil.copyfile(source, there)

    def storage(self, verb: str, positional: list[str], flags: dict[str, str]) -> None:
        places = [FOLDER / "bucket" / url.removeprefix("gs://") for url in positional if url.startswith("gs://")]
        if verb == "buckets describe":
            if not places[0].is_dir():
                fail(f"ERROR: (gcloud.storage.buckets.describe) gs://{places[0].name} not found: 404.")
            print(self.state["location"])
        elif verb == "cp":
            places[0].parent.mkdir(parents=True, exist_ok=True)
            places[0].write_text(sys.stdin.read())
        elif verb == "rsync":
            import shutil

            target = pathlib.Path(positional[1])
            target.mkdir(parents=True, exist_ok=True)
            left_out = [places[0] / "checkpoints"] if "--exclude" in flags else []
            for path in places[0].rglob("*"):
                if path.is_file() and not any(folder in path.parents for folder in left_out):
                    (target / path.relative_to(places[0])).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(path, target / path.relative_to(places[0]))
        else:
            found = sorted((FOLDER / "bucket").glob(positional[0].removeprefix("gs://")))
            if not found:
                fail("ERROR: (gcloud.storage) The following URLs matched no objects or files:\n" + positional[0])
            for path in found:
                url = f"gs://{path.relative_to(FOLDER / 'bucket')}\n"
                sys.stdout.write(path.read_text() if verb == "cat" else url)

    def run(self, command: str, positional: list[str], flags: dict[str, str]) -> None:
        words = command.split()
        if command == "auth list":
            print(self.state["account"])
        elif words[-2:] == ["accelerator-types", "list"]:
            print("\n".join(self.state["types"]))
        elif words[-2:] == ["versions", "list"]:
            print("\n".join(self.state["versions"]))
        elif words[:2] == ["beta", "quotas"]:
            print("\n".join(self.state["quotas"]))
        elif "queued-resources" in words:
            self.queued_resource(words[-1], positional[0], flags)
        elif words[-2:] == ["tpu-vm", "describe"]:
            self.describe_slice(positional[0])
        elif words[-2:] == ["tpu-vm", "ssh"]:
            self.ssh(positional[0].rpartition("@")[2], flags)
        elif words[-2:] == ["tpu-vm", "scp"]:
            self.scp(positional[0], positional[1], flags)
        elif words[0] == "storage":
            self.storage(" ".join(words[1:]), positional, flags)
        elif command == "container node-pools describe":
            print(self.state["pool"])


def kubectl(arguments: list[str]) -> None:
    """Keeps the manifest that was applied; a JobSet that exists refuses another training."""
    applied = FOLDER / "applied.yaml"
    if arguments[:2] == ["apply", "-f"]:
        text = sys.stdin.read()
        if "kind: JobSet" not in text:
            print("secret/slice-secrets configured")
            return
        if applied.exists() and applied.read_text() != text:
            fail('The JobSet "slice" is invalid: spec.replicatedJobs: Invalid value: field is immutable')
        applied.write_text(text)
        print("jobset.jobset.x-k8s.io/slice created")
    elif arguments[:2] == ["create", "secret"]:
        print("kind: Secret")
    elif arguments[:2] == ["delete", "jobset"]:
        applied.unlink(missing_ok=True)
    elif arguments[:2] == ["get", "jobset"] and applied.exists():
        print("jobset.jobset.x-k8s.io/slice")


def kill(home: pathlib.Path) -> None:
    """Ends what runs on a pretended machine, as if its power went."""
    pid = home / "entropy_rl_run" / "pid"
    if pid.exists():
        os.killpg(int(pid.read_text()), signal.SIGKILL)


def main() -> None:
    program, arguments = sys.argv[1], sys.argv[2:]
    with open(FOLDER / "commands.jsonl", "a", encoding="utf-8") as commands:
        commands.write(json.dumps([program, *arguments]) + "\n")
    if program == "kubectl":
        return kubectl(arguments)
    if program == "docker":
        return None
    command, positional, flags = parse(arguments)
    cloud = Cloud()
    cloud.faults(" ".join(arguments))
    if command.startswith(TPU) and ("--zone" not in flags or "--project" not in flags):
        fail("ERROR: (gcloud) The required property [project] is not currently set.")
    cloud.save()
    cloud.run(command, positional, flags)
    cloud.save()
