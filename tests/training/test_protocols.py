import pytest

from entropy_rl.tasks import datasets
from entropy_rl.training.protocols import ALL, AVG32, COMPETITIONS, PAPER, Protocol, named


def test_the_paper_samples_competitions_at_six_tenths_and_is_greedy_elsewhere():
    assert [PAPER.of(name) for name in ("aime24", "amc")] == [Protocol(0.6, 32)] * 2
    assert [PAPER.of(name) for name in ("gsm8k", "math500", "olympiadbench", "countdown")] == [Protocol(0.0, 1)] * 4


def test_avg32_is_the_same_everywhere():
    assert {AVG32.of(name) for name in datasets.BY_NAME} == {Protocol(0.6, 32)}


def test_every_competition_is_a_dataset_of_that_name():
    assert set(COMPETITIONS) <= set(datasets.BY_NAME)


def test_numbers_asked_for_take_the_place_of_published_ones():
    assert PAPER.of("aime24", samples=4) == Protocol(0.6, 4)
    assert PAPER.of("gsm8k", temperature=1.0, samples=8) == Protocol(1.0, 8)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"samples": 4}, "4 samples at temperature 0 are the same answer 4 times; use --samples=1"),
        ({"samples": 0}, "--samples is 0"),
        ({"temperature": -0.1}, "--temperature is -0.1"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(numbers, words):
    with pytest.raises(ValueError, match=words):
        PAPER.of("gsm8k", **numbers)


def test_a_protocol_is_found_by_name_and_says_what_it_does():
    assert [named(protocols.name) for protocols in ALL] == list(ALL)
    with pytest.raises(ValueError, match="--protocol=pass64 is unknown; use one of paper, avg32"):
        named("pass64")
    assert [str(PAPER.of(name)) for name in ("gsm8k", "aime24")] == ["greedy", "avg@32, T=0.6"]
