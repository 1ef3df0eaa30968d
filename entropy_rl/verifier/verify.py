"""One response against one reference answer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from entropy_rl.problem import Verdict
from entropy_rl.verifier.extraction import SOURCES, final_answer


def verify_answer(reference: str, response: str, *, sources: Sequence[str] = SOURCES) -> Verdict:
    """Judges the final answer of a response.

    Args:
      reference: the right answer: as text or LaTeX, or with a box or #### in it. Trusted as little as the response.
      response: what the policy wrote; it may be anything.
      sources: where a final answer may stand, see extraction.SOURCES.

    Returns:
      score 1 or 0, with the component `accuracy`.
    """
    found = final_answer(response, sources)
    expected = final_answer(reference, ("box", "hash"))
    truth = (expected.text if expected else reference).strip()
    if found is None:
        return Verdict(0.0, {"accuracy": 0.0}, "no final answer was found")
    given = found.text.strip()
    try:
        right = Fraction(given.replace(",", "")) == Fraction(truth.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        right = given == truth
    reason = "" if right else f"the answer {given:.100} is not {truth:.100}"
    return Verdict(float(right), {"accuracy": float(right)}, reason, given[:200])
