"""A run's config in its folder, where it held what no file can hold."""

from __future__ import annotations

import dataclasses

import pytest
from etils import epath

from entropy_rl import overrides
from entropy_rl.absent import Absent
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.ops.schedules import Controlled
from entropy_rl.tasks.local import Problems
from entropy_rl.training import snapshot

BONUS = Controlled("bonus", low=-1.0, high=1.0)
ROWS = [{"question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(40)]


def even(problem, completion):
    return float(completion.n_tokens % 2 == 0)


def read_back(config: Config, folder) -> Config:
    (folder / snapshot.FILE).write_text(snapshot.as_python(config))
    return snapshot.load(epath.Path(folder))


def test_a_function_and_rows_in_memory_leave_a_config_that_can_be_read(tmp_path):
    config = Config(task=Problems(ROWS), reward=even)
    again = read_back(config, tmp_path)
    assert overrides.diff(overrides.flatten(config), overrides.flatten(again)) == []
    assert dataclasses.replace(again, task=config.task, reward=even) == config


def test_what_is_absent_says_so_when_it_is_used(tmp_path):
    again = read_back(Config(task=Problems(ROWS), reward=even), tmp_path)
    for use in (lambda: again.reward(None, None), lambda: again.task.size("test")):
        with pytest.raises(ValueError, match="the run's folder does not hold it; do this from the config file"):
            use()


def test_a_printed_config_names_the_function_itself():
    assert f"reward={__name__}.even" in overrides.describe(Config(reward=even))
    assert repr(Absent(f"{__name__}.even")) in overrides.describe(Config(reward=even), readable=True)


def test_a_field_that_an_older_version_did_not_know_is_no_change_while_it_is_at_its_default():
    config = Config()
    stored = {path: value for path, value in overrides.flatten(config).items() if not path.startswith("rollout.pieces")}
    assert overrides.additions(stored, config) == {"rollout.pieces"}
    moved = dataclasses.replace(config, rollout=dataclasses.replace(config.rollout, pieces=2))
    assert overrides.additions(stored, moved) == set()


def test_a_field_that_a_part_of_a_list_did_not_have_is_added_too():
    run = dataclasses.replace(Config(), closed_loop=(EntropyLoop(InNats(0.3), (BONUS,)),))
    stored = overrides.flatten(run)
    del stored["closed_loop[0].controller.measure_every"]
    assert overrides.additions(stored, run) == {"closed_loop[0].controller.measure_every"}
    moved = EntropyLoop(InNats(0.3), (BONUS,), SelfTuning(measure_every=5))
    assert overrides.additions(stored, dataclasses.replace(run, closed_loop=(moved,))) == set()
