"""Checksums see any change of a value, and no change of placement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from entropy_rl.training.checksums import tree_checksums

DTYPES = (jnp.float32, jnp.bfloat16, jnp.float16, jnp.int32, jnp.uint32, jnp.int8, jnp.bool_, jnp.int4)


def numpy_hash(index):
    value = (index + 0x9E3779B9) % 2**32
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) % 2**32
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) % 2**32
    return value ^ (value >> 16)


def test_the_sum_is_that_of_the_formula():
    values = np.array([[1.5, -2.0, 0.0], [3.25, -0.0, np.nan]], np.float32)
    words = values.reshape(-1).view(np.uint32)
    expected = sum(numpy_hash(int(word) ^ numpy_hash(i)) for i, word in enumerate(words)) % 2**32
    assert tree_checksums({"a": jnp.asarray(values)}) == {"a": expected}


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: jnp.dtype(dtype).name)
def test_every_single_element_counts(dtype):
    ones = jnp.ones((3, 5), dtype)
    sums = {tree_checksums([ones.at[i // 5, i % 5].set(jnp.zeros((), dtype))])["0"] for i in range(15)} | {
        tree_checksums([ones])["0"]
    }
    assert len(sums) == 16


def test_a_swap_and_a_sign_of_zero_are_seen():
    a = jnp.array([1.0, 2.0, 0.0])
    assert len({tree_checksums([x])["0"] for x in (a, a[jnp.array([1, 0, 2])], a.at[2].set(-0.0))}) == 3


def test_random_keys_count_as_their_data():
    key = jax.random.key(3)
    assert tree_checksums({"k": key}) == tree_checksums({"k": jax.random.key_data(key)})


def test_none_and_empty_containers_have_no_checksum():
    assert tree_checksums({"a": None, "b": (), "c": jnp.zeros((0, 4))}) == {"c": 0}
    assert tree_checksums(()) == {}


@pytest.mark.skipif(jax.device_count() < 8, reason="needs eight (forced) devices")
@pytest.mark.parametrize("spec", [("data", None), (None, "data"), ("data", "model")])
def test_a_mesh_does_not_change_the_sum(spec):
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(AxisType.Auto,) * 2)
    values = jax.random.normal(jax.random.key(0), (16, 8))
    placed = jax.device_put(values, NamedSharding(mesh, PartitionSpec(*spec)))
    assert tree_checksums([placed]) == tree_checksums([values])
