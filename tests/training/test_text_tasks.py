"""Files of GSM8K's and MATH's schemas train end to end: words, a template, a mixture, dynamic sampling."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from entropy_rl import training
from entropy_rl.config import CheckpointConfig, Config, EvaluationConfig, RandomWeights, RolloutConfig, UpdateConfig
from entropy_rl.models.decoder import Decoder
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.rollout.templates import Plain
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
from entropy_rl.tasks.local import LocalProblems
from entropy_rl.tasks.mixture import Mixture
from tests.rollout import tiny_tokenizers
from tests.tasks import make_files
from tests.training.resuming import outcome


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("texts")
    gsm8k, gsm8k_test = map(str, make_files.write_gsm8k(folder / "gsm8k"))
    math, math_test = map(str, make_files.write_math(folder / "math"))
    words = LocalProblems(gsm8k, test=gsm8k_test, name="gsm8k")
    boxed = LocalProblems(math, prompt="problem", answer="solution", test=math_test, labels=("level",), name="math")
    return Config(
        name="texts",
        task=Mixture({words: 2.0, boxed: 1.0}),
        tokenizer=HuggingFaceTokenizer(tiny_tokenizers.write(folder / "tokenizer")),
        template=Plain("Q: {prompt}\nA:"),
        policy=Decoder(vocab_size=0, layers=1, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=32),
        init=RandomWeights(),
        rollout=RolloutConfig(prompts=4, responses=2, prompt_tokens=176, response_tokens=6),
        sampling=DynamicSampling(rounds=2),
        update=UpdateConfig(mini_batches=2),
        evaluation=EvaluationConfig(every=0, problems=4, test_problems=4, samples=2),
        checkpoint=CheckpointConfig(every=2, samples_every=1),
        steps=2,
    )


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "run"
    training.run(config, str(workdir))
    return workdir


def test_it_trains_on_both(run):
    records = outcome(run)["metrics"][1:]
    assert [record["step"] for record in records] == [1, 2]
    assert {"task/gsm8k/accuracy", "task/math/accuracy"} <= set(records[0]) | set(records[1])
    for record in records:
        assert np.isfinite(record["loss/total"]) and record["sampling/rounds"] == 2.0
        assert record["sampling/filled"] == 1.0  # random weights solve nothing, and yet no run ends for it


def test_what_was_read_is_what_was_asked(run):
    for sample in outcome(run)["samples"]:
        assert sample["problem_id"].startswith(("gsm8k/", "math/"))
        assert sample["reference"] and "#" not in sample["reference"] and "boxed" not in sample["reference"]
