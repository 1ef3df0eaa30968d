"""python -m entropy_rl.chat: answers with a run's policy or a published one, and says what it cannot be asked."""

from __future__ import annotations

import dataclasses
import io
import pathlib

import jax
import pytest
from absl import app, flags

from entropy_rl import chat, presets, training
from entropy_rl.config import RandomWeights
from entropy_rl.models import checkpoints
from entropy_rl.models.decoder import Decoder
from entropy_rl.training.conversation import Answer, Speaker
from tests import flagsaver
from tests.rollout import tiny_tokenizers
from tests.training.resuming import CONFIG_FILE


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    workdir = tmp_path_factory.mktemp("runs") / "run"
    config = presets.load_config(str(CONFIG_FILE))
    training.run(dataclasses.replace(config, init=RandomWeights(), steps=2), str(workdir))
    return str(workdir)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("models") / "model"
    policy = Decoder(320, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=32)
    checkpoints.save(policy.init(jax.random.key(0)), policy, folder)
    return tiny_tokenizers.write(folder)


@pytest.fixture(scope="module")
def speaker(run) -> Speaker:
    return Speaker(run)


def test_a_run_answers_a_prompt_of_its_task(speaker):
    answer = speaker.ask(speaker.example)
    assert 0 < answer.tokens <= speaker.config.rollout.response_tokens
    assert answer.entropy > 0 and set(answer.text.split()) <= set(speaker.config.task.tokenizer.symbols)
    assert f"{answer.tokens} tokens" in str(answer) and "nats/token" in str(answer)


def test_the_seed_decides_the_answers_and_each_question_draws_anew(run, speaker):
    texts = []
    for seed in (3, 3, 4):
        asked = Speaker(run, seed=seed)
        texts.append([asked.ask(asked.example).text for _ in range(3)])
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) > 1


@pytest.mark.parametrize("prompt", ["What is 2 + 2?", "", "1 " * 40])
def test_a_prompt_that_is_none_of_the_task_is_answered_with_one_that_is(speaker, prompt):
    with pytest.raises(ValueError, match="(looks like|such as) '[0-9 ]+ : [0-9]+ >'"):
        speaker.ask(prompt)


def test_a_published_model_answers_words_in_its_chat_template(model):
    asked = Speaker(model, max_tokens=12, system="Be brief.", temperature=0.7)
    answer = asked.ask("What is 12 + 34?")
    assert 0 < answer.tokens <= 12 and asked.example == ""
    assert asked.config.template.system == "Be brief."


def test_temperature_zero_always_says_the_likeliest(run):
    asked = Speaker(run, temperature=0.0)
    assert len({asked.ask(asked.example).text for _ in range(3)}) == 1


def test_prompts_share_the_shapes_of_their_buckets(model):
    asked = Speaker(model, max_tokens=4)
    frame = asked._width("1")
    assert frame == asked._width("12") and frame & (frame - 1) == 0
    assert asked._width("12 " * 60) > frame
    with pytest.raises(ValueError, match="tokens; write between 1 and 8192"):
        asked.ask("1 2" * 9000)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": -1.0}, "--temperature=-1.0 must be at least 0"),
        ({"system": "Be brief."}, "a run is asked as it was trained"),
        ({"step": 1}, "no checkpoint of step 1"),
        ({"revision": "main"}, "is of a published model"),
        ({"max_tokens": -1}, "response_tokens is -1"),
    ],
)
def test_a_setting_that_cannot_be_is_named(run, settings, words):
    with pytest.raises(ValueError, match=words):
        Speaker(run, **settings)


def asked(*arguments: str, **values) -> None:
    flags.FLAGS.mark_as_parsed()
    defaults = {name: None for name in ("run", "model", "revision", "step", "prompt", "system", "max_tokens")}
    with flagsaver.flagsaver(**(defaults | {"temperature": 1.0, "seed": 0} | values)):
        chat.main(["chat", *arguments])


def test_the_command_answers_one_prompt_or_every_line(run, speaker, capsys, monkeypatch):
    asked(run, prompt=speaker.example)
    one = capsys.readouterr().out
    assert one.endswith("\n") and one.count("\n") == 1
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{speaker.example}\n\nnonsense\n{speaker.example}\n"))
    asked(run=run)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0] == one.strip("\n")


def test_the_command_wants_one_model_that_is_there(run, tmp_path):
    for arguments, values in (((), {}), ((run,), {"model": run})):
        with pytest.raises(app.UsageError, match="name one run or model"):
            asked(*arguments, **values)
    (tmp_path / "empty").mkdir()
    with pytest.raises(app.UsageError, match="empty"):
        asked(str(tmp_path / "empty"), prompt="1")
    assert pathlib.Path(run).exists()


def test_nothing_that_a_model_says_steers_the_terminal(monkeypatch, capsys):
    answer = Answer("a\x1b[2J\nb\tc\x07", 3, 0.0, 1.0, True)
    monkeypatch.setattr(Speaker, "__init__", lambda self, *arguments: None)
    monkeypatch.setattr(Speaker, "ask", lambda self, prompt: answer)
    asked("run", prompt="1")
    assert capsys.readouterr().out == "a\N{REPLACEMENT CHARACTER}[2J\nb\tc\N{REPLACEMENT CHARACTER}\n"
