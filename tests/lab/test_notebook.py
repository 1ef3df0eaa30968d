import html
import re

import pytest

from entropy_rl.lab import notebook
from tests.lab import fake_runs


def page(shown: notebook.Shown) -> str:
    match = re.search(r'srcdoc="([^"]*)"', shown._repr_html_())
    assert match
    return html.unescape(match[1])


def test_a_frame_holds_the_chosen_sections_and_nothing_around_them(tmp_path):
    folders = [fake_runs.write_run(tmp_path / name, name) for name in ("a", "b")]
    text = page(notebook.show(folders, only=["Entropy and reward"]))
    assert "Policy entropy" in text and text.count("data-switch=") == 2
    assert "What entropy buys" not in text and "How these runs were made" not in text and "<h1>" not in text
    assert "How these runs were made" in page(notebook.show(folders))


def test_a_hostile_name_does_not_leave_its_frame(tmp_path):
    hostile = '"></iframe><script>alert(1)</script>'
    shown = notebook.show([fake_runs.write_run(tmp_path / "a", hostile, steps=20)])._repr_html_()
    assert shown.count("<iframe") == shown.count("</iframe>") == 1 and "<script" not in shown


def test_a_section_that_these_runs_have_nothing_for_says_so_and_a_misspelt_one_is_refused(tmp_path):
    folder = fake_runs.write_run(tmp_path / "a", steps=20)
    text = page(notebook.show([folder], only=["The entropy ledger"]))
    assert "<h2>The entropy ledger</h2>" in text and "None of these runs" in text and "<svg" not in text
    with pytest.raises(ValueError, match="'The ledger'; there are Entropy and reward, What entropy buys"):
        notebook.show([folder], only=["The ledger"])
