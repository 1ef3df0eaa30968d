"""One setting holds every target of very different processes, and says when it cannot."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.targets import InNats, OfInitial
from entropy_rl.ops.schedules import Controlled, Linear
from tests.closed_loop.process import BONUS, Process

STEPS = 240


def loop(target: Any, *actuators: Controlled, **fields: Any) -> EntropyLoop:
    return EntropyLoop(target=target, actuators=actuators or (BONUS,), controller=SelfTuning(**fields))


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_any_target_is_held_within_five_percent_without_tuning(share, gain):
    process = Process(gain=gain)
    told = process.run(loop(OfInitial(share)), STEPS)
    target = told["target"][-1]
    assert abs(told["true"][STEPS // 2 :].mean() / target - 1) < 0.05
    assert abs(told["true"][STEPS // 10 : STEPS // 5].mean() / target - 1) < 0.10  # settled in a tenth of the steps
    assert told["saturated"][STEPS // 2 :].mean() < 0.05


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.0])
def test_so_is_it_where_one_update_per_rollout_leaves_more_of_a_push_to_the_next(gain):
    process, asked = Process(gain=gain, momentum=0.9), loop(OfInitial(0.5))
    told = process.run(asked.resolved(momentum=0.9), STEPS)
    off = np.convolve(told["true"], np.full(20, 1 / 20), "valid")[-STEPS // 2 :] / told["target"][-1] - 1
    assert np.abs(off).max() < 0.15
    unresolved = process.run(asked, STEPS)  # at the lag of four updates it swings
    assert np.log(unresolved["true"][STEPS // 2 :]).std() > 1.4 * np.log(told["true"][STEPS // 2 :]).std()


def test_what_the_slew_limit_holds_back_is_not_at_its_end():
    told = Process(gain=0.02, drift=0.0).run(loop(InNats(0.001), slew=0.05, gain=0.05), 40)
    output, saturated = told["bonus/output"], told["bonus/saturated"]
    assert saturated.any() and output[10] > BONUS.low + 0.3
    assert (output[saturated > 0] <= BONUS.low + 1e-5).all()  # pyright: ignore[reportOperatorIssue]


def test_an_anneal_is_followed():
    told = Process().run(loop(OfInitial(Linear(1.0, 0.2, STEPS))), STEPS)
    off = np.convolve(told["true"] - told["target"], np.full(20, 1 / 20), "valid")
    assert np.abs(off).max() < 0.05 * told["target"][0]


def test_the_gain_is_learned():
    """Of a loop that is slow enough for a steady process."""
    calm = loop(OfInitial(0.3), settling=12.0, lead=0.0, drift=0.02, slew=0.2)
    told = Process(gain=0.5, noise=0.02).run(calm, STEPS)
    assert told["bonus/gain"][0] == pytest.approx(0.2, abs=0.01)  # what it believes at the start
    assert 0.35 < told["bonus/gain"][60:].mean() < 0.65


@pytest.mark.parametrize("gain", [0.05, 0.2, 0.5, 1.0])
def test_the_gain_is_learned_and_rather_too_large_than_too_small(gain):
    told = Process(gain=gain, noise=0.02).run(loop(OfInitial(0.3)), STEPS)
    assert told["bonus/gain"][0] == pytest.approx(0.2, abs=0.01)  # what it believes at the start
    assert gain - 0.02 < told["bonus/gain"][60:].mean() < gain + 0.25


def test_a_measured_gain_counts_beside_what_is_believed_and_an_unknown_one_does_not():
    controller, pair = SelfTuning(), (BONUS, Controlled("other", low=-1.0, high=1.0))
    state = dataclasses.replace(controller.start(pair), seen=jnp.int32(1))
    told = controller.informed(state, jnp.array([0.6, 0.0]))
    assert 0.3 < told.mean[2] < 0.6 and told.covariance[2, 2] < 0.75 * state.covariance[2, 2]
    assert told.mean[3] == state.mean[3] and told.covariance[3, 3] == state.covariance[3, 3]
    again = functools.reduce(lambda belief, _: controller.informed(belief, jnp.array([0.6, 0.0])), range(20), state)
    worth = 20 / 0.3**2, 1 / 0.2**2  # of twenty measurements and of the first belief
    assert again.mean[2] == pytest.approx((0.6 * worth[0] + 0.2 * worth[1]) / sum(worth), rel=1e-3)
    lower = controller.informed(state, jnp.array([0.01, -0.5]))  # a small one is as uncertain as the belief
    assert 0.02 < lower.mean[2] < 0.1 and lower.mean[3] == state.mean[3]
    assert controller.informed(controller.start(pair), jnp.array([0.6, 0.6])).mean[2] == pytest.approx(0.2)  # unread


def test_a_lead_settles_sooner():
    def settled(lead: float) -> int:
        told = Process(noise=0.01).run(loop(OfInitial(0.2), lead=lead), STEPS)
        return int(np.flatnonzero(np.abs(told["true"] / told["target"] - 1) > 0.05)[-1])

    assert settled(0.5) < settled(0.0) - 2


def test_an_impossible_target_ends_in_saturation_at_the_limit():
    weak = Controlled("weak", low=0.0, high=0.05)
    told = Process(gain=0.01).run(loop(OfInitial(0.9), weak), STEPS)  # full effort gives a third of what drift takes
    assert told["saturated"][40:].mean() > 0.9
    assert told["weak/output"][40:].min() == np.float32(0.05)


def test_nothing_winds_up_at_an_end():
    """After 30 steps out of reach the target comes down, and the effort turns round at once."""
    fall = loop(InNats(Linear(2.0, 0.3, 61)), Controlled("weak", low=-1.0, high=0.05))
    told = Process(gain=0.8, noise=0.02).run(fall, 140)  # at its upper end it gains .04 - .03 per step
    assert told["saturated"][15:30].all()
    assert abs(told["true"][100:].mean() / 0.3 - 1) < 0.05


def test_the_second_actuator_takes_over_where_the_first_ends():
    first, second = Controlled("first", low=-1.0, high=1.0), Controlled("second", low=-1.0, high=1.0)
    alone = Process(drift=-0.4).run(loop(OfInitial(0.9), first), STEPS)
    assert alone["saturated"][60:].mean() > 0.9  # .3 of gain cannot make up for a drift of -.4
    both = Process(drift=-0.4).run(loop(OfInitial(0.9), first, second), STEPS)
    assert both["first/saturated"][60:].mean() > 0.9
    assert both["saturated"][60:].mean() < 0.1
    assert abs(both["true"][STEPS // 2 :].mean() / both["target"][-1] - 1) < 0.05


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (SelfTuning(settling=1.0), "it is a number of RL steps"),
        (SelfTuning(lag=1.0), "it is the momentum left over"),
        (SelfTuning(lead=-0.1), "it is a share of the lag"),
        (SelfTuning(gain=0.0), r"SelfTuning.gain is 0.0, but it must lie in \(0, 1000\]"),
        (SelfTuning(gain=float("inf")), r"SelfTuning.gain is inf, but it must lie in"),
        (SelfTuning(settling=float("inf")), "it is a number of RL steps"),
        (SelfTuning(measure_every=2.5), "it is a whole number of RL steps"),  # type: ignore[arg-type]
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong.validate((BONUS,))
