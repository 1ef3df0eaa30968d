import pytest

from entropy_rl.lab import runs, samples
from tests.lab import fake_runs


def read(tmp_path, *responses, count=1):
    records = [{"step": step, "problem_id": "p", "prompt": "q", "responses": list(responses)} for step in range(count)]
    return samples.moments([runs.read_run(fake_runs.write_run(tmp_path / "r", steps=2, samples=records))])


def test_tokens_carry_the_shade_of_their_entropy_and_their_probability(tmp_path):
    response = {"tokens": ["a", "b", "c"], "entropies": [0.01, 0.5, 5.0], "logprobs": [0.0, -0.6931472, None]}
    tokens = read(tmp_path, response)[0].samples[0].answers[0].tokens
    assert [token.shade for token in tokens] == [1, 3, 6]  # from 0.01, from 0.3, from 2
    assert tokens[1].note == "entropy 0.5 nats, probability 0.5" and tokens[2].note == "entropy 5 nats"


def test_entropies_that_are_too_few_leave_the_rest_uncoloured_but_shown(tmp_path):
    tokens = read(tmp_path, {"tokens": ["a", "b"], "entropies": [0.5]})[0].samples[0].answers[0].tokens
    assert [(token.text, token.shade) for token in tokens] == [("a", 3), ("b", -1)]


def test_a_response_without_tokens_shows_its_text(tmp_path):
    answer = read(tmp_path, {"text": "plain", "finished": False})[0].samples[0].answers[0]
    assert answer.tokens[0].text == "plain" and not answer.finished


@pytest.mark.parametrize("broken", [None, 3, "text", [1, "a"], {"a": 1}])
def test_malformed_responses_are_left_out(tmp_path, broken):
    records = [{"step": 0, "responses": broken}]
    run = runs.read_run(fake_runs.write_run(tmp_path / "r", steps=2, samples=records))
    assert samples.moments([run])[0].samples[0].answers == []


def test_the_page_stays_small_however_many_tokens_were_saved(tmp_path):
    long = {"tokens": ["x"] * 20_000, "entropies": [0.1] * 20_000}
    moments = read(tmp_path, *[long] * 4, count=50)
    answers = [answer for moment in moments for sample in moment.samples for answer in sample.answers]
    assert len(moments) == samples.MOST_STEPS and moments[0].step == 0 and moments[-1].step == 49
    assert sum(len(answer.tokens) for answer in answers) <= samples.MOST_TOKENS
    assert answers[0].left_out == 20_000 - len(answers[0].tokens)
