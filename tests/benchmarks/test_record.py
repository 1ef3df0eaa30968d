"""What a line says of its origin."""

from __future__ import annotations

import json

import pytest

from benchmarks import record


def test_a_line_tells_commit_versions_hardware_and_load(capsys):
    record.emit("a table", {"benchmark": "step"})
    text, line = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert text == "a table" and found["benchmark"] == "step"
    assert {"commit", "dirty", "versions", "hardware", "backend", "load", "command"} <= found.keys()
    assert "jax" in found["versions"]


def test_a_saved_line_is_the_printed_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(record, "RESULTS", tmp_path)
    record.emit("", {"benchmark": "step", "size": "S"}, save="step_S")
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert json.loads((tmp_path / "step_S.json").read_text()) == printed


@pytest.mark.parametrize("flag", ["--trl_python=/home/me/venv/bin/python", "--save=/tmp/x"])
def test_the_command_names_no_folder_of_this_machine(flag):
    found = record.command(["/home/me/clone/benchmarks/step.py", "--size=S", flag])
    assert found == f"python benchmarks/step.py --size=S {flag.split('=')[0]}=..."


def test_columns_of_a_table_are_as_wide_as_their_widest_cell():
    assert record.table(["", "b"], [["long", "1"], ["x", "222"]]).splitlines() == [
        "     |   b",
        "long |   1",
        "x    | 222",
    ]
