"""The process that rewards run in: reads calls, writes verdicts, and dies rather than exceed its limits.

Run by process.py as `python -m entropy_rl.rewards.pool.worker`. It imports no JAX. Before each call the kernel's
interval timer is set to the CPU time allowed, with no handler in Python: neither a long operation in C nor an
`except:` in a reward can outlive it.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from entropy_rl.rewards.pool import messages
from entropy_rl.rewards.reward import judged

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_KEPT = 8  # rewards


def main(arguments: list[str]) -> None:
    """Serves calls until the pipe closes. Arguments: CPU seconds, bytes of memory, the parent's process id."""
    seconds, memory, parent = float(arguments[0]), int(arguments[1]), int(arguments[2])
    incoming, outgoing = _pipes()
    _limits(memory, parent)
    rewards: dict[str, Any] = {}
    for received in incoming:
        message = json.loads(received)
        if "load" in message:
            _answer(outgoing, _load(rewards, message["load"], message["code"]))
            continue
        for call in message["calls"]:
            signal.setitimer(signal.ITIMER_PROF, seconds)
            reply = _judge(rewards[message["reward"]], call)
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            _answer(outgoing, reply)


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Private ends of the pipes; what a reward prints goes to standard error, and it has no input."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return incoming, outgoing


def _limits(memory: int, parent: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer decides when work ends
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # its default is to end the process
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it died before it could be watched


def _answer(outgoing: BinaryIO, reply: dict[str, Any]) -> None:
    outgoing.write(messages.line(reply))
    outgoing.flush()


def _load(rewards: dict[str, Any], name: str, code: str) -> dict[str, Any]:
    import cloudpickle  # the trainer's own function, made by process.py a moment ago; never a file, never model output

    try:
        while len(rewards) >= _KEPT:
            rewards.pop(next(iter(rewards)))
        rewards[name] = cloudpickle.loads(base64.b64decode(code))
        warm: Callable[[], None] | None = getattr(rewards[name], "warm", None)
        if warm is not None:
            warm()
        return {"loaded": name}
    except BaseException as error:  # a reward may import anything; the trainer is told
        return _failure(error)


def _judge(reward: Any, message: list[Any]) -> dict[str, Any]:
    try:
        call = messages.call_from_json(message)
        verdicts = judged(reward, call.problem, call.completions, call.anchors, is_group=call.is_group)
        return {"verdicts": [messages.verdict_to_json(verdict) for verdict in verdicts]}
    except BaseException as error:  # the reward is the user's code, and even sys.exit must cost one verdict only
        return _failure(error)


def _failure(error: BaseException) -> dict[str, Any]:
    shown = "".join(traceback.format_exception(error, limit=-8))[-4000:]
    return {
        "error": f"{type(error).__name__}: {error!s:.200}",
        "traceback": shown,
        "memory": isinstance(error, MemoryError),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
