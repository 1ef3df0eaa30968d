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
