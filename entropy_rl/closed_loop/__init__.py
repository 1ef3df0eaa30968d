"""Closed loops: ask for an entropy, and the trainer turns the dials.

    rollout ── entropy H ──►  target  ──►  controller  ──►  actuators  ──►  update, next rollout
               at T = 1       H*(step)     error → effort   effort → numbers

* A **target** (targets.py) is nats as a function of the RL step: constant or annealed, in nats or as a share of the
  entropy at the start, or a budget that a forecast sets.
* An **actuator** is a `Controlled` (ops/schedules.py): a name, limits, a rest. The same value stands in the loop and
  in the place of any number of the loss, of the advantages, or in `rollout.temperature`. Its effort is 0 at rest, +-1
  at the far end, and more effort is more entropy: one interface serves a bonus, a clip bound and a temperature.
* A **controller** turns errors into efforts: `SelfTuning` (no gains to set), `ProportionalIntegral`, `Stepwise`
  (Skywork-OR1, TRL), `OnOff` (AEPO, Entrocraft). Several actuators are used in sequence, the next when the one before
  is at its end, or all at once by their sensitivity (actuators.py).
* An **`EntropyLoop`** (loop.py) is one of each and a name; a run may have several, for hard and for easy prompts.

What is controlled is the token mean of the entropy at temperature 1 over everything that the step sampled, never that
at the sampling temperature: an actuator must not move the ruler. It is known before the update of the same step, so
numbers of the loss answer without delay; a temperature answers in the next rollout. It is a mean over all mini-batches
and devices, and therefore does not depend on how they are cut. Gains that are measured (`SelfTuning.measure_every`, off
by default) are those of the groups of one micro-batch, and do.

All of it is traced: states are arrays in `TrainState.controllers`, saved with it, and numbers reach the update as
arguments. What is new is added as a file here; there is no list to be entered in.
"""
