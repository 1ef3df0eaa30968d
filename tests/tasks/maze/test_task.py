import collections
import dataclasses
import os
import pickle
import subprocess
import sys
import time

import pytest

from entropy_rl.problem import Refinable, Role
from entropy_rl.tasks.maze import Maze
from entropy_rl.tasks.splits import split_of

from . import oracle

DEFAULT = Maze()
SMALL = Maze(width=3, height=4, walls=2, max_distance=4, validation_problems=40, test_problems=40)
FREE = dataclasses.replace(SMALL, shortest=False)  # at most 3 * 4 - 2 - 1 = 9 moves
TIERS = pytest.mark.parametrize("task", [DEFAULT, SMALL, FREE], ids=["default", "small", "free"])


def _ids(task, split, count):
    return {task.problem(split, index).id for index in range(count)}


@TIERS
def test_every_problem_is_as_long_and_as_open_as_asked_and_its_answer_is_right(task):
    for index in range(60):
        problem = task.problem("train", index)
        start, goal, walls = oracle.read(problem.prompt)
        assert len({start, goal} | walls) == task.walls + 2
        length = oracle.fewest(problem.prompt, task.width, task.height)
        assert task.min_distance <= length == problem.metadata["distance"] <= task.max_distance
        assert len(oracle.routes(problem.prompt, task.width, task.height, length)) >= task.min_routes
        assert oracle.is_right(problem.prompt, task.width, task.height, problem.answer, length)


@TIERS
def test_right_answers_are_counted_as_trying_all_counts_them(task):
    for index in range(12):
        problem = task.problem("train", index)
        shortest = problem.metadata["distance"]
        lengths = [shortest] if task.shortest else range(1, 10)
        expected = sum(len(oracle.routes(problem.prompt, task.width, task.height, length)) for length in lengths)
        assert task.number_of_routes(problem) == expected >= 2


@TIERS
def test_splits_share_no_maze_and_held_out_lists_repeat_none(task):
    train = _ids(task, "train", 600) | {task.demonstration(0, index)[0].id for index in range(600)}
    validation, test = _ids(task, "validation", task.size("validation")), _ids(task, "test", task.size("test"))
    assert (len(validation), len(test)) == (task.size("validation"), task.size("test"))
    assert not (train & validation or train & test or validation & test)
    assert {split_of(name) for name in test} == {"test"}


@TIERS
def test_problems_are_a_pure_function_of_fields_and_index(task):
    copy = pickle.loads(pickle.dumps(dataclasses.replace(task)))
    backwards = [copy.problem("train", index) for index in reversed(range(30))]
    assert backwards[::-1] == [task.problem("train", index) for index in range(30)]
    reseeded = dataclasses.replace(task, seed=1)
    assert _ids(reseeded, "train", 30) != _ids(task, "train", 30)
    assert {split_of(name) for name in _ids(reseeded, "test", 30)} == {"test"}


PROGRAM = """
import sys
from entropy_rl.tasks.maze import Maze
for split in ("train", "validation", "test"):
    print([Maze().problem(split, index) for index in range(40)])
print([Maze().demonstration(3, index) for index in range(40)], Maze().tokenizer.symbols)
assert "jax" not in sys.modules
"""


def test_other_processes_with_other_hash_seeds_see_the_same_data_without_jax():
    outputs = []
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", PROGRAM]
        outputs.append(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60).stdout)
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 10_000


GOLDEN = ["a1 e2 # a2 a4 c5 d5 e1 e3 >", "e2 c3 # b2 b3 c4 c5 e1 e5 >", "b5 c1 # b1 b3 d4 d5 e1 e5 >"]


def test_the_first_problems_of_the_default_task_never_change():
    # golden values: a change here makes old runs and their held-out scores incomparable
    prompts = [DEFAULT.problem(split, 0).prompt for split in ("train", "validation", "test")]
    assert prompts == GOLDEN


@TIERS
def test_the_stated_share_of_demonstrations_misses_the_goal_and_nothing_else_is_wrong(task):
    misses = 0
    for index in range(800):
        problem, response = task.demonstration(0, index)
        verdict = task.verify(problem, response)
        assert verdict.components["format"] == 1.0
        if verdict.score == 0.0:
            misses += 1
            assert "not at the goal" in verdict.reason
            visited = [problem.metadata["start"], *response.split(" ")[1::2]]
            assert len(set(visited)) == len(visited)  # aimless, but in no circles
    assert abs(misses - 400) < 4 * 14.1  # standard deviation sqrt(800 / 4) = 14.1


def test_right_demonstrations_show_every_shortest_route_equally_often():
    # an open 3 x 3 grid from corner to corner: 4! / (2! 2!) = 6 routes; each of 16 such mazes is rare, so pool them
    open_grid = Maze(3, 3, walls=0, min_distance=4, max_distance=4, demonstration_noise=0.0)
    open_grid = dataclasses.replace(open_grid, validation_problems=1, test_problems=1)
    routes = collections.defaultdict(collections.Counter)
    for index in range(1_200):
        problem, response = open_grid.demonstration(0, index)
        routes[problem.prompt][open_grid.verify(problem, response).answer] += 1
    for prompt, counts in routes.items():
        assert set(counts) == oracle.routes(prompt, 3, 3, 4)
        chi_squared = sum((count - counts.total() / 6) ** 2 / (counts.total() / 6) for count in counts.values())
        assert chi_squared < 20.5  # 0.1 % point of 5 degrees of freedom


@pytest.mark.parametrize(("noise", "score"), [(0.0, 1.0), (1.0, 0.0)])
def test_without_noise_every_demonstration_is_right_and_with_full_noise_none(noise, score):
    task = dataclasses.replace(SMALL, demonstration_noise=noise)
    assert {task.verify(*task.demonstration(0, index)).score for index in range(200)} == {score}


@TIERS
def test_every_text_survives_the_round_trip_within_the_promised_lengths(task):
    tokenizer = task.tokenizer
    for index in range(200):
        problem, response = task.demonstration(1, index)
        for text, limit in ((problem.prompt, task.max_prompt_tokens), (response, task.max_response_tokens - 1)):
            tokens = tokenizer.encode(text)
            assert tokenizer.decode(tokens) == text
            assert len(tokens) <= limit


def test_a_move_is_planning_a_cell_execution_and_the_rest_other():
    tokens = DEFAULT.tokenizer.encode("R b1 D b2 > #")
    expected = [Role.PLANNING, Role.EXECUTION] * 2 + [Role.OTHER] * 2
    assert DEFAULT.roles([*tokens, 0, 1, 999, -1]) == expected + [Role.OTHER] * 4


@TIERS
def test_a_refinement_prompt_can_be_read_and_finished_with_a_right_answer(task):
    refinable: Refinable = task
    assert isinstance(refinable, Refinable)
    for index in range(30):
        problem = task.problem("train", index)
        prompt = task.refinement_prompt(problem, "", task.verify(problem, ""))
        assert prompt.startswith(problem.prompt + " ")
        begun = prompt.removeprefix(problem.prompt + " ")
        assert begun and task.verify(problem, begun).score == 0.0  # the help is not the answer
        assert problem.answer.startswith(begun)  # the reference route goes on from it


def test_data_is_made_faster_than_training_reads_it():
    start = time.process_time()
    for index in range(1_000):
        DEFAULT.demonstration(9, index)
        DEFAULT.problem("train", index)
    assert time.process_time() - start < 5.0  # measured .8 s


@pytest.mark.parametrize(
    ("split", "index", "message"),
    [("dev", 0, "'dev' is unknown"), ("test", 192, "0 <= index < 192"), ("train", -1, "index -1")],
)
def test_a_problem_that_is_not_there_is_refused(split, index, message):
    with pytest.raises(ValueError, match=message):
        DEFAULT.problem(split, index)


@TIERS
def test_the_tiers_are_valid(task):
    task.validate()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 1}, "width=1"),
        ({"height": 10}, "height=10"),
        ({"walls": 24}, "walls=24 must be an integer in 0..23"),
        ({"walls": "6"}, "walls='6'"),
        ({"min_distance": 0}, "min_distance=0"),
        ({"max_distance": 2}, "max_distance=2 must be an integer in 3..24"),
        ({"min_routes": 0}, "min_routes=0"),
        ({"shortest": 1}, "shortest=1"),
        ({"demonstration_noise": 1.5}, "is a share"),
        ({"test_problems": 0}, "test_problems=0"),
        ({"seed": True}, "seed=True"),
        ({"width": 2, "height": 2, "walls": 0, "min_distance": 2, "max_distance": 2}, "distinct mazes found"),
    ],
)
def test_a_mistaken_field_is_named_with_its_rule(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(DEFAULT, **changes).validate()
