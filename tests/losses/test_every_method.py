"""What every surrogate, gate, penalty, shaper and aggregation must answer, wherever it comes from."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import zlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops import selection
from tests import examples, methods, oracles

CASES = pytest.mark.parametrize("case", methods.CASES, ids=lambda case: case.name)
BATCHES = [examples.example_stats(seed) for seed in range(examples.N_ORACLE_BATCHES)]
TRACES = []


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # half the time to compile
def answers(loss, stats):
    """Plan, loss and gradient: one compiled program per method, which all tests share."""
    TRACES.append(loss)
    return loss.plan(stats, examples.KEY), *examples.value_and_grad(loss, stats)


@CASES
def test_value_and_gradient_agree_with_the_numpy_oracle_on_fifty_batches(case):
    # value: 1e-5 of the sum of the terms' magnitudes; gradient: 1e-5 of the largest. float32 rounds each term by 6e-8,
    # and a sum of some 80 of them by less than 5e-6.
    for stats in BATCHES:
        value, magnitude, by_lp, by_h = expected(case, stats)
        _, actual, (by_logprobs, by_entropies) = answers(case.loss, stats)
        assert abs(actual - value) <= 1e-5 * magnitude
        scale = max(np.abs(by_lp).max(), np.abs(by_h).max())
        np.testing.assert_allclose(by_logprobs, by_lp, rtol=0, atol=1e-5 * scale)
        np.testing.assert_allclose(by_entropies, by_h, rtol=0, atol=1e-5 * scale)


def expected(case, stats):
    """The oracle's loss, the sum of its terms' magnitudes, and its gradients."""
    s = oracles.double(stats)
    weights = case.aggregate(s.mask, s.group_size)
    gate = case.gate(s, random_scores(case.loss, stats))
    if case.shape is not None:
        s.advantages = case.shape(s)
    value, by_lp = case.surrogate(s, weights * gate)
    terms, by_h = [weights * gate * value], np.zeros_like(by_lp)
    if case.penalty is not None:
        value, penalty_by_lp, by_h = case.penalty(s, weights)
        terms.append(weights * value)
        by_lp = by_lp + penalty_by_lp
    return sum(t.sum() for t in terms), sum(np.abs(t).sum() for t in terms), by_lp, by_h


def random_scores(loss, stats):
    if not loss.gates:
        return None
    key = jax.random.fold_in(examples.KEY, zlib.crc32(type(loss.gates[0]).__name__.encode()))
    return np.asarray(selection.random_scores(key, stats.sample_ids, stats.mask.shape[1]), np.float64)


@CASES
def test_nan_in_padding_changes_nothing(case):
    clean, poisoned = examples.example_stats(3), examples.example_stats(3, padding=np.nan)
    assert np.isnan(poisoned.logprobs).any()
    chex.assert_trees_all_equal(answers(case.loss, clean), answers(case.loss, poisoned))


@CASES
def test_the_order_of_the_prompts_does_not_matter(case):
    stats = examples.example_stats(4)
    order = np.arange(16).reshape(4, 4)[[2, 0, 3, 1]].reshape(-1)
    moved = examples.rows(stats, order)
    one, value, gradient = answers(case.loss, stats)
    other, moved_value, moved_gradient = answers(case.loss, moved)
    # Sums in another order: weights that are functions of a mean move in the last digits, selections do not.
    decided = examples.rows((one.gates, one.selected), order)
    chex.assert_trees_all_close(decided, (other.gates, other.selected), rtol=1e-6, atol=1e-6)
    chex.assert_trees_all_equal(
        *(jax.tree.map(lambda x: x == 0, tree) for tree in (decided, (other.gates, other.selected)))
    )
    np.testing.assert_allclose(value, moved_value, rtol=2e-6, atol=1e-7)
    chex.assert_trees_all_close(examples.rows(gradient, order), moved_gradient, rtol=1e-5, atol=1e-8)


@CASES
def test_eight_micro_batches_add_up_to_the_mini_batch(case):
    stats = examples.example_stats(5)
    plan, whole, gradient = answers(case.loss, stats)
    parts = [part_of(case.loss, *examples.rows((stats, plan), slice(i, i + 2))) for i in range(0, 16, 2)]
    np.testing.assert_allclose(sum(value for value, _ in parts), whole, rtol=2e-6, atol=1e-7)
    joined = jax.tree.map(lambda *pieces: jnp.concatenate(pieces), *(slope for _, slope in parts))
    chex.assert_trees_all_close(joined, gradient, rtol=1e-6, atol=1e-9)


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def part_of(loss, stats, plan):
    """A micro-batch's share of the loss and of its gradient."""
    return jax.value_and_grad(lambda lp, h: loss(examples.at(stats, lp, h), plan), argnums=(0, 1))(
        stats.logprobs, stats.entropies
    )


@pytest.mark.parametrize("case", [case for case in methods.CASES if case.neutral], ids=lambda case: case.name)
def test_the_neutral_setting_is_the_baseline_bit_for_bit(case):
    stats = examples.example_stats(6)
    # Op by op: two compiled programs may add up the same numbers in another order.
    neutral, baseline = examples.value_and_grad(case.neutral, stats), examples.value_and_grad(case.baseline, stats)
    chex.assert_trees_all_equal(neutral, baseline)


@CASES
def test_moving_a_coefficient_does_not_recompile(case):
    stats = examples.example_stats(7)
    strong = jax.tree.map(lambda number: jnp.asarray(number, jnp.float32), case.loss)
    answers(strong, stats)
    before = len(TRACES)
    answers(jax.tree.map(lambda number: number * 1.01, strong), stats)
    assert len(TRACES) == before


@CASES
def test_published_and_tested_settings_are_valid(case):
    case.loss.validate()


@CASES
def test_a_batch_without_a_valid_token_has_no_loss_and_no_gradient(case):
    stats = examples.example_stats(9)
    empty = stats.replace(mask=jnp.zeros_like(stats.mask))
    _, value, gradient = answers(case.loss, empty)
    assert value == 0 and not any(slope.any() for slope in gradient)


def test_all_gates_and_penalties_together_read_backwards_are_the_same():
    stats = examples.example_stats(8)
    every = [case.loss for case in (*methods.GATES, *methods.PENALTIES)]
    forward = functools.reduce(combined, every)
    backward = functools.reduce(combined, every[::-1])
    first, second = (answers(loss, stats) for loss in (forward, backward))
    chex.assert_trees_all_equal(first[0].selected, second[0].selected[::-1])
    chex.assert_trees_all_equal(first[0].gates, second[0].gates[::-1])
    chex.assert_trees_all_close(first[1:], second[1:], rtol=1e-5, atol=1e-8)  # some forty factors and terms reordered


PAIRS = list(itertools.combinations([*methods.GATES, *methods.PENALTIES], 2))


@pytest.mark.slow
def test_the_order_of_any_two_gates_or_penalties_does_not_matter():
    stats = examples.example_stats(8)
    for one, other in PAIRS:
        names = f"{one.name} and {other.name}"
        forward, backward = combined(one.loss, other.loss), combined(other.loss, one.loss)
        # Op by op: compiling every pair twice would take a minute.
        first, second = forward.plan(stats, examples.KEY), backward.plan(stats, examples.KEY)
        chex.assert_trees_all_equal(first.gate, second.gate, custom_message=names)
        chex.assert_trees_all_equal(first.gates, second.gates[::-1], custom_message=names)
        chex.assert_trees_all_equal(first.selected, second.selected[::-1], custom_message=names)
        results = [gradient_of(loss, stats, plan) for loss, plan in ((forward, first), (backward, second))]
        chex.assert_trees_all_close(*results, rtol=1e-6, atol=1e-9, custom_message=names)


def gradient_of(loss, stats, plan):
    return jax.value_and_grad(lambda logprobs: loss(examples.at(stats, logprobs, stats.entropies), plan))(
        stats.logprobs
    )


def combined(one: PolicyLoss, other: PolicyLoss) -> PolicyLoss:
    return dataclasses.replace(one, gates=one.gates + other.gates, penalties=one.penalties + other.penalties)
