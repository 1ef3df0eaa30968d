"""Rollouts: what is sampled, what is masked, and that neither depends on a row's company."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from entropy_rl.ops import logprobs as scoring
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.rollout.engine import Engine, pack_prompts
from entropy_rl.rollout.sampling import Purpose
from tests.policies import TINY, tiny_params

PROMPTS = ["abc", "bd", "dddda", "c"]


@dataclasses.dataclass(frozen=True)
class Letters:
    """a = 2, b = 3, ...; 1 ends, 0 pads."""

    vocab_size: int = TINY.vocab_size
    pad_id: int = 0
    eos_id: int = 1
    more: tuple[int, ...] = ()

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return (self.eos_id, *self.more)

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - ord("a") + 2 for letter in text]

    def decode(self, tokens) -> str:
        return "".join(chr(ord("a") + token - 2) for token in tokens if token > 1)


def engine(group_size: int = 4, length: int = 9, **tokenizer) -> Engine:
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    return Engine(TINY, Letters(**tokenizer), mesh, group_size, prompt_tokens=5, response_tokens=length, seed=0)


@pytest.fixture(scope="module")
def rollout():
    return engine()(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0, policy_version=3)


def test_a_response_counts_up_to_and_with_its_first_end(rollout):
    responses, mask, finished = (np.asarray(a) for a in (rollout.responses, rollout.response_mask, rollout.finished))
    assert finished.any() and mask.sum(1).min() < 9
    for tokens, counts, ended in zip(responses, mask, finished, strict=True):
        ends = np.flatnonzero(tokens == 1)
        expected = ends[0] + 1 if len(ends) else 9
        assert counts.tolist() == [True] * expected + [False] * (9 - expected)
        assert ended == bool(len(ends))
        assert (tokens[expected:] == 0).all()


def test_log_probs_and_entropies_are_the_teacher_forced_ones(rollout):
    hidden = jax.jit(TINY.response_hidden)(tiny_params(), rollout.prompts, rollout.prompt_mask, rollout.responses)
    logprobs, entropies = scoring.logprobs_and_entropies(
        hidden, TINY.head(tiny_params()), rollout.responses, rollout.temperature
    )
    mask = np.asarray(rollout.response_mask)
    np.testing.assert_allclose(np.asarray(rollout.logprobs)[mask], np.asarray(logprobs)[mask], atol=1e-5)
    np.testing.assert_allclose(np.asarray(rollout.entropies)[mask], np.asarray(entropies)[mask], atol=1e-5)
    assert (np.asarray(rollout.logprobs)[~mask] == 0).all()


def test_a_sample_does_not_depend_on_its_place_or_its_company(rollout):
    shuffled = engine()(tiny_params(), [PROMPTS[i] for i in (2, 0, 2, 1)], [2, 0, 2, 1], Purpose.TRAIN, 1.0)
    responses, again = (np.asarray(r.responses).reshape(4, 4, -1) for r in (rollout, shuffled))
    np.testing.assert_array_equal(again[1], responses[0])
    np.testing.assert_array_equal(again[0], responses[2])
    np.testing.assert_array_equal(again[3], responses[1])


def test_more_samples_of_a_prompt_go_on_where_the_first_call_stopped(rollout):
    first, second = (
        engine(group_size=2)(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0, first_sample=start)
        for start in (0, 2)
    )
    joined = np.concatenate([np.asarray(r.responses).reshape(4, 2, -1) for r in (first, second)], axis=1)
    np.testing.assert_array_equal(joined, np.asarray(rollout.responses).reshape(4, 4, -1))
    ids = np.concatenate([np.asarray(r.sample_ids).reshape(4, 2) for r in (first, second)], axis=1)
    assert len(np.unique(np.asarray(rollout.sample_ids))) == 16
    del ids


def test_duplicate_prompts_at_different_draws_get_different_answers():
    pair = engine()(tiny_params(), ["abc"] * 4, [10, 11, 12, 13], Purpose.TRAIN, 1.0)
    rows = {tuple(row) for row in np.asarray(pair.responses).tolist()}
    assert len(rows) > 4


def test_a_low_temperature_sharpens_and_is_scored_as_sampled(rollout):
    cold = engine()(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 0.3)
    mask = np.asarray(cold.response_mask)
    assert np.asarray(cold.entropies)[mask].mean() < np.asarray(cold.unit_entropies)[mask].mean()
    np.testing.assert_allclose(np.asarray(cold.temperature), 0.3)
    warm = np.asarray(rollout.response_mask)
    np.testing.assert_array_equal(np.asarray(rollout.entropies)[warm], np.asarray(rollout.unit_entropies)[warm])


def test_rows_without_an_end_are_cut_off_at_the_limit():
    endless = engine(eos_id=-1)(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0)
    assert np.asarray(endless.response_mask).all() and not np.asarray(endless.finished).any()


def test_the_policy_version_is_kept_with_each_row(rollout):
    assert (np.asarray(rollout.policy_version) == 3).all()


def test_texts_leave_the_end_out(rollout):
    for text, tokens, counts in zip(engine().texts(rollout), rollout.responses, rollout.response_mask, strict=True):
        assert len(text) == int((np.asarray(tokens)[np.asarray(counts)] > 1).sum())


@pytest.mark.parametrize("prompt", ["", "abcdef"])
def test_a_prompt_that_does_not_fit_is_named(prompt):
    with pytest.raises(ValueError, match="between 1 and 5 fit"):
        pack_prompts(["a", prompt], [0, 1], Letters(), 5)


def test_temperature_zero_takes_the_likeliest_token_each_time_and_is_sure_of_it():
    greedy = engine(group_size=2)(tiny_params(), PROMPTS, range(4), Purpose.TEST, 0.0)
    responses, mask = np.asarray(greedy.responses), np.asarray(greedy.response_mask)
    hidden = jax.jit(TINY.response_hidden)(tiny_params(), greedy.prompts, greedy.prompt_mask, greedy.responses)
    logits = np.asarray(hidden) @ np.asarray(TINY.head(tiny_params())).T  # [B, T, V]
    np.testing.assert_array_equal(responses[mask], logits.argmax(axis=-1)[mask])
    np.testing.assert_array_equal(responses[::2], responses[1::2])  # a second sample is the same answer
    assert not np.asarray(greedy.logprobs).any() and not np.asarray(greedy.entropies).any()
    assert (np.asarray(greedy.unit_entropies)[mask] > 0).all()
    nearly = engine(group_size=2)(tiny_params(), PROMPTS, range(4), Purpose.TEST, 1e-4)
    np.testing.assert_array_equal(np.asarray(nearly.responses), responses)


def test_any_of_several_ends_stops_a_response_and_the_first_of_them_is_its_last_token():
    several = engine(more=(4, 7), length=9)(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0)
    responses, mask = np.asarray(several.responses), np.asarray(several.response_mask)
    for tokens, counts in zip(responses, mask, strict=True):
        ends = np.flatnonzero(np.isin(tokens, (1, 4, 7)))
        assert counts.sum() == (ends[0] + 1 if len(ends) else 9) and counts[: counts.sum()].all()
    assert {1, 4, 7} <= set(responses[mask])


def test_padding_with_an_end_of_sequence_changes_nothing_that_counts(rollout):
    padded = engine(pad_id=1)(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0, policy_version=3)
    mask = np.asarray(rollout.response_mask)
    np.testing.assert_array_equal(padded.response_mask, mask)
    np.testing.assert_array_equal(np.asarray(padded.responses)[mask], np.asarray(rollout.responses)[mask])
    np.testing.assert_array_equal(padded.logprobs, rollout.logprobs)


def test_a_stop_token_ends_a_response_and_stays_in_its_text():
    sampler = dataclasses.replace(engine(more=(7,)), stop=("c",))  # c is 4; 7, which is f, ends too
    assert sampler.end_ids == (1, 7, 4)
    assert [sampler.text(tokens) for tokens in ([2, 3, 4], [2, 3, 7], [2, 7, 3], [])] == ["abc", "ab", "afb", ""]
    with pytest.raises(ValueError, match="rollout.stop names 'ab', which is 2 tokens"):
        _ = dataclasses.replace(sampler, stop=("ab",)).end_ids


def test_a_prompt_fits_if_all_of_it_does():
    sampler = engine()
    assert [sampler.fits(prompt) for prompt in ("", "a", "abcde", "abcdef")] == [False, True, True, False]
    assert sampler.prompt_length("abcdef") == 6
