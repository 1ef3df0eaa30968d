import subprocess
import sys

import pytest

from entropy_rl.verifier import verify_answer
from entropy_rl.verifier.verify import OUTCOMES, exact_verdict, quick_verdict

from .pairs import pairs

PAIRS = pairs()


def boxed(text):
    return f"\\boxed{{{text}}}"


def test_there_are_at_least_three_hundred_labelled_answers_of_every_kind():
    assert len(PAIRS) >= 300
    assert sum(label for *_, label in PAIRS) >= 150
    assert len({group for group, *_ in PAIRS}) >= 10


def test_no_wrong_answer_is_accepted_and_nearly_every_right_one_is():
    verdicts = [(verify_answer(reference, boxed(answer)), label) for _, reference, answer, label in PAIRS]
    accepted = [pair for pair, (verdict, label) in zip(PAIRS, verdicts, strict=True) if verdict.score and not label]
    assert not accepted
    agreeing = sum(bool(verdict.score) == label and not verdict.undecided for verdict, label in verdicts)
    assert agreeing >= 0.99 * len(PAIRS)


@pytest.mark.parametrize(
    "reference", ["x^2-1", r"\frac{1}{2}", "1, 2, 3", "(1,2)", r"[0,\infty)", r"12\text{ cm}^2", "B"]
)
def test_right_answers_share_one_normal_form_that_votes_can_be_counted_by(reference):
    right = [answer for _, known, answer, label in PAIRS if known == reference and label]
    wrong = [answer for _, known, answer, label in PAIRS if known == reference and not label]
    form = {verify_answer(reference, boxed(answer)).answer for answer in right}
    assert len(form) == 1 and "" not in form
    assert not form & {verify_answer(reference, boxed(answer)).answer for answer in wrong}


def test_wrong_answers_that_are_equal_share_their_normal_form():
    forms = {verify_answer("7", boxed(text)).answer for text in ("1/2", "0.5", r"\frac{2}{4}", r"\dfrac12", "50\\%")}
    assert forms == {"1/2", "50 percent"}
    assert verify_answer("7", boxed(r"\sqrt{8}")).answer == verify_answer("7", boxed(r"2\sqrt{2}")).answer
    assert (
        verify_answer("7", boxed("(x+1)^2")).answer == verify_answer("7", boxed("x^2+2x+1")).answer == "x^2 + 2*x + 1"
    )


def test_components_tell_why_an_answer_was_not_compared():
    for response, outcome in (("", "no_answer"), (boxed("5 +* 6"), "unparsable"), (boxed("9^{9^{9^9}}"), "too_large")):
        verdict = verify_answer("5", response)
        assert (verdict.score, verdict.undecided) == (0.0, False)
        assert verdict.components == {"accuracy": 0.0, **{name: float(name == outcome) for name in OUTCOMES}}
        assert verdict.reason


def test_the_reason_names_the_entry_that_is_wrong():
    assert "entry 2 differs" in verify_answer("(1,2,3)", boxed("(1,5,3)")).reason
    assert "1 of 3 answers are wrong" in verify_answer("1,2,3", boxed("1,2,4")).reason
    assert "another unit: kg, not cm" in verify_answer("5 cm", boxed("5 kg")).reason
    assert verify_answer("2/3", boxed("5/6")).reason == "5/6 is not 2/3"


def test_a_reference_that_cannot_be_read_leaves_the_response_undecided_unless_it_is_the_same_text():
    reference = r"\int_0^1 f(x) dx"
    verdict = verify_answer(reference, boxed("5"))
    assert verdict.undecided and "accuracy" not in verdict.components
    assert verify_answer(reference, boxed(r"\int_0^1 f(x)\,dx")).score == 1.0
    assert verify_answer(reference, boxed(r"\int_0^1 f(x) dy")).score == 0.0


def test_a_reference_that_is_too_large_leaves_the_response_undecided():
    assert verify_answer("2^{10^{10}}", boxed("5")).undecided
    assert verify_answer("2^{10^{10}}", boxed("2^{10^{10}}")).score == 1.0


def test_a_policy_gains_nothing_by_an_answer_that_cannot_be_worked_out():
    for answer in ("(10^9)!", "1/0", r"\sqrt{2}+e^{-1000}", "\\frac{", "((((", "\x00"):
        verdict = verify_answer(r"\sqrt{2}", boxed(answer))
        assert (verdict.score, verdict.undecided) == (0.0, False)


def test_a_decimal_reference_stands_for_what_rounds_to_it_only_if_asked():
    assert verify_answer("3.1416", boxed(r"\pi")).score == 1.0
    assert verify_answer("3.1416", boxed(r"\pi"), rounding=False).score == 0.0


def test_a_reference_may_be_a_whole_solution():
    assert verify_answer("Half of 48 is 24.\n#### 1,224", "so it is 1224").score == 1.0
    assert verify_answer(r"We get \boxed{\frac{1}{2}}.", boxed("0.5")).score == 1.0


def test_the_quick_verdict_is_the_full_one_where_there_is_one():
    quick = 0
    for _, reference, answer, _ in PAIRS:
        verdict = quick_verdict(reference, boxed(answer))
        if verdict is not None:
            quick += 1
            full = verify_answer(reference, boxed(answer))
            assert (verdict.score, verdict.answer, verdict.components) == (full.score, full.answer, full.components)
    assert quick > 30


def test_the_exact_verdict_accepts_no_more_than_the_full_one():
    accepted = [pair for pair in PAIRS if exact_verdict(pair[1], boxed(pair[2])).score]
    assert len(accepted) > 100
    assert all(label for *_, label in accepted)


def test_verdicts_do_not_depend_on_the_process():
    code = (
        "from entropy_rl.verifier import verify_answer\n"
        "import sys\n"
        r"v = verify_answer(r'\sin 2x+\sqrt{3}', r'\boxed{2\sin x\cos x+3^{1/2}}')"
        "\nw = verify_answer('x', r'\\boxed{ab+c+\\sin d}')\nsys.stdout.write(repr((v, w)))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_importing_the_verifier_brings_no_jax_and_no_numpy():
    code = "import sys, entropy_rl.verifier; sys.exit(any(name in sys.modules for name in ('jax', 'numpy', 'sympy')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_reference_is_stripped_as_a_response_is():
    assert verify_answer("0\\ ", boxed("0\\ ")).score == 1.0
