"""Answers of many lengths, as the harder tiers have them: masks, ends and every aggregation on real rollouts.

On the easy tier every answer has 11 tokens, and a mean over tokens cannot be told from a mean over sequences.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.losses.aggregation import ConstantNormaliser, PromptMean, SequenceMean, SequenceSum, TokenMean
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.problem import Problem
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.tasks.countdown import HARD, MULTI_DIGIT
from entropy_rl.tasks.mixture import PART
from entropy_rl.training import update as updating
from entropy_rl.training.experience import build_experience, rewards_of
from entropy_rl.training.judging import is_correct, judge
from entropy_rl.training.stream import Stream

PROMPTS, GROUP = 8, 4


@pytest.fixture(scope="module", params=[HARD, MULTI_DIGIT], ids=["3-4 numbers", "digits"])
def judged(request):
    """A rollout of random weights, whose ends fall anywhere, with its problems, verdicts and policy."""
    task = request.param
    policy = Decoder(task.tokenizer.vocab_size, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=16)
    params = jax.jit(policy.init)(jax.random.key(1))
    params["unembedding"] = params["unembedding"].at[task.tokenizer.eos_id].multiply(2.0)
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    engine = Engine(policy, task.tokenizer, mesh, GROUP, task.max_prompt_tokens, task.max_response_tokens, seed=0)
    problems = [drawn.problem for drawn in Stream(task, 0).take(PROMPTS)]
    rollout = engine(params, [p.prompt for p in problems], range(PROMPTS), Purpose.TRAIN, 1.0)
    return task, policy, params, rollout, judge(engine, task, None, problems, rollout)


def test_lengths_are_ragged_and_an_unfinished_answer_is_wrong(judged):
    _, _, _, rollout, verdicts = judged
    lengths = np.asarray(rollout.response_mask).sum(axis=1)
    assert len(set(lengths.tolist())) >= 4
    finished = np.asarray(rollout.finished)
    assert finished.any() and not finished.all()
    for ended, verdict in zip(finished, verdicts, strict=True):
        assert ended or (verdict.score == 0.0 and "cut off" in verdict.reason)


def test_every_row_is_told_which_part_of_a_mixture_it_answers(judged):
    task, _, _, rollout, verdicts = judged
    problems = [Problem(str(n), "", "", {PART: part}) for n, part in enumerate((0, 2, 1, 1, 0, 2, 2, 1))]
    experience = build_experience(
        rollout, rewards_of(verdicts), is_correct(verdicts), GroupNormalized(), frozenset({"parts"}), task,
        problems=problems,
    )  # fmt: skip
    assert np.asarray(experience.parts).reshape(PROMPTS, GROUP).T.tolist() == [[0, 2, 1, 1, 0, 2, 2, 1]] * GROUP


def test_prompts_of_several_lengths_are_left_padded(judged):
    task, _, _, rollout, _ = judged
    mask, tokens = np.asarray(rollout.prompt_mask), np.asarray(rollout.prompts)
    assert len(set(mask.sum(axis=1).tolist())) > 1
    assert (np.diff(mask.astype(int), axis=1) >= 0).all()  # False, then True to the end
    assert (tokens[~mask] == task.tokenizer.pad_id).all()


@pytest.mark.parametrize(
    "aggregate",
    [TokenMean(), SequenceMean(), SequenceSum(), ConstantNormaliser(20), PromptMean()],
    ids=lambda a: type(a).__name__,
)
def test_every_aggregation_weighs_ragged_answers_as_its_formula_says(judged, aggregate):
    task, policy, params, rollout, verdicts = judged
    rewards = rewards_of(verdicts)
    rewards[::3] = 1.0  # random weights solve nothing, and equal rewards would make every loss 0
    estimate = GroupNormalized()
    experience = build_experience(rollout, rewards, is_correct(verdicts), estimate, frozenset(), task)
    shifted = dataclasses.replace(experience, old_logprobs=experience.old_logprobs - 0.1)  # ratio e^.1 on every token
    stale = dataclasses.replace(shifted, policy_version=jnp.full(PROMPTS * GROUP, -1))
    loss = PolicyLoss(UnclippedSurrogate(), aggregate=aggregate)
    stats = jax.jit(lambda p: updating.token_stats(p, stale, policy=policy, step=jnp.int32(0)))(params)
    value = float(loss(stats, loss.plan(stats, jax.random.key(0))))
    mask = np.asarray(rollout.response_mask)
    tokens = np.where(mask, -np.exp(0.1) * np.asarray(experience.advantages, np.float64), 0.0)
    np.testing.assert_allclose(value, by_hand(aggregate, tokens, mask), rtol=2e-4, atol=1e-6)


def by_hand(aggregate, tokens: np.ndarray, mask: np.ndarray) -> float:
    lengths = mask.sum(axis=1)
    present = lengths > 0
    sums = tokens.sum(axis=1)
    match aggregate:
        case TokenMean():
            return sums.sum() / lengths.sum()
        case SequenceMean():
            return (sums[present] / lengths[present]).mean()
        case SequenceSum():
            return sums[present].mean()
        case ConstantNormaliser():
            return sums[present].mean() / 20
        case _:
            groups = lengths.reshape(PROMPTS, GROUP).sum(axis=1)
            return (sums.reshape(PROMPTS, GROUP).sum(axis=1) / groups).mean()
