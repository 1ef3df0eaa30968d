"""Evaluation by name: a run from a published checkpoint, before and after, on small fake benchmarks."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import numpy as np
import pytest
from absl import app, flags

from entropy_rl import evaluate, training
from entropy_rl.problem import Problem
from entropy_rl.tasks import datasets
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.datasets import builder
from entropy_rl.tasks.datasets.gsm8k import GSM8K
from entropy_rl.training import benchmarks, subjects
from entropy_rl.training.evaluation import Evaluation
from entropy_rl.training.protocols import Protocol
from tests import flagsaver
from tests.tasks import make_files
from tests.training import words
from tests.training.words import Digest


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> str:
    return words.write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def trained(published, tmp_path_factory) -> str:
    workdir = tmp_path_factory.mktemp("runs") / "run"
    training.run(words.config(published, Digest()), str(workdir))
    return str(workdir)


def _asked(protocol: Protocol, **fields) -> benchmarks.Benchmark:
    return benchmarks.benchmark("digest", Digest(**fields), protocol)


def test_a_run_is_compared_with_the_checkpoint_it_started_from(trained, published):
    subject = subjects.open_subject(trained, rows=8)
    (score,) = benchmarks.run(subject, [_asked(Protocol(0.6, 6), count=5)])
    assert [state for state, _ in subject.states] == ["before", "after"] == list(score.results)
    assert {state: result.correct.shape for state, result in score.results.items()} == {
        "before": (5, 6),
        "after": (5, 6),
    }
    assert score.results["before"].answers != score.results["after"].answers
    alone = subjects.open_subject(published, template="plain", response_tokens=6, rows=16)
    config = dataclasses.replace(alone.config, template=subject.config.template)
    (base,) = benchmarks.run(dataclasses.replace(alone, config=config), [_asked(Protocol(0.6, 6), count=5)])
    assert base.results["after"].answers == score.results["before"].answers  # in batches of another size, too


def test_greedy_answers_are_one_per_problem_and_certain_at_their_temperature(trained):
    (score,) = benchmarks.run(subjects.open_subject(trained), [_asked(Protocol(0.0, 1))])
    for result in score.results.values():
        assert result.correct.shape == (6, 1) and result.entropy == 0.0 and result.unit_entropy > 0.0
    again = benchmarks.run(subjects.open_subject(trained, rows=4), [_asked(Protocol(0.0, 1))])[0]
    assert again.results["after"].answers == score.results["after"].answers


def test_a_prompt_longer_than_those_of_the_run_is_answered_whole(trained):
    long = Problem("long", "What is " + "1 + " * 60 + "1?", "61")
    asked = benchmarks.Benchmark("long", Digest(), Protocol(0.0, 1), [long])
    (score,) = benchmarks.run(subjects.open_subject(trained), [asked])
    assert score.results["after"].correct.shape == (1, 1)


def test_a_published_model_has_no_before(published):
    subject = subjects.open_subject(published, response_tokens=5)
    assert [state for state, _ in subject.states] == ["after"] and subject.step is None
    assert type(subject.config.template).__name__ == "Chat"  # its tokenizer has a chat template
    assert subject.config.rollout.response_tokens == 5


def _score(name: str, before: list[list[bool]] | None, after: list[list[bool]]) -> benchmarks.Score:
    evaluation = lambda rows: Evaluation(np.array(rows), [["1"] * len(row) for row in rows], 0.5, 7.0, 0.6)  # noqa: E731
    samples = len(after[0])
    problems = [Problem(str(n), "?", "1") for n in range(len(after))]
    asked = benchmarks.Benchmark(name, Digest(), Protocol(0.6 if samples > 1 else 0.0, samples), problems)
    results = {"after": evaluation(after)} | ({"before": evaluation(before)} if before else {})
    return benchmarks.Score(asked, results)


ROWS = _score("aime24", [[True, False], [False, False]], [[True, True], [True, False]])


def test_scores_are_shares_of_right_answers_and_changes_are_paired():
    np.testing.assert_array_equal(ROWS.values("before"), [0.5, 0.0])
    np.testing.assert_array_equal(ROWS.changes, [0.5, 0.5])
    figures = ROWS.figures()
    assert figures["before"]["pass@1"] == 0.25 and figures["after"]["avg@2"] == 0.75
    assert (figures["change"], figures["change/interval"]) == (0.5, [0.5, 0.5])  # both problems gained as much
    assert figures["protocol"] == {"temperature": 0.6, "samples": 2} and figures["problems"] == 2
    assert figures["after"]["entropy at temperature 1"] == 0.6


def test_the_table_shows_before_after_and_change_in_percent_with_a_mean():
    lines = benchmarks.table([ROWS, _score("gsm8k", [[False]], [[True]])]).splitlines()
    assert lines[0].split() == [
        "%",
        "protocol",
        "problems",
        "before",
        "95",
        "%",
        "after",
        "95",
        "%",
        "change",
        "95",
        "%",
    ]
    expected = "aime24 avg@2, T=0.6 2 25.0 0.0 .. 50.0 75.0 50.0 .. 100.0 +50.0 +50.0 .. +50.0"
    assert lines[1].split() == expected.split()
    expected = "gsm8k greedy 1 0.0 0.0 .. 0.0 100.0 100.0 .. 100.0 +100.0 +100.0 .. +100.0"
    assert lines[2].split() == expected.split()
    assert lines[3].split() == ["mean", "12.5", "87.5", "+75.0"]
    assert benchmarks.table([_score("gsm8k", None, [[True]])]).splitlines()[0].split()[3:] == ["score", "95", "%"]


def test_names_and_files_are_looked_up_and_a_near_miss_is_suggested(tmp_path):
    assert list(benchmarks.tasks_named(["math500", "gsm8k"], "/data")) == ["math500", "gsm8k"]
    assert benchmarks.tasks_named(["gsm8k"], "/data")["gsm8k"] == datasets.Gsm8k(data_dir="/data")
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"question": f"{n}?", "answer": n}) + "\n" for n in range(7)))
    asked = benchmarks.benchmark("mine", benchmarks.tasks_named([str(path)])[str(path)], Protocol(0.0, 1))
    assert sorted(problem.prompt for problem in asked.problems) == [f"{n}?" for n in range(7)]  # the whole file
    with pytest.raises(ValueError, match="'aime2024' is unknown; did you mean aime24"):
        benchmarks.tasks_named(["aime2024"])
    with pytest.raises(ValueError, match="names gsm8k twice"):
        benchmarks.tasks_named(["gsm8k", "gsm8k"])


def test_a_task_without_a_test_and_a_number_below_one_are_refused():
    with pytest.raises(ValueError, match="digest has no test split"):
        benchmarks.benchmark("digest", Digest(count=0), Protocol(0.0, 1))
    with pytest.raises(ValueError, match="--problems is 0"):
        benchmarks.benchmark("digest", Digest(), Protocol(0.0, 1), most=0)
    assert len(benchmarks.benchmark("digest", Digest(), Protocol(0.0, 1), most=4).problems) == 4


def _evaluated(**values) -> None:
    flags.FLAGS.mark_as_parsed()
    settings = {"run": None, "model": None, "tasks": [], "problems": None, "samples": None, "temperature": None}
    settings |= {"step": None, "json": None, "revision": None, "rows": None, "response_tokens": None, "data_dir": ""}
    with flagsaver.flagsaver(**(settings | values)):
        evaluate.main(["evaluate"])


def test_the_command_writes_both_columns_with_their_origin(trained, tmp_path):
    _evaluated(model=trained, problems=3, json=str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["model"] == trained and figures["step"] == 2 and figures["protocol"] == "paper"
    assert {"commit", "hardware", "command"} <= figures.keys()
    score = figures["benchmarks"]["digest"]
    assert score["problems"] == 3 and score["protocol"] == {"temperature": 0.0, "samples": 1}
    assert score["change"] == pytest.approx(score["after"]["pass@1"] - score["before"]["pass@1"])


def test_a_prepared_dataset_is_answered_by_its_name(published, tmp_path):
    make_files.write_gsm8k(tmp_path / "gsm8k", train=8, test=6)
    builder.prepare(GSM8K, str(tmp_path / "data"), str(tmp_path))
    where = {"data_dir": str(tmp_path / "data"), "json": str(tmp_path / "figures.json")}
    _evaluated(model=published, tasks=["gsm8k"], problems=5, response_tokens=4, rows=16, **where)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["step"] is None and figures["response_tokens"] == 4 and "Chat(" in figures["template"]
    score = figures["benchmarks"]["gsm8k"]
    assert score["problems"] == 5 and score["after"]["pass@1"] == 0.0 and "before" not in score


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name either a run"),
        ({"run": "a", "model": "b"}, "name either a run"),
        ({"run": "a", "tasks": ["gsm8k"]}, "--tasks=gsm8k goes with --model; write --model=a"),
        ({"model": "RUN", "revision": "main"}, "--revision=main is of a published model"),
        ({"model": "RUN", "step": 7}, "holds no checkpoint of step 7; choose one of 2"),
        ({"model": "MODEL", "step": 7}, "--step=7 is of a run"),
        ({"model": "MODEL"}, "say what it shall answer"),
        ({"model": "MODEL", "template": "poem", "tasks": ["gsm8k"]}, "--template=poem is unknown"),
        ({"model": "MODEL", "tasks": ["gsm8k"], "data_dir": "/nowhere"}, "GSM8K is not prepared in /nowhere"),
        ({"model": "RUN", "response_tokens": -1}, "rollout.response_tokens is -1"),
        ({"model": "/no/such"}, "/no/such"),
    ],
)
def test_a_wrong_flag_is_answered_in_a_sentence(trained, published, values, message):
    named = {"RUN": trained, "MODEL": published}
    with pytest.raises(app.UsageError) as error:
        _evaluated(**{name: named.get(str(value), value) for name, value in values.items()})
    assert message in str(error.value)


def test_a_run_in_a_tasks_own_tokens_answers_nothing_else(trained):
    subject = subjects.open_subject(trained)
    config = dataclasses.replace(subject.config, tokenizer=None, task=Countdown())
    with pytest.raises(ValueError, match="trained on Countdown's own tokens and cannot read digest"):
        benchmarks.run(dataclasses.replace(subject, config=config), [_asked(Protocol(0.0, 1))])


def test_evaluation_leaves_the_run_as_it_was(trained):
    listed = lambda: {path: path.stat().st_mtime_ns for path in pathlib.Path(trained).rglob("*")}  # noqa: E731
    before = listed()
    benchmarks.run(subjects.open_subject(trained), [_asked(Protocol(0.0, 1), count=1)])
    assert listed() == before
