"""The judgement of a closed loop, on series whose verdict is known."""

from __future__ import annotations

import numpy as np
import pytest

from entropy_rl.lab.closed_loop import ClosedLoop, of_run
from entropy_rl.lab.runs import Run

STEPS = np.arange(1, 101)


def loop_of(entropy: np.ndarray, target: np.ndarray, saturated: np.ndarray | float = 0.0) -> ClosedLoop:
    at_end = np.broadcast_to(saturated, entropy.shape)
    records = [
        {
            "step": int(step), "controller/entropy/entropy": float(h), "controller/entropy/target": float(goal),
            "controller/entropy/saturated": float(end), "controller/entropy/bonus/output": 0.1,
            "controller/entropy/bonus/saturated": float(end),
        }
        for step, h, goal, end in zip(STEPS, entropy, target, at_end, strict=True)
    ]  # fmt: skip
    found = of_run(Run("", "run", {}, records, [], {}))
    assert found is not None
    return found["entropy"]


def test_a_loop_that_comes_to_its_target_holds_it():
    target = np.full(100, 0.2)
    entropy = np.maximum(1.0 - 0.08 * (STEPS - 1), 0.204)  # at its target from step 11 on
    loop = loop_of(entropy, target)
    assert loop.error == pytest.approx(0.02) and loop.wandering == pytest.approx(0.02)
    assert loop.holds and not loop.follows
    assert loop.settled == 15  # the first five steps without the way down are 11 to 15
    assert loop.initial == 1.0 and loop.saturated == 0.0 and loop.out_of_reach == ()
    assert loop.actuators[0].name == "bonus" and loop.actuators[0].output.tolist() == [0.1] * 100


def test_an_anneal_is_judged_against_the_initial_entropy():
    target = np.linspace(1.0, 0.1, 100)
    assert loop_of(target + 0.04, target).off_track == pytest.approx(0.04 / 1.04)
    assert loop_of(target + 0.04, target).follows
    assert not loop_of(target + 0.08, target).follows


def test_noise_that_averages_out_is_forgiven_and_a_slow_swing_is_not():
    target, noise = np.full(100, 0.2), np.where(STEPS % 2, 0.02, -0.02)
    assert loop_of(target + noise, target).wandering < 0.01
    swing = 0.02 * np.sign(np.sin(STEPS * np.pi / 25))  # 25 steps above, 25 below
    assert loop_of(target + swing, target).wandering == pytest.approx(0.1)


def test_a_loop_out_of_reach_names_what_is_at_its_end():
    loop = loop_of(np.full(100, 0.1), np.full(100, 0.2), saturated=(STEPS > 60).astype(float))
    assert loop.out_of_reach == ("bonus",)
    assert loop.settled is None and not loop.holds
    assert loop.saturated == pytest.approx(0.4)


def test_passing_through_the_target_is_not_settling():
    falling = np.maximum(1.0 - 0.02 * (STEPS - 1), 0.1)  # 5 means near .5 on the way to .1
    assert loop_of(falling, np.full(100, 0.5)).settled is None


def test_a_run_without_loops_has_none():
    assert of_run(Run("", "run", {}, [{"step": 1, "entropy/token_mean": 0.3}] * 3, [], {})) is None
