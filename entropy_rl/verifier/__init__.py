"""Is this the right answer? Standard library and sympy: no JAX, and text that a policy wrote is never evaluated."""

from entropy_rl.verifier.extraction import SOURCES, Found, final_answer
from entropy_rl.verifier.verify import verify_answer

__all__ = ["SOURCES", "Found", "final_answer", "verify_answer"]
