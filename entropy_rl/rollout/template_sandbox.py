"""Renders chat templates, which are programs of strangers, in transformers' sandbox and in a process with limits.

The sandbox keeps a template from everything but its arguments; the process ends it when it takes too long or too much.
Run as a script, this file is that process: JSON in, JSON out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SECONDS = 10  # of processor time, for rendering alone
START_SECONDS = 120  # of the clock, with the imports of a slow machine
MEMORY = 1 << 30  # bytes beyond what the imports took
DAY = "26 Jul 2024"  # for templates that write the day; the one that Llama's falls back to

Chats = Sequence[tuple[list[dict[str, str]], bool]]  # messages, and whether the answer's opening is wanted


def render(origin: str, source: str, chats: Chats, names: Mapping[str, Any]) -> list[str]:
    """The text of each chat.

    Args:
      origin: of the template, for errors.
      source: Jinja.
      names: what the template may read beside the messages.

    Raises:
      ValueError: if the template reaches for what it may not have, does not end, or refuses the messages.
    """
    order = {"source": source, "chats": list(chats), "names": {"date_string": DAY} | dict(names), "seconds": SECONDS}
    command = [sys.executable, "-P", __file__]  # -P: this folder's tokenizers.py must not stand for the library
    advice = "Use another tokenizer, or template=templates.Plain(...)"
    try:
        done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"the chat template of {origin} did not end in {START_SECONDS} s. {advice}") from None
    if done.returncode or not done.stdout:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise ValueError(
            f"the chat template of {origin} was stopped: it took more than {SECONDS} s or {MEMORY >> 20} MiB "
            f"({reason[0]:.200}). {advice}"
        )
    answer = json.loads(done.stdout)
    if "forbidden" in answer:
        raise ValueError(
            f"the chat template of {origin} reaches for what no template needs ({answer['forbidden']:.200}); it was "
            f"not given it. {advice}"
        )
    if "error" in answer:
        raise ValueError(
            f"the chat template of {origin} fails with these messages ({answer['error']:.200}); leave out "
            f"template.system if it knows no system message. {advice}"
        )
    return answer["texts"]


def _limit(more_seconds: int) -> None:
    """Bounds what this process may take from now on."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + more_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        with open("/proc/self/statm") as file:
            present = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: time alone is bounded
        return
    resource.setrlimit(resource.RLIMIT_AS, (present + MEMORY, present + MEMORY))


def _answer(order: dict[str, Any]) -> dict[str, Any]:
    import jinja2
    from transformers.utils import chat_template_utils

    _limit(order["seconds"])
    texts = []
    try:
        for messages, opening in order["chats"]:
            rendered = chat_template_utils.render_jinja_template(
                [messages], chat_template=order["source"], add_generation_prompt=opening, **order["names"]
            )
            texts.append(rendered[0][0])
    except jinja2.exceptions.SecurityError as error:
        return {"forbidden": str(error)}
    except MemoryError:
        raise
    except Exception as error:  # a template may raise anything at all
        return {"error": f"{type(error).__name__}: {error}"}
    return {"texts": texts}


if __name__ == "__main__":
    json.dump(_answer(json.load(sys.stdin)), sys.stdout)
