"""What is said of the engine's variants beside their times."""

from __future__ import annotations

import types
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import memory_of, rollout, trainer, workload
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.rollout.engine import Engine
from entropy_rl.types import Array

POLICY = Decoder(64, layers=1, width=8, heads=2, kv_heads=1, head_width=2, feed_forward=8)


@flax.struct.dataclass
class Sampled:
    """The fields of a rollout that are looked at."""

    prompts: Array
    prompt_mask: Array
    responses: Array
    response_mask: Array
    temperature: Array
    logprobs: Array


def engine(**changed) -> Engine:
    tokenizer = workload.CharacterTokenizer(64)
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    lengths = {"group_size": 1, "prompt_tokens": 3, "response_tokens": 4, "seed": 0}
    return Engine(POLICY, tokenizer, mesh, **(lengths | changed))


def test_slots_of_ended_responses_are_not_filled():
    assert rollout.filled(engine(), [4, 4]) == 1.0
    assert rollout.filled(engine(), [1, 4]) == 5 / 8  # two rows, four steps


def test_waiting_responses_fill_slots():
    # One slot at a time: every decoded row is alive.
    assert rollout.filled(engine(slots=1), [1, 4]) == 1.0


def test_a_cache_of_int8_holds_a_scale_for_each_vector():
    # Own: 2 rows x 4 positions, a key and a value of 2 numbers: 32. Of prompts: 2 x 3 positions: 24. Four bytes each.
    assert memory_of.caches(engine(), prompts=2) == 4 * (32 + 24)
    assert memory_of.caches(engine(cache="int8"), prompts=2) == (32 + 24) + 4 * (16 + 12)
    assert memory_of.caches(engine(slots=1), prompts=2) == 4 * (16 + 24)


def test_mismatch_is_that_of_the_tokens_that_count():
    size = workload.Size(POLICY, prompts=1, micro_batches=1)
    params = jax.jit(POLICY.init)(jax.random.key(0))
    own: Any = types.SimpleNamespace(size=size, state=types.SimpleNamespace(params=params))
    tokens = jnp.array([[3, 4, 5], [6, 7, 8]], jnp.int32)
    sampled = Sampled(
        prompts=jnp.array([[9, 10]], jnp.int32), prompt_mask=jnp.ones((1, 2), bool), responses=tokens,
        response_mask=jnp.array([[True, True, False], [True, False, False]]), temperature=jnp.ones(2),
        logprobs=jnp.zeros((2, 3)),
    )  # fmt: skip
    exact = -rollout.mismatch(own, sampled)["mean"] * 3  # sampler's log-probs are zero: the sum of the exact ones
    assert exact < 0
    logprobs = teacher_forced(params, sampled)
    ratios = jnp.array([[2.0, 1.0, 99.0], [1.0, 99.0, 99.0]])  # of the sampler to the exact ones, what counts first
    found = rollout.mismatch(own, sampled.replace(logprobs=logprobs + jnp.log(ratios)))
    assert found["largest"] == pytest.approx(np.log(2), rel=1e-5)
    assert found["mean"] == pytest.approx(np.log(2) / 3, rel=1e-5)
    assert found["ess"] == pytest.approx(2.5**2 / 2.25 / 3, rel=1e-5)


def teacher_forced(params, sampled):
    hidden = POLICY.response_hidden(params, sampled.prompts, sampled.prompt_mask, sampled.responses)
    logits = jnp.einsum("BTD,VD->BTV", hidden, POLICY.head(params))
    return jnp.take_along_axis(jax.nn.log_softmax(logits), sampled.responses[..., None], axis=-1)[..., 0]


@pytest.mark.slow
def test_a_variant_samples_and_says_what_it_decoded():
    size = workload.Size(POLICY, prompts=2, micro_batches=1)
    own = trainer.make_trainer(size, prompt_tokens=16, new_tokens=4, ends=False)
    sampler = rollout.Sampler(own, "plain")
    laps = sampler.step(0)
    assert laps["toks"] == 2 * workload.GROUP_SIZE * 4 and laps["lengths"] == [4] * 16
    assert rollout.mismatch(own, sampler.last)["largest"] < 1e-5
