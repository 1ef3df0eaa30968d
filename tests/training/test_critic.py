"""The value head: trained with the policy in one program, exact under any cut, and silent where it must be."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.gae import Gae
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.value_loss import ClippedValueLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.training import learner
from entropy_rl.training import update as updating
from tests.policies import TINY, example_experience, tiny_params
from tests.training import invariance

KEY = jax.random.key(3)
OPTIMIZER = AdamW(learning_rate=1e-2)
PPO = PolicyLoss(ClippedSurrogate(), value_loss=ClippedValueLoss(coefficient=0.5))


@functools.cache
def program(micro_batches=1):
    return updating.compiled_update(TINY, micro_batches)


def state(head=0.0):
    new = learner.new_state(jax.tree.map(jnp.copy, tiny_params()), OPTIMIZER, False, TINY.width)
    return dataclasses.replace(new, critic=critic(head))


def critic(head):
    kernel = head * jnp.asarray(np.random.default_rng(1).normal(size=TINY.width), jnp.float32)
    return {"kernel": kernel, "bias": jnp.zeros(())}


def batch(padding=0.0):
    experience = example_experience(prompts=16)
    rng = np.random.default_rng(2)
    shape, mask = experience.response_mask.shape, experience.response_mask
    noise = lambda: jnp.where(mask, jnp.asarray(rng.normal(size=shape), jnp.float32), padding)  # noqa: E731
    return dataclasses.replace(experience, values=noise(), returns=noise())


def test_micro_batches_change_neither_policy_nor_critic_and_padding_is_never_read():
    whole, metrics = program()(state(0.3), batch(), PPO, OPTIMIZER, KEY)
    pieces, again = program(4)(state(0.3), batch(), PPO, OPTIMIZER, KEY)
    assert invariance.difference(learner.trained(whole), learner.trained(pieces)) <= 1e-5
    for name in ("value/loss", "value/mean", "value/explained_variance", "loss/total"):
        np.testing.assert_allclose(again[name], metrics[name], rtol=2e-4, atol=1e-5, err_msg=name)
    dirty, _ = program()(state(0.3), batch(np.nan), PPO, OPTIMIZER, KEY)
    jax.tree.map(np.testing.assert_array_equal, learner.trained(whole), learner.trained(dirty))


@pytest.mark.slow
def test_no_mesh_and_no_number_of_micro_batches_changes_policy_or_critic():
    repository = pathlib.Path(__file__).parents[2]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "tests.training.invariance", "critic"]
    done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert [tuple(row[:3]) for row in rows] == invariance.CRITIC_CUTS
    for mesh, micro_batches, _, apart, _, otherwise in rows:
        assert apart <= 1e-5 and otherwise == 0, (mesh, micro_batches, apart, otherwise)


def test_the_value_gradient_reaches_trunk_and_head():
    quiet = dataclasses.replace(batch(), advantages=jnp.zeros(batch().advantages.shape))  # the surrogate says nothing
    new, _ = program()(state(0.3), quiet, PPO, OPTIMIZER, KEY)
    assert invariance.difference(new.params, tiny_params()) > 1e-3
    assert new.critic is not None
    assert np.abs(new.critic["kernel"] - critic(0.3)["kernel"]).min() > 1e-3
    assert abs(float(new.critic["bias"])) > 1e-3
    headless, _ = program()(state(0.0), quiet, PPO, OPTIMIZER, KEY)  # through a kernel of zeros nothing flows back
    assert invariance.difference(headless.params, tiny_params()) < 1e-6


def test_values_are_the_linear_head_on_the_states_that_predict_each_token():
    experience: Any = batch()  # has all that is read of a rollout
    values = updating.compiled_values(TINY, pieces=2)(tiny_params(), critic(0.3), experience)
    hidden = TINY.response_hidden(tiny_params(), experience.prompts, experience.prompt_mask, experience.responses)
    np.testing.assert_allclose(values, np.asarray(hidden) @ np.asarray(critic(0.3)["kernel"]), rtol=1e-4, atol=1e-5)


def test_the_head_learns_the_returns():
    now = state()
    experience = batch()
    target = jnp.where(experience.response_mask, 0.7, 0.0)
    quiet = dataclasses.replace(experience, advantages=jnp.zeros(target.shape), values=target, returns=target)
    metrics = {}
    for _ in range(60):
        now, metrics = program()(now, quiet, PPO, OPTIMIZER, KEY)
    assert abs(float(metrics["value/mean"]) - 0.7) < 0.1


def test_a_learner_without_a_critic_is_laid_out_as_before():
    new = learner.new_state(tiny_params(), OPTIMIZER, False)
    assert new.critic is None and learner.trained(new) is new.params


def test_whitened_advantages_of_a_blind_critic_are_those_of_the_reward():
    mask = jnp.asarray([[True, True], [True, False]])
    advantages, returns = Gae(decay=1.0)(jnp.asarray([1.0, 0.0]), mask, 2, jnp.zeros((2, 2)))
    # tokens 1, 1, 0: mean 2/3, std over n - 1 = sqrt((1/9 + 1/9 + 4/9) / 2) = 1/sqrt(3)
    np.testing.assert_allclose(advantages, [[3**-0.5, 3**-0.5], [-2 * 3**-0.5, 0.0]], rtol=1e-6)
    np.testing.assert_array_equal(returns, [[1.0, 1.0], [0.0, 0.0]])
    plain, _ = Gae(decay=1.0, whiten=False)(jnp.asarray([1.0, jnp.nan]), mask, 2, jnp.full((2, 2), 0.25))
    np.testing.assert_allclose(plain, [[0.75, 0.75], [0.0, 0.0]])
