"""Shares of the update, and that variants see the same rollout."""

from __future__ import annotations

import types
from typing import Any

import pytest

from benchmarks import trainer, update
from benchmarks.ceilings import Ceilings
from entropy_rl.models.decoder import Decoder

POLICY = Decoder(10, layers=1, width=4, heads=2, kv_heads=1, head_width=2, feed_forward=3)
RATES = dict.fromkeys(("square", "decode", "decode head", "update", "update head"), 100.0)


def test_shares_are_of_the_operations_that_the_method_asks_for():
    # Forward, worked in test_limits.py: 384 + 448 + 320 = 1152 operations; with the backward pass three times that.
    laps = [{"lengths": [9, 9], "update": (0.0, 1.0)}, {"lengths": [3, 1], "update": (0.0, 69.12)}]
    found = update.figures_of(POLICY, [2], laps, Ceilings(RATES, read=1.0))
    assert found == {"limit": pytest.approx(34.56), "mfu": pytest.approx(0.5)}


def test_a_round_is_sampled_once_for_all_variants():
    sampled = []
    rollout = types.SimpleNamespace(response_mask=[[True, True], [True, False]])
    own: Any = types.SimpleNamespace(
        problems=lambda number: number,
        rollout=lambda problems, number: sampled.append(number) or rollout,
        score=lambda problems, rollout, loss: (f"experience {problems}", {}),
    )
    judged = update.Judged(own)
    assert [judged.of(number) for number in (0, 0, 1, 1)] == [f"experience {n}" for n in (0, 0, 1, 1)]
    assert sampled == [0, 1] and judged.lengths == [2, 1]


def test_the_timed_loss_is_plain_clipping():
    trainer.LOSS.validate()
    assert not trainer.LOSS.reads_statistics
