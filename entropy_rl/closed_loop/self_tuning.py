"""A controller that learns the process while it controls it: no gains to tune for a target, a model or a task."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import flax.struct
import jax.numpy as jnp

from entropy_rl.closed_loop import actuators as allocation
from entropy_rl.closed_loop.actuators import Efforts
from entropy_rl.closed_loop.controllers import Reading
from entropy_rl.ops import schedules
from entropy_rl.ops.schedules import Controlled
from entropy_rl.types import Array

WALK = 0.4  # of the first belief's width, that the drift may change per step
FOUR_UPDATES = 0.65  # lag of four Adam updates of momentum .9, where nobody says how many there are
TRUST = 0.5  # a measured gain is taken to be right within this share of it


@flax.struct.dataclass
class Belief:
    """About h = log H, what it does by itself, and what each actuator does to it."""

    mean: Array  # [2 + n]: h, drift per step, gain of each actuator per step and unit of effort
    covariance: Array  # [2 + n, 2 + n]
    efforts: Array  # [n] in force since the last reading
    acting: Array  # [n] the same as the parameters feel it: smoothed by the optimiser's momentum
    seen: Array  # int32 readings


@flax.struct.dataclass
class SelfTuning:
    """Learns drift and gains by a Kalman filter, and asks for what leads to the target.

        h_{s+1} = h_s + drift + sum_i gain_i acting_i,   acting <- lag acting + (1 - lag) effort,   h = log H
        wish    = clip(pace (log H*_{s+1} - h), +-stride) - drift          what the actuators should add per step
        effort  = share of the wish + lead lag / (1 - lag) (share - acting)

    The model is linear in (h, drift, gains) for known efforts, so the filter is exact recursive least squares, weighing
    each reading by its own standard error. Relative changes make one setting serve all targets: 5 % is 5 % at .3 and at
    .03 nats. The drift takes the place of an integral. It is learned from efforts that were made, not from those that
    were asked for: at an actuator's end nothing winds up. The lead undoes some of the optimiser's lag, without which a
    large change of entropy overshoots or has to be made slowly. Gains are overestimated by up to .2, for the beliefs
    walk more than a steady process does; that makes the loop slower, not unstable.

    Source: ours; the filter is Kalman 1960, the division of labour between actuators is that of flight control.

    Attributes:
      settling: RL steps in which an error of a factor of 5 would go if the actuators could; they often cannot.
      lag: share of the last step's push that is still felt in this one; None for beta1 of the optimiser to the power
        of its steps per rollout, .65 for four Adam updates of momentum .9 and .9 for one.
      lead: share of the lag that is undone: 0 is calm and slow, 1 is quick and passes the noise of readings on.
      gain: what is believed of every actuator at the start: change of log entropy per step at full effort. Too much is
        safe, for it makes the loop slow until it knows better.
      drift: standard deviation of the drift at the start; that of its walk per step is WALK of it.
      slew: the most that an effort changes per step.
      split: share the work by sensitivity, instead of one actuator after the other.
      measure_every: RL steps between measurements of the gains (training/sensitivity.py), which then count beside what
        is learned; one of a single number cost as much as 3.8 optimiser steps on Countdown. 0: gains are learned from
        readings alone. A measurement is local: on Countdown the slope at small efforts is five times what full effort
        brings per unit, for Adam answers to the direction of a sum and hardly to its length. Where a number has no
        slope on fresh samples, such as a clip bound or KL-Cov's coefficient, nothing is measured.
    """

    settling: float = 10.0
    lag: float | None = None
    lead: float = 0.5
    gain: float = 0.2
    drift: float = 0.03
    slew: float = 0.3
    split: bool = flax.struct.field(pytree_node=False, default=False)
    measure_every: int = flax.struct.field(pytree_node=False, default=0)

    def start(self, actuators: Sequence[Controlled]) -> Belief:
        n = len(actuators)
        rest = jnp.zeros(n, jnp.float32)
        mean = jnp.concatenate([jnp.zeros(2), jnp.full(n, self.gain)]).astype(jnp.float32)
        spread = jnp.concatenate([jnp.array([10.0, self.drift]), jnp.full(n, self.gain)])
        return Belief(mean, jnp.diag(spread**2).astype(jnp.float32), rest, rest, jnp.int32(0))

    def __call__(self, state: Belief, reading: Reading, actuators: Sequence[Controlled]) -> tuple[Belief, Efforts]:
        belief = self._corrected(self._predicted(state), reading)
        h, drift, gains = belief.mean[0], belief.mean[1], self._trusted(belief.mean[2:])
        lag = FOUR_UPDATES if self.lag is None else self.lag
        pace, stride = 3.0 / self.settling, 2.0 / self.settling
        wish = jnp.clip(pace * (jnp.log(reading.ahead) - h), -stride, stride) - drift
        least, most = allocation.reach(actuators)
        share = allocation.split if self.split else allocation.in_sequence
        asked = share(wish, gains, least, most)
        ahead = asked.values + self.lead * lag / (1.0 - lag) * (asked.values - belief.acting)
        made = allocation.slewed(jnp.clip(ahead, least, most), belief.efforts, self.slew)
        acting = lag * belief.acting + (1.0 - lag) * made
        moved = dataclasses.replace(belief, efforts=made, acting=acting, seen=belief.seen + 1)
        return moved, allocation.made(asked, made, least, most)

    def informed(self, state: Belief, gains: Array) -> Belief:
        """What measured gains teach: change of log entropy per step and unit of effort, [n]; <= 0 teaches nothing."""
        mean, covariance = state.mean, state.covariance
        for place in range(gains.shape[0]):
            number, gain = 2 + place, gains[place]
            off = TRUST * jnp.maximum(gain, mean[number])
            weight = covariance[:, number] / (covariance[number, number] + off**2)
            weight = jnp.where((gain > 0) & (state.seen > 0), weight, 0.0)
            mean = mean + weight * (gain - mean[number])
            covariance = covariance - jnp.outer(weight, covariance[number])
        return dataclasses.replace(state, mean=mean, covariance=0.5 * (covariance + covariance.T))

    def _predicted(self, state: Belief) -> Belief:
        """One step on: h moves as believed, and everything becomes less certain."""
        size = state.mean.shape[0]
        step = jnp.eye(size).at[0, 1:].set(jnp.concatenate([jnp.ones(1), state.acting]))
        walk = jnp.concatenate([jnp.array([0.005, WALK * self.drift]), jnp.full(size - 2, 0.03 * self.gain)])
        covariance = step @ state.covariance @ step.T + jnp.diag(walk**2)
        started = state.seen > 0
        return dataclasses.replace(
            state,
            mean=jnp.where(started, step @ state.mean, state.mean),
            covariance=jnp.where(started, covariance, state.covariance),
        )

    def _corrected(self, state: Belief, reading: Reading) -> Belief:
        """What a reading teaches."""
        noise = jnp.maximum(reading.error / reading.entropy, 1e-3) ** 2
        surprise = jnp.log(reading.entropy) - state.mean[0]
        weight = state.covariance[:, 0] / (state.covariance[0, 0] + noise)  # [2 + n]
        covariance = state.covariance - jnp.outer(weight, state.covariance[0])
        return dataclasses.replace(
            state, mean=state.mean + weight * surprise, covariance=0.5 * (covariance + covariance.T)
        )

    def _trusted(self, gains: Array) -> Array:
        """[n] Gains that may be divided by: an actuator never works backwards, and never hardly at all."""
        return jnp.clip(gains, 0.05 * self.gain, 20.0 * self.gain)

    def figures(self, state: Belief) -> dict[str, Array]:
        return {"estimate": jnp.exp(state.mean[0]), "drift": state.mean[1], "gain": state.mean[2:]}

    def validate(self, actuators: Sequence[Controlled]) -> None:
        del actuators  # it takes any number of any kind
        schedules.check(self, "settling", 2.0, 1e6, "it is a number of RL steps; 10 is usual for a run of 240")
        if self.lag is not None:
            schedules.check(self, "lag", 0.0, 0.99, "it is the momentum left over from the step before")
        schedules.check(self, "lead", 0.0, 1.0, "it is a share of the lag")
        schedules.check(
            self, "measure_every", 0.0, remedy="0 measures nothing, 20 is enough for gains that change slowly"
        )
        if self.measure_every != int(self.measure_every):
            raise ValueError(f"SelfTuning.measure_every is {self.measure_every}; it is a whole number of RL steps")
        for field in ("gain", "drift", "slew"):
            schedules.check(self, field, 0.0, 1e3, "it is a change per RL step", open_low=True)
