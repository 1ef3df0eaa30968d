"""Stochastic rounding, and an optimiser that keeps its numbers in bfloat16 and still moves."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from entropy_rl.ops import hashing, rounding
from entropy_rl.ops import optimizer as optimization
from entropy_rl.ops.optimizer import AdamW


def test_the_mean_of_many_roundings_is_the_value():
    value = 1.0 + 0.3 * 2.0**-7  # bfloat16 knows 1 and 1 + 2^-7, so 3 of 10 roundings go up
    rounded = rounding.stochastic(jnp.full(100_000, value, jnp.float32), jax.random.key(0))
    assert set(np.unique(rounded.astype(np.float32))) == {np.float32(1.0), np.float32(1.0 + 2.0**-7)}
    share = float((rounded > 1).mean())
    assert share == pytest.approx(0.3, abs=5 * np.sqrt(0.3 * 0.7 / 100_000))


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf])
def test_what_bfloat16_can_hold_is_never_moved(value):
    rounded = rounding.stochastic(jnp.full(1000, value, jnp.float32), jax.random.key(1))
    assert np.all(np.asarray(rounded, np.float32) == np.float32(value))


def test_nan_stays_nan():
    assert np.isnan(np.asarray(rounding.stochastic(jnp.full(8, jnp.nan), jax.random.key(0)), np.float32)).all()


def test_small_steps_add_up_in_bfloat16():
    params, key = {"w": jnp.ones(4096, jnp.bfloat16)}, jax.random.key(2)
    step = jax.jit(lambda p, k: rounding.apply_updates(p, {"w": jnp.full(4096, 1e-4, jnp.float32)}, k))
    for number in range(200):
        params = step(params, jax.random.fold_in(key, number))
    # 200 steps of 1e-4 each, all below the 2^-8 that rounding to nearest would need to notice one.
    assert float(params["w"].astype(jnp.float32).mean()) == pytest.approx(1.02, abs=1e-3)
    assert params["w"].dtype == jnp.bfloat16


def test_float32_parameters_move_as_optax_moves_them():
    params = {"w": jax.random.normal(jax.random.key(0), (64,)), "n": jnp.ones(3)}
    updates = jax.tree.map(lambda leaf: leaf * 1e-3, params)
    ours = rounding.apply_updates(params, updates, jax.random.key(0))
    np.testing.assert_array_equal(ours["w"], optax.apply_updates(params, updates)["w"])


def test_bfloat16_moments_follow_the_float32_ones():
    """The second moment creeps by a thousandth a step: to the nearest bfloat16 it would stand still."""
    gradients = [{"w": jnp.full(2048, 1.0 + 0.1 * np.sin(step))} for step in range(150)]
    params = {"w": jnp.zeros(2048)}
    second = {}
    for dtype in ("float32", "bfloat16"):
        optimizer = AdamW(learning_rate=1e-3, moments_dtype=dtype)
        state, moved = optimizer.transform().init(params), jax.jit(optimization.step)
        for number, gradient in enumerate(gradients):
            _, state = moved(optimizer, gradient, state, params, jax.random.key(number))
        nu = optax.tree.get(state, "nu")["w"]
        assert nu.dtype == jnp.dtype(dtype)
        second[dtype] = float(nu.astype(jnp.float32).mean())
    assert second["bfloat16"] == pytest.approx(second["float32"], rel=0.01)


def test_a_type_that_is_no_type_of_moments_is_refused():
    with pytest.raises(ValueError, match="moments_dtype is 'float16'; choose"):
        AdamW(moments_dtype="float16").validate()


def test_bfloat16_parameters_follow_the_float32_ones():
    """Two hundred steps of Adam, each far below the last bit of a weight, end where float32 ends, on average."""
    ends = {}
    for dtype in ("float32", "bfloat16"):
        optimizer = AdamW(learning_rate=1e-4, moments_dtype=dtype)
        params = {"layers": {"w": jnp.ones((2, 2048), dtype)}, "b": jnp.ones(2048, dtype)}
        state, moved = optimizer.transform().init(params), jax.jit(optimization.step)
        for number in range(200):
            gradient = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.5, leaf.dtype), params)
            params, state = moved(optimizer, gradient, state, params, jax.random.key(number))
        ends[dtype] = {name: np.asarray(leaf, np.float32).mean() for name, leaf in jax.tree.leaves_with_path(params)}
    for name, end in ends["float32"].items():
        assert end == pytest.approx(0.98, abs=1e-4)  # 200 steps of 1e-4
        assert ends["bfloat16"][name] == pytest.approx(end, abs=5e-4)


def test_noise_of_positions_is_uniform_and_differs_between_keys():
    first, second = (np.asarray(hashing.bits(jax.random.key(seed), (512, 512))) for seed in (0, 1))
    assert np.mean(first == second) < 1e-4
    counts = np.bincount((first & 0xFF).ravel(), minlength=256)
    assert np.sum((counts - 1024) ** 2 / 1024) < 255 + 5 * np.sqrt(2 * 255)  # chi-square with 255 degrees of freedom
    assert abs(np.corrcoef(first[:, 1:].ravel(), first[:, :-1].ravel())[0, 1]) < 0.01


def test_its_slope_is_that_of_its_mean():
    values, direction = jnp.linspace(-1.0, 1.0, 8), jnp.linspace(0.5, 2.0, 8)
    rounded, slope = jax.jvp(lambda v: rounding.stochastic(v, jax.random.key(1)), (values,), (direction,))
    np.testing.assert_array_equal(rounded, rounding.stochastic(values, jax.random.key(1)))
    np.testing.assert_allclose(slope.astype(jnp.float32), direction, rtol=2**-8)
