import ast
import json
import pathlib
import resource
import time

import pytest

import entropy_rl.verifier
from entropy_rl.verifier import verify_answer

from .hostile import hostile

PACKAGE = pathlib.Path(entropy_rl.verifier.__file__).parent


def test_there_are_at_least_two_hundred_hostile_completions():
    assert sum(1 for _ in hostile("nowhere")) >= 200


@pytest.mark.parametrize("reference", ["43.5", r"x^2+\sqrt{2}"])
def test_hostile_completions_end_soon_are_wrong_and_leave_nothing_behind(tmp_path, reference):
    verify_answer("x^2+1", r"\boxed{1+xx}")  # imports sympy
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for family, completion in hostile(str(tmp_path / "owned")):
        begun = time.process_time()
        verdict = verify_answer(reference, completion)
        assert time.process_time() - begun < 2.0, (family, completion[:80])
        assert (verdict.score, verdict.undecided) == (0.0, False), (family, completion[:80], verdict)
        assert len(verdict.reason) <= 700 and len(verdict.answer) <= 300
        json.dumps([verdict.reason, verdict.answer], ensure_ascii=False).encode("utf-8")  # no lone surrogates
        assert verdict.reason.isprintable()
    assert not any(tmp_path.iterdir())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert grown < 200 * 1024


@pytest.mark.parametrize(
    "text",
    [
        r"\sum_{k=1}^{10^9} k",
        r"\sum_{a=1}^{75} \sum_{b=1}^{75} \sum_{c=1}^{75} abc",
        r"\sum_{k=1}^{99} \frac{1}{2^{15000}+k}",
        r"\prod_{k=1}^{99} \frac{2^{19000}+k}{3^{12000}+k}",
    ],
)
def test_a_sum_that_costs_too_much_is_refused_and_not_worked_out(text):
    begun = time.process_time()
    verdict = verify_answer("5", rf"\boxed{{{text}}}")
    assert time.process_time() - begun < 2.0
    assert verdict.components["too_large"] == 1.0


def test_a_hostile_reference_never_raises(tmp_path):
    for family, text in hostile(str(tmp_path / "owned")):
        if len(text) < 5_000:
            verdict = verify_answer(text, r"\boxed{43.5}")
            assert verdict.score == 0.0, (family, text[:80])
    assert not any(tmp_path.iterdir())


# Calls through which sympy or Python would evaluate a text.
BANNED = {
    "eval",
    "exec",
    "compile",
    "sympify",
    "parse_expr",
    "parse_latex",
    "lambdify",
    "S",
    "getattr",
    "Poly",
}
ALLOWED_GETATTR = {"numeric.py"}  # of mpmath functions, by names that stand in the file


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_no_text_reaches_anything_that_evaluates_it(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name == "compile" and getattr(getattr(node.func, "value", None), "id", "") == "re":
                continue  # a regular expression
            if name == "getattr" and path.name in ALLOWED_GETATTR:
                continue
            assert name not in BANNED, f"{path.name}:{node.lineno}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sympy"):
            assert (node.module or "") in ("sympy.polys.domains", "sympy.polys.rings")
        assert not (isinstance(node, ast.Import) and any(alias.name.startswith("sympy") for alias in node.names))


def test_regular_expressions_take_time_in_proportion_to_the_text():
    def seconds(count):
        begun = time.process_time()
        for piece in ("1 ", "1,", "a ", "$", "\\", "1/", "x^", "{,}", "answer is ", "\\boxed{", " , ", "(A)", "9"):
            verify_answer("43.5", piece * count)
        return time.process_time() - begun

    seconds(1_000)
    assert seconds(80_000) < 20 * max(seconds(8_000), 0.02)  # linear is 10
