"""The lock of a base: it holds back a second maker of the same base and nobody else."""

from __future__ import annotations

import threading

from etils import epath

from entropy_rl.training import warm_start


def test_a_base_that_is_being_made_does_not_hold_back_another(tmp_path):
    entered = []

    def enter(name):
        with warm_start._one_at_a_time(epath.Path(tmp_path) / name):
            entered.append(name)

    with warm_start._one_at_a_time(epath.Path(tmp_path) / "one"):
        waiting, free = (threading.Thread(target=enter, args=(name,)) for name in ("one", "other"))
        for thread in (waiting, free):
            thread.start()
        free.join(timeout=10)
        assert entered == ["other"]
    waiting.join(timeout=10)
    assert entered == ["other", "one"]
