"""One RL step of the trainer, cut where the peers' timings are cut."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks import clock, workload
from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.losses.aggregation import SequenceMean
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.problem import Problem
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import experience, learner, metrics
from entropy_rl.training.judging import is_correct, judge
from entropy_rl.training.update import Update, compiled_update
from entropy_rl.types import Experience, Params, TrainState

LOSS = PolicyLoss(ClippedSurrogate(0.2, 0.2), aggregate=SequenceMean())
OPTIMIZER = AdamW(learning_rate=1e-6, max_gradient_norm=1.0)


@dataclasses.dataclass
class Trainer:
    """A learner, its engine and the data that it goes through.

    Attributes:
      publish: casts what rollouts read to the type that they compute in.
      updates: compiled update by number of micro-batches and of widths.
    """

    size: workload.Size
    engine: Engine
    placement: learner.Placement
    state: TrainState
    publish: Callable[[Params], Params]
    updates: dict[tuple[int, int], Update] = dataclasses.field(default_factory=dict)

    @property
    def batch(self) -> int:
        return self.size.prompts * self.engine.group_size

    def problems(self, number: int) -> list[Problem]:
        """The prompts of a step."""
        return workload.problems(self.size.prompts, self.engine.prompt_tokens, number)

    def rollout(self, problems: list[Problem], number: int) -> Any:
        """Samples the responses of step `number`, and waits for them."""
        draws = range(number * len(problems), (number + 1) * len(problems))
        prompts = [problem.prompt for problem in problems]
        return jax.block_until_ready(
            self.engine(self.publish(self.state.params), prompts, draws, Purpose.TRAIN, 1.0, self.state.step)
        )

    def score(self, problems: list[Problem], rollout: Any, loss: PolicyLoss) -> tuple[Experience, dict[str, float]]:
        """Rewards, advantages and what the run would log of them."""
        verdicts = judge(self.engine, _TASK, workload.digit_share, problems, rollout)
        judged = experience.build_experience(
            rollout, experience.rewards_of(verdicts), is_correct(verdicts), GroupNormalized(), loss.requires, _TASK
        )
        return jax.block_until_ready(judged), metrics.rollout_metrics(rollout, verdicts, len(problems))

    def update(self, judged: Experience, loss: PolicyLoss, micro_batches: int, widths: int = 0) -> dict[str, float]:
        """One optimiser step, its metrics read back."""
        program, key = self.compiled(micro_batches, widths), jax.random.key(0)
        with jax.set_mesh(self.placement.mesh):
            self.state, measured = program(self.state, judged, loss, OPTIMIZER, key)
        jax.block_until_ready(self.state)
        return metrics.reduce([jax.device_get(measured)])

    def compiled(self, micro_batches: int, widths: int = 0) -> Any:
        """The update with so many micro-batches and widths (0: as many as the length is worth), under jax.jit."""
        if (micro_batches, widths) not in self.updates:
            shardings = self.placement.state_shardings
            made = compiled_update(self.size.policy, micro_batches, shardings, buckets=widths)
            self.updates[micro_batches, widths] = made
        return self.updates[micro_batches, widths]

    def step(self, number: int, loss: PolicyLoss, micro_batches: int) -> dict[str, Any]:
        """A whole step, timed: `gen`, `score` (generation, rewards and advantages), `update`, `steps` (all)."""
        start, problems = clock.now(), self.problems(number)
        generation = clock.now()
        rollout = self.rollout(problems, number)
        gen = clock.since(generation)
        judged, _ = self.score(problems, rollout, loss)
        score, updating = clock.since(start), clock.now()
        self.update(judged, loss, micro_batches)
        laps: dict[str, Any] = {"gen": gen, "score": score, "update": clock.since(updating)}
        laps["steps"] = clock.since(start)
        lengths = np.asarray(rollout.response_mask).sum(axis=1).tolist()
        return laps | {"toks": sum(lengths), "longest": max(lengths), "lengths": lengths}


def make_trainer(size: workload.Size, prompt_tokens: int, new_tokens: int, ends: bool) -> Trainer:
    """A learner with random weights.

    Args:
      ends: the end-of-sequence token ends a response; otherwise each has exactly `new_tokens` tokens.
    """
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    placement = learner.place(mesh, size.policy, OPTIMIZER, with_reference=False)
    make = lambda: jax.jit(size.policy.init)(jax.random.key(0))  # noqa: E731
    state = learner.initialise(placement, OPTIMIZER, make, with_reference=False)
    tokenizer = workload.CharacterTokenizer(size.policy.vocab_size, eos_id=1 if ends else -1)
    engine = Engine(size.policy, tokenizer, mesh, workload.GROUP_SIZE, prompt_tokens, new_tokens, seed=0)
    return Trainer(size, engine, placement, jax.block_until_ready(state), learner.compiled_publish(placement))


_TASK: Any = types.SimpleNamespace()  # judged by `digit_share` alone; no method here asks the task for token roles
