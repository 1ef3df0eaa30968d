"""Where the final answer stands in an answer column."""

from __future__ import annotations

import pytest

from entropy_rl.tasks.columns import final_part, last_boxed


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $\boxed{5}$.", "5"),
        (r"\boxed{\frac{1}{2}} then \boxed{\frac{3}{4}}", r"\frac{3}{4}"),  # the last one
        (r"\boxed{\left\{ 1, 2 \right\}}", r"\left\{ 1, 2 \right\}"),
        (r"it is $\boxed 7$, as said", "7"),
        (r"\fbox{x}", "x"),
        (r"\boxed{never closed", None),
        (r"\boxed{}", None),
        ("no box", None),
    ],
)
def test_the_last_box_is_read_with_its_braces_matched(text, answer):
    assert last_boxed(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"), [("a\n#### 1,234", "1234"), ("#### -5 ", "-5"), ("5", None), ("####", None)]
)
def test_what_stands_behind_the_hashes_is_one_number(text, answer):
    assert final_part(text, "hashes") == answer


def test_the_whole_column_is_the_answer_where_it_is_said_so():
    assert final_part(" 5 #### 6 ", "whole") == "5 #### 6"
