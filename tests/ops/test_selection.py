"""Selection: exact, the same on every mesh, by either algorithm."""

from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops import selection

EVERYTHING = jnp.ones((4, 25), bool)


def by_sorting(scores, eligible, count):
    order = np.argsort(-np.where(eligible, scores, -np.inf).reshape(-1), kind="stable")[: min(count, eligible.sum())]
    chosen = np.zeros(scores.size, bool)
    chosen[order] = True
    return chosen.reshape(scores.shape)


@pytest.mark.parametrize("max_fraction", [0.05, 1.0], ids=["ranked", "bisected"])
def test_the_highest_scores_win_and_ties_go_to_the_earliest_token(max_fraction):
    rng = np.random.default_rng(0)
    for count in (0, 1, 3, 5):
        scores = rng.normal(0, 1, (4, 25)).round(0).astype(np.float32)  # a handful of values, many ties, both signs
        mask = rng.random((4, 25)) < 0.8
        chosen = selection.largest(jnp.asarray(scores), jnp.asarray(mask), jnp.int32(count), max_fraction)
        np.testing.assert_array_equal(chosen, by_sorting(scores, mask, count))


def test_both_algorithms_choose_the_same_tokens_whatever_the_count():
    scores = jnp.round(jax.random.normal(jax.random.key(1), (4, 25)), 1)
    for count in (0, 1, 17, 99, 100):
        ranked = selection.ranked(scores, jnp.int32(count), 100)
        np.testing.assert_array_equal(ranked, selection.bisected(scores, jnp.int32(count)))
        assert ranked.sum() == count


@pytest.mark.parametrize("max_fraction", [0.04, 0.5], ids=["ranked", "bisected"])
def test_minus_zero_ties_with_zero(max_fraction):
    scores = jnp.full((4, 25), -1.0).at[0, 3].set(-0.0).at[0, 7].set(0.0)
    chosen = jax.jit(lambda s: selection.largest(s, EVERYTHING, jnp.int32(1), max_fraction))(scores)
    assert chosen[0, 3] and chosen.sum() == 1


@pytest.mark.parametrize("max_fraction", [0.04, 0.5], ids=["ranked", "bisected"])
def test_nan_minus_infinity_and_padding_are_never_chosen(max_fraction):
    scores = jnp.full((4, 25), -jnp.inf).at[0, 0].set(jnp.nan).at[1, 1].set(-3.0).at[2, 2].set(9.0)
    mask = EVERYTHING.at[2, 2].set(False)
    chosen = selection.largest(scores, mask, jnp.int32(4), max_fraction)
    assert chosen[1, 1] and chosen.sum() == 1


def test_a_whole_fraction_of_the_tokens_is_that_many():
    # float32(.29) lies below .29: rounding its product down may lose a token
    for size in (100, 1000, 1024, 4096):
        fractions = jnp.asarray(np.arange(size + 1) / size, jnp.float32)
        mask = jnp.ones((1, size), bool)
        counts = jax.vmap(lambda fraction, mask=mask: selection.fraction_count(fraction, mask))(fractions)
        np.testing.assert_array_equal(counts, np.arange(size + 1))


def test_the_count_is_rounded_down_bounded_by_the_valid_tokens_and_by_the_minimum():
    assert selection.fraction_count(0.0299, EVERYTHING) == 2
    assert selection.fraction_count(2e-4, EVERYTHING) == 0
    assert selection.fraction_count(2e-4, EVERYTHING, minimum=1) == 1
    assert selection.fraction_count(1.0, jnp.zeros((2, 3), bool), minimum=1) == 0


def test_a_fraction_beyond_its_bound_is_cut_at_the_compiled_capacity():
    scores = jax.random.normal(jax.random.key(2), (4, 25))
    assert selection.top_fraction(scores, EVERYTHING, 0.5, max_fraction=0.03).sum() == 3


def test_a_moving_fraction_does_not_recompile():
    traces = []

    @jax.jit
    def choose(fraction):
        traces.append(None)
        return selection.top_fraction(jnp.arange(100.0).reshape(4, 25), EVERYTHING, fraction, 0.05)

    assert [int(choose(fraction).sum()) for fraction in (0.0, 0.01, 0.05)] == [0, 1, 5]
    assert len(traces) == 1


def test_the_lot_of_a_token_depends_on_its_sample_and_position_alone():
    ids = jnp.asarray([5, 3, 900], jnp.uint32)
    scores = selection.random_scores(jax.random.key(0), ids, 16)
    moved = selection.random_scores(jax.random.key(0), ids[::-1], 9)
    np.testing.assert_array_equal(scores[::-1, :9], moved)
    assert not np.array_equal(scores, selection.random_scores(jax.random.key(1), ids, 16))


def test_a_random_subset_is_uniform_over_the_eligible_tokens():
    eligible = jnp.zeros((4, 5), bool).at[0].set(True).at[2, :3].set(True)  # 8 tokens, 2 of them each time
    keys = jax.random.split(jax.random.key(0), 2000)
    draw = jax.jit(jax.vmap(lambda key: selection.random_subset(key, eligible, jnp.arange(4), jnp.int32(2), 0.1)))
    counts = np.asarray(draw(keys).sum(0))[np.asarray(eligible)]
    assert counts.sum() == 4000  # exactly two a draw, all of them eligible
    assert np.abs(counts - 500).max() < 97  # 2000 * 2/8, five standard deviations of sqrt(2000 * 1/4 * 3/4) = 19.4


def test_all_eligible_tokens_are_taken_if_there_are_too_few():
    eligible = jnp.zeros((4, 25), bool).at[1, 1].set(True)
    chosen = selection.random_subset(jax.random.key(0), eligible, jnp.arange(4), jnp.int32(5), 0.05)
    np.testing.assert_array_equal(chosen, eligible)


ON_EIGHT_DEVICES = """
import re, sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from entropy_rl.ops import selection
assert len(jax.devices()) == 8
scores = jnp.round(jax.random.normal(jax.random.key(0), (16, 64)), 1)
mask = jax.random.bernoulli(jax.random.key(1), 0.8, (16, 64))
ids = jnp.arange(16, dtype=jnp.uint32)
def choose(scores, mask, ids, fraction):
    few = selection.top_fraction(scores, mask, fraction, 0.05)
    many = selection.top_fraction(scores, mask, 10 * fraction, 0.5)
    lots = selection.random_subset(jax.random.key(2), mask, ids, jnp.int32(20), 0.05)
    return few, many, lots
alone = jax.jit(choose)(scores, mask, ids, 0.04)
for shape in ((8, 1, 1), (2, 2, 2), (1, 4, 2)):
    mesh = jax.make_mesh(shape, ("data", "fsdp", "tensor"), axis_types=(AxisType.Auto,) * 3)
    with jax.set_mesh(mesh):
        rows = NamedSharding(mesh, P(("data", "fsdp")))
        placed = [jax.device_put(x, rows) for x in (scores, mask, ids)]
        compiled = jax.jit(choose, out_shardings=rows).lower(*placed, 0.04).compile()
        for one, other in zip(alone, compiled(*placed, 0.04)):
            np.testing.assert_array_equal(one, other)
        gathers = [tuple(map(int, dims.split(","))) if dims else () for dims in
                   re.findall(r"= \\w+\\[([\\d,]*)\\][^=]* all-gather", compiled.as_text())]
        assert gathers, "the candidates must be gathered"
        print(shape, sorted(set(gathers)))
        # 52 candidates of each shard; a gather of every score would hold 1024 numbers
        assert max(int(np.prod(dims)) for dims in gathers) <= 52 * 8, gathers
"""


def test_eight_devices_choose_the_same_tokens_and_never_gather_the_scores():
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    run = subprocess.run([sys.executable, "-c", ON_EIGHT_DEVICES], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
