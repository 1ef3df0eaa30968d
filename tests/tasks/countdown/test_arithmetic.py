import pytest

from entropy_rl.tasks.countdown import EASY, HARD
from entropy_rl.tasks.countdown.arithmetic import (
    Rules,
    Step,
    canonical,
    count_routes,
    evaluate,
    moves,
    reachable,
    routes,
)
from entropy_rl.tasks.draws import Draws

from . import oracle

PLUS_MINUS = Rules(("+", "-"), 30)


def test_two_numbers_reach_sum_difference_and_product():
    assert reachable(EASY.rules, (3, 5)) == (2, 8, 15)  # 5 - 3, 3 + 5, 3 * 5; 3 - 5 is negative


def test_a_result_above_the_bound_is_no_move():
    assert reachable(Rules(("+", "*"), 14), (3, 5)) == (8,)


def test_moves_are_ordered_pairs_so_that_a_sum_is_there_twice():
    steps = [step for step, _ in moves(PLUS_MINUS, (3, 5))]
    assert steps == [(3, "+", 5, 8), (5, "+", 3, 8), (5, "-", 3, 2)]


@pytest.mark.parametrize("task", [EASY, HARD], ids=["easy", "hard"])
def test_the_search_agrees_with_enumerating_all_expressions(task):
    draws = Draws("search")
    for _ in range(25):
        count = task.min_numbers + draws.below(task.max_numbers - task.min_numbers + 1)
        numbers = tuple(sorted(1 + draws.below(task.max_value) for _ in range(count)))
        assert set(reachable(task.rules, numbers)) == oracle.values(task, numbers)


def test_routes_of_three_numbers_match_a_hand_count():
    # 1 2 3 -> 6 with + only: any pair first, then the third: {1+2, 3+3}, {1+3, 2+4}, {2+3, 1+5}
    plus = Rules(("+",), 30)
    assert count_routes(plus, (1, 2, 3), 6) == 3
    # written, each of the two steps of each route has two orders: 3 * 2 * 2; but 3 + 3 reads the same both ways: - 2
    assert len(list(routes(plus, (1, 2, 3), 6))) == 10


def test_an_unreachable_target_has_no_route():
    assert count_routes(EASY.rules, (1, 1, 1), 29) == 0
    assert list(routes(EASY.rules, (1, 1, 1), 29)) == []


def test_a_canonical_route_forgets_order_of_summands_and_steps_but_not_of_a_difference():
    one = [Step(1, "+", 2, 3), Step(9, "-", 4, 5), Step(3, "*", 5, 15)]
    same = [Step(9, "-", 4, 5), Step(2, "+", 1, 3), Step(5, "*", 3, 15)]
    assert canonical(one) == canonical(same) == "1+2=3 3*5=15 9-4=5"
    assert canonical([Step(9, "-", 4, 5)]) != canonical([Step(4, "-", 9, 5)])


def test_an_unknown_operator_is_named():
    with pytest.raises(ValueError, match="'/' is unknown"):
        evaluate(4, "/", 2)
