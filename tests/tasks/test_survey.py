"""What is counted in a split is what is in it."""

from __future__ import annotations

import pytest

from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.local import Problems
from entropy_rl.tasks.survey import kind_of, quantiles, survey


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("42", "integer"), ("-1,234", "integer"), ("$7$", "integer"), ("3.50", "decimal"), (r"\frac{1}{2}", "fraction"),
        (r"-\dfrac12", "fraction"), ("3/4", "fraction"), (r"25\%", "percent"), ("(B)", "choice"),
        (r"\text{(C)}", "choice"), ("[1, 2)", "interval or tuple"), (r"(-\infty,1]\cup[2,3)", "interval or tuple"),
        (r"\{1,2\}", "set"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "matrix"), ("y=2x+1", "equation"),
        (r"x\le 3", "inequality"), ("1, 2, 3", "list"), (r"3\sqrt{2}", "root"), (r"\text{even}", "words"),
        ("x^2+1", "expression"),
    ],
)  # fmt: skip
def test_answers_are_told_apart_by_their_looks(answer, kind):
    assert kind_of(answer) == kind


def test_quantiles_are_values_that_a_share_does_not_exceed():
    assert quantiles(list(range(1, 101))) == (50, 95, 100)
    assert quantiles([7]) == (7, 7, 7)


def test_a_split_is_counted():
    rows = [{"question": "ab" * n, "answer": n} for n in range(1, 11)]
    found = survey(Problems(rows, validation_share=0.0, test_share=0.0), "train", 100, count_tokens=len)
    assert found.problems == found.size == 10 and found.answers == {"integer": 10}
    assert found.characters == found.tokens == (10, 20, 20)
    assert (found.repeated, found.held_out, list(found.unreadable)) == (0, 0, [])


def test_repeated_problems_of_an_endless_task_are_seen():
    task = Countdown(max_value=2, max_intermediate=4, validation_problems=1, test_problems=1)
    found = survey(task, "train", 200)
    texts = [task.problem("train", index).prompt for index in range(200)]
    assert found.size is None and found.repeated == 200 - len(set(texts)) > 0 and found.tokens is None


def test_an_empty_split_is_refused():
    task = Problems([{"question": "a", "answer": 1}], validation_share=0.0, test_share=0.0)
    with pytest.raises(ValueError, match="the test split of Problems is empty"):
        survey(task, "test", 10)
