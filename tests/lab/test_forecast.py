"""Forecasts of courses whose end is known; what they are worth on real runs is measured in benchmarks/results/lab."""

import dataclasses
import json

import numpy as np
import pytest

from entropy_rl.lab import fits, forecast, guesses, runs, seeds
from entropy_rl.lab.panels import forecast as panel
from tests.lab import fake_runs

STEPS = np.arange(1.0, 241.0)
ENTROPIES = 0.05 + 0.35 * np.exp(-STEPS / 50)
SEEN = 36


def course(seed: int = 0, ceiling: float = 0.7, rise: float = 0.5) -> np.ndarray:
    """Follows the law: R = ceiling at H = 0."""
    a = rise / (np.exp(0.4) - 1)
    return ceiling + a - a * np.exp(ENTROPIES) + 0.02 * np.random.default_rng(seed).normal(size=240)


def early(rewards: np.ndarray, **settings) -> forecast.Forecast:
    return forecast.forecast(STEPS[:SEEN], ENTROPIES[:SEEN], rewards[:SEEN], STEPS[SEEN:], **settings)


def test_a_run_that_follows_the_law_is_foreseen_within_five_points_and_its_interval():
    errors, inside = [], []
    for seed in range(6):
        rewards = course(seed)
        found = early(rewards)
        errors.append(np.sqrt(np.mean((found.rewards - rewards[SEEN:]) ** 2)))
        inside.append(np.mean((found.low <= rewards[SEEN:]) & (rewards[SEEN:] <= found.high)))
    assert np.mean(errors) < 0.05 and np.mean(inside) > 0.8


def test_the_interval_narrows_as_the_run_goes_on_and_begins_at_what_was_seen():
    rewards = course()
    widths = []
    for seen in (36, 100, 200):
        found = forecast.forecast(STEPS[:seen], ENTROPIES[:seen], rewards[:seen], STEPS[seen - 1 :])
        widths.append(found.final[2] - found.final[1])
        assert abs(found.rewards[0] - rewards[seen - 7 : seen].mean()) < 0.03
    assert widths[0] > widths[1] > widths[2]


def test_no_forecast_is_above_the_highest_reward_or_below_none():
    steep = np.clip(0.1 + 0.02 * STEPS, 0, 1)
    found = early(steep)
    assert found.high.max() <= 1.0 and found.low.min() >= 0.0 and found.ceiling_interval[1] <= 1.0
    percent = early(100 * steep, highest=100.0)
    np.testing.assert_allclose(percent.rewards, 100 * found.rewards, rtol=1e-3)  # the unit does not matter


def test_a_run_that_has_told_nothing_yet_may_still_go_far():
    flat = 0.2 + 0.02 * np.random.default_rng(0).normal(size=240)
    found = forecast.forecast(STEPS[:20], np.full(20, 0.5), flat[:20], STEPS[20:])
    assert found.ceiling > 0.4 and found.ceiling_interval[1] > 0.9 and abs(found.rewards[0] - 0.2) < 0.05


def test_the_same_steps_give_the_same_forecast():
    one, other = early(course()), early(course())
    np.testing.assert_array_equal(one.rewards, other.rewards)


def test_spent_is_the_share_of_the_first_entropy_that_is_gone():
    found = forecast.forecast(STEPS, ENTROPIES, course(), STEPS[-1:])
    assert found.spent == pytest.approx(1 - ENTROPIES[-7:].mean() / ENTROPIES[:7].mean())


def test_a_run_that_goes_on_as_before_is_no_surprise_and_one_whose_data_move_is():
    assert all(abs(forecast.surprise(STEPS, ENTROPIES, course(seed))) < 1.5 for seed in range(5))
    fallen = course() - 0.4 * (STEPS > 160)
    assert forecast.surprise(STEPS, ENTROPIES, fallen) < -1.5
    lifted = np.minimum(course(ceiling=0.5, rise=0.3) + 0.4 * (STEPS > 160), 1.0)
    assert forecast.surprise(STEPS, ENTROPIES, lifted) > 1.5


def test_too_few_steps_are_refused_and_surprise_nobody():
    with pytest.raises(ValueError, match="5 steps are too few to forecast from; it takes 20"):
        forecast.forecast(STEPS[:5], ENTROPIES[:5], STEPS[:5], STEPS)
    assert np.isnan(forecast.surprise(STEPS[:30], ENTROPIES[:30], STEPS[:30]))


def test_rivals_are_what_their_names_say():
    found = forecast.rivals(STEPS[:SEEN], ENTROPIES[:SEEN], 0.1 + 0.01 * STEPS[:SEEN], STEPS[SEEN:])
    np.testing.assert_allclose(found["last value"], 0.1 + 0.01 * 33)  # the mean of steps 30 to 36
    np.testing.assert_allclose(found["line in step"][:10], 0.1 + 0.01 * STEPS[SEEN : SEEN + 10])
    assert set(found) >= {"exp(H)", "line in H", "sigmoid in step", "exponential in step"}
    assert all(values.max() <= 1 for values in found.values())


def test_long_runs_are_averaged_down_without_losing_their_mean():
    (values,) = guesses.thinned(np.arange(1000.0))
    assert len(values) == 334 and values[0] == 1.0  # stretches of 3: (0 + 1 + 2) / 3
    assert values[-1] == 999.0  # the rest, of one


def written(folder, rewards, planned=240):
    records = zip(STEPS, ENTROPIES, rewards, strict=True)
    lines = [{"step": int(s), "entropy/token_mean": h, "reward/accuracy": r} for s, h, r in records]
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "config.json").write_text(json.dumps({"name": "x", "config": {"steps": planned}}))
    return runs.read_run(folder)


def test_a_finished_run_is_scored_against_its_rest_and_one_under_way_is_not(tmp_path):
    found = forecast.of_run(written(tmp_path / "a", course()))
    assert found is not None and found.score is not None and found.early.made_at <= SEEN + 1
    assert found.score.errors["forecast"] < found.score.errors["last value"] and found.score.coverage > 0.8
    assert found.score.gained == pytest.approx(course()[-7:].mean() - course()[29:36].mean(), abs=0.02)
    going = forecast.of_run(written(tmp_path / "b", course(), planned=1600))
    assert going is not None and going.score is None and going.now.steps[-1] == 1600


def first(points: int, rewards: np.ndarray, **known) -> runs.Run:
    """The first records of a run."""
    run = rewarded(rewards)
    return dataclasses.replace(run, records=run.records[:points], **known)


def test_a_run_without_enough_steps_has_no_forecast_and_says_why(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "a", steps=15))
    assert forecast.of_run(run) is None
    assert forecast.absence(run) == "grpo: a forecast takes 20 steps with entropy and reward; recorded: 15"
    empty = runs.Run("", "x", {}, [], [], {})
    assert forecast.of_run(empty) is None and "x: no entropy and no reward is recorded" in forecast.absence(empty)
    blind = [{"step": step, "reward/mean": 0.5} for step in range(60)]
    assert "--column entropy/token_mean=COLUMN" in forecast.absence(runs.Run("", "", {}, blind, [], {}, foreign=True))


def test_twenty_points_are_enough_and_the_early_forecast_of_a_short_run_is_made_from_them():
    for points in (20, 39, 120, 133):
        run = first(points, course())
        found = forecast.of_run(run)
        assert found is not None and found.early.made_at == 20 and found.now.made_at == points
        assert (found.score is None) == (points < 40) and forecast.absence(run) == ""  # scored on as many points again
    long = forecast.of_run(first(240, course()))
    assert long is not None and long.early.made_at == 36  # 15 % of 240


def test_studies_score_runs_whose_first_15_percent_hold_20_points_and_no_others():
    short = first(120, course())  # 18 points
    assert forecast.score(short) is None and forecast.of_run(short) is not None
    assert forecast.score(first(134, course())) is not None


def test_a_run_without_any_entropy_is_forecast_by_its_rewards():
    found = forecast.forecast(STEPS, 0.0 * STEPS, course(), STEPS[-1:])
    assert np.isfinite(found.rewards).all() and found.entropies.max() == 0 and np.isnan(found.spent)


def test_steps_that_are_planned_for_a_foreign_log_are_what_its_forecast_looks_to():
    known, unknown = (first(60, course(), foreign=True, config=config) for config in ({"steps": 400}, {}))
    one, other = forecast.of_run(known), forecast.of_run(unknown)
    assert one is not None and one.now.steps[-1] == 400 and other is not None and other.now.steps[-1] == 60
    ahead, blind = (panel.section(seeds.grouped([run])) for run in (known, unknown))
    assert not ahead.notices and ahead.tables[0].rows[0][1] == "step 60 of 400 (15\u202f%)"
    assert "%" in ahead.tables[0].rows[0][4] and blind.tables[0].rows[0][4] == "—"  # the end, from all so far
    assert len(blind.notices) == 1 and "--steps=N" in blind.notices[0]


def rewarded(rewards, reward_range=None) -> runs.Run:
    """A run, of another trainer, that records no accuracy."""
    points = zip(STEPS, ENTROPIES, rewards, strict=True)
    records = [{"step": int(s), "entropy/token_mean": h, "reward/mean": r} for s, h, r in points]
    return runs.Run("", "other", {}, records, [], {}, reward_range=reward_range)


@pytest.mark.parametrize("rewards", [3 * course(ceiling=0.97, rise=0.9), -2 + 1.5 * course(ceiling=1.0, rise=0.95)])
def test_rewards_beyond_0_to_1_are_refused_with_value_rule_and_remedy(rewards):
    worst = max(rewards, key=lambda reward: abs(reward - 0.5))
    with pytest.raises(ValueError, match=rf"other: the reward is {worst:.4g} at step \d+.*in \[0, 1\].*--reward_range"):
        forecast.of_run(rewarded(rewards))
    assert forecast.refusal(rewarded(course())) == "" and forecast.of_run(rewarded(course())) is not None
    assert "widen it" in forecast.refusal(rewarded(rewards, (-0.1, 1.0)))


def test_with_a_range_a_forecast_is_the_one_of_its_share_in_the_users_own_unit():
    share, rewards = forecast.of_run(rewarded(course())), forecast.of_run(rewarded(-1 + 4 * course(), (-1.0, 3.0)))
    assert share is not None and rewards is not None and share.score is not None and rewards.score is not None
    for name in ("rewards", "low", "high", "ceiling", "ceiling_interval"):
        of_share = np.array(getattr(share.early, name))
        np.testing.assert_allclose(getattr(rewards.early, name), -1 + 4 * of_share, rtol=1e-6)
    np.testing.assert_allclose(rewards.rewards, -1 + 4 * share.rewards)
    assert rewards.score.coverage == share.score.coverage and rewards.bounds == (-1.0, 3.0)
    for name in ("width", "final_error", "gained"):
        assert getattr(rewards.score, name) == pytest.approx(4 * getattr(share.score, name))
    assert rewards.score.errors == pytest.approx({name: 4 * error for name, error in share.score.errors.items()})


def test_an_accuracy_is_a_share_whatever_range_the_rewards_have(tmp_path):
    run = written(tmp_path / "a", course())
    ranged = runs.read_runs([tmp_path / "a"], reward_range=(-5.0, 5.0))[0]
    one, other = forecast.of_run(run), forecast.of_run(ranged)
    assert one is not None and other is not None
    np.testing.assert_array_equal(one.early.rewards, other.early.rewards)


def test_the_panel_shows_a_range_in_its_own_unit_and_a_refusal_in_the_place_of_a_chart():
    def shown(run):
        return panel.section(seeds.grouped([run]))

    percents, own = shown(rewarded(course())), shown(rewarded(-1 + 4 * course(), (-1.0, 3.0)))
    assert "\u202f%" in percents.tables[0].rows[0][2] and percents.figures[0].charts[0].data["y"]["percent"]
    final, came = own.tables[0].rows[0][2:4]
    assert "%" not in final + came and float(came) == pytest.approx(-1 + 4 * fits.smooth(course())[-1], abs=0.01)
    assert own.figures[0].charts[0].data["y"]["label"] == "training reward" and not own.notices
    refused = shown(rewarded(4 * course()))
    assert not refused.figures and not refused.tables and len(refused.notices) == 1


def test_of_many_runs_without_a_forecast_the_first_reasons_are_told():
    short = [runs.Run(str(number), f"run{number}", {}, [{"step": 1.0}], [], {}) for number in range(6)]
    told = forecast.absences(short)
    assert len(told) == 4 and told[0].startswith("run0: ") and told[3] == "3 other runs"
    assert len(forecast.absences(short[:3])) == 3 and forecast.absences([]) == []
    assert forecast.absences(short[:4])[3] == "1 other run"
