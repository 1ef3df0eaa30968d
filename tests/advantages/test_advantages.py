"""Advantage estimators: hand-worked values, a NumPy oracle each, and what holds for all of them."""

from __future__ import annotations

from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.grpo import BatchNormalized, GroupCentred, GroupNormalized
from entropy_rl.advantages.maxrl import MaximumLikelihood
from entropy_rl.advantages.opo import OptimalBaseline
from entropy_rl.advantages.pass_at_k import BestOfGroup, PassAtK
from entropy_rl.advantages.quantile import QuantileBaseline
from entropy_rl.advantages.reinforce_plus_plus import ReinforcePlusPlus
from entropy_rl.advantages.rloo import LeaveOneOut
from entropy_rl.advantages.signed import Signed

ONE_IN_FOUR = [1.0, 0.0, 0.0, 0.0]
FULL = jnp.ones((4, 2), bool)
LONG_SUCCESS = jnp.asarray([[1, 1, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0]], bool)  # 3 tokens right, 3 wrong


@pytest.mark.parametrize(
    ("estimator", "mask", "expected"),
    [
        (GroupNormalized(), FULL, [1.5, -0.5, -0.5, -0.5]),  # mean 1/4, std sqrt((9 + 1 + 1 + 1) / 16 / 3) = 1/2
        (GroupNormalized(ddof=0), FULL, np.array([3, -1, -1, -1]) / np.sqrt(3)),  # std sqrt(12 / 16 / 4)
        (GroupCentred(), FULL, [0.75, -0.25, -0.25, -0.25]),
        (BatchNormalized(), FULL, np.array([0.75, -0.25, -0.25, -0.25]) / 0.5001),
        (LeaveOneOut(), FULL, [1.0, -1 / 3, -1 / 3, -1 / 3]),
        (MaximumLikelihood(), FULL, [3.0, -1.0, -1.0, -1.0]),  # .75 / .25
        (OptimalBaseline(), LONG_SUCCESS, [0.5, -0.5, -0.5, -0.5]),  # baseline 3 * 1 / 6
        (BestOfGroup(), FULL, [2.0, 0.0, 0.0, 0.0]),  # (1 - 0) / .5
        (QuantileBaseline(), FULL, [2.0, 0.0, 0.0, 0.0]),  # Q_.4 = 0: only the success learns
        (ReinforcePlusPlus(), LONG_SUCCESS, np.array([0.5, -0.5, -0.5, -0.5]) / np.sqrt(0.3)),  # 6 tokens: var 6/4/5
        (ReinforcePlusPlus(baseline=True), LONG_SUCCESS, np.array([0.5, -0.5, -0.5, -0.5]) / np.sqrt(0.3)),
        (Signed(), FULL, [0.1, -1.0, -1.0, -1.0]),
        # pass@2 = 1 - C(3,2)/C(4,2) = 1/2, s = 1/2; right (1/2) / s, wrong (1/2 - C(2,1)/C(3,1)) / s
        (PassAtK(k=2), FULL, [1.0, -1 / 3, -1 / 3, -1 / 3]),
    ],
    ids=lambda value: repr(value) if hasattr(value, "validate") or callable(value) else "",
)
def test_one_success_in_four_matches_hand_computation(estimator, mask, expected):
    advantages = np.asarray(estimator(jnp.asarray(ONE_IN_FOUR), mask, 4))
    np.testing.assert_allclose(advantages[:, 0], expected, rtol=1e-5)


def std(r, ddof=1):
    return r.std(ddof=ddof) if len(r) > 1 else 0.0


def per_group(score):
    """Lifts a function of one group's decided rewards and lengths to a batch; groups of equal rewards give 0."""

    def oracle(rewards, mask, group_size):
        result = np.zeros(len(rewards))
        for start in range(0, len(rewards), group_size):
            index = np.arange(start, start + group_size)
            index = index[~np.isnan(rewards[index])]
            if len(index) and np.ptp(rewards[index]) > 0:
                result[index] = score(rewards[index], mask[index].sum(1))
        return result[:, None] * mask

    return oracle


def pass_at(k):
    def score(r, lengths):
        n, wrong = len(r), int((r <= 0.5).sum())
        if n < k or wrong in (0, n) or wrong < k:
            return np.zeros(n)
        p = 1 - comb(wrong, k) / comb(n, k)
        s = np.sqrt(p * (1 - p)) + 1e-6
        return np.where(r > 0.5, (1 - p) / s, (1 - p - comb(wrong - 1, k - 1) / comb(n - 1, k - 1)) / s)

    return per_group(score)


def best_of(r, lengths):
    lead = np.sort(r)[-1] - np.sort(r)[-2]
    return np.where(r == r.max(), lead / (std(r) + 1e-6), 0.0)


def whitened(rewards, mask, group_size, baseline=False):
    returns = (
        per_group(lambda r, n: r - r.mean())(rewards, np.ones_like(mask), group_size) if baseline else rewards[:, None]
    )
    counted = mask & ~np.isnan(rewards)[:, None]
    values = np.broadcast_to(returns, mask.shape)[counted]
    result = np.zeros(mask.shape)
    result[counted] = (values - values.mean()) / np.sqrt(values.var(ddof=1) + 1e-8)
    return result


def batch_scaled(rewards, mask, group_size):
    return per_group(lambda r, n: r - r.mean())(rewards, mask, group_size) / (std(rewards[~np.isnan(rewards)]) + 1e-4)


def signed(rewards, mask, group_size):
    return np.nan_to_num(np.where(np.isnan(rewards), 0, np.where(rewards > 0.5, 0.1, -1)))[:, None] * mask


def quantile(r, lengths):
    return (r - np.quantile(r, 0.4, method="inverted_cdf")) / (std(r) + 1e-6)


ORACLES = [
    (GroupNormalized(), per_group(lambda r, n: (r - r.mean()) / (std(r) + 1e-6))),
    (GroupNormalized(ddof=0), per_group(lambda r, n: (r - r.mean()) / (std(r, 0) + 1e-6))),
    (GroupCentred(), per_group(lambda r, n: r - r.mean())),
    (BatchNormalized(), batch_scaled),
    (LeaveOneOut(), per_group(lambda r, n: np.array([x - np.delete(r, i).mean() for i, x in enumerate(r)]))),
    (MaximumLikelihood(), per_group(lambda r, n: (r - r.mean()) / r.mean())),
    (OptimalBaseline(), per_group(lambda r, n: r - (n * r).sum() / max(n.sum(), 1))),
    (PassAtK(k=2), pass_at(2)),
    (PassAtK(k=4), pass_at(4)),
    (BestOfGroup(), per_group(best_of)),
    (QuantileBaseline(), per_group(quantile)),
    (ReinforcePlusPlus(), whitened),
    (ReinforcePlusPlus(baseline=True), lambda *batch: whitened(*batch, baseline=True)),
    (Signed(), signed),
]
ESTIMATORS = pytest.mark.parametrize(
    ("estimator", "oracle"), ORACLES, ids=lambda v: repr(v) if hasattr(v, "replace") else ""
)


def example(seed):
    rng = np.random.default_rng(seed)
    rewards = rng.integers(0, 2, 18).astype(np.float64)
    rewards = rewards if seed % 2 else rewards * rng.integers(1, 4, 18) / 2  # graded rewards every other time
    rewards[rng.random(18) < 0.15] = np.nan  # undecided
    rewards[:6] = 0.7 if seed % 3 == 0 else rewards[:6]  # a group without variance
    return rewards, (np.arange(7) < rng.integers(0, 8, 18)[:, None])


@ESTIMATORS
def test_an_estimator_agrees_with_its_numpy_oracle_on_fifty_batches(estimator, oracle):
    run = jax.jit(lambda rewards, mask: estimator(rewards, mask, 6))
    for seed in range(50):
        rewards, mask = example(seed)
        actual = run(jnp.asarray(rewards, jnp.float32), jnp.asarray(mask))
        expected = oracle(rewards, mask, 6)
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6, err_msg=str(seed))


@ESTIMATORS
def test_an_undecided_reward_is_left_out_and_padding_is_zero(estimator, oracle):
    rewards = jnp.asarray([1.0, 0.0, jnp.nan, 1.0, 0.0, 0.0, 1.0, jnp.nan, jnp.nan])
    mask = jnp.ones((9, 2), bool).at[:, 1].set(False)
    advantages = estimator(rewards, mask, 3)
    assert np.isfinite(advantages).all()
    assert not advantages[jnp.asarray([2, 7, 8])].any() and not advantages[:, 1].any()


@pytest.mark.parametrize(
    "estimator", [e for e, _ in ORACLES if not isinstance(e, Signed | ReinforcePlusPlus)], ids=repr
)
@pytest.mark.parametrize("reward", [0.1, 1 / 3, 0.7, -2.0])
def test_a_group_of_equal_rewards_gives_exactly_zero(estimator, reward):
    advantages = estimator(jnp.full(7, reward), jnp.ones((7, 2), bool), 7)  # the float32 mean of seven .1 is not .1
    assert not advantages.any()


@ESTIMATORS
def test_groups_do_not_depend_on_their_order_nor_a_response_on_its_place(estimator, oracle):
    rewards, mask = example(5)
    rng = np.random.default_rng(0)
    order = np.concatenate([block[rng.permutation(6)] for block in np.arange(18).reshape(3, 6)[[2, 0, 1]]])
    one = estimator(jnp.asarray(rewards, jnp.float32), jnp.asarray(mask), 6)
    other = estimator(jnp.asarray(rewards[order], jnp.float32), jnp.asarray(mask[order]), 6)
    np.testing.assert_allclose(one[order], other, rtol=1e-5, atol=1e-6)  # sums in another order


@ESTIMATORS
def test_moving_a_number_of_an_estimator_does_not_recompile(estimator, oracle):
    traces = []

    @jax.jit
    def run(estimator, rewards, mask):
        traces.append(None)
        return estimator(rewards, mask, 4)

    numbers = jax.tree.map(jnp.float32, estimator)
    for scale in (1.0, 1.01):
        run(jax.tree.map(lambda number, scale=scale: number * scale, numbers), jnp.asarray(ONE_IN_FOUR), FULL)
    assert len(traces) == 1


@ESTIMATORS
def test_a_group_of_one_is_finite(estimator, oracle):
    assert np.isfinite(estimator(jnp.asarray([1.0, 0.0]), jnp.ones((2, 2), bool), 1)).all()


@pytest.mark.parametrize("group_size", [2, 8, 16])
def test_a_lone_success_scores_g_minus_one_over_root_g(group_size):
    rewards = jnp.zeros(group_size).at[0].set(1.0)
    score = GroupNormalized()(rewards, jnp.ones((group_size, 1), bool), group_size)[0, 0]
    np.testing.assert_allclose(score, (group_size - 1) / np.sqrt(group_size), rtol=1e-5)


def test_a_batch_that_is_not_whole_groups_is_refused():
    with pytest.raises(ValueError, match="5 responses do not split into groups of 4"):
        GroupCentred()(jnp.zeros(5), jnp.ones((5, 2), bool), 4)
