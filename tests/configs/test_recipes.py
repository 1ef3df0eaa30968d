"""Each published recipe is a valid loss that plans an example batch, and gives it a finite loss."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from configs import recipes
from entropy_rl.config import PROVIDED
from entropy_rl.presets import load_config, preset_names
from tests import examples

RECIPES = {name: value for name, value in vars(recipes).items() if isinstance(value, recipes.Recipe)}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_valid_and_plans_an_example_batch(name):
    recipe = RECIPES[name]
    recipe.loss.validate()
    if hasattr(recipe.advantages, "validate"):
        recipe.advantages.validate()
    stats = examples.example_stats(1)
    rewards = stats.correct.astype(jnp.float32)
    advantages = recipe.advantages(rewards, stats.mask, stats.group_size)
    assert advantages.shape == stats.mask.shape and not advantages[~stats.mask].any()
    stats = stats.replace(advantages=advantages)
    plan = recipe.loss.plan(stats, examples.KEY)
    value = recipe.loss(stats, plan)
    assert np.isfinite(value) and (plan.gate >= 0).all()


def test_every_recipe_that_the_readme_of_the_controls_may_name_is_there():
    named = {
        "grpo dapo dr_grpo clip_higher clip_cov kl_cov cispo gspo gmpo gppo ce_gppo sapo dppo forking_tokens",
        "entropy_advantage hicra w_reinforce nsr psr lp_reg opo rloo reinforce_plus_plus siren steer",
    }
    assert set(" ".join(named).split()) <= set(RECIPES)


def test_the_tokens_of_lp_reg_are_those_that_lose_their_clip():
    loss = recipes.lp_reg.loss
    plan = examples.planned(loss, examples.example_stats(4, prompts=64))
    assert plan.branch is not None and plan.branch.any()
    np.testing.assert_array_equal(plan.branch, plan.selected[0] > 0)


@pytest.mark.parametrize("name", [name for name in preset_names() if name.startswith("countdown_")])
def test_a_run_asks_the_trainer_for_nothing_that_it_does_not_compute(name):
    assert load_config(name).loss.requires <= PROVIDED
