import json

import pytest

from entropy_rl.lab import follow
from tests.lab import fake_runs


def test_a_run_is_followed_from_before_it_begins_to_its_end(tmp_path):
    folder = tmp_path / "r"
    acts = [
        lambda: fake_runs.write_run(folder, steps=3, summary=False),
        lambda: None,  # nothing new: nothing is told
        lambda: fake_runs.write_run(folder, steps=5, summary=False),
        lambda: (folder / "summary.json").write_text(json.dumps({"name": "grpo", "test": {"pass@1": 0.5}})),
    ]
    pending = iter(acts)
    told = [(len(runs[0].records), ended) for runs, ended in follow.changes([folder], 1.0, lambda _: next(pending)())]
    assert told == [(3, False), (5, False), (5, True)]


def test_all_runs_must_have_ended(tmp_path):
    done, other = fake_runs.write_run(tmp_path / "a"), tmp_path / "b"
    pending = iter([lambda: fake_runs.write_run(other, "other")])
    told = [(len(runs), ended) for runs, ended in follow.changes([done, other], 1.0, lambda _: next(pending)())]
    assert told == [(1, False), (2, True)]


def test_it_waits_as_long_as_it_was_told(tmp_path):
    waited = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(follow.changes([tmp_path / "never"], 2.5, sleep))
    assert waited == [2.5] * 3


def test_a_log_of_another_trainer_is_waited_for_while_it_holds_its_header_only(tmp_path):
    path = tmp_path / "verl.csv"
    path.write_text("step,actor/entropy\n")
    pending = iter([lambda: path.write_text("step,actor/entropy\n0,.5\n")])
    assert told(path, pending) == [1]


def test_a_log_whose_first_lines_hold_neither_entropy_nor_reward_is_looked_at_again(tmp_path, caplog):
    path, first = tmp_path / "verl.jsonl", json.dumps({"step": 0, "data": {"val-core/math/acc/mean@1": 0.1}}) + "\n"
    path.write_text(first)
    later = json.dumps({"step": 1, "data": {"actor/entropy": 0.5}}) + "\n"
    pending = iter([lambda: None, lambda: path.write_text(first + later)])
    assert told(path, pending) == [2]
    assert caplog.text.count("neither entropy nor reward") == 1


class Ended(Exception):
    """Nothing more is pending."""


def told(path, pending) -> list[int]:
    """How many records there are, each time that one is told, until nothing more is pending."""
    found = []

    def sleep(_: float) -> None:
        if (act := next(pending, None)) is None:
            raise Ended
        act()

    with pytest.raises(Ended):
        for runs, _ in follow.changes([path], 1.0, sleep):
            found.append(len(runs[0].records))
    return found
