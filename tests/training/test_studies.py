"""A study's runs are made once, in pairs, wherever they are asked for; what is missing keeps the verdict back."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import math
import pathlib

import pytest
from etils import epath

from entropy_rl import presets, study, training
from entropy_rl.config import RandomWeights
from entropy_rl.lab import test_time, verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, AtTestTime, Study
from entropy_rl.training import loop, studies, study_results
from entropy_rl.training.alarms import NonFiniteError
from entropy_rl.training.studies import Choice
from tests.training.resuming import CONFIG_FILE

PASS_1 = verdicts.test("pass@1")


@dataclasses.dataclass(frozen=True)
class Counted:
    """An experiment that tells how often it ran, and ends where it is told."""

    name: str
    score: float
    seed: int = 0

    def run(self, workdir: str) -> None:
        folder = pathlib.Path(workdir)
        with open(folder / "metrics.jsonl", "a") as lines:
            lines.write(json.dumps({"step": 1, "validation/pass@1": self.score}) + "\n")
        summary = {"test": {"pass@1": self.score + self.seed / 100}, "seed": self.seed, "seconds": 1.0}
        (folder / "summary.json").write_text(json.dumps(summary))


def example(low: float = 0.0, **changes) -> Study:
    bar = Bar("pass@1, b - a", lambda results: results.difference("b", "a", PASS_1), low=low)
    arms = (Arm("a", Counted("one", 0.5)), Arm("b", Counted("two", 0.6)))
    return dataclasses.replace(Study("example", "b is better", "nobody", (bar,), arms), **changes)


def times_run(workdir: pathlib.Path, folder: str) -> int:
    path = workdir / "pool" / folder / "metrics.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_all_arms_of_a_seed_come_before_the_next_seed():
    order = [(planned.arm, planned.key[1]) for planned in example().planned()]
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_every_base_has_runs_of_its_own_and_pairs_stay_together():
    config = presets.load_config("countdown_grpo")
    arms = (Arm("a", config), Arm("b", dataclasses.replace(config, name="other")))
    planned = list(example(arms=arms, bases=(0, 1), seeds=(4, 5)).planned())
    assert [run.folder for run in planned[:4]] == [
        "countdown_grpo/seed4", "other/seed4", "countdown_grpo_base1/seed4", "other_base1/seed4",
    ]  # fmt: skip
    assert [run.setting.init.seed for run in planned[:4]] == [0, 0, 1, 1] and planned[3].key == (1, 4)


def test_a_run_is_made_once_and_is_every_studys(tmp_path):
    studies.run_study(example(), str(tmp_path))
    studies.run_study(example(name="another", seeds=(0, 1, 2, 3)), str(tmp_path))
    assert [times_run(tmp_path, f"one/seed{seed}") for seed in range(4)] == [1, 1, 1, 1]
    summary = json.loads((tmp_path / "pool/one/seed1/summary.json").read_text())
    assert summary["name"] == "one" and summary["commit"] and summary["test"] == {"pass@1": 0.51}


def test_a_setting_that_changed_under_its_name_is_run_again(tmp_path):
    studies.run_study(example(), str(tmp_path))
    changed = example(arms=(Arm("a", Counted("one", 0.7)), Arm("b", Counted("two", 0.6))))
    assert len(studies.results(changed, str(tmp_path)).of("a")) == 0
    studies.run_study(changed, str(tmp_path))
    assert studies.results(changed, str(tmp_path)).values("a", PASS_1)[0, 0] == 0.7


def test_arms_seeds_and_shards_can_be_chosen(tmp_path):
    studies.run_study(example(), str(tmp_path), Choice(only=["b"], seeds=[1]))
    assert sorted(path.parent.name for path in (tmp_path / "pool").glob("*/*/summary.json")) == ["seed1"]
    first, second = (Choice(shard=(place, 2)).of(example()) for place in (0, 1))
    assert len(first) == len(second) == 3 and not {run.folder for run in first} & {run.folder for run in second}


@pytest.mark.parametrize(
    ("choice", "named"),
    [
        (Choice(only=["c"]), "--arm=c, but example has a, b"),
        (Choice(seeds=[7]), "--seeds=7, but example has 0, 1, 2"),
        (Choice(shard=(2, 2)), "--shard=2/2"),
    ],
)
def test_a_choice_of_what_is_not_there_says_what_is(choice, named, tmp_path):
    with pytest.raises(ValueError, match=named):
        studies.run_study(example(), str(tmp_path), choice)
    assert not any(tmp_path.iterdir())


def test_a_run_under_way_elsewhere_is_left_alone(tmp_path):
    (tmp_path / "pool/one").mkdir(parents=True)
    with open(tmp_path / "pool/one/.seed0.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        studies.run_study(example(seeds=(0,)), str(tmp_path))
    assert times_run(tmp_path, "one/seed0") == 0 and times_run(tmp_path, "two/seed0") == 1


def test_the_verdict_waits_for_every_planned_run(tmp_path):
    studies.run_study(example(), str(tmp_path), Choice(seeds=[0, 1]))
    found = study_results.record(example(), studies.results(example(), str(tmp_path)))
    assert found["verdict"] == "not run" and found["bars"][0]["met"] is True and found["runs"]["finished"] == 4
    studies.run_study(example(), str(tmp_path))
    found = study_results.record(example(), studies.results(example(), str(tmp_path)))
    assert found["verdict"] == "reproduces" and found["bars"][0]["found"]["mean"] == pytest.approx(0.1)
    assert found["arms"][0]["runs"][2] == {"base": 0, "seed": 2, "test pass@1": 0.52} | {
        label: None for label, _ in study.FIGURES[1:]
    }
    assert found["provenance"]["seconds"] == 6.0
    failed = study_results.record(example(low=0.2), studies.results(example(), str(tmp_path)))
    assert failed["verdict"] == "does not reproduce"


def test_the_table_says_what_was_asked_and_found(tmp_path):
    studies.run_study(example(), str(tmp_path))
    lines = study_results.table(study_results.record(example(), studies.results(example(), str(tmp_path)))).splitlines()
    assert lines[0] == "example: reproduces (6 of 6 runs)"
    assert lines[2] == "  met     pass@1, b - a: 0.100 [0.100, 0.100], asked at least 0.000"
    assert lines[3].startswith("  a (3 runs): test pass@1 0.510 [0.485, 0.535]")  # std .01, t_2 4.303: .0248


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"bars": ()}, "has no bars; say what is tested before it is run"),
        ({"name": "a/b"}, "no plain word"),
        ({"arms": (Arm("a", Counted("one", 0.5)), Arm("b", Counted("one", 0.6)))}, "two of one setting, one"),
        ({"arms": (Arm("a", Counted("one", 0.5)), Arm("a", Counted("two", 0.6)))}, "two of one arm, a"),
        ({"arms": (Arm("a", Counted("one", 0.5), after="b"), Arm("b", Counted("two", 0.6)))}, "no arm before it"),
        ({"bases": (1,)}, "a Counted, which has no base"),
        ({"seeds": (0, 0)}, "two of one seed"),
        ({"seeds": (-1,)}, "at least 0"),
    ],
)
def test_a_study_that_cannot_be_judged_is_refused(changes, named, tmp_path):
    with pytest.raises(ValueError, match=named):
        studies.run_study(example(**changes), str(tmp_path))


def test_a_study_with_bases_needs_warm_starts():
    config = dataclasses.replace(presets.load_config(str(CONFIG_FILE)), init=RandomWeights())
    with pytest.raises(ValueError, match="no warm start"):
        example(arms=(Arm("a", config),), bases=(0, 1)).validate()


def test_a_run_with_a_bad_end_is_a_result_and_misses_its_bar(tmp_path, monkeypatch):
    tiny = dataclasses.replace(presets.load_config(str(CONFIG_FILE)), init=RandomWeights(), steps=1, name="first")
    diverging, made = dataclasses.replace(tiny, name="second"), loop.run

    def run(config, *arguments, **options):
        if config.name == "second":
            made(config, *arguments, **options)
            pathlib.Path(arguments[0], "summary.json").unlink()
            raise NonFiniteError(7, "loss/total", math.nan, None)
        made(config, *arguments, **options)

    monkeypatch.setattr(studies.loop, "run", run)
    subject = example(arms=(Arm("a", tiny), Arm("b", diverging)), seeds=(3,))
    studies.run_study(subject, str(tmp_path))
    found = study_results.record(subject, studies.results(subject, str(tmp_path)))
    assert found["runs"]["finished"] == 2 and found["verdict"] == verdicts.FAILS
    assert found["runs"]["failed"] == ["second: loss/total was not finite in step 7"]
    assert found["bars"][0]["met"] is None


def test_training_runs_are_arms_too_and_one_may_start_where_another_ended(tmp_path):
    tiny = dataclasses.replace(presets.load_config(str(CONFIG_FILE)), init=RandomWeights(), steps=2, name="first")
    arms = (Arm("a", tiny), Arm("b", dataclasses.replace(tiny, name="second", steps=1), after="a"))
    subject = example(arms=arms, seeds=(3,))
    studies.run_study(subject, str(tmp_path))
    first, second = (training.Run(epath.Path(tmp_path / "pool" / name / "seed3")) for name in ("first", "second"))
    assert first.summary["seed"] == 3 and first.summary["steps"] == 2
    assert second.summary["base"]["entropy"] == first.summary["test"]["entropy"] != first.summary["base"]["entropy"]
    found = studies.results(subject, str(tmp_path))
    assert list(found.values("b", PASS_1)) == [(0, 3)]
    again = Study("again", "c", "s", subject.bars, arms[:1], seeds=(3,))
    assert len(studies.results(again, str(tmp_path)).of("a")) == 1
    stored = json.loads((tmp_path / "pool/second/seed3/config.json").read_text())["flat"]
    assert stored["init.path"] == str(tmp_path / "pool/first/seed3")


def test_a_figure_that_no_run_has_is_not_judged_as_missed(tmp_path):
    bar = Bar("pass@64", lambda results: results.mean("a", verdicts.test("pass@64")), low=0.5)
    asked = example(bars=(*example().bars, bar))
    studies.run_study(asked, str(tmp_path))
    found = study_results.record(asked, studies.results(asked, str(tmp_path)))
    assert found["runs"]["finished"] == found["runs"]["planned"] and found["verdict"] == "not measured"


def test_finished_runs_are_sampled_at_other_temperatures_once(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(studies.sweep, "sweep_run", lambda *asked: calls.append(asked) or test_time.Sweep(1, 2, 8, ()))
    asked = example(seeds=(0,), test_time=AtTestTime((0.5, 1.0), samples=8))
    for _ in range(2):
        studies.run_study(asked, str(tmp_path))
    assert [call[1:] for call in calls] == [((0.5, 1.0), 8)] * 2  # of each arm
    written = json.loads((tmp_path / "pool/one/seed0" / test_time.FILE).read_text())
    assert written["samples"] == 8 and written["commit"]
