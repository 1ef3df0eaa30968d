"""A table is what its sums say: by hand, against sampling, and against finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entropy_rl.lab.tabular import Table, Tree, right_paths

BANDIT = Tree(prompts=1, depth=1, vocabulary=2, right=1)
SMALL = Tree(prompts=3, depth=3, vocabulary=4, right=5)


def two_arms(logit: float) -> Table:
    """Arm 0 is right and has probability 1 / (1 + exp(-logit))."""
    return Table(BANDIT, np.array([[[logit, 0.0]]]), np.array([[1.0, 0.0]]))


def small(seed: int = 0) -> Table:
    return Table(SMALL, *SMALL.draw(seed))


def test_two_arms_match_hand_computation():
    table = two_arms(math.log(3.0))  # p = 3/4, 1/4
    entropy = 0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    assert table.entropy == pytest.approx(entropy, abs=1e-12)
    assert table.pass_at(1) == pytest.approx(0.75)
    assert table.pass_at(2) == pytest.approx(1 - 1 / 16)
    np.testing.assert_allclose(table.advantages, [[[0.25, -0.75]]])  # 1 - 3/4 and 0 - 3/4
    # Cov(log p, A) = p (1 - p) (log p_0 - log p_1) (A_0 - A_1) = 3/16 log 3
    np.testing.assert_allclose(table.covariances(table.advantages), [[3 / 16 * math.log(3)]])
    # dH = p (1 - p) log(p_1 / p_0) dz_0 = -3/16 log 3 per unit of the first logit
    assert table.first_order(np.array([[[0.1, 0.0]]])) == pytest.approx(-0.1 * 3 / 16 * math.log(3))


def test_steps_of_both_gradients_match_hand_computation():
    table = two_arms(math.log(3.0))
    np.testing.assert_allclose(table.moved(0.4, natural=True).logits - table.logits, [[[0.1, -0.3]]])
    np.testing.assert_allclose(table.moved(0.4).logits - table.logits, [[[0.075, -0.075]]])  # times 3/4 and 1/4


def test_a_path_of_three_tokens_has_the_product_of_its_probabilities():
    table = small()
    policy, token = table.policy[1], (2, 0, 3)
    states = 0, 1 + 2, 1 + 4 + 2 * 4 + 0  # children of s are 4 s + 1 + token: 0 -> 3 -> 13
    assert states[2] == 4 * states[1] + 1 + token[1]
    expected = np.prod([policy[state, a] for state, a in zip(states, token, strict=True)])
    assert table.answers[1, (2 * 4 + 0) * 4 + 3] == pytest.approx(expected)
    np.testing.assert_allclose(table.answers.sum(axis=1), 1.0)
    np.testing.assert_allclose(table.reach.sum(axis=1), 3.0)  # one state at each level


def test_enumeration_agrees_with_sampling():
    table, generator, count = small(), np.random.default_rng(1), 20_000
    answers = np.stack([generator.choice(SMALL.answers, count, p=row / row.sum()) for row in table.answers])
    rewards = np.take_along_axis(table.worth, answers, axis=1)
    error = rewards.std() / math.sqrt(rewards.size)
    assert rewards.mean() == pytest.approx(table.pass_at(1), abs=4 * error)
    states = np.stack([np.zeros_like(answers), 1 + answers // 16, 5 + answers // 4], axis=2)
    visited = np.take_along_axis(table.entropies[:, None], states.reshape(3, 1, -1), axis=2)
    assert visited.mean() == pytest.approx(table.entropy, abs=4 * visited.std() / math.sqrt(visited.size))


def test_entropy_per_token_times_length_is_the_entropy_of_the_answers():
    table = small()
    assert table.entropy * SMALL.depth == pytest.approx(table.answer_entropy)


def test_advantages_are_fair_and_add_up_along_a_path():
    table = small()
    np.testing.assert_allclose(np.sum(table.policy * table.advantages, axis=2), 0.0, atol=1e-12)
    along = table.advantages[1, 0, 2] + table.advantages[1, 3, 0] + table.advantages[1, 13, 3]
    assert along == pytest.approx(table.worth[1, 35] - table.successes[1])  # 35 = (2 * 4 + 0) * 4 + 3


def test_first_order_and_drift_together_are_the_derivative_of_entropy():
    table = small()
    change = np.random.default_rng(2).normal(size=table.logits.shape)
    ends = [Table(SMALL, table.logits + sign * 1e-5 * change, table.worth) for sign in (1, -1)]
    whole = (ends[0].entropy - ends[1].entropy) / 2e-5
    fixed = (table.at_same_states(ends[0]) - table.at_same_states(ends[1])) / 2e-5
    assert table.first_order(change) == pytest.approx(fixed, rel=1e-6)
    assert table.first_order(change) + table.first_order_drift(change) == pytest.approx(whole, rel=1e-6)
    assert abs(whole - fixed) > 0.05 * abs(fixed)  # so that the drift is not tested at nothing


def test_vanilla_steps_climb_the_reward():
    table, rate = small(), 1e-5
    after = table.moved(rate)
    gradient = (after.logits - table.logits) / rate
    expected = np.sum(gradient**2) * rate / SMALL.prompts  # reward is the mean over prompts, each with its own logits
    assert after.pass_at(1) - table.pass_at(1) == pytest.approx(expected, rel=1e-3)


def test_effective_modes_and_distance_match_hand_computation():
    tree = Tree(prompts=1, depth=1, vocabulary=4, right=2)
    probabilities = np.array([0.45, 0.15, 0.3, 0.1])
    table = Table(tree, np.log(probabilities)[None, None], np.array([[1.0, 1.0, 0.0, 0.0]]))
    shares = np.array([0.75, 0.25])
    assert table.modes == pytest.approx(math.exp(-np.sum(shares * np.log(shares))))
    assert table.distance_to_uniform == pytest.approx(0.25)


def test_distinct_answers_match_hand_computation():
    tree = Tree(prompts=1, depth=1, vocabulary=3, right=1)
    table = Table(tree, np.log([[[0.5, 0.25, 0.25]]]), np.array([[1.0, 0.0, 0.0]]))
    right, wrong = table.distinct(2)
    assert right == pytest.approx(1 - 0.25)  # not twice another answer
    assert wrong == pytest.approx(2 * (1 - 0.75**2))


def test_imitation_climbs_the_likelihood_of_the_right_answers():
    table, rate = small(), 1e-5
    after = table.imitated(rate)

    def likelihood(one):
        return np.sum(np.log(one.answers) * (one.worth > 0)) / SMALL.right

    gradient = (after.logits - table.logits) / rate
    assert likelihood(after) - likelihood(table) == pytest.approx(rate * np.sum(gradient**2), rel=1e-3)


def test_log_ratios_move_in_proportion_to_rewards_under_the_natural_gradient_of_a_bandit():
    tree = Tree(prompts=3, depth=1, vocabulary=5, right=5, graded=True)
    table = Table(tree, *tree.draw(0))
    assert len(np.unique(table.worth)) == 15 and (table.worth > 0).all() and (table.worth < 1).all()
    assert table.linearity(table.moved(0.3, natural=True).moved(0.3, natural=True)) == pytest.approx(1.0)
    assert table.linearity(table.moved(0.3)) < 0.9


def test_a_drawn_tree_is_the_same_for_its_seed_and_lifts_each_right_path():
    logits, worth = SMALL.draw(3)
    np.testing.assert_array_equal(logits, SMALL.draw(3)[0])
    assert (worth.sum(axis=1) == 5).all()
    flat = Tree(prompts=3, depth=3, vocabulary=4, right=5, lift=0.0).draw(3)[0]
    np.testing.assert_allclose(logits - flat, 1.2 * right_paths(SMALL, worth))
    np.testing.assert_array_equal(right_paths(SMALL, worth)[:, 0].sum(axis=1), 5)


@pytest.mark.parametrize(
    ("tree", "remedy"),
    [
        (Tree(depth=0), "at least 1"),
        (Tree(vocabulary=1), "at least 2"),
        (Tree(depth=7), "lower depth"),
        (Tree(right=1001), "lower it"),
    ],
)
def test_an_impossible_tree_says_what_to_change(tree, remedy):
    with pytest.raises(ValueError, match=remedy):
        tree.validate()
