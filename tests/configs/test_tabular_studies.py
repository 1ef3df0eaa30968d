"""The exact studies can be run and judged, and their figures are what their names say."""

from __future__ import annotations

import math
import pathlib

import numpy as np
import pytest

from configs.lab import (
    _tabular,
    tabular_bonus,
    tabular_budget,
    tabular_control,
    tabular_difficulty,
    tabular_factors,
    tabular_lemma,
    tabular_smoothness,
    tabular_soft_clips,
)
from entropy_rl import overrides
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Estimate, Results
from entropy_rl.presets import load_study
from entropy_rl.training import study_results

NAMES = sorted(path.stem for path in pathlib.Path(_tabular.__file__).parent.glob("tabular_*.py"))


def run(**series) -> Run:
    """A run with a value of each metric per step, from step 0; `a__b` stands for a/b and `at` for @."""
    keys = {key.replace("__", "/").replace("_at_", "@"): values for key, values in series.items()}
    length = max(map(len, keys.values()))
    records = [
        {"step": step} | {key: float(values[step]) for key, values in keys.items() if step < len(values)}
        for step in range(length)
    ]
    return Run("", "fake", {}, records, [], {})


@pytest.mark.parametrize("name", NAMES)
def test_an_exact_study_can_be_run_and_says_its_command(name):
    study = load_study(name)
    study.validate()
    assert study.name == name and len(study.seeds) >= 5 and study.rows
    for arm in study.arms:
        validate = getattr(arm.setting, "validate", None)
        if validate is not None:
            validate()
    text = (pathlib.Path(_tabular.__file__).parent / f"{name}.py").read_text()
    assert f"--config=configs/lab/{name}.py" in text


def test_settings_of_one_name_are_one_setting_in_all_studies():
    known = {}
    for name in NAMES:
        for arm in load_study(name).arms:
            flat = overrides.flatten(arm.setting)
            assert known.setdefault(arm.setting.name, flat) == flat


def test_an_exact_study_without_runs_is_not_run():
    for name in NAMES:
        study = load_study(name)
        found = study_results.record(study, Results({arm.name: {} for arm in study.arms}))
        assert found["verdict"] == verdicts.NOT_RUN and not any(bar["met"] for bar in found["bars"])


def test_a_figure_at_equal_scores_is_read_between_the_steps():
    found = run(validation__pass_at_1=[0.0, 0.2, 0.6], validation__entropy=[1.0, 0.8, 0.4])
    assert _tabular.matched(_tabular.ENTROPY, (0.4,))(found) == pytest.approx(0.6)  # half way from .8 to .4
    assert _tabular.matched(_tabular.ENTROPY, (0.1, 0.4))(found) == pytest.approx((0.9 + 0.6) / 2)
    assert math.isnan(_tabular.matched(_tabular.ENTROPY, (0.7,))(found))


def test_the_best_arm_is_the_one_with_the_largest_mean():
    results = Results({"a": {(0, 0): run(x=[1.0])}, "b": {(0, 0): run(x=[2.0])}})
    means = {"a": Estimate(1.0), "b": Estimate(2.0)}
    assert _tabular.best(["a", "b"], lambda _, name: means[name])(results).mean == 2.0
    assert _tabular.best(["a", "b"], lambda _, name: means[name] if name == "a" else None)(results).mean == 1.0
    assert math.isnan(_tabular.best(["a", "c"], lambda _, name: means["a"])(results).mean)


def test_slope_and_correlation_are_those_of_the_true_change_on_the_predicted():
    predicted = np.array([0.0, -0.1, -0.3, -0.2])
    found = run(tabular__predicted_visited=predicted, tabular__true_visited=1.5 * predicted)
    assert tabular_lemma.slope()(found) == pytest.approx(1.5)
    assert tabular_lemma.correlation()(found) == pytest.approx(1.0)


def test_shares_apart_are_looked_at_after_the_first_twelfth():
    entropies, rewards = np.linspace(1, 0, 25), np.linspace(0, 1, 25)
    rewards[1] = 0.5  # step 1 of 24 is before 1/12
    found = run(validation__entropy=entropies, validation__pass_at_1=rewards)
    assert tabular_budget.apart(found) == pytest.approx(0.0, abs=1e-12)
    rewards[12] = 0.75
    assert tabular_budget.apart(run(validation__entropy=entropies, validation__pass_at_1=rewards)) == pytest.approx(
        0.25
    )


def test_settling_is_counted_from_the_first_step_at_the_target():
    found = run(validation__entropy=[1.0, 0.6, 0.4, 0.3, 0.42, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert tabular_control.settling(0.4)(found) == pytest.approx(0.1)  # at the target in step 2, outside in step 3
    assert tabular_control.error(0.4)(found) == pytest.approx(0.0)


def test_windows_need_all_three_difficulties():
    values = {f"tabular__covariance_right_{right}": [float("nan"), *[level] * 100] for right, level in
              ((7, 3.0), (4, 2.0), (1, 0.5))}  # fmt: skip
    values["tabular__covariance_right_1"] = values["tabular__covariance_right_1"][:51]
    found = run(**values)
    np.testing.assert_allclose(tabular_difficulty.windows(found), [[3.0, 2.0, 0.5]])
    assert tabular_difficulty.ordered(found) == 1.0
    assert tabular_difficulty.surplus(found) == pytest.approx(1.5)


def test_a_goal_that_is_never_reached_counts_as_twice_the_run():
    found = run(validation__pass_at_1=[0.0, 0.1, 0.2, 0.3])
    assert tabular_soft_clips.reached(found, 0.2) == 2
    assert tabular_soft_clips.reached(found, 0.9) == 6


def test_spread_is_that_of_changes_at_the_same_entropy():
    changes = np.array([0.01, -0.01] * 5)
    entropies = np.full(10, 0.45)
    other = run(validation__entropy=entropies, tabular__true_with_drift=2 * changes)
    ours = run(validation__entropy=entropies, tabular__true_with_drift=changes)
    arms = {tabular_smoothness.KL_COV: {(0, 0): ours}, tabular_smoothness.CLIP_COV: {(0, 0): other}}
    assert tabular_smoothness.relative(Results(arms)).mean == pytest.approx(0.5)


def test_effects_of_a_grid_that_is_additive_have_no_interaction():
    def value(cell):
        return 1.0 + 2.0 * cell[0] + 3.0 * cell[1]

    cells = {tabular_factors.label(cell): {(0, seed): run(x=[value(cell)]) for seed in (0, 1)}
             for cell in tabular_factors.CELLS}  # fmt: skip
    results, figure = Results(cells), verdicts.last("x")
    assert tabular_factors.effect(figure, 0)(results).mean == pytest.approx(2.0)
    assert tabular_factors.effect(figure, 1)(results).mean == pytest.approx(3.0)
    assert tabular_factors.effect(figure, 2)(results).mean == pytest.approx(0.0)
    assert tabular_factors.effect(figure, 0, 1)(results).mean == pytest.approx(0.0)


def test_useful_coefficients_keep_entropy_and_cost_no_accuracy():
    def ended(entropy, score):
        return {(0, seed): run(validation__entropy=[entropy], validation__pass_at_1=[score]) for seed in (0, 1)}

    arms = {tabular_bonus.label(one): ended(0.1, 0.9) for one in tabular_bonus.COEFFICIENTS} | {"GRPO": ended(0.1, 0.9)}
    assert tabular_bonus.useful(Results(arms)).mean == 0.0
    arms |= {tabular_bonus.label(0.01): ended(0.2, 0.9), tabular_bonus.label(0.1): ended(0.3, 0.9)}
    arms |= {tabular_bonus.label(0.3): ended(0.8, 0.5)}
    assert tabular_bonus.useful(Results(arms)).mean == pytest.approx(1.0)
