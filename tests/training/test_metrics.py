"""Metric names are declared, combine as declared, and mean what the table says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.losses.aggregation import TokenMean
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import Plan, PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.problem import Verdict
from entropy_rl.training import metrics
from entropy_rl.training.token_metrics import quantiles
from entropy_rl.types import Rollout, TokenStats


def example_stats(rows=4, length=3, seed=0):
    generator = np.random.default_rng(seed)
    normal = lambda scale: jnp.asarray(scale * generator.standard_normal((rows, length)), jnp.float32)  # noqa: E731
    return TokenStats(
        logprobs=-jnp.abs(normal(1.0)), old_logprobs=-jnp.abs(normal(1.0)), log_ratio=normal(0.3),
        entropies=jnp.abs(normal(1.0)), advantages=normal(1.0),
        mask=jnp.asarray(generator.random((rows, length)) < 0.8),
        temperature=jnp.ones(rows), sample_ids=jnp.arange(rows, dtype=jnp.uint32), group_size=2,
    )  # fmt: skip


def example_plan(stats, gates=(), selected=()):
    ones = jnp.ones_like(stats.logprobs)
    return Plan(stats.advantages, ones, selected, ones, gates, stats.advantages * stats.logprobs)


def test_an_undeclared_name_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"'reward/meen' is not declared.*did you mean reward/mean\?"):
        metrics.check_names({"reward/mean": 1.0, "reward/meen": 1.0})


@pytest.mark.parametrize("name", ["validation/pass@0", "select/a b/fraction", "covariance/q99", "train/pass@1", "time"])
def test_placeholders_take_only_what_fits(name):
    with pytest.raises(ValueError, match="not declared"):
        metrics.check_names([name])


@pytest.mark.parametrize(
    "name",
    ["validation/pass@16", "test/maj@4", "select/ClipCov2/fraction", "covariance/q99.98", "reward/component/format"],
)
def test_placeholders_take_what_fits(name):
    assert metrics.metric(name).unit and metrics.metric(name).description


def test_mini_batches_combine_as_declared():
    select = "select/ClipCov"
    first = {
        "loss/total": 1.0, "update/tokens": 10, "update/log_ratio_abs_max": 0.5, "update/learning_rate": 1e-3,
        f"{select}/fraction": 0.1, f"{select}/positive_advantage": 1.0, "select/KlCov/fraction": 0.0,
        "select/KlCov/positive_advantage": 0.0,
    }  # fmt: skip
    second = first | {
        "loss/total": 2.0, "update/log_ratio_abs_max": 0.2, "update/learning_rate": 5e-4,
        f"{select}/fraction": 0.3, f"{select}/positive_advantage": 0.0,
    }  # fmt: skip
    assert metrics.reduce([first, second]) == {
        "loss/total": 1.5, "update/tokens": 20.0, "update/log_ratio_abs_max": 0.5, "update/learning_rate": 5e-4,
        f"{select}/fraction": pytest.approx(0.2),
        f"{select}/positive_advantage": pytest.approx(0.25),  # (.1 * 1 + .3 * 0) / .4
        "select/KlCov/fraction": 0.0,  # nothing selected: its advantage has no sign
    }  # fmt: skip


def test_a_non_finite_mini_batch_is_not_averaged_away():
    for name in ("loss/total", "update/log_ratio_abs_max", "update/gradient_norm"):
        assert np.isnan(metrics.reduce([{name: float("nan")}, {name: 1.0}])[name])
        assert np.isnan(metrics.reduce([{name: 1.0}, {name: float("nan")}])[name])


def example_rollout():
    mask = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0]], bool)
    entropies = np.where(mask, np.array([[0.3, 0.3, 0.3], [0.9, 0, 0], [0.1, 0.3, 0], [0.2, 0.2, 0]]), np.nan)
    zeros = np.zeros((4, 3), np.float32)
    return Rollout(
        prompts=zeros[:2], prompt_mask=mask[:2], responses=zeros, response_mask=mask, logprobs=zeros,
        entropies=entropies,
        unit_entropies=2 * entropies, temperature=np.ones(4), sample_ids=np.arange(4), policy_version=np.zeros(4),
        finished=np.array([False, True, True, True]),
    )  # fmt: skip


def test_a_rollout_matches_hand_computation():
    scores = [1.0, 0.0, 0.5, 0.5]
    verdicts = [Verdict(score, {"format": score} if score < 1 else {}) for score in scores]
    measured = metrics.rollout_metrics(example_rollout(), verdicts, prompts=2)
    metrics.check_names(measured)
    expected = {
        "reward/mean": 0.5, "reward/std": np.sqrt((0.25 + 0.25) / 4), "reward/accuracy": 0.25,
        "reward/zero_variance_groups": 0.5, "reward/undecided": 0.0, "reward/component/format": 1 / 3,
        "entropy/token_mean": (0.9 + 0.9 + 0.4 + 0.4) / 8, "entropy/sequence_mean": (0.3 + 0.9 + 0.2 + 0.2) / 4,
        "entropy_unit/token_mean": 0.65, "entropy_unit/sequence_mean": 0.8,
        "entropy_unit/standard_error": 0.25,  # prompts have 3.6 and 1.6 nats in 4 tokens each: sqrt(2 (1 + 1)) / 8
        "response/length_mean": 2.0, "response/length_max": 3.0, "response/truncated": 0.25,
    }  # fmt: skip
    assert measured == pytest.approx(expected)


def test_undecided_responses_count_for_no_reward_figure():
    verdicts = [Verdict(1.0), Verdict(0.0, undecided=True), Verdict(0.0, undecided=True), Verdict(0.0, undecided=True)]
    measured = metrics.rollout_metrics(example_rollout(), verdicts, prompts=2)
    assert measured["reward/mean"] == 1.0 and measured["reward/undecided"] == 0.75
    assert measured["reward/zero_variance_groups"] == 1.0


@pytest.mark.parametrize("size", [1, 7, 1408, 30_000])
def test_quantiles_are_order_statistics(size):
    generator = np.random.default_rng(size)
    values = np.round(generator.standard_normal(size), 2).astype(np.float32)  # with ties and zeros of both signs
    mask = generator.random(size) < 0.7
    mask[0] = True
    values[~mask] = np.nan
    parts = (1, 5000, 8000, 9980, 9998, 10_000)
    found = jax.jit(quantiles, static_argnums=2)(jnp.asarray(values), jnp.asarray(mask), parts)
    expected = [np.quantile(values[mask], part / 10_000, method="inverted_cdf") for part in parts]
    np.testing.assert_array_equal(found, expected)


def test_quantiles_of_nothing_are_zero():
    assert quantiles(jnp.full(3, jnp.nan), jnp.zeros(3, bool), (5000,)).tolist() == [0.0]


def test_an_update_matches_hand_computation():
    stats = example_stats()
    gate = jnp.where(stats.advantages > 0.5, 0.0, 1.0)
    loss = PolicyLoss(ClippedSurrogate(0.2, 0.28), gates=(ClipCov(), ClipCov()), penalties=(EntropyBonus(),))
    plan = example_plan(stats, gates=(gate, jnp.ones_like(gate)), selected=(stats.mask.astype(jnp.float32),))
    measured = jax.device_get(jax.jit(metrics.update_metrics)(stats, plan, loss))
    metrics.check_names(measured)
    mask, advantages = np.asarray(stats.mask), np.asarray(stats.advantages)[stats.mask]
    ratio, chosen = np.exp(np.asarray(stats.log_ratio)[mask]), advantages > 0.5
    logprobs = np.asarray(stats.logprobs)[mask]
    products = (advantages - advantages.mean()) * (logprobs - logprobs.mean())
    expected = {
        "update/tokens": mask.sum(), "update/log_ratio_mean": np.log(ratio).mean(),
        "update/log_ratio_abs_max": np.abs(np.log(ratio)).max(),
        "clip/high_positive": ((ratio > 1.28) & (advantages > 0)).mean(),
        "clip/high_negative": ((ratio > 1.28) & (advantages < 0)).mean(),
        "clip/low_positive": ((ratio < 0.8) & (advantages > 0)).mean(),
        "clip/low_negative": ((ratio < 0.8) & (advantages < 0)).mean(),
        "select/ClipCov/fraction": chosen.mean(), "select/ClipCov/positive_advantage": 1.0,
        "select/ClipCov/mean_probability": np.exp(np.asarray(stats.logprobs)[mask][chosen]).mean(),
        "select/ClipCov2/fraction": 0.0, "select/EntropyBonus/fraction": 1.0,
        "covariance/mean": products.mean(), "covariance/positive_fraction": (products > 0).mean(),
    }  # fmt: skip
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_padding_is_never_read():
    stats, loss = example_stats(), PolicyLoss(ClippedSurrogate(), aggregate=TokenMean())
    poison = lambda x: jnp.where(stats.mask, x, jnp.nan)  # noqa: E731
    fields = ("logprobs", "log_ratio", "entropies", "advantages")
    poisoned = stats.replace(**{name: poison(getattr(stats, name)) for name in fields})
    clean = metrics.update_metrics(stats, example_plan(stats), loss)
    assert clean == metrics.update_metrics(poisoned, example_plan(poisoned), loss)


def test_a_surrogate_without_bounds_reports_no_clipping():
    stats = example_stats()
    measured = metrics.update_metrics(stats, example_plan(stats), PolicyLoss(UnclippedSurrogate()))
    assert not [name for name in measured if name.startswith("clip/")]


def test_laps_add_up_to_no_more_than_the_step():
    clock = metrics.Stopwatch()
    for name in ("time/rollout", "time/update", "time/rollout"):
        clock.lap(name)
    measured = clock.seconds(tokens=100)
    metrics.check_names(measured)
    assert measured["time/rollout"] + measured["time/update"] <= measured["time/step"]
    assert measured["speed/response_tokens_per_second"] == 100 / measured["time/rollout"]


def test_parts_of_a_weighted_sum_are_declared_under_their_own_names():
    metrics.check_names(["reward/component/maths/no_answer", "reward/component/failed"])
    with pytest.raises(ValueError, match="not declared"):
        metrics.check_names(["reward/components/maths"])
