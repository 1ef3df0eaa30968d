import numpy as np
import pytest

from entropy_rl.lab import budget

STEPS = np.array([0.0, 3.0, 6.0, 9.0, 12.0])
ENTROPIES = np.array([1.0, 0.4, 0.3, 0.25, 0.2])  # 0.8 nats are spent in all
REWARDS = np.array([0.1, 0.4, 0.5, 0.55, 0.6])  # 0.5 is gained in all


def test_shares_at_the_published_fractions_match_hand_computation():
    twelfth, quarter, third, half = budget.budget(STEPS, ENTROPIES, REWARDS, window=1)
    # step 3: (1 - 0.4) / 0.8 = 0.75 spent, (0.4 - 0.1) / 0.5 = 0.6 gained
    np.testing.assert_allclose([quarter.step, quarter.spent, quarter.gained], [3, 0.75, 0.6])
    # step 1 is a third of the way to step 3: 0.25 spent, 0.2 gained
    np.testing.assert_allclose([twelfth.step, twelfth.spent, twelfth.gained], [1, 0.25, 0.2])
    # step 4 is a third of the way from step 3 to step 6: 0.75 + 0.125 / 3, 0.6 + 0.2 / 3
    np.testing.assert_allclose([third.step, third.spent, third.gained], [4, 0.7916667, 0.6666667], rtol=1e-6)
    # step 6: (1 - 0.3) / 0.8 = 0.875, (0.5 - 0.1) / 0.5 = 0.8
    np.testing.assert_allclose([half.step, half.spent, half.gained], [6, 0.875, 0.8])


def test_a_run_ends_with_all_spent_and_all_gained():
    (end,) = budget.budget(STEPS, ENTROPIES, REWARDS, fractions=[1.0])
    np.testing.assert_allclose([end.spent, end.gained], [1.0, 1.0])


def test_entropy_that_did_not_fall_has_no_share_and_neither_has_a_reward_that_did_not_rise():
    quarter = budget.budget(STEPS, ENTROPIES[::-1], REWARDS * 0 + 0.5, fractions=[0.25], window=1)[0]
    assert np.isnan(quarter.spent) and np.isnan(quarter.gained)


def test_fractions_outside_the_run_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        budget.budget(STEPS, ENTROPIES, REWARDS, fractions=[1.5])


def test_an_empty_run_has_no_budget():
    assert budget.budget(np.zeros(0), np.zeros(0), np.zeros(0)) == ()
