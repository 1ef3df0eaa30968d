"""Times GRPO steps of the trainer on the peers' work and prints one JSON line with the peers' keys.

Run:  python benchmarks/step.py --size=S        (and --size=M; one thread, pinned to a core, as the peers)

Each entry of `gen`, `score`, `update` and `steps` is [wall s, process-CPU s] of one step; the first step compiles.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from absl import app, flags

from benchmarks import clock, options, trainer, workload
from entropy_rl.losses.aggregation import SequenceMean
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss

PROMPT_TOKENS = flags.DEFINE_integer("prompt_tokens", 16, "Q.", lower_bound=16)
NEW_TOKENS = flags.DEFINE_integer("new_tokens", 64, "T.", lower_bound=1)
ENDS = flags.DEFINE_bool("ends", False, "Responses may end before T; random weights give geometric lengths.")
STEPS = flags.DEFINE_integer("steps", 6, "Steps; the first warms up.", lower_bound=2)
MICRO_BATCHES = flags.DEFINE_integer("micro_batches", 0, "Pieces of the update; 0: the size's own.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    import_s = clock.process_age()
    clock.pin(options.THREADS.value, options.CORE.value)
    size = workload.SIZES[options.SIZE.value]
    subject = trainer.make_trainer(size, PROMPT_TOKENS.value, NEW_TOKENS.value, ENDS.value)
    setup_s = clock.process_age() - import_s
    loss = PolicyLoss(ClippedSurrogate(0.2, 0.2), aggregate=SequenceMean())
    micro_batches = MICRO_BATCHES.value or size.micro_batches
    laps = [subject.step(0, loss, micro_batches)]
    first_step_end_s = clock.process_age()
    laps += [subject.step(number, loss, micro_batches) for number in range(1, STEPS.value)]
    record = {
        "peer": "entropy_rl", "size": options.SIZE.value, "B": subject.batch, "NT": options.THREADS.value,
        "micro_batches": micro_batches, "import_s": round(import_s, 2), "setup_s": round(setup_s, 2),
        "first_step_end_s": round(first_step_end_s, 2), "peak_rss_GiB": round(clock.peak_memory(), 3),
        "flops": workload.operations(size.policy, subject.batch, PROMPT_TOKENS.value, NEW_TOKENS.value),
        "load": os.getloadavg(),
    }  # fmt: skip
    record |= {key: [lap[key] for lap in laps] for key in ("toks", "gen", "score", "update", "steps")}
    sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    app.run(main)
