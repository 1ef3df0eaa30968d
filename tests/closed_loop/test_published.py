"""The published controllers, step by step by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.closed_loop.controllers import Reading
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.stepwise import Stepwise
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.ops.schedules import Controlled
from tests.closed_loop.process import BONUS, Process

COEFFICIENT = Controlled("coefficient", low=0.0, high=0.005)


def outputs(controller, actuator, entropies, target=0.2):
    state, found, ends = controller.start((actuator,)), [], []
    for entropy in entropies:
        reading = Reading(*(jnp.float32(number) for number in (entropy, 0.01, target, target)))
        state, efforts = controller(state, reading, (actuator,))
        found.append(float(actuator.number(efforts.values[0])))
        ends.append(bool(efforts.saturated[0]))
    return found, ends


def test_skyworks_coefficient_steps_by_the_sign_and_acts_below_the_target_only():
    found, ends = outputs(Stepwise(step=1e-3), COEFFICIENT, [0.1, 0.1, 0.3, 0.1])
    np.testing.assert_allclose(found, [1e-3, 2e-3, 0.0, 2e-3], atol=1e-8)  # kept at 1e-3 while it is not applied
    assert not any(ends)


def test_trls_coefficient_stops_at_its_ends_and_says_so():
    found, ends = outputs(Stepwise(step=2e-3, gated=False), COEFFICIENT, [0.1, 0.1, 0.1, 0.1, 0.3])
    np.testing.assert_allclose(found, [2e-3, 4e-3, 5e-3, 5e-3, 3e-3], atol=1e-8)
    assert ends == [False, False, True, True, False]


def test_a_proportional_integral_controller_adds_up_errors():
    weight = Controlled("balance", low=-1.0, high=1.0)
    found, _ = outputs(ProportionalIntegral(1.0, 0.5), weight, [0.1, 0.1, 0.2])
    np.testing.assert_allclose(found, [0.1 + 0.05, 0.1 + 0.1, 0.0 + 0.1], rtol=1e-5)


def test_the_integral_stands_still_at_an_end():
    controller = ProportionalIntegral(1.0, 1.0)
    state, errors, ends = controller.start((BONUS,)), [1.5] * 10 + [-0.1], []
    for error in errors:
        reading = Reading(jnp.float32(2.0 - error), jnp.float32(0.0), jnp.float32(2.0), jnp.float32(2.0))
        state, efforts = controller(state, reading, (BONUS,))
        ends.append(bool(efforts.saturated[0]))
    assert ends == [True] * 10 + [False]  # a sum of 15 would still be beyond its end
    assert float(state.integral) == pytest.approx(-0.1)


@pytest.mark.parametrize("slew", [0.02, 0.05, 2.0])
def test_the_integral_stands_still_while_the_slew_limit_holds_it_back(slew):
    process, controller = Process(gain=0.3, drift=0.0, noise=0.0, start=1.5), ProportionalIntegral(2.0, 0.2, slew)
    told = process.run(EntropyLoop(InNats(0.5), (BONUS,), controller), 300)
    assert told["true"][100:].max() < 1.0 and told["true"][-1] == pytest.approx(0.5, rel=0.02)


def test_aepos_temperature_is_one_of_two():
    temperature = Controlled("temperature", low=0.8, high=1.2, rest=1.0)
    found, ends = outputs(OnOff(), temperature, [0.5, 0.51, 0.49], target=0.5)
    np.testing.assert_allclose(found, [1.2, 0.8, 1.2], rtol=1e-6)
    assert not any(ends)  # an end is its way to work


def test_entrocrafts_rejection_rests_within_its_band():
    rejection = Controlled("rejection", low=-1.0, high=1.0)
    found, _ = outputs(OnOff(band=0.05), rejection, [0.59, 0.62, 0.71], target=0.65)
    np.testing.assert_allclose(found, [1.0, 0.0, -1.0])


def test_stepwise_refuses_two_actuators():
    with pytest.raises(ValueError, match="moves one number, but its loop has 2 actuators; leave one or use SelfTuning"):
        Stepwise().validate((BONUS, COEFFICIENT))


def test_a_controller_without_gains_is_refused():
    with pytest.raises(ValueError, match="set one of them, or it does nothing"):
        ProportionalIntegral(0.0, 0.0).validate((BONUS,))
