"""Tokenizer, template and lengths of a run: where they come from, and what does not fit together."""

from __future__ import annotations

import dataclasses

import pytest

from entropy_rl import wording
from entropy_rl.config import Config, EvaluationConfig, HuggingFace, RandomWeights, RolloutConfig
from entropy_rl.controls.shaped_advantage import PlanningCredit
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.problem import Problem
from entropy_rl.rollout.refinement import Refinement
from entropy_rl.rollout.templates import Chat, Plain
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.text_task import TextTask
from tests.rollout import tiny_tokenizers

LENGTHS = RolloutConfig(prompt_tokens=128, response_tokens=16)
POLICY = Decoder(320)
COUNTDOWN = Countdown()


@dataclasses.dataclass(frozen=True)
class Sums(TextTask):
    def problems(self, split: str) -> list[Problem]:
        return [Problem(f"{split}/{number}", f"What is {number} + 1?", str(number + 1)) for number in range(400)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return tiny_tokenizers.write(tmp_path_factory.mktemp("model"))


def words(folder: str, **changes) -> Config:
    return Config(task=Sums(), policy=POLICY, init=HuggingFace(folder), rollout=LENGTHS, **changes)


def test_an_embedded_task_brings_its_own_tokenizer_and_lengths():
    config = Config().resolved()
    assert config.tokenizer is None and config.template is None
    assert config.text_tokenizer == config.task.tokenizer
    assert (config.rollout.prompt_tokens, config.rollout.response_tokens) == (6, 11)


def test_lengths_of_the_config_come_before_those_of_the_task():
    config = Config(rollout=RolloutConfig(prompt_tokens=9, response_tokens=20)).resolved()
    assert (config.rollout.prompt_tokens, config.rollout.response_tokens) == (9, 20)


def test_a_checkpoint_brings_its_tokenizer_unless_another_is_named(folder):
    config = words(folder).resolved()
    assert config.tokenizer == HuggingFaceTokenizer(folder) and config.template == Plain()
    config.validate()
    assert config.resolved() == config
    other = words(folder, tokenizer=HuggingFaceTokenizer("other"), template=Chat()).resolved()
    assert other.tokenizer == HuggingFaceTokenizer("other") and other.template == Chat()


def test_a_revision_goes_with_its_tokenizer():
    config = Config(policy=POLICY, init=HuggingFace("some/model", "abc")).resolved()
    assert config.tokenizer == HuggingFaceTokenizer("some/model", "abc")


def test_a_policy_without_a_vocabulary_has_that_of_the_checkpoints_tokenizer(folder):
    config = dataclasses.replace(words(folder), policy=Decoder()).resolved()
    assert config.policy.vocab_size == HuggingFaceTokenizer(folder).vocab_size


CHANGES = [
    ({"init": RandomWeights()}, "Sums is a task in words and brings no tokenizer"),
    ({"rollout": RolloutConfig(response_tokens=16)}, "rollout.prompt_tokens is 0.*such as rollout.prompt_tokens=1024"),
    ({"rollout": RolloutConfig(prompt_tokens=16)}, "rollout.response_tokens is 0"),
    ({"rollout": RolloutConfig(prompt_tokens=-1, response_tokens=1)}, "rollout.prompt_tokens is -1"),
    ({"template": Plain("no place")}, "must hold {prompt} once"),
    ({"tokenizer": HuggingFaceTokenizer("")}, "tokenizer.path is empty"),
    ({"refinement": Refinement(), "task": COUNTDOWN}, "set refinement=none"),
    ({"loss": PolicyLoss(ClippedSurrogate(), shapers=(PlanningCredit(),))}, "reads the roles of tokens"),
]


@pytest.mark.parametrize(("changes", "message"), CHANGES, ids=[message for _, message in CHANGES])
def test_what_cannot_be_written_is_refused_before_anything_is_read(changes, message):
    config = dataclasses.replace(words("/no/such/folder"), **changes)
    with pytest.raises(ValueError, match=message):
        config.validate()


def test_a_warm_start_and_a_template_are_for_the_tokenizer_that_they_belong_to(folder):
    with pytest.raises(ValueError, match="init is WarmStart.*use HuggingFace, FromRun or RandomWeights"):
        Config(tokenizer=HuggingFaceTokenizer(folder), policy=POLICY, rollout=LENGTHS).validate()
    with pytest.raises(ValueError, match="template is Chat, but Countdown.*use template=none"):
        Config(template=Chat()).validate()


def test_an_embedded_task_can_be_asked_of_a_published_model(folder):
    config = dataclasses.replace(words(folder), task=COUNTDOWN, evaluation=EvaluationConfig(test_problems=8)).resolved()
    config.validate()
    wording.check_tokenizer(config)
    assert config.text_tokenizer == HuggingFaceTokenizer(folder)


def test_a_tokenizer_with_more_tokens_than_the_policy_is_another_models(folder):
    config = dataclasses.replace(words(folder), policy=Decoder(100)).resolved()
    size = HuggingFaceTokenizer(folder).vocab_size
    with pytest.raises(
        ValueError, match=f"vocab_size = 100 is smaller than the {size} tokens of the tokenizer {folder}"
    ):
        wording.check_tokenizer(config)


def test_a_tokenizer_with_far_fewer_tokens_is_probably_another_models(folder, caplog):
    wording.check_tokenizer(words(folder).resolved())
    assert "another model's" not in caplog.text
    wording.check_tokenizer(dataclasses.replace(words(folder), policy=Decoder(1000)).resolved())
    assert "is it another model's?" in caplog.text


def test_stop_tokens_and_the_template_are_tried_before_memory_is_spent(folder):
    check = lambda **rollout: wording.check_tokenizer(  # noqa: E731
        dataclasses.replace(words(folder, template=Chat()), rollout=dataclasses.replace(LENGTHS, **rollout)).resolved()
    )
    check(stop=("<|im_start|>",))
    with pytest.raises(ValueError, match="rollout.stop names 'Question:', which is .* tokens"):
        check(stop=("Question:",))
    with pytest.raises(ValueError, match="the template takes .* tokens, but rollout.prompt_tokens = 8; raise it"):
        check(prompt_tokens=8)
