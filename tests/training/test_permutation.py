"""The keyed permutation is one, and its positions look like chance."""

from __future__ import annotations

import numpy as np
import pytest

from entropy_rl.training.permutation import shuffled


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 1000])
def test_every_number_comes_once(size):
    assert sorted(shuffled(size, position, "key", 1) for position in range(size)) == list(range(size))


def test_keys_give_different_orders():
    orders = {tuple(shuffled(20, position, 0, epoch) for position in range(20)) for epoch in range(50)}
    assert len(orders) == 50


@pytest.mark.parametrize("size", [5, 12, 100])
def test_every_number_is_as_likely_at_every_place(size):
    """Chi-square of 2,000 keys at three places; its mean is size - 1, its standard deviation sqrt(2 (size - 1))."""
    keys = 2000
    for place in (0, size // 2, size - 1):
        counts = np.bincount([shuffled(size, place, key) for key in range(keys)], minlength=size)
        chi = ((counts - keys / size) ** 2 / (keys / size)).sum()
        assert chi < (size - 1) + 5 * np.sqrt(2 * (size - 1))


def test_neighbours_do_not_stay_together():
    order = [shuffled(1000, position, 3) for position in range(1000)]
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.01  # 0.002 by chance


def test_a_place_of_a_huge_set_costs_no_memory():
    assert 0 <= shuffled(10**12, 5, 0) < 10**12
