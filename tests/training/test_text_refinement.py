"""Critique-GRPO in words: failed problems are asked again with the checker's reason."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from entropy_rl import training
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.rollout.refinement import Refinement
from entropy_rl.rollout.templates import Chat
from tests.training import words
from tests.training.words import Digest


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return words.write_model(tmp_path_factory.mktemp("model"))


def _figures(model: str, workdir: pathlib.Path, prompt_tokens: int) -> dict[str, float]:
    loss, task = PolicyLoss(RefinementShaping()), Digest(odds=32)
    config = dataclasses.replace(
        words.config(model, task, prompt_tokens), loss=loss, refinement=Refinement(slots=4), steps=1, template=Chat()
    )
    training.run(config, str(workdir))
    return json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])


def test_failed_problems_are_asked_again_where_there_is_room_for_a_critique(model, tmp_path):
    figures = _figures(model, tmp_path / "run", prompt_tokens=512)
    assert figures["refinement/attempted"] > 0  # of 4 groups of 4, each answer is right with chance 1/32
    assert 0 <= figures["refinement/right"] <= 1


def test_without_room_nothing_is_asked_again_and_the_run_goes_on(model, tmp_path):
    assert _figures(model, tmp_path / "run", prompt_tokens=128)["refinement/attempted"] == 0
