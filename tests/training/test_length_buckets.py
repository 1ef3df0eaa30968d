"""The cut of ragged mini-batches: what is computed where, and that nothing but time depends on it."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.losses.aggregation import SequenceSum
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.training import learner, length_buckets
from entropy_rl.training import update as updating
from entropy_rl.training.length_buckets import Cut
from tests.policies import TINY, example_experience, tiny_params
from tests.training import invariance


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(length_buckets, "SMALLEST_PIECE", 24)


def experience_of(lengths: list[int], group: int, width: int = 8):
    """Responses whose tokens are 100 * row + position."""
    prompts = len(lengths) // group
    experience = example_experience(prompts=prompts, group=group, width=3, length=width)
    mask = np.arange(width) < np.asarray(lengths)[:, None]
    tokens = 100 * np.arange(len(lengths))[:, None] + np.arange(width)
    prompt_tokens = 1000 * np.arange(1, prompts + 1)[:, None] + np.arange(3)
    return dataclasses.replace(
        experience,
        prompts=jnp.asarray(prompt_tokens),
        prompt_mask=jnp.ones((prompts, 3), bool),
        responses=jnp.asarray(tokens),
        response_mask=jnp.asarray(mask),
    )


def pieces_of(cut: Cut, experience):
    """(width, rows computed, prompts computed) of every micro-batch, as they come."""
    seen: list[tuple[int, list[int], list[int]]] = []

    def look(rows, prompts, filled, width):
        seen.append((width, [int(r) for r, f in zip(rows, filled, strict=True) if f], prompts.tolist()))

    def body(carry, piece):
        width = piece.responses.shape[1]
        rows, prompts = piece.responses[:, 0] // 100, piece.prompts[:, 0] // 1000 - 1
        filled = piece.response_mask.any(axis=1)
        jax.debug.callback(lambda *a: look(*a, width), rows, prompts, filled, ordered=True)  # pyright: ignore[reportCallIssue]
        return carry + 1, piece.responses.astype(jnp.float32)

    turns, values = jax.jit(lambda e: length_buckets.fold(cut, body, 0, e))(experience)
    jax.effects_barrier()
    assert int(turns) == len(seen)
    return seen, np.asarray(values)


def test_the_longest_come_first_and_shorter_ones_fill_the_last_micro_batch_of_a_width():
    experience = experience_of([2, 8, 1, 4, 3, 7, 2, 5], group=1)
    cut = Cut(8, 1, 3, 8, rows=1, widths=(8, 4, 2), tokens=22)  # 22 // (3 + 8) = 2, 22 // 7 = 3, 22 // 5 = 4 bundles
    seen, _ = pieces_of(cut, experience)
    # lengths 8, 7, then 5 with 4: all longer than 4 need width 8. Then 3, 2, 2 at width 4; 1 at width 2.
    assert [(width, rows) for width, rows, _ in seen] == [(8, [1, 5]), (8, [7, 3]), (4, [4, 0, 6]), (2, [2])]
    assert all(prompts[: len(rows)] == rows for _, rows, prompts in seen)  # each with its own prompt


def test_a_prompt_is_computed_once_for_the_responses_of_like_length():
    experience = experience_of([2, 8, 1, 4, 3, 7, 2, 5], group=4)
    cut = Cut(2, 4, 3, 8, rows=2, widths=(8, 4), tokens=19)  # 19 // (3 + 16) = 1, 19 // (3 + 8) = 1 bundle
    seen, _ = pieces_of(cut, experience)
    # group 0 sorted: 8 4 | 2 1; group 1: 7 5 | 3 2
    assert seen == [(8, [1, 3], [0]), (8, [5, 7], [1]), (4, [4, 6], [1]), (4, [0, 2], [0])]


def test_what_is_said_of_tokens_returns_to_their_places_and_nothing_stands_behind_a_width():
    experience = experience_of([2, 8, 0, 4, 3, 7, 2, 5], group=2)
    cut = Cut(4, 2, 3, 8, rows=1, widths=(8, 4, 2), tokens=22)
    _, values = pieces_of(cut, experience)
    computed = np.asarray([4, 8, 0, 8, 4, 8, 4, 8])[:, None]  # the width of each row's micro-batch
    np.testing.assert_array_equal(values, np.where(np.arange(8) < computed, experience.responses, 0))


def test_a_hole_is_context_and_only_the_last_valid_token_ends_a_row():
    """[T T F F F T F F]: the tool's words in the middle are computed, what is behind the last token is not."""
    experience = experience_of([2, 8, 1, 4], group=1)
    mask = np.array(experience.response_mask)
    mask[0] = [True, True, False, False, False, True, False, False]
    ragged = dataclasses.replace(experience, response_mask=jnp.asarray(mask))
    seen, _ = pieces_of(Cut(4, 1, 3, 8, rows=1, widths=(8, 4), tokens=11), ragged)
    assert [(width, rows) for width, rows, _ in seen] == [(8, [1]), (8, [0]), (4, [3]), (4, [2])]


@pytest.mark.parametrize("group", [1, 4])
def test_one_bucket_gives_the_pieces_that_were_asked_for(group):
    experience = example_experience(prompts=8, group=group)
    assert length_buckets.cut(experience).is_whole
    halves = length_buckets.cut(experience, micro_batches=4)
    assert (halves.widths, halves.rows, halves.at_once(7), halves.bundles) == ((7,), group, 2, 8)


def test_short_responses_get_one_bucket_and_long_ones_at_most_four():
    shape = lambda length: example_experience(prompts=2, length=length)  # noqa: E731
    widths = [length_buckets.cut(shape(length), buckets=0).widths for length in (64, 127, 128, 256, 2048)]
    assert widths == [(64,), (127,), (128, 64, 32), (256, 128, 64, 32), (2048, 1024, 512, 256)]
    assert length_buckets.cut(shape(9), buckets=3).widths == (9, 5, 3)
    assert length_buckets.cut(shape(3), buckets=9).widths == (3, 2)


@pytest.mark.parametrize(("prompt_tokens", "length", "rows"), [(16, 256, 1), (256, 256, 4), (2048, 256, 8)])
def test_long_prompts_are_shared_by_more_responses(prompt_tokens, length, rows):
    assert length_buckets._rows(prompt_tokens, 8, length) == rows


def updated(loss, experience, micro_batches, buckets):
    step = updating.compiled_update(TINY, micro_batches, None, buckets)
    params, optimizer = jax.tree.map(jnp.copy, tiny_params()), AdamW(learning_rate=1e-2)
    return step(learner.new_state(params, optimizer, False), experience, loss, optimizer, jax.random.key(3))


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("both", "whole distributions")]


@pytest.mark.parametrize("name", ["old", *SLOW])
def test_no_number_of_buckets_changes_parameters_or_metrics(name):
    loss, experience = invariance.LOSSES[name], example_experience(prompts=16, group=4)
    whole, metrics = updated(loss, experience, 1, 1)
    assert metrics["select/Siren/fraction" if name == "whole distributions" else "select/KlCov/fraction"] > 0.01
    again, measured = updated(loss, experience, 2, 3)
    assert invariance.difference(whole.params, jax.device_get(again.params)) <= 1e-5
    for key, value in metrics.items():
        np.testing.assert_allclose(measured[key], value, rtol=2e-4, atol=1e-5, err_msg=key)


def test_rescoring_at_several_widths_gives_each_token_the_same_log_prob():
    experience = example_experience(prompts=16, group=4)
    whole, cut = (
        updating.compiled_rescore(TINY, pieces, buckets)(tiny_params(), experience)
        for pieces, buckets in ((1, 1), (2, 3))
    )
    mask = np.asarray(experience.response_mask)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(np.where(mask, other, 0), np.where(mask, one, 0), atol=2e-5)


def test_tokens_behind_the_last_valid_one_change_nothing_and_those_in_a_hole_do():
    experience = example_experience(prompts=4, group=4)
    mask = np.zeros((16, 7), bool)
    mask[:, [0, 1, 4]] = True  # [T T F F T F F]
    experience = dataclasses.replace(experience, response_mask=jnp.asarray(mask))
    rescore = updating.compiled_rescore(TINY, 2, 2)

    def scores(changed: int):
        responses = experience.responses.at[:, changed].set((experience.responses[:, changed] + 1) % TINY.vocab_size)
        logprobs, _ = rescore(tiny_params(), dataclasses.replace(experience, responses=responses))
        return np.asarray(logprobs)

    logprobs = np.asarray(rescore(tiny_params(), experience)[0])
    np.testing.assert_array_equal(scores(5)[mask], logprobs[mask])
    inside = scores(2)
    np.testing.assert_array_equal(inside[:, :2], logprobs[:, :2])
    assert (inside[:, 4] != logprobs[:, 4]).all()


def test_a_hole_costs_its_own_token_and_no_other():
    """With a plain policy gradient, masking one token out equals giving it advantage 0, the weights being the same."""
    loss = PolicyLoss(ClippedSurrogate(), aggregate=SequenceSum())
    experience = example_experience(prompts=4, group=4)
    experience = dataclasses.replace(experience, response_mask=jnp.ones((16, 7), bool))
    holed = dataclasses.replace(experience, response_mask=experience.response_mask.at[:, 3].set(False))
    silent = dataclasses.replace(experience, advantages=experience.advantages.at[:, 3].set(0.0))
    one, other = (updated(loss, e, 1, 2)[0].params for e in (holed, silent))
    assert invariance.difference(one, jax.device_get(other)) <= 1e-6
