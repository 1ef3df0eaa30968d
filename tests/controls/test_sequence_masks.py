"""Gates that close whole responses: by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.importance import SequenceImportance
from entropy_rl.controls.off_policy_mask import OffPolicySequenceMask
from tests import examples


def two_responses(**fields):
    """Two responses of two tokens, the second of the second one padding."""
    stats = examples.example_stats(prompts=2, group_size=1, length=2)
    rows = {name: jnp.asarray(value, jnp.float32) for name, value in fields.items()}
    return stats.replace(mask=jnp.asarray([[1, 1], [1, 0]], bool), **rows)


def test_a_wrong_answer_that_fell_by_more_than_delta_is_closed():
    # mean fall (.3 - .1) / 2 = .1 and .2 (its padding is not read)
    fell = two_responses(log_ratio=[[-0.3, 0.1], [-0.2, 9.0]], advantages=[[-1, -1], [-1, -1]])
    np.testing.assert_array_equal(OffPolicySequenceMask(0.15)(fell, examples.KEY), [[1, 1], [0, 0]])
    np.testing.assert_array_equal(OffPolicySequenceMask(0.05)(fell, examples.KEY), [[0, 0], [0, 0]])


def test_a_right_answer_and_one_that_rose_stay_open():
    stats = two_responses(log_ratio=[[-0.5, -0.5], [0.5, 0.0]], advantages=[[1, 1], [-1, -1]])
    np.testing.assert_array_equal(OffPolicySequenceMask(0.01)(stats, examples.KEY), np.ones((2, 2)))


def disagreement():
    # log w: .2 and .4, mean .3, sum .6;   -.5
    return two_responses(old_logprobs=[[-1, -1], [-1, -1]], rollout_logprobs=[[-1.2, -1.4], [-0.5, 7.0]])


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (
            SequenceImportance(0.5, 1.4),
            [[np.exp(0.2), np.exp(0.4)], [np.exp(-0.5)] * 2],
        ),  # exp .3 = 1.35, exp -.5 = .61
        (SequenceImportance(0.7, 1.4), [[np.exp(0.2), np.exp(0.4)], [0, 0]]),
        (SequenceImportance(0.7, 1.4, "product"), [[0, 0], [0, 0]]),  # exp .6 = 1.82
        (SequenceImportance(0.7, 1.9, "product", "sequence"), [[np.exp(0.6)] * 2, [0, 0]]),
        (SequenceImportance(0.7, 1.4, weight="none"), [[1, 1], [0, 0]]),
        # Bounds on 1 / w would keep the second response: 1 / .61 = 1.65 is below 1.7, w = .61 below .7.
        (SequenceImportance(0.7, 1.7, weight="none"), [[1, 1], [0, 0]]),
    ],
    ids=repr,
)
def test_the_bounds_apply_to_the_weight_of_the_response(method, expected):
    valid = np.asarray(disagreement().mask)
    np.testing.assert_allclose(
        np.asarray(method(disagreement(), examples.KEY))[valid], np.array(expected)[valid], rtol=1e-5
    )


@pytest.mark.parametrize("bounds", [(1.1, 2.0), (0.5, 0.9)])
def test_bounds_that_leave_agreement_outside_are_refused(bounds):
    with pytest.raises(ValueError, match="a weight of 1 means agreement"):
        SequenceImportance(*bounds).validate()
