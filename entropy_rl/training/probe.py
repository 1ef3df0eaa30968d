"""A fixed set of the first policy's own answers, scored again at each validation: what became of its forks and chances.

The states are the same all along, so what moves is the policy. Its forks: the fifth of the states where its entropy
was highest. Its rare right tokens: those that it gave a probability of 1 to 10 %, in answers that were right; a small
policy with a dozen words has hardly any, so those of 10 to 30 % are followed too, as uncommon ones. Rows and
first scores are kept in the run's folder, for a run that is resumed no longer has the policy that gave them.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Callable, Mapping
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from etils import epath
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from entropy_rl.config import Config
from entropy_rl.ops import masked
from entropy_rl.parallel import exchange
from entropy_rl.parallel.rows import from_local_rows, local_rows, own_rows
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import evaluation, judging, length_buckets, processes
from entropy_rl.training.ledger import exact, sample
from entropy_rl.training.token_metrics import quantiles
from entropy_rl.training.update import score_responses
from entropy_rl.types import Array, Params, Policy, Rollout

FILE = "probe.npz"
FORKS = 8000  # in 1 / 10,000: above it lie the forks
SCORED = ("prompts", "prompt_mask", "responses", "response_mask", "temperature")  # what scoring reads of a rollout
BANDS = {"rare": (0.01, 0.1), "uncommon": (0.1, 0.3)}  # probability that the first policy gave a token
GONE = 0.01  # below it a token counts as gone

Figures = dict[str, Array]


@flax.struct.dataclass
class Rows:
    """What is scored again; n groups of G answers.

    Attributes:
      asked: prompts and answers; its log-probs and entropies are the first policy's, in float32.
      correct: [B] bool.
    """

    asked: Rollout
    correct: Array


class Probe:
    """The probe of a run: made before its first step, or read from its folder."""

    def __init__(self, config: Config, engine: Engine, folder: epath.Path) -> None:
        self._config, self._engine, self._path = config, engine, folder / FILE
        self._rows: Rows | None = None
        everywhere = NamedSharding(engine.mesh, PartitionSpec())
        self._score = compiled_scores(config, engine.mesh)
        self._compare = jax.jit(compared, out_shardings=everywhere)

    def begin(self, published: Params, params: Params) -> None:
        """Samples, judges and scores the first policy's answers, and keeps them.

        Args:
          published: parameters as rollouts read them.
          params: all of the policy's.
        """
        config, mesh = self._config, self._engine.mesh
        rollout, correct = self._answers(published)
        groups = min(len(sample(config, mesh)), config.rollout.piece)
        kept = _whole(mesh, {"prompts": rollout.prompts, "prompt_mask": rollout.prompt_mask}, groups)
        by_rows = {name: getattr(rollout, name) for name in ("responses", "response_mask", "temperature")}
        kept |= _whole(mesh, by_rows | {"correct": correct}, groups * config.rollout.responses)
        logprobs, entropies = self._score(params, unscored(_placed(mesh, kept).asked))
        kept |= _whole(mesh, {"logprobs": logprobs, "entropies": entropies}, len(kept["correct"]))
        if jax.process_index() == 0:
            written = io.BytesIO()
            np.savez_compressed(written, **kept)  # pyright: ignore[reportArgumentType]
            self._path.write_bytes(written.getvalue())
        self._rows = _placed(mesh, kept)

    def _answers(self, published: Params) -> tuple[Rollout, np.ndarray]:
        """To the first problems of the validation split, and which of this process's own rows are right."""
        config, engine = self._config, self._engine
        batch = config.rollout.piece
        problems = evaluation.held_out(config.task, "validation", config.evaluation.problems, engine.fits)
        asked = processes.own(engine.mesh, [problems[place % len(problems)] for place in range(batch)])
        prompts, draws = [problem.prompt for problem in asked], processes.own(engine.mesh, range(batch))
        rollout = engine(published, prompts, draws, Purpose.VALIDATION, config.evaluation.temperature)
        return rollout, judging.is_correct(judging.judge(engine, config.task, None, asked, rollout))

    def figures(self, params: Params) -> dict[str, float]:
        """Named figures of the present policy; {} for a run that began without a probe."""
        if self._rows is None and not self._read():
            return {}
        rows = self._rows
        assert rows is not None
        found = self._compare(*self._score(params, unscored(rows.asked)), rows)
        told = {f"probe/{name}": float(value) for name, value in jax.device_get(found).items()}
        empty = [band for band in BANDS if not told[f"probe/{band}_tokens"]]
        without = {f"probe/{band}_{what}" for band in empty for what in ("survival", "log_ratio")}
        return {name: value for name, value in told.items() if name not in without}

    def _read(self) -> bool:
        if not exchange.firsts(self._path.exists(), "is there a probe"):
            logging.warning("%s is missing: this run began without a probe, so none is followed", self._path)
            return False
        with np.load(io.BytesIO(self._path.read_bytes())) as kept:
            self._rows = _placed(self._engine.mesh, dict(kept))
        return True


def of_run(config: Config, engine: Engine, folder: epath.Path) -> Probe | None:
    """The probe of a run, if it wants one."""
    return Probe(config, engine, folder) if config.ledger.probe else None


def compiled_scores(config: Config, mesh: Mesh) -> Callable[[Params, Rollout], tuple[Array, Array]]:
    """Log-probs and entropies [B, T] of answers in float32, as one compiled program."""
    per_piece = config.rollout.prompts // (config.update.mini_batches * config.update.micro_batches)
    pieces = -(-len(sample(config, mesh)) // per_piece)
    policy, buckets = exact(config.policy), config.update.buckets
    return jax.jit(functools.partial(scores, policy=policy, pieces=pieces, buckets=buckets))


def scores(params: Params, asked: Rollout, *, policy: Policy, pieces: int, buckets: int) -> tuple[Array, Array]:
    """As `compiled_scores`; cut as `length_buckets.cut` does."""
    score: Any = functools.partial(score_responses, params, policy=policy)
    with jax.default_matmul_precision("float32"):
        return length_buckets.score(length_buckets.cut(asked, pieces, buckets), score, asked)


def compared(logprobs: Array, entropies: Array, rows: Rows) -> Figures:
    """The present policy beside the first.

    Args:
      logprobs, entropies: [B, T] of the present policy.
    """
    mask, first = rows.asked.response_mask, rows.asked
    was_fork, is_fork = (
        mask & (values > quantiles(values, mask, (FORKS,))[0]) for values in (first.entropies, entropies)
    )
    told = {
        "fork_overlap": masked.mean(is_fork, was_fork),
        "fork_entropy": masked.mean(entropies, was_fork),
        "entropy": masked.mean(entropies, mask),
    }
    before = jnp.exp(first.logprobs)
    for band, (low, high) in BANDS.items():
        inside = mask & rows.correct[:, None] & (before >= low) & (before < high)
        told[f"{band}_tokens"] = masked.count(inside)
        told[f"{band}_survival"] = masked.mean(jnp.exp(logprobs) >= GONE, inside)
        told[f"{band}_log_ratio"] = masked.mean(logprobs - first.logprobs, inside)
    return told


def unscored(sampled: Rollout) -> Rollout:
    """What scoring reads of a rollout, or its shapes; the rest is absent."""
    unread = {field.name: None for field in dataclasses.fields(Rollout) if field.name not in SCORED}
    return dataclasses.replace(sampled, **unread)  # pyright: ignore[reportArgumentType]


def _whole(mesh: Mesh, arrays: Mapping[str, Any], count: int) -> dict[str, np.ndarray]:
    """The first `count` rows of each, on every host."""
    mine = list(zip(*(local_rows(array).tolist() for array in arrays.values()), strict=True))
    whole = zip(*processes.merged(mesh, mine, "rows of the probe")[:count], strict=True)
    return {name: np.asarray(values, array.dtype) for (name, array), values in zip(arrays.items(), whole, strict=True)}


def _placed(mesh: Mesh, kept: Mapping[str, np.ndarray]) -> Rows:
    arrays = {name: from_local_rows(mesh, values[own_rows(mesh, len(values))]) for name, values in kept.items()}
    correct = arrays.pop("correct")
    absent: dict[str, Any] = dict.fromkeys(field.name for field in dataclasses.fields(Rollout))
    return Rows(Rollout(**(absent | arrays)), correct)
