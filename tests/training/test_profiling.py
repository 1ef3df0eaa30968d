"""Traces of chosen steps, and only of those."""

import jax.numpy as jnp
import pytest

from entropy_rl.training import profiling
from entropy_rl.training.profiling import Profiler, chosen


def test_steps_are_named_by_the_first_and_the_last():
    assert chosen("3:5", 10) == range(3, 6)
    assert chosen("7", 10) == range(7, 8)
    assert chosen("", 10) is None


@pytest.mark.parametrize("text", ["5:3", "0:2", "3:11", "x", "3:", ":3", "-1:2", "1:2:3", "3,5"])
def test_a_range_that_is_none_is_refused_with_the_remedy(text):
    with pytest.raises(ValueError, match=r"FIRST <= LAST <= 10"):
        chosen(text, 10)


@profiling.phase("the phase of the test")
def work(x):
    return jnp.tanh(x @ x).sum()


def run(profiler: Profiler, steps: range) -> None:
    for number in steps:
        with profiler.step(number):
            work(jnp.ones((8, 8))).block_until_ready()


def traces(folder) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*.xplane.pb")]


def test_a_trace_shows_steps_and_phases_by_name(tmp_path):
    profiler = Profiler(range(2, 4), tmp_path)
    run(profiler, range(1, 3))
    assert not traces(tmp_path)  # it is written after the last step
    run(profiler, range(3, 6))
    (trace,) = traces(tmp_path / "profile")
    assert b"the phase of the test" in trace


def test_a_run_that_leaves_keeps_what_was_traced_so_far(tmp_path):
    profiler = Profiler(range(1, 100), tmp_path)
    run(profiler, range(1, 2))
    profiler.close()
    profiler.close()
    assert len(traces(tmp_path)) == 1


def test_nothing_is_written_where_no_trace_was_asked_for(tmp_path):
    profiler = Profiler(None, tmp_path)
    run(profiler, range(1, 4))
    profiler.close()
    assert not list(tmp_path.iterdir())
