import pytest

from entropy_rl.verifier import Found, final_answer

NESTED = r"\boxed{\frac{1}{\sqrt{2}}}"


@pytest.mark.parametrize(
    ("response", "text", "source"),
    [
        ("<answer> 42 </answer>", "42", "tag"),
        ("<answer>1</answer> no, <answer>2</answer>", "2", "tag"),
        (r"<answer>so \boxed{3}</answer> and \boxed{4}", "3", "tag"),
        ("<answer>7", "7", "tag"),  # cut off
        (NESTED, r"\frac{1}{\sqrt{2}}", "box"),
        (r"\boxed{1} is wrong, so \boxed{2}", "2", "box"),
        (r"\boxed{2} and \boxed{3}", "2, 3", "box"),
        (r"$\boxed{2}$, $\boxed{3}$", "2, 3", "box"),
        (r"\boxed {5}", "5", "box"),
        (r"\fbox{5}", "5", "box"),
        (r"\boxed{\boxed{5}}", "5", "box"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}", "box"),
        (r"Put it in \boxed{}. The answer is 6.", "6", "phrase"),
        ("He has 5.\n#### 1,000", "1,000", "hash"),
        ("The answer is 3.5.", "3.5", "phrase"),
        ("The final answer is: **12**", "12", "phrase"),
        ("The answer is $x = 5$.", "x = 5", "phrase"),
        ("The answer is (1.5, 2). Then 7.", "(1.5, 2)", "phrase"),
        ("The answer is 5! as shown", "5! as shown", "phrase"),
        ("First 3, then 4 and so 1,234.5", "1,234.5", "number"),
        ("It is -7.", "-7", "number"),
        ("A share of 3/4", "3/4", "number"),
        (r"\frac{1}{2}", r"\frac{1}{2}", "number"),  # a line of mathematics is the answer as a whole
        ("x = 3 or x = 4", "x = 3 or x = 4", "number"),
        ("5 mm", "5 mm", "number"),
        ("Evelyn", "Evelyn", "number"),
    ],
)
def test_the_answer_that_a_response_commits_itself_to(response, text, source):
    assert final_answer(response) == Found(text, source)


@pytest.mark.parametrize(
    "response",
    [
        "",
        "no idea",
        r"it is 5\sqrt{2}",
        "it is x^2",
        "we get 3 + 2",
        "area of 4\u00b2",
        "x2 is it",
        "\\boxed{}",
        "so not 7 at all",
    ],
)
def test_what_is_no_answer(response):
    assert final_answer(response) is None


def test_a_box_that_does_not_close_hides_what_stood_before_it():
    found = final_answer(r"\boxed{5} and so \boxed{\frac{1}{2}")
    assert found is not None and found.text.startswith(r"\boxed{\frac")


def test_sources_can_be_chosen():
    text = r"The answer is 3. \boxed{4} 5"
    assert [final_answer(text, (source,)).text for source in ("box", "phrase", "number")] == ["4", "3", "5"]
    assert final_answer(text, ("tag", "hash")) is None


def test_an_unknown_source_is_named():
    with pytest.raises(ValueError, match="unknown source 'boxed'"):
        final_answer("5", ("boxed",))
