"""Moves the reference policy: a pure decision after each step, carried out before the next.

What was decided is part of the checkpoint, so that a run that stops between the two goes on as if it had not.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging

from entropy_rl.ops import schedules
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel.rows import settled
from entropy_rl.references import EmaReference, Reference, ResetReference
from entropy_rl.training import learner
from entropy_rl.types import Array, Params, TrainState

SCORE, DRIFT = "validation/pass@1", "reference/kl"


@dataclasses.dataclass(frozen=True)
class Memory:
    """What decisions depend on, beside the step's metrics; plain JSON values.

    Attributes:
      since: RL steps since the reference last moved.
      stale: evaluations in a row without a better validation/pass@1.
      best: the best validation/pass@1 so far; None before the first.
      due: why the reference moves before the next step; "" if it does not.
      moved: it has moved since it became due; the step that follows is not done yet.
    """

    since: int = 0
    stale: int = 0
    best: float | None = None
    due: str = ""
    moved: bool = False


def decide(reference: Reference | None, memory: Memory, measured: Mapping[str, float]) -> Memory:
    """What is remembered after a step with these metrics, and whether the reference is due to move; pure.

    After a move the interval and the plateau are counted anew; the best score is kept.
    """
    if memory.due:
        memory = dataclasses.replace(memory, since=0, stale=0, due="", moved=False)
    memory = dataclasses.replace(memory, since=memory.since + 1)
    score = measured.get(SCORE)
    if score is not None:
        better = memory.best is None or score > memory.best
        memory = dataclasses.replace(
            memory, best=score if better else memory.best, stale=0 if better else memory.stale + 1
        )
    return dataclasses.replace(memory, due=_reason(reference, memory, measured))


def _reason(reference: Reference | None, memory: Memory, measured: Mapping[str, float]) -> str:
    match reference:
        case EmaReference(every=every):
            return "average" if memory.since >= every else ""
        case ResetReference(every=every, plateau=plateau, kl_above=kl_above):
            if every and memory.since >= every:
                return f"{memory.since} steps since the last move"
            if plateau and memory.stale >= plateau:
                return f"{memory.stale} evaluations without a better {SCORE} than {memory.best:.4f}"
            if kl_above and measured.get(DRIFT, 0.0) > kl_above:
                return f"{DRIFT} of {measured[DRIFT]:.4f} nats/token is above {kl_above:g}"
    return ""


class Keeper:
    """The reference policy of a run: remembers, decides, moves."""

    def __init__(
        self,
        reference: Reference | None,
        optimizer: AdamW,
        shardings: Any = None,
        memory: Mapping[str, Any] | None = None,
    ) -> None:
        """Args:
        shardings: a tree like the state, where it is given back; None on one device.
        memory: `state()` of the process before this one.
        """
        self.reference = reference
        self.memory = Memory(**(memory or {}))
        self._reset = compiled_reset(optimizer, getattr(reference, "reset_optimizer", False), shardings)

    def state(self) -> dict[str, Any]:
        """For the checkpoint: plain JSON values."""
        return dataclasses.asdict(self.memory)

    def move(self, step: int, state: TrainState) -> tuple[TrainState, dict[str, float]]:
        """Carries out what is due before step number `step` begins; not again if that step is given up and repeated.

        Returns:
          the state, the given one being used up if it moved; and reference/reset, 0 or 1, of a reference that resets.
        """
        due = self.memory.due
        if due and not self.memory.moved:
            if isinstance(self.reference, EmaReference):
                moved = settled(average(state.reference, state.params, self.reference.decay))
                state = dataclasses.replace(state, reference=moved)
            else:
                logging.info("step %d: reference policy reset: %s", step, due)
                state = settled(self._reset(state))
            self.memory = dataclasses.replace(self.memory, moved=True)
        return state, {"reference/reset": float(bool(due))} if isinstance(self.reference, ResetReference) else {}

    def observe(self, measured: Mapping[str, float]) -> None:
        """Before the first step: the score that the first plateau is measured against."""
        self.memory = dataclasses.replace(self.memory, best=measured.get(SCORE))

    def decide(self, measured: Mapping[str, float]) -> bool:
        """After a step: True if a reset is due, before which a checkpoint should be saved."""
        self.memory = decide(self.reference, self.memory, measured)
        return bool(self.memory.due) and isinstance(self.reference, ResetReference)


@functools.partial(jax.jit, donate_argnums=0)
def average(reference: Params, params: Params, decay: float | Array) -> Params:
    """decay * reference + (1 - decay) * params, leaf by leaf; the reference is updated in place."""
    return jax.tree.map(lambda old, new: (decay * old + (1.0 - decay) * new).astype(old.dtype), reference, params)


def compiled_reset(
    optimizer: AdamW, reset_optimizer: bool, shardings: Any = None
) -> Callable[[TrainState], TrainState]:
    """The state with its reference set to a copy of its parameters and, where wanted, moments that start from zero."""

    def reset(state: TrainState) -> TrainState:
        reference = jax.tree.map(jnp.copy, state.params)
        numbers = schedules.resolve(optimizer, state.step)
        opt_state = numbers.transform().init(learner.trained(state)) if reset_optimizer else state.opt_state
        return dataclasses.replace(state, reference=reference, opt_state=opt_state)

    return jax.jit(reset, donate_argnums=0, out_shardings=shardings)
