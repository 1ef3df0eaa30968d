import pytest

from entropy_rl.tasks.countdown import EASY, HARD, MULTI_DIGIT
from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.symbols import UNKNOWN

TIERS = pytest.mark.parametrize("task", [EASY, HARD, MULTI_DIGIT], ids=["easy", "hard", "digit"])


def test_an_easy_answer_is_eleven_tokens_with_its_end_and_the_vocabulary_is_thirty_nine():
    assert len(EASY.tokenizer.encode("6 + 9 = 15 15 + 8 = 23")) + 1 == EASY.max_response_tokens == 11
    assert len(EASY.tokenizer.encode("8 6 9 : 24 >")) == EASY.max_prompt_tokens == 6
    assert EASY.tokenizer.vocab_size == 39  # pad, eos, 3 of punctuation, 3 operators, 0..30


def test_digits_are_one_token_each():
    tokens = MULTI_DIGIT.tokenizer.encode("11+6=17,17+22=39")
    assert len(tokens) == len("11+6=17,17+22=39")
    assert tokens[0] == tokens[1] == tokens[6 - 1]


@TIERS
def test_every_task_text_survives_the_round_trip_within_the_promised_lengths(task):
    tokenizer = task.tokenizer
    for index in range(500):
        problem, response = task.demonstration(1, index)
        for text, limit in ((problem.prompt, task.max_prompt_tokens), (response, task.max_response_tokens - 1)):
            tokens = tokenizer.encode(text)
            assert tokenizer.decode(tokens) == text
            assert len(tokens) <= limit
            assert all(1 < token < tokenizer.vocab_size for token in tokens)


@TIERS
def test_decoding_drops_padding_and_ends_anywhere_and_never_raises(task):
    tokenizer = task.tokenizer
    tokens = tokenizer.encode(task.demonstration(0, 0)[1])
    littered = [0, 1, *(piece for token in tokens for piece in (token, 0)), 1, 1]
    assert tokenizer.decode(littered) == tokenizer.decode(tokens)
    draws = Draws("ids")
    for _ in range(300):
        ids = [draws.below(3 * tokenizer.vocab_size) - tokenizer.vocab_size for _ in range(draws.below(30))]
        assert isinstance(tokenizer.decode(ids), str)


def test_an_id_beyond_the_vocabulary_shows_and_cannot_make_a_right_answer():
    tokens = EASY.tokenizer.encode("6 + 9 = 15")
    assert EASY.tokenizer.decode([*tokens, 39]) == f"6 + 9 = 15 {UNKNOWN}"
    assert EASY.tokenizer.decode([-1]) == UNKNOWN


@pytest.mark.parametrize("text", ["6 + 31 = 37", "6 / 3 = 2", "6+9=15", "<pad>", "٦ + 9", "\x00"])
def test_an_unknown_symbol_is_refused_by_name(text):
    with pytest.raises(ValueError, match="not in the vocabulary"):
        EASY.tokenizer.encode(text)


def test_spaces_are_unknown_where_digits_are_tokens():
    with pytest.raises(ValueError, match="no spaces"):
        MULTI_DIGIT.tokenizer.encode("1 + 2")
