import pytest

from entropy_rl.lab import text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\0", "␀"),
        ("\x1b[2J", "␛[2J"),
        ("\u202e", "⟨U+202E⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\x85", "⟨U+0085⟩"),
        ("é\n\t→", "é\n\t→"),
    ],
)
def test_letters_that_escaping_cannot_tame_are_made_visible(hostile, shown):
    assert text.visible(hostile) == shown


def test_long_text_is_cut_and_says_by_how_much():
    assert text.visible("a" * 1_000_000, 10) == "aaaaaaaaaa … (999990 more characters)"
