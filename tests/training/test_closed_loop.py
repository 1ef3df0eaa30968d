"""Closed loops in a run: what they read and set, and that neither a restart nor a number changes or compiles it."""

from __future__ import annotations

import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etils import epath

from entropy_rl import training
from entropy_rl.closed_loop.loop import EntropyLoop, OfDifficulty, OfTask, start
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.targets import Budget, InNats, OfInitial
from entropy_rl.config import Config, EvaluationConfig, UpdateConfig
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.problem import Problem
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.mixture import LABEL, Mixture
from entropy_rl.training import learner, loop, programs, sensitivity, session
from entropy_rl.training.closed_loop import Keeper, readings, worthwhile
from entropy_rl.training.responses import Response, unit_entropy
from entropy_rl.training.update import compiled_update
from tests.policies import TINY, example_experience, tiny_params
from tests.training import tiny_run
from tests.training.resuming import assert_same_run
from tests.training.test_warm_up import Recorded, Recorder

BONUS = Controlled("bonus", low=-1.0, high=1.0)
HEAT = Controlled("temperature", low=0.8, high=1.25, rest=1.0)
HOLD = EntropyLoop(target=OfInitial(0.7), actuators=(BONUS,))
LOSS = PolicyLoss(ClippedSurrogate(), penalties=(EntropyBonus(BONUS),))


def config(steps: int = 5) -> Config:
    """A bonus that holds the entropy, and a temperature that is always too low or too high."""
    run = tiny_run.get_config()
    heat = EntropyLoop(target=InNats(1.0), actuators=(HEAT,), controller=OnOff(), name="heat")
    rollout = dataclasses.replace(run.rollout, temperature=HEAT)
    hold = HOLD.replace(controller=SelfTuning(measure_every=2))  # type: ignore
    return dataclasses.replace(run, loss=LOSS, rollout=rollout, closed_loop=(hold, heat), steps=steps, name="loops")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    training.run(config(), str(workdir))
    return workdir


def test_a_run_that_goes_on_later_is_the_run_that_was_not_stopped(whole, tmp_path):
    training.run(config(steps=2), str(tmp_path / "run"), bases=str(whole.parent / "bases"))
    training.run(config(), str(tmp_path / "run"), bases=str(whole.parent / "bases"))
    assert_same_run(whole, tmp_path / "run", config())


def test_loops_read_the_rollout_at_temperature_one_and_set_the_next_temperature(whole):
    steps = [record for record in training.Run(whole).metrics if "reward/mean" in record]
    for before, record in zip(steps, steps[1:], strict=False):
        read = record["controller/entropy/entropy"]
        assert read == pytest.approx(record["entropy_unit/token_mean"], rel=1e-6)
        heated = before["controller/heat/temperature/output"]
        assert heated == pytest.approx(1.25 if before["entropy_unit/token_mean"] <= 1.0 else 0.8)
        assert (record["entropy/token_mean"] > read) == (heated > 1.0)  # sampled hotter than it is measured
    assert len({record["controller/entropy/bonus/output"] for record in steps}) > 2
    assert steps[0]["controller/entropy/target"] == pytest.approx(0.7 * steps[0]["entropy_unit/token_mean"], rel=1e-6)


def test_gains_are_measured_where_a_loop_asks_for_it_and_taken_up(whole):
    steps = [record for record in training.Run(whole).metrics if "reward/mean" in record]
    gains = [record.get("controller/entropy/bonus/measured_gain") for record in steps]
    assert [gain is not None for gain in gains] == [False, False, True, False, True]
    assert gains[2] > 0 and gains[4] > 0  # a bonus raises entropy
    believed = [record["controller/entropy/bonus/gain"] for record in steps]
    assert abs(believed[3] - gains[2]) < abs(believed[2] - gains[2])
    assert not any("heat/temperature/measured" in name for record in steps for name in record)


def test_the_measurement_is_compiled_ahead_as_it_is_made(tmp_path, monkeypatch):
    folder, measurement = epath.Path(tmp_path / "run"), Recorder(sensitivity.sensitivities)
    monkeypatch.setattr(sensitivity, "sensitivities", measurement)
    with session.open_session(config().resolved(), folder, str(tmp_path / "bases")) as opened:
        ahead = {one.name: one for one in programs.of(opened.config, opened.engine.mesh, opened.engine)}
        with pytest.raises(Recorded):
            for _ in range(3):
                loop.train_step(opened)
    lowered = dataclasses.replace(ahead["gains"], function=measurement.function).lower()
    assert measurement.text == lowered.as_text()


def test_gains_are_not_measured_for_a_part_of_the_responses():
    part = HOLD.replace(controller=SelfTuning(measure_every=2), measured=OfDifficulty())  # type: ignore
    with pytest.raises(ValueError, match="'entropy' has measure_every=2 and reads a part of the responses"):
        part.validate()


def test_a_number_that_a_loop_moves_is_the_number_of_the_loss_and_compiles_nothing():
    step, keeper = compiled_update(TINY), Keeper((HOLD,))
    state = learner.new_state(jax.tree.map(jnp.copy, tiny_params()), AdamW(), False, 0, start((HOLD,)))
    experience, key = example_experience(prompts=16), jax.random.key(3)
    for entropy in (1.0, 0.5, 0.4):
        observed = keeper.observe(state, {"entropy": (entropy, 0.01)})
        state = dataclasses.replace(state, controllers=observed.states)
        coefficient = float(observed.numbers["bonus"])
        assert coefficient == pytest.approx(observed.figures["controller/entropy/bonus/output"])
        by_hand = PolicyLoss(ClippedSurrogate(), penalties=(EntropyBonus(jnp.float32(coefficient)),))  # type: ignore
        plain = learner.new_state(jax.tree.map(jnp.copy, state.params), AdamW(), False)
        plain = dataclasses.replace(plain, step=jnp.copy(state.step), opt_state=jax.tree.map(jnp.copy, state.opt_state))
        expected, _ = compiled_update(TINY)(plain, experience, by_hand, AdamW(), key)
        state, _ = step(state, experience, LOSS, AdamW(), key)
        jax.tree.map(np.testing.assert_array_equal, state.params, expected.params)
    assert step._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue]
    assert keeper._observe._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]


def response(length: int, entropy: float, right: bool) -> Response:
    score = 1.0 if right else -0.5  # shaped, and no accuracy beside it: a share of right answers is one all the same
    return Response(length, entropy, entropy, True, score, False, {})


PROBLEMS = [Problem("a", "", "", {LABEL: "sums"}), Problem("b", "", "", {LABEL: "mazes"}), Problem("c", "", "", {})]
RESPONSES = [
    response(2, 1.0, True), response(2, 3.0, True),
    response(4, 1.0, False), response(4, 1.0, True),
    response(1, 1.0, False), response(1, 2.0, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "entropy"),
    [
        (OfTask("sums"), 1.0),  # (1 + 3) / (2 + 2)
        (OfTask("mazes"), 0.25),
        (OfDifficulty(0.0, 0.5), 5 / 10),  # the second and the third
        (OfDifficulty(0.9, 1.0), 1.0),
    ],
)
def test_a_loop_reads_the_responses_that_it_names(measured, entropy):
    loop = dataclasses.replace(HOLD, measured=measured)
    assert readings((loop,), RESPONSES, PROBLEMS)["entropy"][0] == pytest.approx(entropy)


def test_a_loop_with_nothing_to_read_stays_as_it_was():
    loop = dataclasses.replace(HOLD, measured=OfTask("neither"))
    assert readings((loop,), RESPONSES, PROBLEMS) == {}
    keeper, state = Keeper((loop,)), learner.new_state(tiny_params(), AdamW(), False, 0, start((loop,)))
    for nothing in ({}, {"entropy": (float("nan"), 0.01)}):
        observed = keeper.observe(state, nothing)
        counted = {"entropy": dataclasses.replace(state.controllers["entropy"], step=jnp.int32(1))}
        jax.tree.map(np.testing.assert_array_equal, observed.states, counted)
        assert observed.figures == {}


def test_a_line_follows_the_steps_of_the_run_and_not_the_readings():
    line = dataclasses.replace(HOLD, target=OfInitial(Linear(1.0, 0.2, 9)), measured=OfTask("seldom"))
    keeper, state = Keeper((line,)), learner.new_state(tiny_params(), AdamW(), False, 0, start((line,)))
    programs = []
    for step in range(10):
        observed = keeper.observe(state, {"entropy": (0.5, 0.01)} if step % 3 == 0 else {})
        state = dataclasses.replace(state, controllers=observed.states)
        programs.append(keeper._observe._cache_size())  # pyright: ignore[reportAttributeAccessIssue]
    assert observed.figures["controller/entropy/target"] == pytest.approx(0.1)
    assert len(set(programs)) == 1  # read or not, it is one


def test_the_standard_error_is_that_of_a_ratio_over_prompts():
    mean, error = unit_entropy(RESPONSES, prompts=3)
    assert mean == pytest.approx(9 / 14)
    left = np.array([4 - 4 * 9 / 14, 2 - 8 * 9 / 14, 3 - 2 * 9 / 14])
    assert error == pytest.approx(np.sqrt((left**2).sum() * 3 / 2) / 14)


@pytest.mark.parametrize(("mini_batches", "lag"), [(1, 0.9), (4, 0.6561)])
def test_the_lag_is_that_of_the_optimiser(mini_batches, lag):
    run = dataclasses.replace(looped(), update=UpdateConfig(mini_batches=mini_batches))
    assert run.resolved().closed_loop[0].controller.lag == lag
    mine = dataclasses.replace(run, closed_loop=(HOLD.replace(controller=SelfTuning(lag=0.5)),))  # type: ignore
    assert mine.resolved().closed_loop[0].controller.lag == 0.5


def test_one_prompt_does_not_tell_its_error():
    assert unit_entropy(RESPONSES[:2], prompts=1) == (1.0, 1.0)  # 4 nats over 4 tokens


def test_a_forecast_sets_the_floor_of_a_budget():
    # R = .8 - a (exp(H) - 1) through (.3, .5) has a = .3 / .34986; it reaches .95 * .8 = .76 where exp(H) - 1 = .04 / a
    assert worthwhile(0.3, 0.5, 0.8, 0.95) == pytest.approx(np.log1p(0.04 * np.expm1(0.3) / 0.3))
    assert worthwhile(0.3, 0.79, 0.8, 0.95) == 0.3  # nothing left to buy
    loop = dataclasses.replace(HOLD, target=Budget(steps=100))
    keeper, state = Keeper((loop,)), learner.new_state(tiny_params(), AdamW(), False, 0, start((loop,)))
    points = [[float(step), 0.3, 0.5] for step in range(30)]
    assert keeper.advised(state, {}, points) is state
    advised = keeper.advised(state, {"forecast/ceiling": 0.8}, points)
    assert advised.controllers["entropy"].floor == pytest.approx(worthwhile(0.3, 0.5, 0.8, 0.95))
    figures = [
        keeper.observe(advised, {"entropy": (0.3, 0.01)}).figures[f"controller/entropy/{n}"]
        for n in ("floor", "target")
    ]
    assert figures[0] < figures[1] < 0.3


TWO_LIMITS = (EntropyBonus(BONUS.replace(high=9.0)), EntropyBonus(BONUS))  # type: ignore


def looped(**changes: object) -> Config:
    return broken(loss=LOSS, rollout=tiny_run.get_config().rollout, closed_loop=(dataclasses.replace(HOLD, **changes),))


def broken(**changes: object) -> Config:
    return dataclasses.replace(config(), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (broken(closed_loop=()), "'bonus' is Controlled, but no loop moves it; add it to the actuators"),
        (broken(loss=PolicyLoss(ClippedSurrogate())), "closed_loop moves 'bonus', which stands nowhere in loss, "),
        (
            broken(loss=PolicyLoss(ClippedSurrogate(), penalties=(EntropyBonus(BONUS.replace(high=2.0)),))),  # type: ignore
            "Controlled 'bonus' is .* in closed_loop and .* where it stands; use one value",
        ),
        (broken(closed_loop=HOLD), r"write a tuple: closed_loop=\(EntropyLoop\(...\),\)"),
        (broken(closed_loop=(HOLD, HOLD)), "closed_loop uses the name 'entropy' 2 times"),
        (broken(closed_loop=(dataclasses.replace(HOLD, actuators=()),)), "closed loop 'entropy' has no actuators"),
        (
            dataclasses.replace(
                looped(measured=OfTask("sumz")), task=Mixture(((Countdown(), 1.0), (Countdown(), 1.0)))
            ),
            "reads the task 'sumz'; the mixture has countdown_0, countdown_1",
        ),
        (looped(measured="hard"), r"measured='hard'; write Everything\(\), OfDifficulty"),
        (looped(measured=OfDifficulty(0.9, 0.1)), "accuracies are 0 <= low <= high <= 1"),
        (looped(target=Budget(5), measured=OfDifficulty()), "the forecast is of all responses"),
        (
            dataclasses.replace(looped(target=Budget(5)), evaluation=EvaluationConfig(every=0)),
            "has a Budget, which waits for forecasts, but evaluation.every is 0",
        ),
        (
            dataclasses.replace(
                looped(target=Budget(5)), rollout=dataclasses.replace(tiny_run.get_config().rollout, temperature=0.8)
            ),
            "the forecast would read another entropy than the loop",
        ),
        (
            dataclasses.replace(looped(), loss=PolicyLoss(ClippedSurrogate(), penalties=TWO_LIMITS)),
            "Controlled 'bonus' is .* in closed_loop and .*high=9.0.* where it stands; use one value",
        ),
        (looped(target=Linear(1.0, 0.2, 9)), r"say what it is of: InNats\(0.3\), OfInitial\(0.5\) or Budget"),
        (looped(target=0.3), r"has the target 0.3; say what it is of: InNats\(0.3\)"),
        (looped(target=InNats(float("inf"))), r"InNats.entropy is inf, but it must lie in \(0, 100\]"),
        (looped(target=Budget(Linear(5.0, 9.0, 3))), "in its controller or budget, whose numbers stand still"),
        (looped(controller=SelfTuning(settling=Linear(5.0, 9.0, 3))), "in its controller or budget, whose numbers"),
        (broken(optimizer=AdamW(Controlled("rate", 0.0, 1.0)), loss=LOSS), "use a schedule"),
        (
            broken(rollout=dataclasses.replace(config().rollout, temperature=HEAT.replace(low=0.0))),  # type: ignore
            r"RolloutConfig.temperature is .*, but it must lie in \(0, inf\]",
        ),
        (
            broken(loss=PolicyLoss(ClippedSurrogate(epsilon_low=BONUS))),
            "ClippedSurrogate.epsilon_low is .*, but it must lie in",
        ),
    ],
)
def test_a_loop_and_its_numbers_must_belong_together(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong.validate()


def test_hard_and_easy_prompts_may_have_a_loop_each():
    hard, easy = Controlled("hard", low=0.0, high=1.0), Controlled("easy", low=-1.0, high=0.0)
    loss = PolicyLoss(ClippedSurrogate(), penalties=(DifficultyBonus(hard, easy),))
    loops = (
        EntropyLoop(OfInitial(0.9), (hard,), measured=OfDifficulty(0.0, 0.5), name="on_hard"),
        EntropyLoop(OfInitial(0.3), (easy,), measured=OfDifficulty(0.501, 1.0), name="on_easy"),
    )
    dataclasses.replace(tiny_run.get_config(), loss=loss, closed_loop=loops).validate()


def test_micro_batches_do_not_move_a_loop(tmp_path):
    """What a loop reads is the same; what it sets differs by the update's own rounding."""
    bases, outputs = str(tmp_path / "bases"), []
    run = dataclasses.replace(looped(), steps=4, rollout=tiny_run.get_config().rollout, name="cut")
    for folder, cuts in (("whole", 1), ("cut", 2)):
        update = dataclasses.replace(run.update, mini_batches=2, micro_batches=cuts)
        done = training.run(dataclasses.replace(run, update=update), str(tmp_path / folder), bases=bases)
        steps = [record for record in done.metrics if "reward/mean" in record]
        outputs.append([record["controller/entropy/bonus/output"] for record in steps])
    np.testing.assert_allclose(*outputs, atol=2e-4)
    assert len(set(outputs[0])) > 2
