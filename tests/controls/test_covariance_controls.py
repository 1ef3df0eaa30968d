"""Clip-Cov, KL-Cov and their random control: by hand, and the claims that are made of them."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.grpo import GroupCentred, GroupNormalized
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import covariance, masked
from tests import examples

PLAIN = PolicyLoss(UnclippedSurrogate())


def four_tokens(covariances, advantages=(1.0, 1.0, -1.0, -1.0), log_ratios=(0.0, 0.1, -0.2, 0.3)):
    """Detached statistics of one response of four tokens, as a plan hands them to gates and penalties."""
    stats = examples.example_stats(prompts=1, group_size=1, length=4)
    row = lambda values: jnp.asarray([values], jnp.float32)  # noqa: E731
    return stats.replace(
        mask=jnp.ones((1, 4), bool),
        covariance=row(covariances),
        clipped=jnp.zeros((1, 4), bool),
        advantages=row(advantages),
        log_ratio=row(log_ratios),
    )


def test_clip_cov_closes_tokens_strictly_inside_the_band_and_no_clipped_one():
    stats = four_tokens([1.0, 3.0, 4.0, 5.0]).replace(clipped=jnp.asarray([[False, False, True, False]]))
    gate = ClipCov(fraction=1.0, max_fraction=1.0)(stats, examples.KEY)
    np.testing.assert_array_equal(gate, [[1.0, 0.0, 1.0, 1.0]])  # 1 and 5 are the bounds, 4 is clipped


def test_clip_cov_closes_the_floor_of_its_fraction():
    stats = four_tokens([2.0, 3.0, 4.0, 4.5])
    for fraction, closed in ((0.24, 0), (0.25, 1), (0.74, 2), (1.0, 4)):
        assert (ClipCov(fraction=fraction, max_fraction=1.0)(stats, examples.KEY) == 0).sum() == closed
    assert (ClipCov(fraction=2e-4, minimum=1)(stats, examples.KEY) == 0).sum() == 1


@pytest.mark.parametrize(("side", "expected"), [("positive", [0, 0, 1, 1]), ("negative", [1, 1, 0, 0])])
def test_a_side_spares_the_other_sign_of_the_advantage(side, expected):
    gate = ClipCov(fraction=1.0, max_fraction=1.0, side=side)(four_tokens([2.0, 3.0, 4.0, 4.5]), examples.KEY)
    np.testing.assert_array_equal(gate, [expected])


def test_kl_cov_penalises_the_drift_of_the_largest_covariances():
    stats = four_tokens([1.0, 2.0, 3.0, 0.0])
    method = KlCov(fraction=0.5, coefficient=2.0, max_fraction=0.5)
    selected = method.select(stats, examples.KEY)
    np.testing.assert_array_equal(selected, [[0, 1, 1, 0]])
    np.testing.assert_allclose(method(stats, selected), [[0, 2 * 0.1, 2 * 0.2, 0]], rtol=1e-6)


@pytest.mark.parametrize("estimator", ["absolute", "k2", "huber"])
def test_kl_cov_leaves_an_on_policy_gradient_unchanged(estimator):
    stats = examples.example_stats(1, on_policy=True)
    held = PolicyLoss(UnclippedSurrogate(), penalties=(KlCov(0.5, 10.0, max_fraction=0.5, estimator=estimator),))
    chex.assert_trees_all_equal(examples.value_and_grad(held, stats), examples.value_and_grad(PLAIN, stats))


def test_clip_cov_works_on_policy():
    stats = examples.example_stats(1, on_policy=True)
    gated = PolicyLoss(UnclippedSurrogate(), gates=(ClipCov(0.1, 0.1, 5.0, max_fraction=0.1),))
    assert (examples.planned(gated, stats).gate == 0).sum() > 0


def test_the_random_control_closes_as_many_tokens_as_the_gate_it_matches():
    stats = four_tokens([2.0, 3.0, 0.0, 9.0])  # two in the band
    gate = RandomControl(matched=ClipCov(fraction=1.0, max_fraction=1.0), max_fraction=1.0, side="both")
    assert (gate(stats, examples.KEY) == 0).sum() == 2
    positive = RandomControl(1.0, max_fraction=1.0)(stats, examples.KEY)
    np.testing.assert_array_equal(positive, [[0, 0, 1, 1]])


def test_a_control_narrower_than_the_gate_it_matches_is_refused():
    with pytest.raises(ValueError, match=r"max_fraction 0.01 is below that of the gate it matches \(0.2\)"):
        RandomControl(matched=ClipCov(max_fraction=0.2)).validate()


@pytest.mark.parametrize("group_size", [4, 8])
def test_a_right_token_cannot_exceed_the_largest_advantage_times_the_surprise(group_size):
    # log pi <= 0, so log pi - <log pi> <= -<log pi>; with advantages of mean 0 that bounds every covariance of a right
    # answer by (G - 1) / sqrt(G) times the mean surprise.
    rng = np.random.default_rng(0)
    logprobs = jnp.asarray(-rng.exponential(0.3, (group_size, 50)), jnp.float32)
    mask = jnp.ones(logprobs.shape, bool)
    advantages = GroupNormalized()(jnp.zeros(group_size).at[0].set(1.0), mask, group_size)
    positive = covariance.centred_product(advantages, logprobs, mask)[0]
    bound = (group_size - 1) / np.sqrt(group_size) * -masked.mean(logprobs, mask)
    assert positive.max() <= bound * (1 + 1e-5) and positive.max() > 0.9 * bound


def test_covariance_scales_with_the_advantages_so_a_band_means_nothing_without_normalisation():
    mask = jnp.ones((8, 20), bool)
    logprobs = -jax.random.exponential(jax.random.key(0), (8, 20))
    rewards = jnp.zeros(8).at[0].set(1.0)
    normalised, centred = (
        covariance.centred_product(estimator(rewards, mask, 8), logprobs, mask)
        for estimator in (GroupNormalized(), GroupCentred())
    )
    np.testing.assert_allclose(centred, normalised / np.sqrt(8), rtol=1e-4)  # std of 1 in 8: sqrt(7/8 / 7) = 1/sqrt 8


def test_minus_the_covariance_is_the_change_of_entropy_of_a_softmax():
    # Theorem 2 of the paper: logits moved by step * A change the entropy by -step * Cov(log pi, A), up to step^2.
    rng = np.random.default_rng(0)
    logits, advantages, step = rng.normal(size=6), rng.normal(size=6), 1e-4
    entropy = lambda z: -(jax.nn.softmax(z) * jax.nn.log_softmax(z)).sum()  # noqa: E731
    with jax.enable_x64(True):
        p, lp = np.asarray(jax.nn.softmax(jnp.asarray(logits))), np.asarray(jax.nn.log_softmax(jnp.asarray(logits)))
        change = entropy(jnp.asarray(logits + step * advantages)) - entropy(jnp.asarray(logits))
    cov = (p * (lp - p @ lp) * (advantages - p @ advantages)).sum()
    np.testing.assert_allclose(change, -step * cov, rtol=1e-3)


def test_clipped_tokens_never_count_as_closed():
    stats = examples.example_stats(2)
    loss = PolicyLoss(ClippedSurrogate(), gates=(ClipCov(1.0, -99.0, 99.0, max_fraction=1.0),))
    plan = examples.planned(loss, stats)
    clipped = ClippedSurrogate().clipped(stats) & stats.mask
    np.testing.assert_array_equal(plan.gate, jnp.where(stats.mask & ~clipped, 0.0, 1.0))
