"""configs/paper/README.md names every run of the paper once, and its chip-hours are those of the compile checks."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest

from entropy_rl import presets
from entropy_rl.models import flops

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "configs/paper/README.md").read_text()
COMPILED = ROOT / "benchmarks/results/compile_check"


def test_every_run_of_the_paper_is_listed_and_every_name_is_a_config():
    named = set(re.findall(r"`((?:paper|tpu)_\w+)`", PAGE))
    assert named <= set(presets.preset_names())
    assert {name for name in presets.preset_names() if name.startswith("paper_")} <= named


@pytest.mark.parametrize(
    "name", ["tpu_v5p_16_qwen25_7b", "tpu_v5p_128_qwen25_32b", "tpu_v5e_8_qwen25_0_5b", "tpu_v5e_16_qwen25_1_5b"]
)
def test_chip_hours_are_those_of_the_compiled_programs(name):
    """435 s a step * 16 chips * 300 steps / 3600 s = 580 h, for instance."""
    found = json.loads((COMPILED / f"{name}.json").read_text())
    steps = presets.load_config(name).steps
    hours = found["least_seconds"]["step"] * found["devices"] * steps / 3600
    rows = [line for line in PAGE.splitlines() if f"`{name}`" in line]
    assert rows and all(f"| {hours:,.0f} |" in row for row in rows)


def test_other_chip_hours_are_scaled_from_the_7b_run():
    """Bytes of decoding and operations of the update, over those of the 7B run on v5p-16."""
    found = json.loads((COMPILED / "tpu_v5p_16_qwen25_7b.json").read_text())["least_seconds"]

    def work(name: str) -> tuple[float, float]:
        run = presets.load_config(name)
        policy = dataclasses.replace(run.policy, compute_dtype="bfloat16")
        lengths = np.full(256, run.rollout.prompt_tokens), np.full(2048, run.rollout.response_tokens)
        return flops.decode_bytes(policy, *lengths, replicas=16), flops.update(policy, *lengths)

    decoded, computed = work("tpu_v5p_16_qwen25_7b")
    hours = {}
    for name in re.findall(r"`(paper_\w+)` \| v5p-16 \| ≈", PAGE) + ["tpu_v5p_128_qwen25_32b"]:
        ours = work(name)
        seconds = found["rollout"] * ours[0] / decoded + found["update"] * ours[1] / computed
        hours[name] = seconds * 8 * 300 / 3600
    assert f"it says {hours.pop('tpu_v5p_128_qwen25_32b'):,.0f} for" in PAGE and len(hours) == 7
    for name, value in hours.items():
        assert f"`{name}` | v5p-16 | ≈ {float(f'{value:.2g}'):,.0f} |" in PAGE


def test_what_was_not_run_says_so():
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "`paper_" in line and "lab/" not in line]
    assert len(rows) == 19 and all(row.endswith("| not run |") for row in rows)


def test_the_first_three_experiments_are_studies_of_the_lab():
    listed = re.search(r"--config=([\w,]+)\n", PAGE)
    assert listed and set(listed[1].split(",")) <= set(presets.study_names())
