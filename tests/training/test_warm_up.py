"""What is compiled ahead is what a run compiles: the same programs, to the letter."""

from __future__ import annotations

import jax
import pytest
from absl import logging as absl_logging
from etils import epath

from entropy_rl.parallel import compilation
from entropy_rl.rollout import engine as engines
from entropy_rl.training import collect, loop, programs, session, warm_up, workdirs
from tests.training import looped_run, tiny_run


class Recorded(Exception):
    """A call was caught."""


class Recorder:
    """Lowers a program with the arguments of its first call, and ends that call."""

    def __init__(self, function) -> None:
        self.function, self.text = function, ""

    def __call__(self, *arguments, **options):
        self.text = self.function.lower(*arguments, **options).as_text()
        raise Recorded

    def _cache_size(self) -> int:
        return 0


@pytest.mark.parametrize("preset", [tiny_run, looped_run], ids=["tiny", "looped"])
def test_the_programs_of_a_step_are_those_compiled_ahead(preset, tmp_path, monkeypatch):
    folder = epath.Path(tmp_path / "run")
    config = workdirs.check(preset.get_config().resolved(), str(folder), ())
    with session.open_session(config, folder, str(tmp_path / "bases")) as opened:
        ahead = {program.name: program for program in programs.of(opened.config, opened.engine.mesh, opened.engine)}
        sampling = Recorder(engines.generate)
        with monkeypatch.context() as patched, pytest.raises(Recorded):
            patched.setattr(engines, "generate", sampling)
            collect._sampled(opened, opened.publish(opened.params), opened.stream.take(config.rollout.prompts))
        assert sampling.text == ahead["sampling"].lower().as_text()

        opened.update = Recorder(ahead["update"].function)
        with pytest.raises(Recorded):
            loop.train_step(opened)
        assert opened.update.text == ahead["update"].lower().as_text()


def test_nothing_is_compiled_ahead_where_it_could_not_be_found_again(monkeypatch):
    monkeypatch.setattr(compilation.jax, "config", _Settings({}))
    warm_up.compile_ahead(None, None)  # does not even look at them


def test_programs_are_kept_where_the_user_says_or_under_the_users_cache(tmp_path, monkeypatch):
    wanted = jax.config.jax_compilation_cache_dir
    assert wanted  # conftest
    compilation.keep_programs()
    assert jax.config.jax_compilation_cache_dir == wanted
    changed = {}
    monkeypatch.setattr(compilation.jax, "config", _Settings(changed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compilation.keep_programs()
    assert changed["jax_compilation_cache_dir"] == str(tmp_path / compilation.FOLDER)
    assert (tmp_path / compilation.FOLDER).is_dir()


def test_a_folder_that_cannot_be_made_costs_the_cache_and_not_the_run(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("")
    changed = {}
    monkeypatch.setattr(compilation.jax, "config", _Settings(changed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with caplog.at_level("WARNING", logger=absl_logging.get_absl_logger().name):
        compilation.keep_programs()
    assert not changed


class _Settings:
    """JAX's configuration before anybody set anything."""

    jax_compilation_cache_dir = None
    jax_enable_compilation_cache = True

    def __init__(self, changed: dict) -> None:
        self.changed = changed

    def update(self, name: str, value) -> None:
        self.changed[name] = value
