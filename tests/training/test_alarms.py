"""Alarms ring when a run is sick, once, and survive a resume."""

import json

import numpy as np
import pytest

from entropy_rl.training.alarms import REMEDIES, Alarms, NonFiniteError, raise_if_not_finite

HEALTHY = {
    "reward/mean": 0.5, "reward/std": 0.5, "reward/zero_variance_groups": 0.3, "response/truncated": 0.0,
    "entropy/token_mean": 0.3, "update/log_ratio_abs_max": 0.8, "update/log_ratio_mean": -0.001,
    "update/gradient_norm": 1.0, "select/ClipCov/fraction": 0.01,
}  # fmt: skip


def raised(records, **kwargs):
    """(step, name) of every alarm; steps count from 1."""
    alarms = Alarms(**kwargs)
    return [(alarm.step, alarm.name) for step, record in enumerate(records, 1) for alarm in alarms.check(step, record)]


def constant(steps=15, **changes):
    return [HEALTHY | {name.replace("__", "/"): value for name, value in changes.items()}] * steps


def falling_entropy(steps=15, **changes):
    return [record | {"entropy/token_mean": 0.3 * 0.9**i} for i, record in enumerate(constant(steps, **changes))]


def test_a_healthy_run_is_left_alone():
    assert raised(constant(200), controlled=True) == []
    assert raised(falling_entropy(200), controlled=True) == []


def test_truncation_rings_at_once_and_again_only_after_a_recovery():
    sick = HEALTHY | {"response/truncated": 0.6}
    assert raised([HEALTHY, sick, sick, HEALTHY, sick]) == [(2, "truncation"), (5, "truncation")]


@pytest.mark.parametrize("change", [{"reward__std": 0.0}, {"reward__zero_variance_groups": 0.9}])
def test_no_signal_rings_after_ten_steps_in_a_row(change):
    assert raised(constant(15, **change)) == [(10, "no_signal")]
    assert raised(constant(9, **change) + [HEALTHY] + constant(9, **change)) == []


def test_a_control_that_selects_nothing_while_entropy_falls_rings():
    silent = falling_entropy(15, **{"select/ClipCov/fraction": 0.0})
    assert raised(silent, controlled=True) == [(10, "silent_collapse")]
    assert raised(silent, controlled=False) == []


def test_a_control_that_selects_nothing_is_no_matter_while_entropy_stays():
    assert raised(constant(30, **{"select/ClipCov/fraction": 0.0}), controlled=True) == []


def test_one_of_two_methods_that_selects_is_enough():
    records = falling_entropy(15, **{"select/ClipCov/fraction": 0.0, "select/KlCov/fraction": 0.002})
    assert raised(records, controlled=True) == []


def explosion(reward_factor):
    return [HEALTHY | {"entropy/token_mean": 0.3 * 1.1**i, "reward/mean": 0.5 * reward_factor**i} for i in range(20)]


def test_entropy_may_rise_with_the_reward_but_not_against_it():
    assert [name for _, name in raised(explosion(0.95))] == ["explosion"]
    assert raised(explosion(1.02)) == []
    assert raised(constant(20, **{"reward/mean": 0.5})[:10] + constant(20, **{"reward/mean": 0.1})) == []


@pytest.mark.parametrize("change", [{"update__log_ratio_abs_max": 11.0}, {"update__log_ratio_mean": -1.5}])
def test_a_policy_far_from_the_one_that_sampled_rings(change):
    assert raised(constant(3, **change)) == [(1, "log_ratio")]


def test_a_gradient_rings_when_it_is_huge_or_unusual():
    assert raised(constant(1, update__gradient_norm=2e3)) == [(1, "gradient_norm")]
    assert raised(constant(20) + constant(1, update__gradient_norm=30.0)) == [(21, "gradient_norm")]
    assert raised(constant(5) + constant(1, update__gradient_norm=30.0)) == []  # too early to say what is usual
    small = constant(20, update__gradient_norm=1e-4) + constant(1, update__gradient_norm=0.5)
    assert raised(small) == []  # unusual, but harmless


def test_validation_rings_when_two_in_a_row_are_far_below_the_best():
    records = [{"validation/pass@1": score} for score in (0.5, 0.39, 0.5, 0.39, 0.38, 0.37)]
    assert raised(records) == [(5, "validation")]


def test_a_record_without_metrics_changes_nothing():
    silent = falling_entropy(15, **{"reward/std": 0.0})
    assert raised([silent[0], {"validation/pass@1": 0.2}, *silent[1:]]) == [(11, "no_signal")]
    assert raised([{name: None for name in HEALTHY}] * 20, controlled=True) == []


@pytest.mark.parametrize("cut", [1, 8, 12, 25])
def test_a_resumed_run_raises_the_same_alarms(cut):
    silent = falling_entropy(30, **{"select/ClipCov/fraction": 0.0, "reward/std": 0.0})
    records = [record | {"update/gradient_norm": 1.0 + i} for i, record in enumerate(silent)] + explosion(0.9)
    whole, first, second = (Alarms(controlled=True) for _ in range(3))
    for step, record in enumerate(records):
        whole.check(step, record)
    for step, record in enumerate(records[:cut]):
        first.check(step, record)
    second.restore(json.loads(json.dumps(first.state())))
    for step, record in enumerate(records[cut:], cut):
        second.check(step, record)
    assert second.history() == whole.history() and second.state() == whole.state()
    assert len(whole.history()) >= 2


def test_every_alarm_tells_what_and_what_to_do():
    alarms = Alarms()
    alarms.check(3, HEALTHY | {"response/truncated": 0.75})
    assert alarms.history() == [
        {"step": 3, "name": "truncation", "message": "75 % of the responses are cut off before they end",
         "remedy": REMEDIES["truncation"]}
    ]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_a_non_finite_metric_names_the_step_itself_and_the_last_checkpoint(value):
    record = {"step": 7, "reward/mean": value, "loss/total": value, "name": "x"}
    with pytest.raises(NonFiniteError, match=r"step 7: loss/total is .*checkpoint is of step 5.*learning_rate"):
        raise_if_not_finite(7, record, last_good=5)
    with pytest.raises(NonFiniteError, match="reward/mean.*no checkpoint was saved yet"):
        raise_if_not_finite(7, {"reward/mean": value}, last_good=None)


def test_finite_metrics_pass():
    raise_if_not_finite(1, HEALTHY | {"text": "x", "missing": None}, last_good=None)


def test_an_alarm_says_when_most_responses_could_not_be_judged():
    watch = Alarms(controlled=False)
    raised = watch.check(3, {"reward/undecided": 0.75})
    assert [alarm.name for alarm in raised] == ["undecided"] and "75 % of the responses" in raised[0].message
    assert Alarms(controlled=False).check(3, {"reward/undecided": 0.25}) == []


def test_a_loop_with_nothing_left_to_turn_is_named_with_what_is_at_its_end():
    alarms = Alarms()
    record = {
        "controller/entropy/target": 0.3,
        "controller/entropy/entropy": 0.12,
        "controller/entropy/saturated": 1.0,
        "controller/entropy/bonus/output": 0.05,
    }
    begun = [alarm for step in range(1, 13) for alarm in alarms.check(step, record)]
    assert [(alarm.step, alarm.name) for alarm in begun] == [(10, "saturated")]
    assert begun[0].message == "loop entropy asks for 0.3 nats/token and has 0.12: bonus at its end 0.05"
    assert not alarms.check(13, record | {"controller/entropy/saturated": 0.0})


def test_an_actuator_that_works_backwards_is_named():
    alarms, record = Alarms(), {"controller/entropy/target": 0.3, "controller/entropy/weight/gain": -0.2}
    begun = [alarm for step in range(1, 13) for alarm in alarms.check(step, record)]
    assert [(alarm.step, alarm.name) for alarm in begun] == [(10, "backwards")]
    assert "lowers it: weight (believed -0.2)" in begun[0].message and "raises=" in begun[0].remedy
    assert not Alarms().check(1, record | {"controller/entropy/weight/gain": -0.05})
