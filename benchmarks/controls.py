"""What entropy control costs: five methods at once against plain GRPO, paired and interleaved in one run.

Run:  python benchmarks/controls.py --size=S

Prints a table and one JSON line. A step is generation and update; the generation is the same for both, so it is timed
once per round and the difference is that of two updates of one rollout, in process-CPU seconds. Limit: 3 % of a plain
step.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from absl import app

from benchmarks import clock, options, record, trainer, workload
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.shaped_advantage import EntropyAdvantage
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss

LIMIT = 0.03  # of a plain step
PLAIN = PolicyLoss(ClippedSurrogate(0.2, 0.2))
ALL = PolicyLoss(
    ClippedSurrogate(0.2, 0.2),
    gates=(ClipCov(), ForkingTokens()),
    penalties=(KlCov(), EntropyBonus()),
    shapers=(EntropyAdvantage(),),
)
LOSSES = {
    "plain": PLAIN,
    "old": dataclasses.replace(ALL, covariance_logprobs="old"),
    "current": dataclasses.replace(ALL, covariance_logprobs="current"),
}


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the controls add to a step with a number of micro-batches.

    Attributes:
      covariance_logprobs: that the controls select with; "current" needs a second forward pass under accumulation.
      plain, added: medians over rounds of paired times, process-CPU seconds.
      share: added / plain.
    """

    micro_batches: int
    covariance_logprobs: str
    plain: float
    added: float

    @property
    def share(self) -> float:
        return self.added / self.plain


def measure(subject: trainer.Trainer, pieces: Sequence[int], rounds: int) -> list[Cost]:
    """Medians of paired differences; every round times every variant once, in an order that is turned each round."""
    variants = [(count, name) for count in pieces for name in LOSSES]
    seconds: dict[tuple[int, str], list[float]] = {variant: [] for variant in variants}
    generations = []
    for number in range(rounds + 1):
        problems, start = subject.problems(number), clock.now()
        rollout = subject.rollout(problems, number)
        generations.append(clock.since(start)[1])
        turned = variants[number % len(variants) :] + variants[: number % len(variants)]
        for variant in turned:
            count, name = variant
            judged, _ = subject.score(problems, rollout, LOSSES[name])
            start = clock.now()
            subject.update(judged, LOSSES[name], count)
            seconds[variant].append(clock.since(start)[1])
    return [
        cost(count, name, generations[1:], seconds[count, "plain"][1:], seconds[count, name][1:])
        for count, name in variants
        if name != "plain"
    ]


def cost(
    micro_batches: int, name: str, generations: Sequence[float], plain: Sequence[float], controlled: Sequence[float]
) -> Cost:
    """Of paired rounds, which are short and noisy: the medians of the differences and of the plain steps."""
    added = statistics.median(b - a for a, b in zip(plain, controlled, strict=True))
    step = statistics.median(g + a for g, a in zip(generations, plain, strict=True))
    return Cost(micro_batches, name, step, added)


def table(costs: Sequence[Cost]) -> str:
    """One line per variant."""
    head = "micro-batches | covariance from | plain step, cpu-s | controls add, cpu-s | share | limit"
    rows = [
        f"{c.micro_batches:13d} | {c.covariance_logprobs:15s} | {c.plain:17.3f} | {c.added:19.4f} | {c.share:5.1%} | "
        f"{LIMIT:.0%}"
        for c in costs
    ]
    return "\n".join([head, *rows])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    size = workload.SIZES[options.SIZE.value]
    pieces = options.micro_batches([1, min(8, size.prompts)])
    shape = options.shape()
    subject = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    costs = measure(subject, pieces, options.ROUNDS.value)
    figures = {"benchmark": "controls", "size": options.SIZE.value, "shape": options.SHAPE.value, "limit": LIMIT}
    figures |= {"unit": clock.unit(), "threads": options.THREADS.value, "rounds": options.ROUNDS.value}
    figures["costs"] = [dataclasses.asdict(c) | {"share": round(c.share, 4)} for c in costs]
    record.emit(table(costs), figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
