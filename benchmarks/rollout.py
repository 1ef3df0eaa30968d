"""Sampling alone: variants of this engine, their limit, and TRL and Tunix generating in turn with them.

Run:  python benchmarks/rollout.py --size=S --shape=ragged --buckets=1,0
      python benchmarks/rollout.py --size=M --caches=auto,bfloat16,int8       (what fewer bits cost and save)
      with --trl_python, --tunix_python for the peers, which take whole steps meanwhile

Prints a table and one JSON line. `slots filled` is the share of decoded rows that a live response fills, by the
engine's own plan; `error` and `ESS` compare the sampler's log-probs with teacher-forced ones of the same parameters:
the mean and largest |difference| in nats, and the effective sample size of their ratios as a share of the tokens.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import ceilings, clock, comparison, limits, memory_of, options, record, subjects, trainer, workload
from entropy_rl.ops.logprobs import logprobs_and_entropies
from entropy_rl.rollout import buckets
from entropy_rl.rollout.engine import Engine

BUCKETS = flags.DEFINE_list("buckets", ["0"], "Decoding loops at most, of each variant; 0: the engine's choice.")
SLOTS = flags.DEFINE_list("slots", ["0"], "Responses decoded at a time, of each variant; 0: all.")


@dataclasses.dataclass
class Sampler:
    """One variant of the engine; it never updates."""

    trainer: trainer.Trainer
    name: str
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    last: Any = None

    def step(self, number: int) -> subjects.Laps:
        problems, start = self.trainer.problems(number), clock.now()
        self.last = self.trainer.rollout(problems, number)
        gen = clock.since(start)
        lengths = np.asarray(self.last.response_mask).sum(axis=1).tolist()
        laps = {"gen": gen, "update": (0.0, 0.0), "steps": gen, "toks": sum(lengths), "longest": max(lengths)}
        return laps | {"lengths": lengths, "peak_rss_GiB": round(clock.peak_memory(), 3)}

    def close(self) -> None:
        pass


def variants(own: trainer.Trainer) -> list[Sampler]:
    """Every combination of the flags."""
    made = []
    for cache, loops, slots in itertools.product(options.caches(), BUCKETS.value, SLOTS.value):
        changed: Any = {"cache": cache, "buckets": int(loops), "slots": int(slots)}
        name = " ".join(f"{key}={value}" for key, value in changed.items() if str(value) not in ("0", "auto"))
        engine = dataclasses.replace(own.engine, **changed)
        made.append(Sampler(dataclasses.replace(own, engine=engine), name or "entropy_rl"))
    return made


def filled(engine: Engine, lengths: Sequence[int]) -> float:
    """Share of the rows decoded, over all steps, in which a response is alive."""
    chain = engine.chain(len(lengths) // engine.group_size)
    return sum(lengths) / buckets.slot_steps(lengths, chain)


def mismatch(subject: trainer.Trainer, rollout: Any) -> dict[str, float]:
    """How far the sampler's log-probs are from those of the same tokens, teacher-forced at temperature 1."""
    policy, params = subject.size.policy, subject.state.params

    def rescored(params: Any, part: Any) -> jax.Array:
        hidden = policy.response_hidden(params, part.prompts, part.prompt_mask, part.responses)
        return logprobs_and_entropies(hidden, policy.head(params), part.responses, part.temperature)[0]

    difference = jnp.where(rollout.response_mask, jax.jit(rescored)(params, rollout) - rollout.logprobs, 0.0)
    mask, tokens = np.asarray(rollout.response_mask), float(rollout.response_mask.sum())
    ratios = np.exp(np.asarray(difference, np.float64))[mask]
    size = ratios.sum() ** 2 / np.square(ratios).sum() / tokens
    absolute = jnp.abs(difference)
    return {"mean": float(absolute.sum()) / tokens, "largest": float(absolute.max()), "ess": float(size)}


def figures_of(sampler: Sampler, laps: Sequence[subjects.Laps], rates: ceilings.Ceilings) -> dict[str, Any]:
    """What is said of a variant beside its medians."""
    own, engine, prompts = sampler.trainer, sampler.trainer.engine, sampler.trainer.size.prompts
    lengths = [lap["lengths"] for lap in laps[1:]]
    limit = limits.mean_limit(own.size.policy, rates, [engine.prompt_tokens] * prompts, lengths)
    return {
        "limit": round(limit.generation, 4),
        "filled": round(float(np.mean([filled(engine, step) for step in lengths])), 3),
        "loops": len(engine.chain(prompts)),
        "cache_MiB": round(memory_of.caches(engine, prompts) / 2**20, 2),
        "mismatch": mismatch(own, sampler.last),
    }


def measure(size: workload.Size, shape: workload.Shape) -> dict[str, Any]:
    """All figures of one comparison."""
    own = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    rates = ceilings.measure(size.policy, own.batch, own.batch * shape.prompt_tokens)
    samplers = variants(own)
    by_name = {sampler.name: sampler for sampler in samplers}
    figures = comparison.measured(samplers, size, shape, lambda name, laps: figures_of(by_name[name], laps, rates))
    return figures | {"ceilings": rates.summary()}


def table(figures: dict[str, Any]) -> str:
    """A line for each variant and each peer."""
    unit = clock.unit()
    head = ["", f"generation, {unit}", f"tokens/{unit}", "limit", "of limit", "slots filled", "loops", "cache, MiB"]
    rows = []
    for name, found in figures["medians"].items():
        cells = [name, f"{found['gen']:.3f}", f"{found['sampled_per_s']:.0f}"]
        if "limit" in found:
            error = found["mismatch"]
            cells += [f"{found['limit']:.3f}", f"{found['limit'] / found['gen']:.0%}", f"{found['filled']:.2f}"]
            cells += [str(found["loops"]), f"{found['cache_MiB']:.1f}", f"{error['mean']:.1e}"]
            cells += [f"{error['largest']:.1e}", f"{error['ess']:.4f}"]
        rows.append(cells + [""] * (len(head) + 3 - len(cells)))
    return record.table([*head, "error", "largest", "ESS"], rows) + comparison.describe(figures["absent"])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    comparison.share_device()
    figures = measure(workload.SIZES[options.SIZE.value], options.shape())
    about = {"benchmark": "rollout", "size": options.SIZE.value, "shape": options.SHAPE.value, "unit": clock.unit()}
    about |= {"threads": options.THREADS.value, "rounds": options.ROUNDS.value}
    record.emit(table(figures), about | figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
