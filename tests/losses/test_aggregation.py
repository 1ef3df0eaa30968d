"""Aggregations: the weight of each token by hand, and what the weights must add up to."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.losses.aggregation import ConstantNormaliser, PromptMean, SequenceMean, SequenceSum, TokenMean

# Two prompts of two responses: 3 and 1 tokens; 2 tokens (one behind a hole) and none. N = 6, three responses count.
MASK = jnp.asarray([[1, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0]], bool)


@pytest.mark.parametrize(
    ("aggregate", "per_row"),
    [
        (TokenMean(), [1 / 6, 1 / 6, 1 / 6, 0]),
        (SequenceMean(), [1 / 9, 1 / 3, 1 / 6, 0]),
        (SequenceSum(), [1 / 3, 1 / 3, 1 / 3, 0]),
        (ConstantNormaliser(10.0), [1 / 30, 1 / 30, 1 / 30, 0]),
        (PromptMean(), [1 / 8, 1 / 8, 1 / 4, 0]),  # 4 tokens and 2 tokens, two prompts
    ],
    ids=repr,
)
def test_the_weight_of_a_token_matches_hand_computation(aggregate, per_row):
    np.testing.assert_allclose(aggregate(MASK, 2), np.array(per_row)[:, None] * MASK, rtol=1e-6)


@pytest.mark.parametrize("aggregate", [TokenMean(), SequenceMean(), PromptMean()], ids=repr)
def test_a_mean_of_ones_is_one(aggregate):
    np.testing.assert_allclose(aggregate(MASK, 2).sum(), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    "aggregate", [TokenMean(), SequenceMean(), SequenceSum(), PromptMean(), ConstantNormaliser(4.0)], ids=repr
)
def test_a_batch_without_tokens_weighs_nothing(aggregate):
    np.testing.assert_array_equal(aggregate(jnp.zeros((4, 3), bool), 2), np.zeros((4, 3)))


@pytest.mark.parametrize("aggregate", [SequenceMean(), PromptMean(), ConstantNormaliser(4.0)], ids=repr)
def test_responses_of_equal_length_weigh_as_in_the_token_mean(aggregate):
    equal = jnp.asarray(np.tile(np.arange(6) < 4, (8, 1)))  # powers of two, so that every division is exact
    np.testing.assert_array_equal(aggregate(equal, 4), TokenMean()(equal, 4))
