"""What is wrong with an answer in words, as a second question to the policy that gave it."""

from __future__ import annotations

from entropy_rl.problem import Problem, Verdict

_LONGEST = 2_000  # characters of a failed answer that are shown: its end, where the answer stands


def critique_prompt(problem: Problem, response: str, verdict: Verdict) -> str:
    """Asks a problem again, with the failed answer and the verifier's reason.

    It does not begin with the problem's own prompt, so that what the policy writes is the whole refined response: see
    problem.Refinable.

    Source: Zhang et al. 2025 (Critique-GRPO), https://arxiv.org/abs/2506.03106; the verifier takes the critic's place.
    """
    shown = response.strip()
    if len(shown) > _LONGEST:
        shown = f"[...] {shown[-_LONGEST:]}"
    return (
        "Below are a problem, an attempt at it, and what a checker says of the attempt. Solve the problem anew, from "
        "the beginning, without mentioning the attempt or the checker.\n\n"
        f"Problem:\n{problem.prompt}\n\n"
        f"Attempt:\n{shown or '(nothing)'}\n\n"
        f"Checker: the attempt is wrong; {verdict.reason or 'its final answer is not the right one'}."
    )
