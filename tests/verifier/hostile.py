"""Completions that try to hurt a verifier, made by families; none is right, and all must end at once."""

from __future__ import annotations

from collections.abc import Iterator

_CODE = (
    "__import__('os').system('touch {path}')",
    "().__class__.__bases__[0].__subclasses__()",
    "exec(open('{path}','w').write('x'))",
    "lambda: open('{path}','w')",
    "eval('1+1')",
    "$(touch {path})",
    "`touch {path}`",
    r"\input{{/etc/passwd}}",
    r"\immediate\write18{{touch {path}}}",
    r"\def\x{{\x\x}}\x",
    "'; DROP TABLE answers; --",
    "Symbol('x').__init__.__globals__",
)
_FORMATS = ("%s%s%s%n", "{0.__class__}", "{}{}{}", "%(x)s", "{0!r:>1000000000}", "%1000000000d", "${jndi:x}", "\\x00%x")
_CONTROL = (
    "4\x002",
    "\x1b[31m42",
    "4\u200b2",
    "\u202e24",
    "\ud800",
    "\udfff1",
    "42\x08\x08",
    "\ufeff42",
    "\x7f",
    "4\u0301",
)
_WIDE = ("４３", "４＋３", "ｘ＾２", "（４２", "𝟒𝟐", "٤٢", "四十二", "Ⅻ", "①", "²²²", "½½", "∞", "√√√√4")


def hostile(path: str) -> Iterator[tuple[str, str]]:
    """Family and completion. Code among them would write a file at `path` if it ran; the reference is 42."""
    answers = [*_large(), *_deep(), *_long(), *_slow()]
    answers += [("code", code.format(path=path)) for code in _CODE]
    answers += [("format", text) for text in _FORMATS]
    answers += [("control", text) for text in _CONTROL] + [("wide", text) for text in _WIDE]
    for family, text in answers:
        yield family, f"\\boxed{{{text}}}"
        if family in ("code", "format", "large", "control"):
            yield family, f"<answer>{text}</answer>"
            yield family, text
    yield from _whole()


def _large() -> Iterator[tuple[str, str]]:
    for text in (
        "9^9^9^9", "9^{9^{9^{9}}}", "9**9**9**9", "((9^9)^9)^9^9", "2^{10^{10}}", "(-2)^{10^{30}}", "10^{10^{10}}",
        "1e999999999", "1E+99999999999", "1e-999999999", "(10^9)!", "99999999!", "((3!)!)!", "(((3!)!)!)!", "200000!",
        r"\binom{10^8}{5\cdot 10^7}", r"\binom{100000}{50000}", r"\binom{10^{100}}{3}", r"\frac{1}{10^{10^9}}",
        "2^{2^{2^{2^{2^2}}}}", r"\sqrt[10^{10}]{2}", r"0^{0^{0^{0}}}", "2^{-10^{12}}", r"\exp(\exp(\exp(100)))",
        r"e^{e^{e^{e^{e}}}}", r"\tan(10^{5000})", r"\sin(10^{10^{5}})", r"\ln(\ln(\ln(0)))", r"\frac{1}{0}", "0/0",
        r"(x+y+z+w)^{1000}", r"(x+1)^{10^{9}}", r"((x+y)^{60}+(z+w)^{60})^{60}", r"\gcd(10^{5000},10^{4999}+1)",
        r"\sum_{n=1}^{10^9} n", r"\int_0^{10^{9}} x^x dx", r"\prod_{k=1}^{10^6} k", "1.0e5000^{1000}", r"2^{2000000}",
        r"\lfloor 10^{100000} \rfloor", r"\max(1,9^{9^{9}})", "7_{99999999999}", "1_{2_{3_{4}}}",
    ):  # fmt: skip
        yield "large", text


def _deep() -> Iterator[tuple[str, str]]:
    for depth in (50, 1_000, 10_000):
        yield "deep", "(" * depth + "42" + ")" * depth
        yield "deep", "{" * depth + "42" + "}" * depth
        yield "deep", "[" * depth + "42"
        yield "deep", r"\frac{1}{" * depth + "2" + "}" * depth
        yield "deep", r"\sqrt{" * depth + "2" + "}" * depth
        yield "deep", "x^{" * depth + "2" + "}" * depth
        yield "deep", "2^" * depth + "2"
        yield "deep", "-" * depth + "42"
        yield "deep", "|" * depth + "42" + "|" * depth
        yield "deep", r"\{" * depth + "42" + r"\}" * depth
        yield "deep", r"\sin " * depth + "x"
        yield "deep", "42" + "!" * depth
        yield "deep", r"\begin{pmatrix}" * depth
        yield "deep", r"\boxed{" * depth + "42" + "}" * depth
        yield "deep", r"\text{" * depth + "42" + "}" * depth


def _long() -> Iterator[tuple[str, str]]:
    for count in (3_500, 100_000, 1_000_000):
        yield "long", "1" * count
        yield "long", "0." + "3" * count
        yield "long", "1/" + "7" * count
        yield "long", "1+" * (count // 2) + "1"
        yield "long", "1," * (count // 2) + "1"
        yield "long", "x" * count
        yield "long", " " * count + "43"
        yield "long", "a " * (count // 2)
        yield "long", "42 or " * (count // 6)
    yield "long", ",".join(f"x^{{{n}}}" for n in range(90))
    yield "long", "+".join(f"(x+{n})(y-{n})^{{{n}}}" for n in range(60))
    yield "long", "".join(f"(x_{{{n}}}+1)" for n in range(200))
    yield "long", "*".join(f"(a+b+c+d+e+f+{n})" for n in range(150))
    yield "long", ",".join(rf"\sqrt{{{n}}}+\sin {n}" for n in range(120))


def _slow() -> Iterator[tuple[str, str]]:
    """For regular expressions that try every way of splitting a run."""
    for text in ("a" * 3_900 + "!", "1 " * 1_900, "1,234" * 700, "\\" * 3_900, "$" * 3_901, "1/" * 1_900, "(A)" * 1_200,
                 "\\text{" * 600, "A, " * 1_200 + "!", "option " * 500, "\\," * 1_900, "9" * 2_900 + "," * 900,
                 "and " * 900, "<answer>" * 400, "^{\\circ}" * 400, "_" * 3_900, "{,}" * 1_300, "&\\\\" * 900,
                 ):  # fmt: skip
        yield "slow", text


def _whole() -> Iterator[tuple[str, str]]:
    """Whole responses: the search for an answer must be linear too."""
    for text in (
        "\\boxed{" * 150_000, "<answer>" * 130_000, "####" * 250_000, "the answer is " * 70_000, "$" * 1_000_000,
        "}" * 1_000_000, "\\boxed{}" * 120_000, "\\boxed{1}" * 110_000, "{" * 1_000_000, "9" * 1_000_000 + "x",
        "1," * 500_000, "<answer>" + "x" * 1_000_000 + "</answer>", "answer: " + "(" * 500_000, "\n" * 1_000_000,
        "\\boxed{" + "{" * 500_000 + "}" * 500_000 + "}", "####" + "5" * 1_000_000, "-" * 1_000_000 + "43", "",
        "\\boxed{1}" + " , " * 300_000 + "\\boxed{2}", "\\fbox{" * 100_000 + "}" * 100_000, "İ" * 100_000 + "answer is",
    ):  # fmt: skip
        yield "whole", text
