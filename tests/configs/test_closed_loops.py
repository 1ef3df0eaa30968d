"""The published controllers are valid, and move the numbers that they say."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from configs import countdown_grpo
from configs.recipes import closed_loop
from entropy_rl.closed_loop import loop as loops
from entropy_rl.ops import schedules
from tests import examples

LOOPED = {name: value for name, value in vars(closed_loop).items() if isinstance(value, closed_loop.Looped)}


@pytest.mark.parametrize("name", LOOPED)
def test_a_published_controller_is_a_valid_run_whose_loss_follows_it(name):
    recipe, run = LOOPED[name], countdown_grpo.get_config()
    rollout = dataclasses.replace(run.rollout, prompts=512, responses=5)
    run = dataclasses.replace(run, loss=recipe.loss, advantages=recipe.advantages, closed_loop=recipe.closed_loop)
    run = dataclasses.replace(run, rollout=rollout, tempering=recipe.tempering)
    run.validate()
    states = loops.start(run.closed_loop)
    for entropy in (0.9, 0.01, 0.01, 0.01):
        states, _ = loops.observe(run.closed_loop, states, {"entropy": (jnp.float32(entropy), jnp.float32(0.01))})
    (actuator,) = run.closed_loop[0].actuators
    moved = loops.numbers(states)
    assert moved[actuator.name] != actuator.rest  # there is too little entropy, so it does something
    stats = examples.example_stats(1)
    loss = schedules.resolve(recipe.loss, jnp.int32(0), moved)
    assert np.isfinite(loss(stats, loss.plan(stats, examples.KEY)))


def test_the_list_is_that_of_the_issue():
    assert set(LOOPED) == {"skywork", "trl", "entropic", "aer", "entrocraft", "aepo"}
