"""Measured rates are possible ones."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from benchmarks import ceilings
from entropy_rl.models.decoder import Decoder


@pytest.mark.slow
def test_rates_are_those_of_a_processor_and_named_by_what_a_step_does():
    policy = Decoder(64, layers=1, width=128, heads=4, kv_heads=2, head_width=32, feed_forward=512)
    found = ceilings.measure(policy, rows=128, tokens=1024)
    assert set(found.products) == {"square", "decode", "decode head", "update", "update head"}
    assert all(1e9 < rate < 1e13 for rate in found.products.values())
    assert 1e9 < found.read < 1e12
    assert found.summary()["unit"] == "cpu-s"


def test_a_product_called_often_enough_takes_measurable_time():
    assert 1e8 < ceilings.product_rate((8, 64, 64), jnp.float32) < 1e13
