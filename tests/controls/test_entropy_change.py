"""Weights by estimated change of entropy, SIREN and maximum entropy: by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.covariance_weight import CovarianceWeight
from entropy_rl.controls.entropy_discriminator import EntropyDiscriminator, VocabularyDiscriminator
from entropy_rl.controls.entropy_flow import EntropyFlow
from entropy_rl.controls.maximum_entropy import MaximumEntropy
from entropy_rl.controls.random_control import RandomControl, gradient_size
from entropy_rl.controls.siren import Siren
from entropy_rl.controls.steer import Steer
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import masked, selection
from entropy_rl.ops.discriminator import discriminator
from tests import examples

HALF, QUARTER = float(np.log(0.5)), float(np.log(0.25))


def four_tokens(**fields):
    """One response of four tokens with log pi log 1/2, 1/4, 1/2, 1/4, H = 1 nat, on-policy, nothing clipped."""
    stats = examples.example_stats(prompts=1, group_size=1, length=4)
    row = lambda values: jnp.asarray([values], jnp.float32)  # noqa: E731
    plain = {
        "logprobs": [HALF, QUARTER, HALF, QUARTER],
        "log_ratio": [0.0] * 4,
        "entropies": [1.0] * 4,
        "advantages": [1.0, 1.0, -1.0, -1.0],
    }
    rows = {name: row(values) for name, values in (plain | fields).items()}
    return stats.replace(mask=jnp.ones((1, 4), bool), clipped=jnp.zeros((1, 4), bool), **rows)


# S = p (log p + 1): 1/2 * (1 - .6931) = .15343 and 1/4 * (1 - 1.3863) = -.09657
S_HALF, S_QUARTER = 0.5 * (HALF + 1), 0.25 * (QUARTER + 1)


def test_steer_weighs_the_largest_change_least():
    # |(1 - p)(log p + 1)|: .15343 for 1/2 and .28972 for 1/4
    np.testing.assert_allclose(Steer()(four_tokens(), examples.KEY), [[1.2, 0.8, 1.2, 0.8]], rtol=1e-6)
    weak = 0.8 ** (0.5 * (HALF + 1) / (-0.75 * (QUARTER + 1)))
    actual = Steer(mapping="exponential")(four_tokens(), examples.KEY)
    np.testing.assert_allclose(actual, [[weak, 0.8, weak, 0.8]], rtol=1e-5)


def test_steer_between_equal_changes_is_the_middle():
    same = four_tokens(logprobs=[HALF] * 4)
    np.testing.assert_allclose(Steer()(same, examples.KEY), np.ones((1, 4)), rtol=1e-6)


def test_the_covariance_weight_is_a_gaussian_about_the_mean():
    stats = four_tokens(covariance=[1.0, 1.0, 1.0, 5.0])  # mean 2, variance (1 + 1 + 1 + 9) / 4 = 3
    expected = [[np.exp(-1 / 6)] * 3 + [np.exp(-9 / 6)]]
    np.testing.assert_allclose(CovarianceWeight()(stats, examples.KEY), expected, rtol=1e-5)
    np.testing.assert_array_equal(CovarianceWeight()(four_tokens(covariance=[2.0] * 4), examples.KEY), np.ones((1, 4)))


def test_the_discriminator_closes_rare_tokens_of_wrong_answers_alone():
    # mean of S = .02843, its deviation .125: the 1/4 tokens lie one deviation below
    np.testing.assert_array_equal(EntropyDiscriminator(0.9)(four_tokens(), examples.KEY), [[1, 1, 1, 0]])
    np.testing.assert_array_equal(EntropyDiscriminator(1.1)(four_tokens(), examples.KEY), [[1, 1, 1, 1]])


def test_the_vocabulary_discriminator_closes_the_costliest_up_to_its_fraction():
    stats = four_tokens(expected_discriminators=[0.5, 0.5, 0.5, 0.5], advantages=[1.0, -1.0, -1.0, -1.0])
    method = VocabularyDiscriminator(mu=0.1, fraction=0.5, max_fraction=0.5)
    np.testing.assert_array_equal(method(stats, examples.KEY), [[1, 0, 1, 0]])  # D = .597 before .347
    one = VocabularyDiscriminator(mu=0.1, fraction=0.25, max_fraction=0.5)
    np.testing.assert_array_equal(one(stats, examples.KEY), [[1, 0, 1, 1]])


def test_the_flow_is_balanced_by_hand():
    # flow -A S: -.15343, .09657, .15343, -.09657, so up and down agree, and nothing is to be done
    np.testing.assert_allclose(EntropyFlow()(four_tokens(), examples.KEY), np.ones((1, 4)), atol=1e-6)
    # with A = 1 throughout: down .30685, up .19315, balance .2274
    balance = (S_HALF + S_QUARTER) / (S_HALF - S_QUARTER)
    right = four_tokens(advantages=[1.0] * 4)
    np.testing.assert_allclose(EntropyFlow()(right, examples.KEY), [[1 - balance, 1 + balance] * 2], rtol=1e-5)


def test_the_balanced_flow_adds_up_to_nothing():
    stats = examples.example_stats(4).replace(clipped=jnp.zeros((16, 12), bool))
    gate = EntropyFlow()(stats, examples.KEY)
    flow = -stats.advantages * discriminator(stats.logprobs, stats.entropies)
    assert abs(masked.sum(gate * flow, stats.mask)) < 1e-5 * masked.sum(jnp.abs(flow), stats.mask)


def test_the_random_control_removes_as_much_gradient_as_the_gate_it_matches():
    stats = examples.example_stats(5, prompts=32, on_policy=True).replace(clipped=jnp.zeros((128, 12), bool))
    matched = EntropyDiscriminator(0.0)  # every rare token of a wrong answer
    control = RandomControl(matched=matched, match="gradient_norm")
    squares = gradient_size(stats) ** 2
    removed, again = (masked.sum(squares, stats.mask & (gate(stats, examples.KEY) == 0)) for gate in (matched, control))
    largest = jnp.max(jnp.where(stats.mask, squares, 0.0))
    assert removed > 5 * largest  # the comparison means something
    assert abs(removed - again) <= largest / 2  # the nearest that whole tokens come
    assert (stats.advantages[control(stats, examples.KEY) == 0] > 0).all()


def test_tokens_are_drawn_until_the_target_is_nearest():
    eligible = jnp.ones((1, 8), bool)
    ids, key = jnp.zeros(1, jnp.uint32), jax.random.key(3)
    for target, number in ((0.0, 0), (0.4, 0), (0.6, 1), (2.9, 3), (7.6, 8), (100.0, 8)):
        assert selection.random_until(key, eligible, ids, jnp.ones((1, 8)), jnp.float32(target)).sum() == number
    few = selection.random_until(key, eligible, ids, jnp.ones((1, 8)), jnp.float32(2.0))
    more = selection.random_until(key, eligible, ids, jnp.ones((1, 8)), jnp.float32(5.0))
    assert (few <= more).all()  # the same lots


def test_a_match_by_gradient_names_its_gate():
    with pytest.raises(ValueError, match="`matched` names no gate"):
        RandomControl(match="gradient_norm").validate()


def test_siren_is_the_squared_distance_of_the_peaks_from_the_anchor():
    stats = four_tokens(nucleus_entropies=[0.1, 0.9, 0.7, 0.2])
    method = Siren(anchor=0.5, coefficient=2.0, fraction=0.5)  # peaks .9 and .7, mean .8
    loss = lambda h: method(stats.replace(nucleus_entropies=h), method.select(stats, examples.KEY)).mean()  # noqa: E731
    value, slope = jax.value_and_grad(loss)(stats.nucleus_entropies)
    np.testing.assert_allclose(value, 2.0 * 0.3**2, rtol=1e-5)
    np.testing.assert_allclose(slope, [[0, 2.0 * 2 * 0.3 / 2, 2.0 * 2 * 0.3 / 2, 0]], rtol=1e-5)


def test_maximum_entropy_credits_a_token_with_what_follows():
    stats = four_tokens(entropies=[1.0, 2.0, 3.0, 4.0], advantages=[0.0] * 4)
    future = np.array([9 - HALF, 7 - QUARTER, 4 - HALF, 0 - QUARTER])
    np.testing.assert_allclose(MaximumEntropy(0.5)(stats), [0.5 * (future - future.mean())], rtol=1e-5)


def test_the_expected_maximum_entropy_step_is_the_gradient_of_the_entropy_of_the_response():
    # Two tokens of two values, exactly enumerated: sum_y p(y) F_t(y) grad log p_t(y) = grad of the entropy of y.
    def tables(z):  # first token, second token given the first
        return jax.nn.log_softmax(z[:2]), jax.nn.log_softmax(z[2:].reshape(2, 2))

    def entropy(z):
        first, second = tables(z)
        joint = first[:, None] + second
        return -(jnp.exp(joint) * joint).sum()

    z = jnp.asarray([0.3, -0.4, 1.0, 0.2, -0.7, 0.5])
    first, second = tables(z)
    inner = -(jnp.exp(second) * second).sum(1)

    def weighted(logits):
        now, later = tables(logits)
        weight = jnp.exp(first[:, None] + second)
        return (weight * (now[:, None] * (inner - first)[:, None] - later * second)).sum()

    np.testing.assert_allclose(jax.grad(weighted)(z), jax.grad(entropy)(z), atol=1e-6)


def test_a_loss_without_the_statistics_it_requires_says_which():
    bare = examples.example_stats(0).replace(nucleus_entropies=None)
    with pytest.raises(ValueError, match="requires nucleus_entropies, which this batch lacks"):
        PolicyLoss(UnclippedSurrogate(), penalties=(Siren(0.4),)).plan(bare, examples.KEY)
