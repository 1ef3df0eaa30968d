"""The compiled update alone: variants, beside their limit and the updates of TRL and Tunix, in one interleaved run.

Run:  python benchmarks/update.py --size=S --shape=ragged --widths=1,0        (and --micro_batches=1,8)
      with --trl_python, --tunix_python for the peers, which take whole steps meanwhile

Prints a table and one JSON line. All variants update on the same rollout in each round. `MFU` is the operations that
the method asks for (models/flops.py: each prompt once, no padding) per second, over this device's best matrix product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import app, flags

from benchmarks import ceilings, clock, comparison, limits, options, record, subjects, trainer, workload
from entropy_rl.models import flops
from entropy_rl.types import Experience

WIDTHS = flags.DEFINE_list("widths", ["0"], "That responses are computed at, of each variant; 0: the trainer's choice.")


@dataclasses.dataclass
class Judged:
    """The experience of the present round, sampled once for all variants."""

    trainer: trainer.Trainer
    number: int = -1
    lengths: list[int] = dataclasses.field(default_factory=list)
    experience: Experience | None = None

    def of(self, number: int) -> Experience:
        if number != self.number or self.experience is None:
            problems = self.trainer.problems(number)
            rollout = self.trainer.rollout(problems, number)
            self.lengths = np.asarray(rollout.response_mask).sum(axis=1).tolist()
            self.experience, _ = self.trainer.score(problems, rollout, trainer.LOSS)
            self.number = number
        return self.experience


@dataclasses.dataclass
class Updater:
    """One variant of the update."""

    judged: Judged
    micro_batches: int
    widths: int = 0
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"micro_batches={self.micro_batches}" + (f" widths={self.widths}" if self.widths else "")

    def step(self, number: int) -> subjects.Laps:
        experience, start = self.judged.of(number), clock.now()
        self.judged.trainer.update(experience, trainer.LOSS, self.micro_batches, self.widths)
        update, lengths = clock.since(start), self.judged.lengths
        laps = {"gen": update, "update": update, "steps": update, "toks": sum(lengths), "longest": max(lengths)}
        return laps | {"lengths": lengths, "peak_rss_GiB": round(clock.peak_memory(), 3)}

    def close(self) -> None:
        pass


def figures_of(
    policy: Any, prompts: Sequence[int], laps: Sequence[subjects.Laps], rates: ceilings.Ceilings
) -> dict[str, float]:
    """The limit of a variant's updates, and its share of the best product's rate."""
    steps = [lap["lengths"] for lap in laps[1:]]
    operations = [flops.update(policy, prompts, responses) for responses in steps]
    shares = [
        work / clock.cost(lap["update"]) / max(rates.products.values())
        for work, lap in zip(operations, laps[1:], strict=True)
    ]
    limit = limits.mean_limit(policy, rates, prompts, steps)
    return {"limit": round(limit.update, 4), "mfu": round(float(np.median(shares)), 3)}


def measure(size: workload.Size, shape: workload.Shape, pieces: Sequence[int]) -> dict[str, Any]:
    """All figures of one comparison."""
    own = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    rates = ceilings.measure(size.policy, own.batch, own.batch * shape.new_tokens // max(pieces))
    judged = Judged(own)
    updaters = [Updater(judged, count, int(widths)) for count in pieces for widths in WIDTHS.value]
    prompts = [shape.prompt_tokens] * size.prompts
    figures = comparison.measured(updaters, size, shape, lambda _, laps: figures_of(size.policy, prompts, laps, rates))
    return figures | {"ceilings": rates.summary()}


def table(figures: dict[str, Any]) -> str:
    """A line for each variant and each peer."""
    unit = clock.unit()
    rows = []
    for name, found in figures["medians"].items():
        cells = [name, f"{found['update']:.3f}", f"{found['toks'] / found['update']:.0f}"]
        if "limit" in found:
            cells += [f"{found['limit']:.3f}", f"{found['limit'] / found['update']:.0%}", f"{found['mfu']:.0%}"]
        rows.append(cells + [""] * (6 - len(cells)))
    head = ["", f"update, {unit}", f"tokens/{unit}", "limit", "of limit", "MFU"]
    return record.table(head, rows) + comparison.describe(figures["absent"])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    comparison.share_device()
    size = workload.SIZES[options.SIZE.value]
    pieces = options.micro_batches([size.micro_batches])
    figures = measure(size, options.shape(), pieces)
    about = {"benchmark": "update", "size": options.SIZE.value, "shape": options.SHAPE.value, "unit": clock.unit()}
    about |= {"threads": options.THREADS.value, "rounds": options.ROUNDS.value}
    record.emit(table(figures), about | figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
