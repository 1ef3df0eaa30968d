"""GRPO steps of the trainer, beside their limit and beside TRL and Tunix on the same work, in one interleaved run.

Run:  python benchmarks/step.py --size=S --shape=fixed      (--size=M; --shape=long, --shape=ragged)
      with --trl_python=VENV/bin/python --tunix_python=VENV/bin/python for the peers' columns
GPU:  python benchmarks/step.py --size=qwen05 --shape=reasoning --threads=0 --transformers_python=VENV/bin/python
      (and qwen15)     TPU: the same without a peer

Prints a table and one JSON line. Medians over rounds after a warm-up; process-CPU seconds of one pinned thread on a
CPU, wall seconds on an accelerator. Each entry of `gen`, `score`, `update` and `steps` under `laps` is [wall, CPU] of
one step; `update` is the step less generation, reward and advantages. The first step compiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import app

from benchmarks import ceilings, clock, comparison, limits, options, record, subjects, trainer, workload

COLUMNS = {"gen": "generation", "update": "update", "steps": "step", "tokens_per_s": "tokens/{}", "first": "first step"}


def measure(size: workload.Size, shape: workload.Shape, micro_batches: int) -> dict[str, Any]:
    """All figures of one comparison."""
    own = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    rates = ceilings.measure(size.policy, own.batch, own.batch * shape.new_tokens // micro_batches)
    peers, absent = comparison.start_peers(size, shape)
    taking_part = [subjects.Ours(own, trainer.LOSS, micro_batches), *peers]
    try:
        laps = comparison.interleaved(taking_part, options.ROUNDS.value)
    finally:
        for peer in peers:
            peer.close()
    found = {name: comparison.medians(each) for name, each in laps.items()}
    lengths = [lap.pop("lengths") for lap in laps["entropy_rl"]]
    limit = limits.mean_limit(size.policy, rates, [shape.prompt_tokens] * size.prompts, lengths[1:])
    prompts, responses = [shape.prompt_tokens] * size.prompts, [shape.new_tokens] * own.batch
    shares = {} if shape.ends else {
        name: limits.shares(size.policy, rates, prompts, responses, each) for name, each in found.items()
    }  # fmt: skip
    least = {"gen": limit.generation, "update": limit.update, "steps": limit.step}
    return {
        "medians": found,
        "ratios": {phase: comparison.ratios(found, phase) for phase in comparison.PHASES},
        "limit": {name: round(value, 4) for name, value in least.items()},
        "shares": shares,
        "ceilings": rates.summary(),
        "absent": absent,
        "peers": {peer.name: peer.versions for peer in peers},
        "laps": comparison.raw(laps),
    }


def table(figures: dict[str, Any]) -> str:
    """A line for the limit, one for each subject and one for how far each peer is behind."""
    unit = clock.unit()
    head = ["", *(name.format(unit) for name in COLUMNS.values()), "peak RSS, GiB"]
    limit = figures["limit"]
    rows = [[f"limit, {unit}", *(f"{limit[key]:.3g}" for key in comparison.PHASES), "", "", ""]]
    for name, found in figures["medians"].items():
        cells = [f"{found[key]:.3f}" for key in comparison.PHASES]
        rest = [f"{found['tokens_per_s']:.0f}", f"{found['first']:.1f}", f"{found['peak_rss_GiB']:.2f}"]
        rows.append([name, *cells, *rest])
    for name in figures["ratios"]["steps"]:
        behind = [f"{figures['ratios'][key][name]:.2f} x" for key in comparison.PHASES]
        rows.append([f"ahead of {name}", *behind, "", "", ""])
    lines = [
        f"\n{name}: decoding reads at {share['bandwidth']:.0%} of {share['of']}, updates at {share['mfu']:.0%} MFU"
        for name, share in figures["shares"].items()
        if unit == "s"  # on a CPU small models are read from its caches
    ]
    return record.table(head, rows) + "".join(lines) + comparison.describe(figures["absent"])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    comparison.share_device()
    size, shape = workload.SIZES[options.SIZE.value], options.shape()
    micro_batches = options.micro_batches([size.micro_batches])[0]
    figures = measure(size, shape, micro_batches)
    about = {"benchmark": "step", "size": options.SIZE.value, "shape": options.SHAPE.value, "unit": clock.unit()}
    about |= {"threads": options.THREADS.value, "micro_batches": micro_batches, "rounds": options.ROUNDS.value}
    record.emit(table(figures), about | figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
