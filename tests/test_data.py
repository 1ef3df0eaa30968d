"""The command that prepares, shows and counts, as it is typed."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from tests.tasks import make_files

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def command(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "entropy_rl.data", *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """A prepared GSM8K of 60 rows, from a manual folder."""
    folder = tmp_path_factory.mktemp("data")
    make_files.write_gsm8k(folder / "gsm8k", train=40, test=20)
    code, _, errors = command("prepare", "gsm8k", f"--data_dir={folder / 'data'}", f"--manual_dir={folder}")
    assert code == 0 and "20 test problems" in errors, errors
    return folder


def test_problems_are_shown(folder):
    code, shown, _ = command("show", "gsm8k", "--split=test", "--number=2", f"--data_dir={folder / 'data'}")
    assert code == 0 and shown.count("[test ") == 2 and "How many" in shown and "answer: " in shown


def test_a_file_and_a_dataset_are_counted(folder):
    code, shown, _ = command("stats", "gsm8k", str(folder / "gsm8k" / "train.jsonl"), f"--data_dir={folder / 'data'}")
    assert code == 0 and shown.count("answers: integer") == 2
    assert shown.count("answers that the verifier cannot read: 0") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "gsm8"), "did you mean gsm8k?"),
        (("prepare", "rows.jsonl"), "does not exist|needs no preparation"),
        (("stats", "nowhere.jsonl"), "nowhere.jsonl does not exist"),
        (("forget", "gsm8k"), "write prepare, show or stats"),
        (("show",), "write prepare, show or stats"),
        (("show", "countdown", "--split=test", "--first=999"), "the test split of countdown has 192 problems"),
    ],
)
def test_a_mistake_ends_with_one_sentence(words, message):
    import re

    code, _, errors = command(*words)
    assert code != 0 and re.search(message, errors + _) and "Traceback" not in errors
