"""Limits worked by hand."""

from __future__ import annotations

import pytest

from benchmarks import limits
from benchmarks.ceilings import Ceilings
from entropy_rl.models.decoder import Decoder

POLICY = Decoder(10, layers=1, width=4, heads=2, kv_heads=1, head_width=2, feed_forward=3)
# Weights of a layer: query and output 2 * 16, key and value 2 * 8, feed-forward 3 * 12 = 84; head 40.
RATES = {"square": 100.0, "decode": 10.0, "decode head": 5.0, "update": 50.0, "update head": 20.0}
PROMPTS, RESPONSES = [2], [3, 1]
# Prompt: 2 tokens * 168 + 3 pairs * 16 = 384. Responses: 2 fed tokens * 168 + (3 + 4) pairs * 16 = 448. Logits: 4 * 80.


def test_compute_bounds_decoding_when_memory_is_fast():
    found = limits.least(POLICY, Ceilings(RATES, read=1e12), PROMPTS, RESPONSES)
    assert found.generation == pytest.approx(384 / 50 + 448 / 10 + 320 / 5)
    assert found.update == pytest.approx(3 * ((384 + 448) / 50 + 320 / 20))
    assert found.step == pytest.approx(found.generation + found.update)


def test_reading_bounds_decoding_when_memory_is_slow():
    # Three steps read 124 weights of 4 bytes each; the prompt's keys and values, 2 positions of 4 numbers, for two fed
    # tokens, and of the response 1 and then 2 positions.
    read = 4 * (3 * 124 + 4 * (2 * 2 + 1 + 2))
    found = limits.least(POLICY, Ceilings(RATES, read=1.0), PROMPTS, RESPONSES)
    assert found.generation == pytest.approx(384 / 50 + read)


def test_the_mean_of_two_steps_lies_between_their_limits():
    rates = Ceilings(RATES, read=1e12)
    short, long = (limits.least(POLICY, rates, PROMPTS, each).step for each in ([1, 1], [9, 9]))
    both = limits.mean_limit(POLICY, rates, PROMPTS, [[1, 1], [9, 9]]).step
    assert both == pytest.approx((short + long) / 2) and short < both < long


def test_shares_on_a_device_that_nobody_knows_are_those_of_what_was_measured():
    found = limits.shares(POLICY, Ceilings(RATES, read=1e6), PROMPTS, RESPONSES, {"gen": 2.0, "update": 64.0})
    assert found["of"] == "measured ceilings"
    assert found["mfu"] == pytest.approx(3 * (384 + 448 + 320) / 64 / 100, abs=1e-4)
    assert found["bandwidth"] == pytest.approx(4 * (3 * 124 + 4 * 7) / 2 / 1e6, abs=1e-4)
