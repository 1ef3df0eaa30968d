"""Covariances of a whole batch: by the accuracy of a group, and at the top."""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np

from entropy_rl.training import batch_covariance
from entropy_rl.training.batch_covariance import figures, named
from tests.policies import example_experience


def batch(correct, advantages, logprobs):
    """Two tokens a response, four responses a group."""
    rows = len(correct)
    experience = example_experience(prompts=rows // 4, group=4, length=2)
    return dataclasses.replace(
        experience,
        correct=jnp.asarray(correct, bool),
        response_mask=jnp.ones((rows, 2), bool),
        advantages=jnp.repeat(jnp.asarray(advantages, jnp.float32)[:, None], 2, 1),
        old_logprobs=jnp.repeat(jnp.asarray(logprobs, jnp.float32)[:, None], 2, 1),
    )


def test_a_group_with_one_right_answer_of_four_matches_hand_computation():
    told = named(figures(batch([1, 0, 0, 0], [3, -1, -1, -1], [-1, -3, -3, -3])))
    # accuracy 1/4 = 2 of 8; log-probs less their mean: 1.5, -.5, -.5, -.5: (3 * 1.5 + 3 * .5) / 4 = 1.5
    by_accuracy = {name: value for name, value in told.items() if "accuracy" in name}
    assert by_accuracy == {"ledger/covariance/accuracy_2of8": 1.5}


def test_groups_are_centred_by_themselves_and_those_without_signal_have_no_place():
    rare, common = [-1.0, -3.0, -3.0, -3.0], [-11.0, -13.0, -13.0, -13.0]
    experience = batch([1, 0, 0, 0] * 2 + [1] * 4, [3, -1, -1, -1] * 2 + [0] * 4, rare + common + [-1.0] * 4)
    told = named(figures(experience))
    assert {name: value for name, value in told.items() if "accuracy" in name} == {
        "ledger/covariance/accuracy_2of8": 1.5  # the mean of two groups that are equal but for a shift
    }


def test_the_means_of_the_top_are_those_of_sorted_products():
    experience = example_experience(prompts=64, group=4, length=30)
    mask = np.asarray(experience.response_mask)
    a, b = (np.asarray(x, np.float64)[mask] for x in (experience.advantages, experience.old_logprobs))
    products = np.sort((a - a.mean()) * (b - b.mean()))[::-1]
    told = named(figures(experience))
    for share in batch_covariance.TOP:
        count = int(len(products) * float(share) / 100) + 1
        np.testing.assert_allclose(told[f"ledger/covariance/top_{share}"], products[:count].mean(), rtol=2e-3)


def test_padding_is_never_read():
    experience = example_experience(prompts=8, group=4)
    poison = {
        name: jnp.where(experience.response_mask, getattr(experience, name), jnp.nan)
        for name in ("advantages", "old_logprobs")
    }
    clean, dirty = figures(experience), figures(dataclasses.replace(experience, **poison))
    for name, value in clean.items():
        np.testing.assert_array_equal(dirty[name], value, err_msg=name)
