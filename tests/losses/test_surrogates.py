"""Each surrogate by hand: the gradient table of its docstring, quadrant by quadrant, and its limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.lp_reg import LpReg
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.dppo import DppoSurrogate
from entropy_rl.losses.gmpo import GmpoSurrogate
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.gspo import GspoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.sapo import SapoSurrogate
from entropy_rl.losses.switch import Switch
from entropy_rl.losses.unclipped import UnclippedSurrogate
from tests import examples

# One response, four tokens of ratio .5, 1.1, 1.5 and 4: below, inside, above the band, and beyond the dual clip of 3.
RATIOS = np.array([0.5, 1.1, 1.5, 4.0])
SIGMOID = 1 / (1 + np.exp(1 - RATIOS))


def gradient(surrogate, advantage, ratios=RATIOS):
    """-d loss_t / d log pi_t, summed over the tokens of a response, and the loss of each token."""
    stats = examples.example_stats(prompts=1, group_size=1, length=len(ratios))
    ones = jnp.ones((1, len(ratios)))
    old = -2.0 * ones
    logprobs = old + jnp.log(jnp.asarray(ratios, jnp.float32))[None]
    stats = stats.replace(mask=ones > 0, old_logprobs=old, advantages=advantage * ones, logprobs=logprobs)

    def tokens(logprobs):
        return surrogate(examples.at(stats, logprobs, stats.entropies))

    value, pull = jax.vjp(tokens, logprobs)
    return -pull(jnp.ones_like(value))[0][0], value[0]


DUAL = ClippedSurrogate(0.2, 0.28, 3.0)
TABLES = [
    (ClippedSurrogate(), 2.0, [2 * 0.5, 2 * 1.1, 0, 0]),
    (ClippedSurrogate(), -2.0, [0, -2 * 1.1, -2 * 1.5, -2 * 4.0]),
    (DUAL, 2.0, [2 * 0.5, 2 * 1.1, 0, 0]),
    (DUAL, -2.0, [0, -2 * 1.1, -2 * 1.5, 0]),
    (ClippedSurrogate(0.2, 0.6), 2.0, [2 * 0.5, 2 * 1.1, 2 * 1.5, 0]),
    (CispoSurrogate(0.2, 0.4), 2.0, [2 * 0.8, 2 * 1.1, 2 * 1.4, 2 * 1.4]),
    (CispoSurrogate(0.2, 0.4), -2.0, [-2 * 0.8, -2 * 1.1, -2 * 1.4, -2 * 1.4]),
    (CeGppoSurrogate(0.2, 0.28, 0.75, 0.9), 2.0, [2 * 0.5, 2 * 1.1, 2 * 0.9 * 1.28, 2 * 0.9 * 1.28]),
    (CeGppoSurrogate(0.2, 0.28, 0.75, 0.9), -2.0, [-2 * 0.75 * 0.8, -2 * 1.1, -2 * 1.5, -2 * 4.0]),
    (SapoSurrogate(), 2.0, 2 * 4 * RATIOS * SIGMOID * (1 - SIGMOID)),
    # p_old = exp(-2) = .135, so p moves by -.068, .014, .068 and .41
    (DppoSurrogate(0.05), 2.0, [2 * 0.5, 2 * 1.1, 0, 0]),
    (DppoSurrogate(0.05), -2.0, [0, -2 * 1.1, -2 * 1.5, -2 * 4.0]),
    (DppoSurrogate(0.2), 2.0, [2 * 0.5, 2 * 1.1, 2 * 1.5, 0]),
    # the geometric mean of .5, 1.1, 1.5 and 4 is 3.3 ** .25 = 1.348; four tokens share its gradient
    (GspoSurrogate(), 2.0, [0, 0, 0, 0]),
    (GspoSurrogate(), -2.0, [-2 * 3.3**0.25] * 4),
    (GspoSurrogate(token_form=True), -2.0, [-2 * 3.3**0.25] * 4),
    # 1.5 and 4 are held at exp(.4), then .5 at exp(-.4)
    (GmpoSurrogate(), 2.0, np.array([1, 1, 0, 0]) * 2 * (0.5 * 1.1 * np.exp(0.8)) ** 0.25),
    (GmpoSurrogate(), -2.0, np.array([0, 1, 1, 1]) * -2 * (np.exp(-0.4) * 1.1 * 1.5 * 4.0) ** 0.25),
    (UnclippedSurrogate(), 2.0, 2 * RATIOS),
    (UnclippedSurrogate(), -2.0, -2 * RATIOS),
]


@pytest.mark.parametrize(("surrogate", "advantage", "expected"), TABLES, ids=lambda v: repr(v) if callable(v) else "")
def test_the_gradient_of_each_quadrant_is_the_one_in_the_docstring(surrogate, advantage, expected):
    np.testing.assert_allclose(gradient(surrogate, advantage)[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("advantage", "expected"), [(2.0, [-1, -2.2, -2.56, -2.56]), (-2.0, [1.6, 2.2, 3.0, 6.0])])
def test_the_clipped_value_matches_hand_computation(advantage, expected):
    # A = 2: -2 * (.5, 1.1, 1.28, 1.28);  A = -2: 2 * (.8, 1.1, 1.5, 3)
    np.testing.assert_allclose(gradient(DUAL, advantage)[1], expected, rtol=1e-6)


def test_clipped_marks_the_tokens_without_a_gradient():
    stats = examples.example_stats(1)
    for surrogate in (ClippedSurrogate(), DUAL, UnclippedSurrogate()):
        slope = jax.grad(lambda lp, s=surrogate: s(examples.at(stats, lp, stats.entropies)).sum())(stats.logprobs)
        stopped = np.asarray((slope == 0) & (stats.advantages != 0))
        np.testing.assert_array_equal(np.asarray(surrogate.clipped(stats)), stopped)


def test_on_policy_every_clip_is_the_plain_policy_gradient():
    stats = examples.example_stats(2, on_policy=True)
    for surrogate in (ClippedSurrogate(), ClippedSurrogate(0.0, 0.0), UnclippedSurrogate()):
        slope = jax.grad(lambda lp, s=surrogate: s(examples.at(stats, lp, stats.entropies)).sum())(stats.logprobs)
        np.testing.assert_array_equal(slope, -stats.advantages)


def slope(surrogate, stats):
    return jax.grad(lambda lp: surrogate(examples.at(stats, lp, stats.entropies)).sum(where=stats.mask))(stats.logprobs)


def test_gppo_has_the_value_of_ppo():
    stats = examples.example_stats(3)
    one, other = CeGppoSurrogate(beta_low=1.0)(stats), ClippedSurrogate()(stats)
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_ce_gppo_without_its_betas_is_ppo():
    stats = examples.example_stats(3)
    np.testing.assert_array_equal(
        slope(CeGppoSurrogate(beta_low=0.0, beta_high=0.0), stats), slope(ClippedSurrogate(), stats)
    )


@pytest.mark.parametrize("token_form", [False, True])
def test_gspo_of_a_response_of_one_token_is_ppo(token_form):
    stats = examples.example_stats(3, length=3)
    stats = stats.replace(mask=stats.mask.at[:, 1:].set(False))
    bounds = 0.01, 0.02
    one, other = GspoSurrogate(*bounds, token_form), ClippedSurrogate(*bounds)
    np.testing.assert_allclose(slope(one, stats), slope(other, stats), rtol=1e-6)


def test_gmpo_of_a_response_of_one_token_is_ppo_with_bounds_in_nats():
    stats = examples.example_stats(3, length=3)
    stats = stats.replace(mask=stats.mask.at[:, 1:].set(False))
    low, high = 1.0 - np.exp(-0.3), np.exp(0.2) - 1.0
    np.testing.assert_allclose(
        slope(GmpoSurrogate(0.3, 0.2), stats), slope(ClippedSurrogate(low, high), stats), rtol=1e-6
    )


@pytest.mark.parametrize(
    "surrogate",
    [CispoSurrogate(), CeGppoSurrogate(), SapoSurrogate(), DppoSurrogate(), GspoSurrogate(token_form=True)],
    ids=repr,
)
def test_on_policy_the_other_surrogates_are_the_plain_policy_gradient_too(surrogate):
    stats = examples.example_stats(2, on_policy=True)
    expected = np.where(stats.mask, -stats.advantages, 0.0)
    np.testing.assert_allclose(slope(surrogate, stats), expected, rtol=1e-6)


def test_a_switch_between_surrogates_needs_a_selector():
    with pytest.raises(ValueError, match="which has no select"):
        Switch(UnclippedSurrogate(), UnclippedSurrogate(), ClippedSurrogate()).validate()
    both = Switch(LpReg(), UnclippedSurrogate(), GspoSurrogate())
    assert both.requires == {"proxy_logprobs"} and PolicyLoss(both).reads_statistics
    with pytest.raises(ValueError, match=r"Switch is one loss per response.*use SequenceMean"):
        PolicyLoss(both).validate()


def test_cispo_without_bounds_is_reinforce_with_importance_weights():
    stats = examples.example_stats(3)
    np.testing.assert_allclose(slope(CispoSurrogate(1.0, 1e9), stats), slope(UnclippedSurrogate(), stats), rtol=1e-6)


def test_gspo_refuses_the_bounds_of_ppo_and_the_token_mean():
    with pytest.raises(ValueError, match="3e-4 and 4e-4 are published"):
        GspoSurrogate(0.2, 0.2).validate()
    with pytest.raises(ValueError, match=r"GspoSurrogate is one loss per response.*use SequenceMean"):
        PolicyLoss(GspoSurrogate()).validate()
