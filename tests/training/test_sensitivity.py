"""Gains of controlled numbers, against updates with the number moved."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import schedules
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.ops.schedules import Controlled
from entropy_rl.training import learner
from entropy_rl.training import update as updating
from entropy_rl.training.sensitivity import sensitivities
from tests.policies import TINY, example_experience, tiny_params

KEY = jax.random.key(3)
LOSS = PolicyLoss(
    UnclippedSurrogate(),
    penalties=(EntropyBonus(Controlled("bonus", 0.0, 1.0)), KlCov(0.1, Controlled("pull", 0.0, 10.0))),
)
NUMBERS = {"bonus": 0.05, "pull": 1.0, "elsewhere": 1.0}
OPTIMIZER = AdamW(learning_rate=1e-3, beta1=0.0)
UPDATE, RESCORE = jax.jit(updating.update, static_argnames="policy"), updating.compiled_rescore(TINY)


def started():
    """A learner whose optimiser has moments already: the first step of Adam has none but the gradient's own."""
    state = learner.new_state(jax.tree.map(jnp.copy, tiny_params()), OPTIMIZER, False)
    return update(state, example_experience(prompts=16, seed=5), NUMBERS)


def update(state, experience, numbers):
    loss = schedules.resolve(LOSS, state.step, numbers)
    return UPDATE(state, experience, loss, OPTIMIZER, KEY, policy=TINY)[0]


def entropy_after(state, experience, numbers) -> float:
    moved = update(state, experience, numbers)
    _, entropies = RESCORE(moved.params, experience)
    mask = np.asarray(experience.response_mask)
    return float(np.asarray(entropies, np.float64)[mask].mean())


@pytest.fixture(scope="module")
def found():
    state, experience = started(), example_experience(prompts=16)
    gains = sensitivities(state, experience, LOSS, OPTIMIZER, KEY, NUMBERS, policy=TINY)
    return state, experience, {name: float(value) for name, value in gains.items()}


@pytest.mark.parametrize(("name", "by"), [("bonus", 0.02), ("pull", 0.2)])
def test_a_gain_is_what_moving_the_number_does(found, name, by):
    state, experience, gains = found
    more, less = (entropy_after(state, experience, NUMBERS | {name: NUMBERS[name] + sign * by}) for sign in (1, -1))
    assert gains[name] == pytest.approx((more - less) / (2 * by), rel=0.05)
    assert abs(gains[name]) > 1e-5  # or the test could not fail


def test_a_bonus_raises_entropy(found):
    assert found[2]["bonus"] > 0


def test_a_number_that_the_loss_does_not_read_has_no_gain(found):
    assert found[2]["elsewhere"] == 0.0


def test_momentum_is_left_out(found):
    state, experience, gains = found
    slow = dataclasses.replace(OPTIMIZER, beta1=0.9)
    again = sensitivities(state, experience, LOSS, slow, KEY, NUMBERS, policy=TINY)
    assert float(again["bonus"]) == pytest.approx(gains["bonus"])


def test_weights_and_moments_that_are_rounded_at_random_have_the_gains_of_those_that_are_not(found):
    state, experience, gains = found
    short = dataclasses.replace(OPTIMIZER, moments_dtype="bfloat16")
    rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), tiny_params())
    short_state = learner.new_state(rounded, short, False)
    moments = jax.tree.map(lambda new, old: old.astype(new.dtype), short_state.opt_state, state.opt_state)
    weights = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), state.params)
    short_state = dataclasses.replace(short_state, params=weights, opt_state=moments, step=state.step)
    again = sensitivities(short_state, experience, LOSS, short, KEY, NUMBERS, policy=TINY)
    for name in ("bonus", "pull"):
        assert float(again[name]) == pytest.approx(gains[name], rel=0.15)
