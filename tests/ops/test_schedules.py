"""Numbers that move with the step, and the checks of their ranges."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Cosine, Linear, WarmupConstant, WarmupCosine, resolve


@pytest.mark.parametrize(
    ("schedule", "step", "number"),
    [
        (Linear(1.0, 3.0, 4), 0, 1.0),
        (Linear(1.0, 3.0, 4), 1, 1.5),
        (Linear(1.0, 3.0, 4), 9, 3.0),
        (Cosine(2.0, 0.0, 4), 2, 1.0),
        (Cosine(2.0, 0.0, 4), 1, 1 + np.sqrt(0.5)),  # 2 * (1 + cos(pi / 4)) / 2
        (Cosine(2.0, 0.5, 4), 7, 0.5),
        (WarmupConstant(8.0, 4), 0, 2.0),
        (WarmupConstant(8.0, 4), 3, 8.0),
        (WarmupCosine(8.0, 0.0, 4, 8), 1, 4.0),
        (WarmupCosine(8.0, 0.0, 4, 8), 6, 4.0),  # half way down
        (WarmupCosine(8.0, 0.0, 4, 8), 8, 0.0),
    ],
)
def test_a_schedule_gives_the_number_of_its_step(schedule, step, number):
    np.testing.assert_allclose(schedule(jnp.int32(step)), number, atol=1e-6)
    low, high = schedule.extremes()
    assert low <= number <= high


def test_resolve_fills_in_every_schedule_and_the_step_does_not_recompile():
    loss = PolicyLoss(
        ClippedSurrogate(epsilon_high=Linear(0.2, 0.4, 10)), gates=(ClipCov(fraction=Linear(0.0, 1e-2, 10)),)
    )
    traces = []

    @jax.jit
    def numbers(loss, step):
        traces.append(None)
        resolved = resolve(loss, step)
        return resolved.surrogate.epsilon_high, resolved.gates[0].fraction, resolved.surrogate.epsilon_low

    np.testing.assert_allclose(numbers(loss, jnp.int32(5)), (0.3, 5e-3, 0.2), rtol=1e-6)
    np.testing.assert_allclose(numbers(loss, jnp.int32(99)), (0.4, 1e-2, 0.2), rtol=1e-6)
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            ClippedSurrogate(epsilon_low=1.5),
            r"ClippedSurrogate.epsilon_low is 1.5, but it must lie in \[0, 1\]; the ratio",
        ),
        (ClippedSurrogate(epsilon_high=float("nan")), "epsilon_high is nan"),
        (ClippedSurrogate(epsilon_high=cast(Any, "0.2x")), "must be a number"),
        (ClippedSurrogate(dual_clip=1.0), r"dual_clip is 1.0, but it must lie in \(1, inf\]"),
        (ClippedSurrogate(epsilon_low=Linear(0.2, 1.5, 10)), "epsilon_low"),
        (ClippedSurrogate(epsilon_low=Linear(0.2, 0.3, 0)), "Linear.steps is 0"),
        (ClipCov(fraction=0.02), "raise max_fraction"),
        (ClipCov(max_fraction=20.0), "not a percentage"),
        (ClipCov(omega_low=5.0, omega_high=1.0), "not below omega_high"),
        (ClipCov(side="left"), "choose one of 'both', 'positive', 'negative'"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(method, message):
    with pytest.raises(ValueError, match=message):
        method.validate()
