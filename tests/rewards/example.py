"""One Countdown problem, a right and a wrong completion of it."""

from entropy_rl.problem import Problem
from entropy_rl.rewards.reward import Completion

PROBLEM = Problem("countdown/6,8,9:23", "8 6 9 : 23 >", "", {"numbers": [8, 6, 9], "target": 23, "n_numbers": 3})
RIGHT = Completion("6 + 9 = 15 15 + 8 = 23", n_tokens=11, finished=True)
WRONG = Completion("6 + 9 = 15 15 - 8 = 7", n_tokens=11, finished=True)
CUT_OFF = Completion("6 + 9 = 15 15 + 8 = 23", n_tokens=10, finished=False)


def of_length(n_tokens):
    return Completion("", n_tokens, finished=True)
