"""The timed work is the work that it says it is."""

from __future__ import annotations

import pytest

from benchmarks import workload
from entropy_rl.rewards.reward import Completion


@pytest.mark.parametrize("prompt_tokens", [16, 256])
def test_every_prompt_has_exactly_the_tokens_asked_for(prompt_tokens):
    tokenizer = workload.CharacterTokenizer(64)
    for problem in workload.problems(20, prompt_tokens, seed=3):
        tokens = tokenizer.encode(problem.prompt)
        assert len(tokens) == prompt_tokens
        assert min(tokens) >= 3 and max(tokens) < 64
        assert tokenizer.decode(tokens) == problem.prompt


def test_a_prompt_too_short_for_a_sum_is_refused():
    with pytest.raises(ValueError, match="at least that"):
        workload.problems(1, 15, seed=0)


def test_steps_see_different_prompts_and_the_same_step_the_same():
    texts = [[p.prompt for p in workload.problems(4, 16, seed)] for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_words_fill_the_vocabulary_and_special_tokens_are_silent():
    assert workload.CharacterTokenizer(32_000).decode([0, 1, 2, 3, 12, 31_999]) == "09w31996"


def test_the_reward_is_the_share_of_digits():
    problem = workload.problems(1, 16, seed=0)[0]
    score = lambda text: workload.digit_share(problem, Completion(text, len(text), False)).score  # noqa: E731
    assert (score("1a2b"), score("")) == (0.5, 0.0)


@pytest.mark.parametrize(("size", "generation", "update"), [("S", 21.1e9, 63.3e9), ("M", 184e9, 552e9)])
def test_operation_counts_are_those_that_the_peers_are_held_against(size, generation, update):
    chosen = workload.SIZES[size]
    counts = workload.operations(chosen.policy, chosen.prompts * workload.GROUP_SIZE, 16, 64)
    assert counts["gen"] == pytest.approx(generation, rel=0.005)  # three digits are known
    assert counts["update"] == pytest.approx(update, rel=0.005)


def test_the_operation_count_of_a_small_decoder_is_that_worked_by_hand():
    policy = workload.Decoder(10, layers=1, width=4, heads=2, kv_heads=1, head_width=2, feed_forward=3)
    # weights: query and output 2 * 16, key and value 2 * 8, feed-forward 3 * 12 = 84; head 40
    # 2 * 84 * 5 tokens + 2 * 40 * 3 new ones + attention 2 * 4 * 5 * 5 = 840 + 240 + 200
    assert workload.operations(policy, 1, 2, 3) == {"params": 124, "gen": 1280, "update": 3840}
