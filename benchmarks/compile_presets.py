"""Compiles every preset made for a TPU slice ahead of time, one after the other, and writes down what was found.

Run:  python -m benchmarks.compile_presets [--only=tpu_v6e_16_qwen25_7b,...] [--again]

Needs the compiler (the extra `tpu`) and no TPU; minutes of one core for each preset. A preset whose file is there is
left out; README.md beside the files is made of all of them.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl.presets import preset_names, presets_folder
from entropy_rl.training import ahead_report

RESULTS = pathlib.Path(__file__).resolve().parent / "results" / "compile_check"
_ONLY = flags.DEFINE_list("only", [], "Presets; all those for a slice by default.", allow_override=True)
_AGAIN = flags.DEFINE_bool("again", False, "Compile those too whose file is there.", allow_override=True)


def slice_of(name: str) -> str:
    """The slice that a preset's docstring says it is made for."""
    found = re.search(r"--topology=(\S+)", (presets_folder() / f"{name}.py").read_text())
    if found is None:
        raise ValueError(f"{name}.py names no --topology; give the command that checks it")
    return found[1]


def page(folder: pathlib.Path) -> str:
    """README.md of the results in a folder."""
    records = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    records = [record for record in records if record["complete"]]
    versions = sorted({f"jax {each['jax']}, libtpu {each['libtpu']}" for each in records})
    return (
        "# What the presets need of TPU slices\n\n"
        f"Made by `python -m benchmarks.compile_presets` ({'; '.join(versions)}). Programs were "
        f"{ahead_report.ONLY}. Memory is the compiler's peak per device with all that a run keeps beside the program. "
        "The least seconds are a bound with every response at its full length, not a forecast. Each line is one "
        "command, `python -m entropy_rl.compile_check --config=NAME --topology=SLICE`.\n\n" + ahead_report.page(records)
    )


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in _ONLY.value or [name for name in preset_names() if name.startswith("tpu_")]:
        out = RESULTS / f"{name}.json"
        if out.exists() and json.loads(out.read_text())["complete"] and not _AGAIN.value:
            continue
        command = [sys.executable, "-m", "entropy_rl.compile_check", f"--config={name}"]
        done = subprocess.run([*command, f"--topology={slice_of(name)}", f"--out={out}"], check=False)
        logging.info("%s: %s", name, "fits" if done.returncode == 0 else "does not fit, or failed")
    (RESULTS / "README.md").write_text(page(RESULTS))


if __name__ == "__main__":
    app.run(main)
