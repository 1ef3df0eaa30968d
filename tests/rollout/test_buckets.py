"""Rows of the decoding loops, and what of them is used."""

from __future__ import annotations

import numpy as np
import pytest

from entropy_rl.rollout import buckets


def test_short_responses_have_one_loop():
    assert buckets.plan(16, 8, 16, 64) == (128,)


def test_long_responses_have_falling_loops_of_whole_tiles():
    chain = buckets.plan(16, 8, 16, 256)
    assert chain[0] == 128 and len(chain) == buckets.MOST
    assert list(chain) == sorted(set(chain), reverse=True)
    assert all(rows % buckets.ROUNDED == 0 for rows in chain if rows > buckets.ROUNDED)


def test_rows_with_long_prompts_of_their_own_start_late():
    # 8 rows share a prompt of 1024, the loop is left at 256 / 4 tokens: an own prompt costs (1024 + 64) for 128 + 64
    limit = 128 * (128 + 64) / (1024 + 64)
    chain = buckets.plan(16, 8, 1024, 256)
    assert chain[0] == 128 and chain[1] <= limit < 24


def test_slots_bound_the_first_loop_and_are_never_more_than_the_rows():
    assert buckets.plan(16, 8, 16, 64, slots=48) == (48,)
    assert buckets.plan(2, 4, 16, 64, slots=48) == (8,)


def test_rows_computed_by_hand():
    # lengths 1, 2, 5 in loops of 3 and 1 rows: two steps of 3 until one row is left, then three of 1
    assert buckets.slot_steps([1, 2, 5], (3, 1)) == 2 * 3 + 3 * 1
    # two slots for 1, 3, 2: after a step the first is free for the third; after two more all are over
    assert buckets.slot_steps([1, 3, 2], (2,)) == 3 * 2


@pytest.mark.parametrize(("count", "least"), [(1, 0.2), (4, 0.6), (6, 0.74), (8, 0.8)])
def test_more_loops_use_more_of_their_rows(count, least):
    chain, rng = buckets.plan(16, 8, 16, 256, count=count), np.random.default_rng(0)
    lengths = np.minimum(rng.geometric(1 / 64, (40, 128)), 256)
    used = [row.sum() / buckets.slot_steps(row.tolist(), chain) for row in lengths]
    assert least < np.mean(used) < least + 0.2
