"""What tests of several hosts share: real processes on one machine, each with forced CPU devices, killed hard."""

from __future__ import annotations

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.training.resuming import CONFIG_FILE, REPOSITORY


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def environment(devices: int) -> dict[str, str]:
    """Of a process with that many CPU devices."""
    return {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
    }


def start_module(
    module: str, arguments: list[str], log: pathlib.Path, devices: int, folder: pathlib.Path = REPOSITORY
) -> subprocess.Popen[str]:
    """`python -m module arguments`, its output appended to a log."""
    command = [sys.executable, "-m", module, *arguments]
    with log.open("a") as output:
        return subprocess.Popen(command, cwd=folder, env=environment(devices), stdout=output, stderr=output, text=True)


@contextlib.contextmanager
def training(
    workdir: pathlib.Path, bases: pathlib.Path, *flags: str, devices: int = 1, own: dict[int, list[str]] | None = None
) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes of the tiny run that form one; whatever is left of them is killed. Logs: workdir.0.log, .1.log.

    Args:
      devices: of each.
      own: further flags of single processes.
    """
    address = f"127.0.0.1:{free_port()}"
    processes = []
    for number in range(2):
        arguments = [f"--config={CONFIG_FILE}", f"--workdir={workdir}", f"--bases={bases}", *flags]
        arguments += [f"--coordinator={address}", "--processes=2", f"--process_id={number}"]
        arguments += (own or {}).get(number, [])
        processes.append(start_module("entropy_rl.train", arguments, log_of(workdir, number), devices))
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def wait_until(
    condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 300.0, pause: float = 0.05
) -> None:
    """Returns when the condition holds or the process has ended; two processes need the cores more than this one."""
    limit = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < limit, "the run did not get there"
        time.sleep(pause)


def log_of(workdir: pathlib.Path, process: int) -> pathlib.Path:
    return workdir.with_suffix(f".{process}.log")


def codes(processes: list[subprocess.Popen[str]], seconds: float = 240.0) -> list[int]:
    return [process.wait(seconds) for process in processes]
