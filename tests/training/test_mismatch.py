"""What differs between the sampler's log-probs and the update's, over the right tokens."""

from __future__ import annotations

import dataclasses
import math

import jax.numpy as jnp
import numpy as np

from entropy_rl.training import metrics
from entropy_rl.training.mismatch import mismatch_metrics
from tests.policies import example_experience
from tests.training.test_metrics import example_stats

VERSION = 3


def example(delta, versions, mask=None, **fields):
    """Two responses of two tokens, whose fresh log-probs exceed the sampler's by `delta`."""
    delta = jnp.asarray(delta, jnp.float32)
    logprobs = jnp.full((2, 2), -1.0)
    mask = jnp.ones((2, 2), bool) if mask is None else jnp.asarray(mask)
    stats = dataclasses.replace(example_stats(rows=2, length=2), logprobs=logprobs, mask=mask)
    experience = dataclasses.replace(
        example_experience(prompts=2, group=2, length=2),
        old_logprobs=logprobs - delta,
        rollout_logprobs=None,
        policy_version=jnp.asarray(versions),
    )
    return stats, dataclasses.replace(experience, **fields)


def measured(*args, **fields):
    figures = mismatch_metrics(*example(*args, **fields), jnp.int32(VERSION))
    metrics.check_names(figures)
    return {name.split("/")[1]: float(value) for name, value in figures.items()}


def test_two_tokens_at_double_weight_and_two_at_one_are_worth_nine_tenths():
    log2 = math.log(2.0)  # weights 2, 2, 1, 1: 6^2 / (4 * 10) = .9
    found = measured([[log2, log2], [0.0, 0.0]], [VERSION, VERSION])
    np.testing.assert_allclose(found["effective_sample_size"], 0.9, rtol=1e-5)
    np.testing.assert_allclose(found["logprob_abs_mean"], log2 / 2, rtol=1e-5)
    np.testing.assert_allclose(found["logprob_abs_max"], log2, rtol=1e-5)


def test_neither_padding_nor_staler_nor_refined_rows_count():
    found = measured(
        [[0.5, np.nan], [9.0, 9.0]],
        [VERSION, VERSION - 1],
        mask=[[True, False], [True, True]],
    )
    np.testing.assert_allclose(list(found.values()), [0.5, 0.5, 1.0], rtol=1e-5)
    refined = jnp.asarray([[False, False], [True, True]])
    found = measured([[-0.5, 0.5], [9.0, 9.0]], [VERSION, VERSION], off_policy=refined)
    np.testing.assert_allclose([found["logprob_abs_mean"], found["logprob_abs_max"]], [0.5, 0.5], rtol=1e-5)


def test_where_old_log_probs_were_computed_again_the_samplers_own_are_compared():
    engine = jnp.full((2, 2), -1.25)
    found = measured(np.zeros((2, 2)), [VERSION, VERSION], rollout_logprobs=engine)
    np.testing.assert_allclose([found["logprob_abs_mean"], found["effective_sample_size"]], [0.25, 1.0], rtol=1e-5)


def test_without_an_on_policy_token_nothing_is_wrong():
    assert measured(np.ones((2, 2)), [0, 1]) == {
        "logprob_abs_mean": 0.0, "logprob_abs_max": 0.0, "effective_sample_size": 1.0,
    }  # fmt: skip


def test_a_step_reports_its_first_mini_batch():
    figures = [
        {"mismatch/logprob_abs_max": 0.1, "loss/total": 1.0},
        {"mismatch/logprob_abs_max": 0.0, "loss/total": 3.0},
    ]
    assert metrics.reduce(figures) == {"mismatch/logprob_abs_max": 0.1, "loss/total": 2.0}
