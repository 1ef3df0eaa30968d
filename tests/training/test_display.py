"""Progress is told to whoever is there: a terminal, a notebook, a log."""

import io
import sys
import types

import jax
import pytest
import rich.console
from absl import logging

from entropy_rl.training import display
from entropy_rl.training.alarms import Alarm
from entropy_rl.training.display import Display, LogScreen, NotebookScreen, TerminalScreen, choose_screen, duration

RECORD = {"step": 3, "reward/mean": 0.25, "entropy/token_mean": 0.3125}
ALARM = Alarm(3, "truncation", "75 % [of] the answers are cut", "raise the limit")


class Recorder:
    def __init__(self):
        self.lines, self.messages, self.closed = [], [], False

    def update(self, done, total, text, important):
        self.lines.append((done, total, text, important))

    def message(self, text):
        self.messages.append(text)

    def close(self):
        self.closed = True


def test_a_line_holds_the_step_and_the_figures_that_are_there():
    screen = Recorder()
    with Display("grpo", 10, screen) as shown:
        shown.show(3, RECORD)
        shown.show(4, RECORD | {"validation/pass@1": 0.5}, [ALARM])
        shown.show(5, {"reward/mean": None})
    texts = [text for _, _, text, _ in screen.lines]
    assert texts[0] == "grpo 3/10: reward 0.250, entropy 0.312 nats"
    assert texts[1].startswith("grpo 4/10: reward 0.250, entropy 0.312 nats, pass@1 0.500, ") and "left" in texts[1]
    assert "pass@1 0.500" in texts[2]  # the last validation stays in sight
    assert [important for *_, important in screen.lines] == [False, True, False]
    assert "truncation" in screen.messages[0] and "raise the limit" in screen.messages[0] and screen.closed


def test_the_remaining_time_follows_the_pace(monkeypatch):
    clock = iter([100.0, 102.0, 104.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    screen = Recorder()
    shown = Display("grpo", 100, screen)
    for step in (20, 21, 22):  # a resumed run: 2 s per step, 78 steps to go
        shown.show(step, RECORD)
    assert screen.lines[-1][2].endswith("2.00 s/step, 3 min left")


def test_goodput_stands_beside_the_time_that_is_left(monkeypatch):
    clock = iter([100.0, 102.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    screen = Recorder()
    shown = Display("grpo", 100, screen)
    for step in (1, 2):
        shown.show(step, RECORD | {"speed/goodput": 0.874})
    assert "goodput" not in screen.lines[0][2]
    assert screen.lines[1][2].endswith("3 min left, goodput 87%")


def test_samples_show_the_best_and_the_worst_answer():
    screen = Recorder()
    responses = [{"text": text, "reward": reward} for text, reward in (("a", 0.5), ("b", 0.0), ("c", 1.0))]
    Display("grpo", 10, screen).show_samples([{"step": 3, "prompt": "p", "responses": responses}])
    assert screen.messages == ["step 3: 'p' -> 'c' (reward 1)", "step 3: 'p' -> 'b' (reward 0)"]
    Display("grpo", 10, screen).show_samples([])


def test_the_log_gets_a_line_now_and_then_and_all_that_is_important(monkeypatch, caplog):
    logging.get_absl_logger().propagate = True
    clock = iter([0.0, 1.0, 2.0, 11.0, 12.0])
    monkeypatch.setattr(display.time, "monotonic", lambda: next(clock))
    screen = LogScreen(seconds=10.0)
    with caplog.at_level("INFO"):
        for number, important in enumerate([False, False, True, False, True]):
            screen.update(number, 5, f"line {number}", important)
        screen.message("ALARM: x")
    assert [record.message for record in caplog.records] == ["line 0", "line 2", "line 4", "ALARM: x"]
    assert caplog.records[-1].levelname == "WARNING"


def test_the_terminal_shows_the_line_and_what_is_logged_and_gives_the_log_back():
    output = io.StringIO()
    handler = logging.get_absl_handler().python_handler
    before = handler.stream
    screen = TerminalScreen(rich.console.Console(file=output, force_terminal=True, width=120))
    with Display("grpo", 10, screen) as shown:
        shown.show_warm_start(5, 10, 1.25)
        shown.show(3, RECORD, [ALARM])
    assert "grpo 3/10" in output.getvalue() and "75 % [of] the answers" in output.getvalue()
    assert handler.stream is before


def test_a_notebook_line_changes_in_place(monkeypatch):
    shown, updated = [], []
    handle = types.SimpleNamespace(update=lambda data, raw: updated.append(data["text/plain"]))

    def show(data, raw, display_id=None):
        shown.append(data["text/plain"])
        return handle

    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=show))
    screen = NotebookScreen()
    with Display("grpo", 10, screen) as run:
        run.show(3, RECORD, [ALARM])
        run.show(4, RECORD)
    assert len(updated) == 2 and updated[1].startswith("grpo 4/10")
    assert shown[0] == "" and "ALARM" in shown[1]


def test_other_processes_are_silent(monkeypatch, caplog):
    logging.get_absl_logger().propagate = True
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    with caplog.at_level("INFO"), Display("grpo", 10) as shown:
        shown.show(10, RECORD, [ALARM])
        shown.show_warm_start(1, 2, 0.5)
        shown.show_samples([{"step": 1, "prompt": "", "responses": [{"text": "", "reward": 0.0}]}])
    assert caplog.records == []


def test_without_a_terminal_the_log_is_chosen(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(choose_screen("grpo"), LogScreen)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (150, "2 min"), (9000, "2.5 h")])
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text
