"""Random answers against the verifier: it must end soon, never raise, agree with arithmetic and with itself.

Run:  nice -n 19 taskset -c 0 python benchmarks/fuzz_verifier.py --cpu_seconds=600 --seed=0

Three kinds of input, in turn: exact arithmetic rendered in random spellings, whose value is known (right against its
own value, wrong against any other); labelled answers of tests/verifier/pairs.py with random cuts, swaps and insertions;
and random sequences of the pieces that LaTeX is made of. Prints what it finds, and one JSON line; ends with 1 if it
found anything.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from fractions import Fraction

from absl import app, flags

from entropy_rl.verifier import final_answer, verify_answer
from tests.verifier.pairs import pairs

CPU_SECONDS = flags.DEFINE_float("cpu_seconds", 600.0, "Process-CPU time to spend.")
SEED = flags.DEFINE_integer("seed", 0, "Of the inputs.")
SLOW = flags.DEFINE_float("slow", 3.0, "CPU seconds of one verdict that count as a finding.")

_COMMANDS = r"""
    \frac \sqrt \left \right \pi \infty \cup \in \pm \cdot \times \text{ \begin{pmatrix} \end{pmatrix} \binom
    \sin \cos \ln \log_ \{ \} \% ^\circ \le < > = \ne \setminus \mathbb{R} \emptyset \overline{ \lfloor \rfloor
    0 1 2 3 7 10 12 99 1,234 .5 3.14 1e5 e i x y n x_1 f(x) ( ) [ ] { } + - * / ^ _ ! | , ; : & % $ cm and or
    \\ ** ^{ _{ ½ √ ² − ５ apples not million
"""
_PIECES = (*_COMMANDS.split(), " ", "\n", "\x00", "\ud800", "\u200b")
_TIMES = ("*", r" \cdot ", r" \times ")


def expression(rng: random.Random, depth: int) -> tuple[str, Fraction]:
    """LaTeX of exact arithmetic, safe as an operand, and its value."""
    if depth == 0 or rng.random() < 0.2:
        return _number(rng)
    left, a = expression(rng, depth - 1)
    right, b = expression(rng, depth - 1)
    kind = rng.randrange(8)
    if kind == 0:
        return f"({left}{rng.choice(['+', ' + '])}{right})", a + b
    if kind == 1:
        return f"({left} - {right})", a - b
    if kind == 2:
        return f"({left}{rng.choice(_TIMES)}{right})", a * b
    if kind == 3 and b:
        return rng.choice([rf"\frac{{{left}}}{{{right}}}", f"({left}/{right})", rf"({left} \div {right})"]), a / b
    if kind == 4:
        power = rng.randrange(4)
        return (rf"({left})^{{{power}}}", a**power) if a else (left, a)
    if kind == 5:
        return rf"\sqrt{{({left})^2}}", abs(a)
    if kind == 6:
        return rf"\left|{left}\right|", abs(a)
    return rf"(\left({left}\right)({right}))", a * b  # in brackets: a / (b)(c) is (a / b) c


def _number(rng: random.Random) -> tuple[str, Fraction]:
    value = Fraction(rng.randrange(1, 100))
    kind = rng.randrange(5)
    if kind == 0:
        return rf"\frac{{{value}}}{{8}}", value / 8
    if kind == 1:
        return f"{value}.5", value + Fraction(1, 2)
    if kind == 2:
        return f"(-{value})", -value
    return str(value), value


def mutated(rng: random.Random, text: str) -> str:
    """A text with a few random changes."""
    for _ in range(rng.randrange(1, 4)):
        place, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        change = rng.randrange(4)
        if change == 0:
            text = text[:place] + rng.choice(_PIECES) + text[place:]
        elif change == 1:
            text = text[:place] + text[min(end, place + 3) :]
        elif change == 2:
            text = text[:place] + text[place:end] * 2 + text[end:]
        else:
            text = text[end:] + text[:place]
    return text


class Fuzzer:
    """Counts verdicts and keeps findings."""

    def __init__(self, seed: int) -> None:
        self.rng, self.counts, self.findings, self.slowest = random.Random(seed), [0, 0, 0], [], 0.0
        self.known = [pair for pair in pairs() if pair[2]]

    def judged(self, reference: str, response: str) -> tuple[float, bool]:
        """Score, and whether it was decided; whatever is not clean becomes a finding."""
        begun = time.process_time()
        try:
            verdict = verify_answer(reference, f"\\boxed{{{response}}}")
            json.dumps([verdict.reason, verdict.answer]).encode()
            (verdict.reason + verdict.answer).encode()
        except Exception as error:  # any exception at all is what is looked for here
            self.findings.append(f"{type(error).__name__}: {error!s:.100} for {reference!a} and {response!a}")
            return 0.0, False
        spent = time.process_time() - begun
        self.slowest = max(self.slowest, spent)
        if spent > SLOW.value:
            self.findings.append(f"{spent:.1f} s for {reference!a} and {response!a}")
        return verdict.score, not verdict.undecided

    def arithmetic(self) -> None:
        """A random expression is its value and no other."""
        text, value = expression(self.rng, self.rng.randrange(1, 5))
        for other, right in ((value, True), (value + self.rng.choice([-1, 1, 2, Fraction(1, 7)]), False)):
            given, reference = (text, str(other)) if self.rng.random() < 0.5 else (str(other), text)
            score, decided = self.judged(reference, given)
            if decided and bool(score) != right and abs(value.denominator) < 10**300:
                self.findings.append(f"{reference!a} and {given!a}: {score}, but right is {right}")

    def labelled(self) -> None:
        """Mutants end cleanly, and equality of two answers does not depend on which is the reference."""
        _, reference, response, _ = self.rng.choice(self.known)
        mutant = mutated(self.rng, response)
        self.judged(mutated(self.rng, reference), response)
        self.judged(reference, mutant)
        score, decided = self.judged(mutant, mutant)
        found = final_answer(f"\\boxed{{{mutant}}}")
        whole = "####" not in mutant  # a reference is read from there on, a boxed answer whole
        if decided and not score and whole and found and found.text == mutant.strip() and mutant.strip(" $.,;:\n"):
            self.findings.append(f"{mutant!a} is not itself")

    def noise(self) -> None:
        """Random pieces."""
        text = "".join(self.rng.choice(_PIECES) for _ in range(self.rng.randrange(1, 60)))
        self.judged(self.rng.choice(self.known)[1], text)
        self.judged(text, self.rng.choice(self.known)[2])


def main(_: list[str]) -> None:
    """Fuzzes until the CPU time is spent."""
    fuzzer = Fuzzer(SEED.value)
    while time.process_time() < CPU_SECONDS.value and len(fuzzer.findings) < 50:
        for kind, run in enumerate((fuzzer.arithmetic, fuzzer.labelled, fuzzer.noise)):
            run()
            fuzzer.counts[kind] += 1
    for finding in fuzzer.findings:
        sys.stdout.write(finding[:600] + "\n")
    report = {
        "seed": SEED.value,
        "cpu_seconds": round(time.process_time(), 1),
        "rounds": fuzzer.counts,
        "findings": len(fuzzer.findings),
        "slowest_s": round(fuzzer.slowest, 3),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(json.dumps(report) + "\n")
    sys.exit(bool(fuzzer.findings))


if __name__ == "__main__":
    app.run(main)
