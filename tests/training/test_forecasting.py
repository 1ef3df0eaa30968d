"""What the loop remembers for the forecaster, and what it says of it."""

import json

import numpy as np
import pytest

from entropy_rl.training import alarms, metrics
from entropy_rl.training.forecasting import KEPT, Forecaster, sentence


def measured(step: int) -> dict[str, float]:
    return {"entropy/token_mean": 0.4 * np.exp(-step / 60), "reward/mean": 0.6 - 0.4 * np.exp(-step / 60)}


def told(count: int, last: int = 240) -> Forecaster:
    forecaster = Forecaster(last)
    for step in range(1, count + 1):
        forecaster.add(step, measured(step))
    return forecaster


def test_figures_are_declared_and_finite_and_absent_at_first():
    assert told(10).figures() == {}
    figures = told(80).figures()
    metrics.check_names(figures)
    assert all(np.isfinite(value) for value in figures.values()) and len(figures) == 9
    assert figures["forecast/final_low"] <= figures["forecast/final"] <= figures["forecast/final_high"]


def test_a_restored_forecaster_goes_on_as_the_one_that_was_saved():
    whole = told(90)
    half = told(45)
    again = Forecaster(240, json.loads(json.dumps(half.state())))
    for step in range(46, 91):
        again.add(step, measured(step))
    assert again.state() == whole.state() and again.figures() == whole.figures()


@pytest.mark.parametrize("count", [KEPT, KEPT + 1, 3 * KEPT + 5])
def test_memory_is_bounded_and_keeps_the_mean(count):
    state = told(count).state()
    kept = [*state["points"] * state["width"], *state["open"]]
    assert len(state["points"]) <= KEPT and len(kept) == count
    assert np.mean([point[0] for point in kept]) == pytest.approx((count + 1) / 2, rel=1e-3)


def test_a_record_without_entropy_is_no_point():
    forecaster = Forecaster(10)
    forecaster.add(0, {"validation/pass@1": 0.2})
    assert forecaster.state()["points"] == []


def test_the_sentence_names_accuracy_ceiling_and_what_is_spent():
    text = sentence(told(80).figures(), 240)
    assert text.startswith("forecast: accuracy 0.") and "at step 240, ceiling 0." in text
    assert "70% of the entropy is spent" in text  # steps 74 to 80 and 1 to 7: 1 - exp(-73 / 60) = 0.704
    assert sentence({}, 240) == ""


def test_the_alarm_waits_for_a_second_evaluation():
    watch = alarms.Alarms()
    assert watch.check(20, {"forecast/surprise": -2.0}) == []
    (raised,) = watch.check(40, {"forecast/surprise": -1.8})
    assert raised.name == "forecast" and "1.8 half widths below" in raised.message
    assert watch.check(60, {"forecast/surprise": 0.2}) == []
