"""Efforts and numbers, and who takes which part of a wish."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.closed_loop import actuators
from entropy_rl.ops.schedules import Controlled

BONUS = Controlled("bonus", low=-0.1, high=0.4)
WEIGHT = Controlled("weight", low=0.2, high=1.0, rest=1.0, raises=False)  # of right answers: less is more entropy
ONES = jnp.ones(2)


@pytest.mark.parametrize(
    ("actuator", "effort", "number"),
    [
        (BONUS, 0.0, 0.0),
        (BONUS, 0.5, 0.2),
        (BONUS, -0.25, -0.1),
        (BONUS, 3.0, 0.4),
        (WEIGHT, 0.5, 0.6),
        (WEIGHT, 1.0, 0.2),
        (WEIGHT, -1.0, 1.0),
    ],
)
def test_effort_becomes_a_number_within_the_limits(actuator, effort, number):
    np.testing.assert_allclose(actuator.number(jnp.float32(effort)), number, rtol=1e-6)


def test_reach_is_where_the_limits_are_and_more_effort_is_more_entropy():
    np.testing.assert_allclose(BONUS.reach(), (-0.25, 1.0))
    np.testing.assert_allclose(WEIGHT.reach(), (0.0, 1.0), atol=1e-7)
    np.testing.assert_allclose(WEIGHT.effort(jnp.float32(0.6)), 0.5, rtol=1e-6)


def test_in_sequence_the_next_one_takes_what_the_first_cannot():
    gains, least, most = jnp.array([0.2, 0.1]), jnp.array([-1.0, 0.0]), jnp.array([1.0, 1.0])
    small = actuators.in_sequence(jnp.float32(0.1), gains, least, most)
    np.testing.assert_allclose(small.values, [0.5, 0.0], atol=1e-6)
    assert not small.saturated.any()
    handed_on = actuators.in_sequence(jnp.float32(0.25), gains, least, most)  # 0.2 by the first, 0.05 by the second
    np.testing.assert_allclose(handed_on.values, [1.0, 0.5], atol=1e-6)
    assert handed_on.saturated.tolist() == [True, False]
    assert actuators.in_sequence(jnp.float32(0.5), gains, least, most).saturated.tolist() == [True, True]
    down = actuators.in_sequence(jnp.float32(-0.3), gains, least, most)  # the second cannot go below its rest
    np.testing.assert_allclose(down.values, [-1.0, 0.0], atol=1e-6)
    assert down.saturated.tolist() == [True, True]


def test_split_gives_each_its_share_by_sensitivity_and_loses_nothing():
    gains = jnp.array([0.2, 0.1])
    both = actuators.split(jnp.float32(0.1), gains, -ONES, ONES)
    np.testing.assert_allclose(both.values, [0.4, 0.2], rtol=1e-5)  # 0.1 * g / (0.04 + 0.01)
    tight = actuators.split(jnp.float32(0.25), gains, -ONES, ONES)  # 1.0 and 0.5: together 0.25
    np.testing.assert_allclose(jnp.sum(gains * tight.values), 0.25, rtol=1e-5)
    assert not tight.saturated.any()
    assert actuators.split(jnp.float32(0.5), gains, -ONES, ONES).saturated.all()


def test_an_effort_moves_no_faster_than_its_slew():
    efforts = jnp.array([1.0, -1.0])
    np.testing.assert_allclose(actuators.slewed(efforts, jnp.array([0.2, 0.2]), 0.1), [0.3, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [Controlled("", 0.0, 1.0), Controlled("a", 1.0, 0.0), Controlled("a", 0.5, 1.0), Controlled("a", 0.0, np.inf)],
)
def test_limits_that_leave_no_room_are_refused(wrong):
    with pytest.raises(ValueError, match="Controlled"):
        wrong.validate()
