"""What the entropy should be at each step."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.closed_loop.targets import Budget, InNats, Moment, OfInitial
from entropy_rl.ops.schedules import Cosine, Exponential, Linear


def moment(step: int, initial: float = 0.8, previous: float = 0.8, floor: float = -1.0) -> Moment:
    return Moment(jnp.int32(step), jnp.float32(initial), jnp.float32(previous), jnp.float32(floor))


@pytest.mark.parametrize(
    ("target", "step", "nats"),
    [
        (InNats(0.3), 7, 0.3),
        (InNats(Linear(0.6, 0.2, 40)), 10, 0.5),
        (InNats(Cosine(0.6, 0.2, 40)), 20, 0.4),
        (InNats(Exponential(0.8, 0.2, 10)), 5, 0.4),  # 0.8 * sqrt(1 / 4)
        (OfInitial(0.25), 3, 0.2),
        (OfInitial(Linear(1.0, 0.5, 10)), 5, 0.6),  # 0.8 * 0.75
    ],
)
def test_a_target_gives_the_nats_of_its_step(target, step, nats):
    np.testing.assert_allclose(target(moment(step)), nats, rtol=1e-6)


def test_a_budget_waits_for_the_forecast_and_then_spends_equal_gains_per_step():
    budget = Budget(steps=4)
    assert budget(moment(1)) == np.float32(0.8)
    spent = [0.8]
    for step in range(4):
        spent.append(float(budget(moment(step, previous=spent[-1], floor=0.1))))
    np.testing.assert_allclose(spent[-1], 0.1, atol=1e-6)  # at the end of the run, the floor
    gains = np.diff(np.exp(spent))  # under R = b - a exp(H) what a step gains
    np.testing.assert_allclose(gains, gains[0], rtol=1e-5)


def test_a_budget_never_asks_for_more_entropy_than_before():
    assert Budget(steps=10)(moment(2, previous=0.3, floor=0.6)) <= 0.3 + 1e-6


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (InNats(-0.1), r"InNats.entropy is -0.1, but it must lie in \(0, 100\]; it is an entropy in nats"),
        (OfInitial(0.0), r"OfInitial.share is 0.0, but it must lie in \(0, 100\]; 1 is the entropy of the first step"),
        (InNats(Linear(0.5, -0.1, 10)), "must lie in"),
        (InNats(Exponential(0.5, 0.0, 10)), "Exponential.end is 0.0; it must be > 0: use Linear to reach 0"),
        (Budget(steps=100, ceiling_share=1.0), "1 would ask for entropy 0"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(target, message):
    with pytest.raises(ValueError, match=message):
        target.validate()
