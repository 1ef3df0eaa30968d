"""What a process concludes from the signs of life of the others."""

from __future__ import annotations

import itertools
import json
import queue
from typing import Any

import pytest

from entropy_rl.parallel import watchdog
from entropy_rl.parallel.watchdog import EXIT_CODE, SILENT_SECONDS, STALL_SECONDS, Watchdog


@pytest.fixture
def watch(monkeypatch):
    monkeypatch.setattr(watchdog, "_PERIOD", 3600.0)  # its own thread never looks
    return Watchdog(store=None, process=0, processes=2)


def beat(number: int, at: str = "", waited: float = 0.0) -> str:
    return json.dumps({"n": number, "at": at, "for": waited, "host": "vm"})


def signs(*beats: str, **others: dict[int, str]) -> dict[str, Any]:
    return {"beat": dict(enumerate(beats)), "failed": {}, "over": {}, **others}


def test_a_process_that_goes_on_beating_is_left_alone(watch):
    assert watch.trouble(signs(beat(1), beat(1)), 0.0) is None
    assert watch.trouble(signs(beat(9), beat(2)), SILENT_SECONDS + 1) is None


def test_a_silent_process_is_lost_and_named(watch):
    assert watch.trouble(signs(beat(1), beat(1)), 0.0) is None
    message, code = watch.trouble(signs(beat(9), beat(1)), SILENT_SECONDS + 1)
    assert message.startswith("process 1 on vm has given no sign of life for 31 s") and code == EXIT_CODE


def test_a_process_lost_before_its_first_sign_is_missed_too(watch):
    assert watch.trouble(signs(beat(1)), 0.0) is None
    message, code = watch.trouble(signs(beat(9)), SILENT_SECONDS + 1)
    assert message.startswith("process 1 on an unknown host has given no sign of life") and code == EXIT_CODE


def test_a_record_that_cannot_be_read_blinds_nobody(watch):
    assert watch.trouble(signs(beat(1), "no JSON"), 0.0) is None
    assert watch.trouble(signs(beat(9), '{"n": 1}'), SILENT_SECONDS + 1) is None  # it changed: its writer lives
    message, code = watch.trouble(signs(beat(9), '{"n": 1}'), 2 * SILENT_SECONDS + 2)
    assert "process 1" in message and code == EXIT_CODE
    assert watch.trouble(signs(failed={1: "[1]"}), 0.0) == ("process 1 failed: [1]", 1)


def test_the_watch_outlives_an_error_of_its_own(monkeypatch):
    class Store:
        def key_value_set(self, *_: Any, **__: Any) -> None:
            """Nobody reads it."""

        def key_value_dir_get(self, folder: str) -> list[tuple[str, str]]:
            return []

    looks = itertools.chain(
        [ZeroDivisionError("a look that fails"), ("process 1 is lost", EXIT_CODE)], itertools.repeat(None)
    )

    def trouble(self: Watchdog, *_: Any) -> Any:
        look = next(looks)
        if isinstance(look, Exception):
            raise look
        return look

    monkeypatch.setattr(watchdog, "_PERIOD", 0.001)
    monkeypatch.setattr(Watchdog, "trouble", trouble)
    left: queue.Queue[tuple[str, int]] = queue.Queue()
    watch = Watchdog(Store(), 1, 2, lambda message, code: left.put((message, code)))
    assert left.get(timeout=10) == ("process 1 is lost", EXIT_CODE)
    watch.stop()


def test_a_process_that_has_ended_in_order_is_not_missed(watch):
    assert watch.trouble(signs(beat(1), beat(1)), 0.0) is None
    assert watch.trouble(signs(beat(9), beat(1), over={1: "yes"}), SILENT_SECONDS + 1) is None


def test_a_failure_is_passed_on_with_its_exit_code_but_not_ones_own(watch):
    failed = {1: json.dumps(["process 1 on vm failed: no room", 1])}
    assert watch.trouble(signs(beat(1), beat(1), failed=failed), 0.0) == ("process 1 on vm failed: no room", 1)
    assert watch.trouble(signs(beat(1), beat(1), failed={0: failed[1]}), 0.0) is None


def test_what_a_process_said_when_it_ended_is_found_by_whoever_meets_its_closed_socket(watch):
    class Store:
        texts = [
            ("watchdog/failed/0", json.dumps(["mine", 1])),
            ("watchdog/failed/1", json.dumps(["asked to stop", 143])),
        ]

        def key_value_dir_get(self, folder: str) -> list[tuple[str, str]]:
            return [text for text in self.texts if text[0].startswith(folder)]

    assert watch.told() is None  # there is no store to ask
    watch._store = Store()
    assert watch.told() == ("asked to stop", 143)
    watch._store.texts = watch._store.texts[:1]
    assert watch.told() is None


def test_processes_that_wait_for_different_things_are_told_so(watch):
    long = STALL_SECONDS + 1
    message, _ = watch.trouble(signs(beat(1, "step 3", long), beat(1, "device results", long)), 0.0)
    assert "process 0 on vm for step 3; process 1 on vm for device results" in message
    assert watch.trouble(signs(beat(2, "step 3", long), beat(2, "step 3", long)), 1.0) is None
    assert watch.trouble(signs(beat(3, "step 3", long), beat(3, "", 0.0)), 2.0) is None  # it works: for hours, perhaps
    assert watch.trouble(signs(beat(4, "step 3", long), beat(4, "device results", 5.0)), 3.0) is None


def test_the_outermost_wait_is_the_one_that_is_told():
    with watchdog.waiting("the verdicts"), watchdog.waiting("device results"):
        assert watchdog._Station.label == "the verdicts"
    assert watchdog._Station.label == ""
