"""The README's performance table, made of benchmarks/results/: what is there is what was measured, and nothing else.

Run:  python benchmarks/table.py            (rewrites README.md between its markers)
      python benchmarks/table.py --check    (says whether it is up to date, and ends with status 1 if not)
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags

from benchmarks import record

CHECK = flags.DEFINE_bool("check", False, "Change nothing.")

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- performance -->", "<!-- /performance -->"
WORK = {  # in the README's order
    ("S", "fixed"): "S: 16-token prompts, 64 new tokens",
    ("S", "long"): "S: 256-token prompts, 64 new tokens",
    ("S", "ragged"): "S: answers of 1 to 256 tokens",
    ("M", "fixed"): "M: 16-token prompts, 64 new tokens",
    ("qwen05", "reasoning"): "Qwen2.5-0.5B: 1,024-token prompts, 2,048 new tokens",
    ("qwen15", "reasoning"): "Qwen2.5-1.5B: 1,024-token prompts, 2,048 new tokens",
}
PEERS = {"trl": "TRL", "tunix": "Tunix", "transformers": "transformers"}


def results(folder: pathlib.Path = record.RESULTS) -> list[dict[str, Any]]:
    """Records of benchmarks that name themselves."""
    read = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [one for one in read if isinstance(one, dict) and "benchmark" in one]


def section(records: Sequence[dict[str, Any]]) -> str:
    """Markdown of everything between the markers."""
    steps = [one for key in WORK for one in of(records, "step") if (one["size"], one["shape"]) == key]
    if not steps:
        return "Not yet measured."
    parts = [steps_table(steps), *(line for line in (about(steps), compiling(records), memory(records)) if line)]
    return "\n\n".join(parts)


def of(records: Sequence[dict[str, Any]], benchmark: str) -> list[dict[str, Any]]:
    return [one for one in records if one["benchmark"] == benchmark]


def steps_table(steps: Sequence[dict[str, Any]]) -> str:
    """Response tokens per second of a whole step: of the limit, of this trainer and of its peers."""
    peers = [name for name in PEERS if any(name in one["medians"] for one in steps)]
    head = [
        "response tokens per second of a step",
        "limit",
        "entropy_rl",
        *(PEERS[name] for name in peers),
        "ahead of the best",
    ]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for one in steps:
        ours, limit = one["medians"]["entropy_rl"], one["limit"]["steps"]
        rates = [f"{one['medians'][name]['tokens_per_s']:,.0f}" if name in one["medians"] else "" for name in peers]
        ahead = min(one["ratios"]["steps"].values(), default=None)
        factor = "" if ahead is None else f"{ahead:.1f} ×"
        name = WORK[one["size"], one["shape"]] + f" ({one['unit']})"
        lines.append([name, f"{ours['toks'] / limit:,.0f}", f"**{ours['tokens_per_s']:,.0f}**", *rates, factor])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def about(steps: Sequence[dict[str, Any]]) -> str:
    """Where the figures come from."""
    hardware = "; ".join(dict.fromkeys(one["hardware"] for one in steps))
    commits = ", ".join(dict.fromkeys(one["commit"][:7] + (" with changes" if one["dirty"] else "") for one in steps))
    peers = [peer for one in steps for peer in one["peers"].values()]
    versions = ", ".join(dict.fromkeys(f"{package} {version}" for peer in peers for package, version in peer.items()))
    rounds, loads = min(one["rounds"] for one in steps), [one["load"][0] for one in steps]
    return (
        f"Medians of at least {rounds} interleaved steps after a warm-up, load {min(loads):.0f} to {max(loads):.0f}; "
        "on a CPU one pinned thread and process-CPU seconds (cpu-s), which are what a shared machine can compare. "
        f"{hardware}; commit {commits}; {versions}. The limit is the operations and bytes that a step cannot do "
        "without, over the rates of matrix products and of reading that the same process measured. Each row is a file "
        "of [`benchmarks/results/`](benchmarks/results) with its command."
    )


def compiling(records: Sequence[dict[str, Any]]) -> str:
    """One sentence on each compile-time record."""
    said = []
    for one in of(records, "compile_time"):
        cost = {layers: pair["cold"]["compile"] for layers, pair in one["layers"].items()}
        warm = max(pair["warm"]["compile"] for pair in one["layers"].values())
        depths = ", ".join(f"{seconds:.0f} cpu-s with {layers} layers" for layers, seconds in cost.items())
        said.append(f"Compiling all programs of a run at size {one['size']} costs {depths}, {warm:.1f} from the cache.")
    return " ".join(said)


def memory(records: Sequence[dict[str, Any]]) -> str:
    """One sentence on the loss."""
    for one in of(records, "memory"):
        if found := one.get("loss"):
            return (
                f"Log-probabilities and entropies of 4,096 tokens over a vocabulary of 151,936, forward and backward: "
                f"{found['extra_GiB']:.2f} GiB above the inputs and {found['cpu']:.0f} cpu-s (four matrix products: "
                f"{found['least_cpu']:.0f})."
            )
    return ""


def placed(readme: str, text: str) -> str:
    """The README with the section between its markers.

    Raises:
      ValueError: if it has no markers.
    """
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md has no {BEGIN} and {END}; write both where the table belongs")
    before, rest = readme.split(BEGIN, 1)
    return before + BEGIN + "\n" + text + "\n" + END + rest.split(END, 1)[1]


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    readme = README.read_text()
    wanted = placed(readme, section(results()))
    if CHECK.value:
        sys.stdout.write("up to date\n" if wanted == readme else "run python benchmarks/table.py\n")
        sys.exit(wanted != readme)
    README.write_text(wanted)


if __name__ == "__main__":
    app.run(main)
