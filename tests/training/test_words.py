"""A run in words: a published checkpoint with its tokenizer and chat template, trained, resumed and asked."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from etils import epath

from entropy_rl import training
from entropy_rl.config import CheckpointConfig, Config, EvaluationConfig, HuggingFace, RolloutConfig, UpdateConfig
from entropy_rl.models import checkpoints
from entropy_rl.models.decoder import Decoder
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rollout.templates import Chat
from entropy_rl.tasks.text_task import TextTask
from entropy_rl.training import revisit
from entropy_rl.training.evaluation import held_out
from tests.rollout import tiny_tokenizers

ENDS = tuple("abcdefghijklmnopqrstuvwxyz")  # random weights end their answers on them
LONG = 7  # every so many prompts one does not fit


@dataclasses.dataclass(frozen=True)
class Words(TextTask):
    """Right is whatever holds an even number of letters: half of what random weights say."""

    def problems(self, split: str) -> list[Problem]:
        texts = [f"What is {n} + 1?<|im_end|>" + " and" * (400 if n % LONG == 0 else 0) for n in range(21)]
        return [Problem(f"{split}/{n}", text, str(n + 1)) for n, text in enumerate(texts)]

    def verify(self, problem: Problem, response: str) -> Verdict:
        return Verdict(float(len(response) % 2 == 0))


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("models") / "model"
    policy = Decoder(320, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=32)
    checkpoints.save(policy.init(jax.random.key(0)), policy, folder)
    tiny_tokenizers.write(folder)
    return Config(
        name="words",
        task=Words(),
        policy=policy,
        init=HuggingFace(str(folder)),
        template=Chat(suffix="\nThink."),
        rollout=RolloutConfig(prompts=4, responses=4, prompt_tokens=128, response_tokens=8, stop=ENDS),
        update=UpdateConfig(mini_batches=2),
        evaluation=EvaluationConfig(every=2, problems=4, test_problems=4, samples=4),
        checkpoint=CheckpointConfig(every=1, keep=2, samples_every=1),
        steps=2,
    )


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> training.Run:
    return training.run(config, str(tmp_path_factory.mktemp("runs") / "run"))


def test_a_run_in_words_trains_on_what_the_model_says(run, config):
    assert len(run.metrics) == 3 and 0.0 < run.summary["test"]["pass@1"] < 1.0  # the first is before any step
    texts = [response["text"] for sample in run.samples for response in sample["responses"]]
    assert len(set(texts)) > 4


def test_prompts_that_do_not_fit_are_left_out_and_no_prompt_is_cut(run):
    assert all(len(sample["prompt"]) < 100 for sample in run.samples)


def test_held_out_prompts_that_do_not_fit_are_counted_and_at_least_one_must(caplog):
    short = lambda prompt: len(prompt) < 100  # noqa: E731
    kept = held_out(Words(), "test", 15, short)
    assert [problem.id for problem in kept] == [f"test/{n}" for n in range(15) if n % LONG]
    assert "3 of 15 prompts of test are too long; the first is test/0" in caplog.text
    with pytest.raises(ValueError, match="1 of 1 prompts of test are too long.*Raise rollout.prompt_tokens"):
        held_out(Words(), "test", 1, short)


def test_it_goes_on_where_it_was_and_is_evaluated_as_it_was(run, config, tmp_path):
    whole = training.run(dataclasses.replace(config, steps=3), str(tmp_path / "whole"))
    training.run(config, str(tmp_path / "parts"))
    parts = training.run(dataclasses.replace(config, steps=3), str(tmp_path / "parts"))
    assert whole.summary["test"] == parts.summary["test"]
    result, step = revisit.evaluate_run(str(tmp_path / "parts"))
    assert step == 3 and np.isclose(result.metrics("test")["test/pass@1"], parts.summary["test"]["pass@1"])
    assert isinstance(revisit.run_config(epath.Path(tmp_path / "parts")).template, Chat)


def test_a_tokenizer_of_another_model_stops_the_run_before_it_begins(config, tmp_path):
    made = tiny_tokenizers.byte_level([f"<|{number}|>" for number in range(200)])
    other = tiny_tokenizers.write(tmp_path / "other", None, made, eos_token="<|0|>")
    changed = dataclasses.replace(config, tokenizer=dataclasses.replace(config.resolved().tokenizer, path=other))
    with pytest.raises(ValueError, match="policy.vocab_size = 320 is smaller than the"):
        training.run(changed, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
