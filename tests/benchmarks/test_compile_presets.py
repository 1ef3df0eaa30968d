"""The presets for TPU slices: made for the slice that they name, and fitting it where that was found."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks import compile_presets
from entropy_rl.parallel import topologies
from entropy_rl.presets import load_config, preset_names, presets_folder

PRESETS = [name for name in preset_names() if name.startswith("tpu_")]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_made_for_the_slice_that_it_names(name):
    topology = topologies.parse(compile_presets.slice_of(name))
    kind, number = re.match(r"tpu_(v\w+?)_(\d+)_", name).groups()  # type: ignore[union-attr]
    assert topologies.parse(f"{kind}-{number}") == topology
    text = (presets_folder() / f"{name}.py").read_text()
    assert f"Made for {topology.chips} devices" in text
    config = load_config(name)
    *_, tensor = config.mesh.resolve(topology.chips)
    policy = config.policy
    assert not [
        size for size in (policy.heads, policy.kv_heads, policy.feed_forward, policy.vocab_size) if size % tensor
    ]
    assert (config.rollout.prompts, config.rollout.responses) == (256, 8)
    assert (config.rollout.prompt_tokens, config.rollout.response_tokens) == (2048, 8192)


def test_the_page_is_made_of_the_results():
    found = compile_presets.RESULTS / "README.md"
    if not found.exists():
        pytest.skip("nothing was compiled yet")
    assert found.read_text() == compile_presets.page(compile_presets.RESULTS)


@pytest.mark.parametrize("path", sorted(compile_presets.RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_a_result_is_of_its_preset_as_it_is_now(path):
    record = json.loads(path.read_text())
    assert record["config"] == path.stem and record["topology"] == compile_presets.slice_of(path.stem)
    assert record["note"].startswith("compiled ahead of time")
    for program in record["programs"]:
        assert program["fits"] == (not program["error"] and program["needed"] <= record["memory_bytes"])
