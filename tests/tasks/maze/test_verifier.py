import dataclasses
import time

import pytest

from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.maze import Maze
from entropy_rl.tasks.maze.grid import Grid
from entropy_rl.tasks.maze.hints import opening
from entropy_rl.tasks.maze.task import _problem

from . import oracle

#   a b c
# 1 S . .
# 2 . # .
# 3 . . G      two shortest routes of 4 moves: around the wall b2 on either side
TASK = Maze(width=3, height=3, walls=1, max_distance=4)
GRID = Grid(3, 3, frozenset({(1, 1)}), (0, 0), (2, 2))
PROBLEM = _problem(GRID)
RIGHT = "R b1 R c1 D c2 D c3"
FREE = dataclasses.replace(TASK, shortest=False)  # at most 9 - 1 - 1 = 7 moves


def test_the_prompt_names_start_goal_and_walls():
    assert PROBLEM.prompt == "a1 c3 # b2 >"


def test_a_right_answer_scores_one_and_names_its_route():
    verdict = TASK.verify(PROBLEM, RIGHT)
    assert (verdict.score, verdict.components, verdict.undecided) == (1.0, {"accuracy": 1.0, "format": 1.0}, False)
    assert (verdict.answer, verdict.reason) == ("RRDD", "correct")
    assert TASK.verify(PROBLEM, "  R  b1 R   c1 D c2  D c3 ").answer == "RRDD"


def test_both_shortest_routes_are_right_and_have_different_answers():
    other = TASK.verify(PROBLEM, "D a2 D a3 R b3 R c3")
    assert (other.score, other.answer) == (1.0, "DDRR")
    assert TASK.number_of_routes(PROBLEM) == 2


@pytest.mark.parametrize(
    ("text", "reason", "readable"),
    [
        ("R b1 D b2", "move 2: D from b1 hits the wall at b2", 1.0),
        ("L a1", "move 1: L from a1 leaves the grid", 1.0),
        ("R b1 R c1 D c3", "move 3: D from c1 leads to c2, not c3", 1.0),
        ("R b1 R c1 D c2", "after move 3: at c2, not at the goal c3", 1.0),
        (RIGHT + " U c2", "after move 5: at c2, not at the goal c3", 1.0),
        ("R b1 L a1 R b1 R c1 D c2 D c3", "after move 6: the goal is reached, but 4 moves are enough", 1.0),
        ("", "move 1: expected a move and a cell such as 'R b1', found the end", 0.0),
        ("RRDD", "move 1: expected a move and a cell such as 'R b1', found 'RRDD'", 0.0),
        ("R b1 R c1 D", "move 3: expected a move and a cell such as 'R b1', found 'D'", 0.0),
        ("R b1 D b2 D", "move 2: D from b1 hits the wall at b2", 0.0),  # the first mistake, not the last
        ("R i9", "move 1: R from a1 leads to b1, not i9", 1.0),
    ],
)
def test_a_reason_names_the_first_move_that_failed_and_why(text, reason, readable):
    verdict = TASK.verify(PROBLEM, text)
    assert (verdict.score, verdict.components["accuracy"]) == (0.0, 0.0)
    assert verdict.reason == reason
    assert verdict.components["format"] == readable
    assert bool(verdict.answer) == bool(readable)


def test_a_detour_is_right_where_any_route_is_and_its_length_is_bounded():
    detour = "R b1 L a1 R b1 R c1 D c2 D c3"
    assert FREE.verify(PROBLEM, detour).score == 1.0
    verdict = FREE.verify(PROBLEM, "R b1 L a1 " + detour)
    assert (verdict.score, verdict.reason) == (0.0, "8 moves are more than the 7 allowed")


@pytest.mark.parametrize("task", [Maze(), FREE], ids=["shortest", "free"])
def test_verdicts_on_all_single_token_corruptions_equal_those_of_an_independent_checker(task):
    tokenizer = task.tokenizer
    right = wrong = 0
    for index in range(6):
        problem = task.problem("train", index)
        length = problem.metadata["distance"] if task.shortest else None
        tokens = tokenizer.encode(problem.answer)
        for place in range(len(tokens) + 1):
            replaced = [[*tokens[:place], token, *tokens[place + 1 :]] for token in range(2, tokenizer.vocab_size)]
            inserted = [[*tokens[:place], token, *tokens[place:]] for token in range(2, tokenizer.vocab_size)]
            for corrupted in [*replaced, *inserted, tokens[:place] + tokens[place + 1 :]]:
                text = tokenizer.decode(corrupted)
                expected = oracle.is_right(problem.prompt, task.width, task.height, text, length)
                assert task.verify(problem, text).score == expected, (problem, text)
                right, wrong = right + expected, wrong + (not expected)
    assert right >= 6 and wrong > 500


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("R b1 R c1 D c2", "R b1 R c1 D c2"),  # all good; it only stopped early
        (RIGHT, "R b1 R c1 D c2"),  # the move that reaches the goal is the answer
        ("D a2 R b2", "D a2"),  # up to the wall
        ("D a2 D b3", "D a2"),  # up to the misstated cell
        ("D a2 U a1", "D a2"),  # up to the move that makes a shortest route impossible
        ("L a1", "D a2"),  # nothing good: the first move of a shortest route
        ("no move at all", "D a2"),
    ],
)
def test_an_opening_keeps_what_can_still_be_right(text, start):
    assert opening(GRID, 4, text) == start
    assert TASK.refinement_prompt(PROBLEM, text, TASK.verify(PROBLEM, text)) == f"a1 c3 # b2 > {start}"


def test_a_detour_is_kept_while_the_moves_last_and_one_move_from_the_goal_nothing_is_hinted():
    assert opening(GRID, 6, "D a2 U a1 D a2 U a1") == "D a2 U a1 D a2"  # 3 moves and 3 more are 6
    assert opening(GRID, 5, "D a2 U a1 D a2 U a1") == "D a2"
    near = Grid(3, 3, frozenset(), (1, 2), (2, 2))
    assert opening(near, 1, "U b2") == ""
    assert TASK.refinement_prompt(_problem(near), "", TASK.verify(PROBLEM, "")) == "b3 c3 # >"


def _hostile_texts():
    """More than 200 texts that broke other verifiers, or could."""
    inserts = ["\x00", "\u200d", "\ud800", "\u202e", "\ufeff", "\u00a0", "\n", "\t", "\r", "<eos>", "_", "R"]
    texts = [RIGHT[:place] + insert + RIGHT[place:] for insert in inserts for place in range(len(RIGHT) + 1)]
    texts += [RIGHT.replace("1", digit) for digit in "١１१𝟏¹Ⅰ一"] + [RIGHT.replace("R", r) for r in "ＲРʀ𝐑"]
    texts += ["R b1 " * 300_000, "R" * 10**6, " " * 3_000_000, "(" * 100_000, "9" * 10**6, "[" * 60, RIGHT.lower()]
    texts += ["__import__('os').system('true')", "\\boxed{RRDD}", "{0}", "%s%n", "R b0", "R b10", "R B1", "RRDD", "c3"]
    return texts


def test_hostile_texts_get_a_clean_wrong_verdict_at_once():
    texts = _hostile_texts()
    assert len(set(texts)) > 200
    start = time.process_time()
    for text in texts:
        for task in (TASK, FREE):
            verdict = task.verify(PROBLEM, text)
            assert (verdict.score, verdict.undecided) == (0.0, False), ascii(text[:60])
            assert verdict.reason.isascii() and len(verdict.reason) < 200
    assert time.process_time() - start < 1.0


def test_random_symbols_never_raise_and_agree_with_the_independent_checker():
    draws = Draws("monkey")
    alphabet = [*"UDLR", "a1", "b1", "c1", "c2", "c3", "a2", "a3", "b3", "b2", "d1", ">", "#", "\x00", "Ｒ"]
    for _ in range(3_000):
        text = " ".join(alphabet[draws.below(len(alphabet))] for _ in range(draws.below(12)))
        assert TASK.verify(PROBLEM, text).score == oracle.is_right(PROBLEM.prompt, 3, 3, text, 4)
        assert opening(GRID, 4, text)
