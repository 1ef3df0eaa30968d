import dataclasses
import subprocess
import sys

import pytest

from entropy_rl.problem import Problem, Role, Task, Tokenizer, Verdict
from entropy_rl.tasks.countdown import EASY


def test_roles_keep_the_numbers_that_are_stored_in_arrays():
    assert [(role.name, int(role)) for role in Role] == [("OTHER", 0), ("PLANNING", 1), ("EXECUTION", 2)]


def test_a_verdict_is_decided_unless_it_says_otherwise():
    verdict = Verdict(score=1.0)
    assert (verdict.components, verdict.reason, verdict.answer, verdict.undecided) == ({}, "", "", False)


def test_problems_and_verdicts_cannot_be_changed_after_they_are_made():
    problem, verdict = Problem("id", "prompt", "answer"), Verdict(score=0.0)
    for record, name in ((problem, "prompt"), (verdict, "score")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, name, 1)


def test_two_problems_do_not_share_their_metadata():
    assert Problem("1", "", "").metadata is not Problem("2", "", "").metadata


def test_countdown_offers_all_that_the_protocols_ask_for():
    for protocol, value in ((Task, EASY), (Tokenizer, EASY.tokenizer)):
        asked = {name for name in vars(protocol) if not name.startswith("_")}
        assert asked and all(hasattr(value, name) for name in asked)


def test_verifier_workers_never_load_an_array_library():
    program = (
        "import sys, entropy_rl.problem, entropy_rl.tasks.countdown, entropy_rl.rewards.scoring;"
        "sys.exit(', '.join({'jax', 'flax', 'numpy', 'tensorflow'} & set(sys.modules)) or 0)"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert process.returncode == 0, process.stderr
