"""Decoders of two families on eight devices: the same numbers, nothing whole by accident, nothing big gathered."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.models import eight_devices

# One row of numbers each, too little to split; adapters are cut along their wide side only where that side divides.
MAY_BE_WHOLE = {
    "attention_norm", "mlp_norm", "final_norm", "query_norm", "key_norm", "attention_post_norm", "mlp_post_norm",
    "query_bias", "key_bias", "value_bias", "output_lora_a", "down_lora_a",
    *(f"{name}_lora_b" for name in ("query", "key", "value", "gate", "up")),
}  # fmt: skip
VOCABULARY = 88  # no number of tokens on a device, 40 or 96
TOKENS = 7  # of a response


@pytest.fixture(scope="module")
def rows():
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    command = [sys.executable, "-m", "tests.models.eight_devices"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(name, mesh) for name, mesh, *_ in found] == [
        (name, mesh) for name in eight_devices.DECODERS for mesh in list(eight_devices.MESHES)[1:]
    ]
    return found


@pytest.mark.slow
def test_updates_on_eight_devices_equal_those_on_one(rows):
    for name, mesh, apart, *_ in rows:
        assert apart <= 1e-5, (name, mesh, apart)


@pytest.mark.slow
def test_no_parameter_lies_whole_on_every_device_by_accident(rows):
    for name, mesh, _, whole, _ in rows:
        allowed = MAY_BE_WHOLE if "tensor" not in mesh else {n for n in MAY_BE_WHOLE if n.endswith("norm")}
        assert set(whole) <= allowed, (name, mesh, whole)


@pytest.mark.slow
def test_neither_logits_nor_the_activations_of_the_whole_batch_are_gathered(rows):
    prompts, batch = eight_devices.PROMPTS, eight_devices.PROMPTS * eight_devices.GROUP
    for name, mesh, _, _, collectives in rows:
        gathered = [shape for kind, dtype, shape in collectives if kind == "all-gather" and dtype != "s32"]
        assert gathered  # of weights, layer by layer; or the pattern that reads the program has gone stale
        for shape in gathered:
            assert shape[0] not in (prompts, batch) or TOKENS - 1 not in shape[1:2], (name, mesh, shape)
            assert len(shape) < 3 or VOCABULARY not in shape, (name, mesh, shape)


@pytest.mark.slow
def test_a_vocabulary_that_is_split_stays_split_where_tokens_are_looked_up(rows):
    for name, mesh, _, _, collectives in rows:
        if "tensor" in mesh:
            assert not [shape for _, _, shape in collectives if VOCABULARY in shape], (name, mesh)
