"""A process to control: entropy that falls by itself, answers to effort with a delay, and is read with noise."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.closed_loop import loop as loops
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.ops.schedules import Controlled

BONUS = Controlled("bonus", low=-1.0, high=1.0)


@dataclasses.dataclass(frozen=True)
class Process:
    """log entropy += drift + gain * felt effort; `felt` lags as the update's momentum does."""

    gain: float = 0.3
    drift: float = -0.03
    noise: float = 0.05  # of a reading, relative
    momentum: float = 0.65
    start: float = 0.5  # nats

    def run(self, loop: EntropyLoop, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
        """What a run would write: the true entropy, and the loop's metrics, each [steps]."""

        def advance(carry: Any, noise: jax.Array) -> Any:
            states, h, felt = carry
            entropy = jnp.exp(h + self.noise * noise)
            reading = {loop.name: (entropy, jnp.float32(self.noise) * entropy)}
            states, figures = loops.observe((loop,), states, reading)
            effort = sum(one.effort(states[loop.name].numbers[one.name]) for one in loop.actuators)
            felt = self.momentum * felt + (1.0 - self.momentum) * effort
            return (states, h + self.drift + self.gain * felt, felt), figures | {"true": jnp.exp(h)}

        begin = loops.start((loop,)), jnp.log(jnp.float32(self.start)), jnp.float32(0)
        noises = jax.random.normal(jax.random.key(seed), (steps,))
        _, told = jax.lax.scan(advance, begin, noises)
        return {name.removeprefix(f"controller/{loop.name}/"): np.asarray(values) for name, values in told.items()}
