import pytest

from entropy_rl.rewards.overlong import OverlongPenalty

from .example import PROBLEM, of_length


@pytest.mark.parametrize(
    ("n_tokens", "score"),
    [
        (0, 0.0),
        (16_384, 0.0),  # 20480 - 4096: the last free length
        (16_385, -1 / 4096),
        (18_432, -0.5),  # 2048 of 4096 into the buffer
        (20_480, -1.0),
        (20_481, -1.0),  # the floor, which public code lacks: there it goes on falling
        (10**9, -1.0),
    ],
)
def test_the_punishment_of_dapo_falls_linearly_over_the_buffer_and_then_stays(n_tokens, score):
    assert OverlongPenalty(max_tokens=20_480, buffer_tokens=4_096)(PROBLEM, of_length(n_tokens)).score == score


def test_the_factor_scales_the_slope_and_the_floor():
    penalty = OverlongPenalty(max_tokens=10, buffer_tokens=4, factor=0.5)
    # 8 tokens: 2 of 4 into the buffer, half of 0.5
    assert [penalty(PROBLEM, of_length(n)).score for n in (6, 8, 10, 99)] == [0.0, -0.25, -0.5, -0.5]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"buffer_tokens": 0}, "buffer_tokens=0"),
        ({"buffer_tokens": 11}, "1..max_tokens=10"),
        ({"factor": -1.0}, "factor=-1.0"),
        ({"factor": float("inf")}, "factor=inf"),
    ],
)
def test_a_mistaken_field_is_named_with_its_rule(fields, message):
    with pytest.raises(ValueError, match=message):
        OverlongPenalty(**{"max_tokens": 10, "buffer_tokens": 4, **fields}).validate()
    OverlongPenalty(max_tokens=10, buffer_tokens=10).validate()
