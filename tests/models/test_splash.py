"""The kernel for TPUs, in Pallas' interpreter on the CPU, against the attention that is exact everywhere."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import attention, checks, splash
from entropy_rl.models.attention import Manner
from entropy_rl.models.decoder import UNLIMITED, Decoder
from entropy_rl.ops import partition

PROMPTS, WIDTH, GROUP, LENGTH, KV_HEADS, QUERIES, HEAD = 3, 100, 2, 30, 1, 2, 64
MANNERS = {
    "plain": Manner(0.2),
    "capped, windows": Manner(0.2, 2.0, jnp.int32(40), (UNLIMITED, 40)),
}


def projected(rng, rows, length):
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    one_of = (rows, length, KV_HEADS)
    return draw(*one_of, QUERIES, HEAD), draw(*one_of, HEAD), draw(*one_of, HEAD)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    mask = np.ones((PROMPTS, WIDTH), bool)
    mask[1, :37] = False  # a shorter prompt
    mask[2] = False  # a row of padding
    return projected(rng, PROMPTS, WIDTH), projected(rng, PROMPTS * GROUP, LENGTH), jnp.asarray(mask)


@pytest.mark.parametrize("name", MANNERS)
def test_the_kernel_and_its_gradient_equal_exact_attention(inputs, name):
    prompt, response, mask = inputs
    assert splash.row_length(WIDTH + GROUP * LENGTH) == (256, 128)  # several blocks, responses across their borders
    counted = mask[:, :, None, None, None]

    def attended(implementation):
        manner = dataclasses.replace(MANNERS[name], implementation=implementation)

        def both(prompt, response):
            of_prompts, of_responses = attention.of_prompts_and_responses(prompt, response, mask, manner)
            return jnp.where(counted, of_prompts, 0.0), of_responses  # nobody reads what padding gets

        values, gradients_of = jax.vjp(both, prompt, response)
        return values, gradients_of(jax.tree.map(jnp.cos, values))

    expected, found = jax.jit(lambda: attended("xla"))(), jax.jit(lambda: attended("splash"))()
    for one, other in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        # Sums of up to 160 terms of size 1 in float32, in another order: some 1e-6.
        np.testing.assert_allclose(one, other, atol=2e-5, rtol=1e-5)


def test_a_mask_says_what_two_segments_say_position_by_position():
    prompt, response, window, total = 4, 3, 5, 12  # a prompt, two responses and two positions of nothing
    mask = splash.RowMask(prompt, response, window, total)[0:total, 0:total]
    for query in range(total):
        for key in range(total):
            numbers = [-1 if at < prompt else (at - prompt) // response for at in (query, key)]
            places = [at if at < prompt else prompt + (at - prompt) % response for at in (query, key)]
            same_text = numbers[1] == -1 or numbers[0] == numbers[1]
            expected = key <= query and same_text and places[0] - places[1] < window
            assert mask[query, key] == expected, (query, key)


def test_a_block_of_a_mask_is_that_part_of_the_whole():
    mask = splash.RowMask(4, 3, 5, 12)
    np.testing.assert_array_equal(mask[3:9, 2:6], mask[0:12, 0:12][3:9, 2:6])
    assert not mask[0:4, 4:12].any()


def test_every_position_sees_one_at_least_or_its_softmax_would_divide_by_zero():
    assert splash.RowMask(5, 4, 1, 16)[0:16, 0:16].any(axis=1).all()


@pytest.mark.parametrize(
    ("length", "expected"),
    [(100, 100), (120, 128), (500, 512), (1100, 1152), (2047, 2048), (17, 17)],  # 1100 <= 1152 <= 1.125 * 1100 < 1280
)
def test_lengths_grow_to_blocks_that_cost_an_eighth_at_most(length, expected):
    assert splash.aligned(length) == expected


@pytest.mark.parametrize(
    ("positions", "expected"), [(100, (128, 128)), (4096, (4096, 512)), (700, (768, 256)), (4000, (4096, 512))]
)
def test_rows_take_the_biggest_blocks_that_waste_little(positions, expected):
    assert splash.row_length(positions) == expected


def test_heads_are_copied_only_where_devices_are_more_than_they():
    assert splash.copies_of_heads(kv_heads=4, queries_per_head=7, devices=2) == 1
    assert splash.copies_of_heads(kv_heads=2, queries_per_head=6, devices=4) == 2
    assert splash.copies_of_heads(kv_heads=2, queries_per_head=7, devices=4) == 0  # 7 queries do not halve
    assert splash.copies_of_heads(kv_heads=4, queries_per_head=7, devices=3) == 0


@pytest.fixture
def tpu(monkeypatch):
    monkeypatch.setattr(partition, "platform", lambda: "tpu")


def test_the_kernel_is_chosen_where_it_can_run(tpu):
    assert attention.choose("auto", 12, 2, 128) == "splash"
    assert attention.choose("splash", 12, 2, 128) == "splash"
    assert attention.choose("xla", 12, 2, 128) == "xla"
    assert attention.choose("auto", 4, 2, 16) == "xla"


def test_exact_attention_is_chosen_on_a_cpu():
    assert attention.choose("auto", 12, 2, 128) == "xla"


@pytest.mark.parametrize(
    ("name", "head_width", "words"),
    [("splash", 16, "multiples of 64.*head_width is 16"), ("cudnn", 128, "not available"), ("flash", 128, "choose")],
)
def test_what_cannot_run_is_refused_by_name(tpu, name, head_width, words):
    with pytest.raises(ValueError, match=words):
        attention.choose(name, 4, 2, head_width)


def test_a_kernel_for_tpus_is_refused_on_a_cpu_before_anything_compiles():
    with pytest.raises(ValueError, match="kernel for TPUs.*cpu.*'auto'"):
        checks.validate(Decoder(vocab_size=8, head_width=64, attention="splash"))


def test_heads_that_do_not_split_over_devices_are_refused(tpu, monkeypatch):
    monkeypatch.setattr(partition, "axis_sizes", lambda: {"tensor": 4})
    assert attention.choose("splash", 12, 2, 128) == "splash"  # 3 queries per device, two devices share a key head
    assert attention.choose("auto", 14, 2, 128) == "xla"
    with pytest.raises(ValueError, match="mesh.tensor = 4.*policy.heads = 14"):
        attention.choose("splash", 14, 2, 128)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")
def test_the_kernel_compiles_for_eight_tpus_however_they_split_heads():
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TPU_", "ALLOW_", "JAX_PLAT"))}
    command = [sys.executable, "-m", "tests.models.splash_ahead"]
    run = subprocess.run(command, env=clean, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [mesh["tensor"] for mesh, *_ in found] == [2, 4]
    assert all(kernels == ["dkv", "dq", "fwd"] for _, kernels, _ in found)


@pytest.mark.slow
def test_rows_and_heads_split_over_eight_devices_change_nothing():
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    command = [sys.executable, "-m", "tests.models.splash_devices"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [mesh["tensor"] for mesh, _ in found] == [2, 4]
    assert all(apart <= 2e-5 for _, apart in found)  # sums of up to 60 terms in another order
