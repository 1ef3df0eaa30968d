"""Every family through slots and loops: log-probs of what was sampled are the teacher-forced ones."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import checkpoints
from entropy_rl.ops import logprobs as scoring
from entropy_rl.rollout.generation import generate
from tests.models.test_families import DATA, VARIATIONS, jit, loaded

LENGTH, GROUP = 16, 4
QUICK = ("gemma2", "qwen2_windows")  # soft caps, norms, scales; windows that reach from responses into prompts


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in VARIATIONS]
)
def test_log_probs_are_the_teacher_forced_ones_in_every_slot_and_loop(name):
    decoder = checkpoints.read_decoder(DATA / name)
    params = loaded(DATA / name, decoder)
    arrays = np.load(DATA / name / "expected.npz", allow_pickle=False)
    prompts, mask = arrays["prompts"], arrays["prompt_mask"]
    rollout = generate(
        params, (prompts, mask, jnp.arange(len(prompts), dtype=jnp.uint32)), jnp.uint32(0), jnp.uint32(0),
        jnp.uint32(0), jnp.float32(4.0), jnp.int32(0), policy=decoder, group_size=GROUP, length=LENGTH,
        end_ids=tuple(range(0, decoder.vocab_size, 8)), pad_id=0, slots=5, buckets=2,
    )  # fmt: skip
    counts = np.asarray(rollout.response_mask)
    assert len(set(counts.sum(axis=1).tolist())) > 2

    def scored(params):
        hidden = decoder.response_hidden(params, prompts, mask, rollout.responses)
        return scoring.logprobs_and_entropies(hidden, decoder.head(params), rollout.responses, rollout.temperature)

    logprobs, entropies = jit(scored)(params)
    np.testing.assert_allclose(rollout.logprobs[counts], logprobs[counts], atol=1e-5)
    np.testing.assert_allclose(rollout.entropies[counts], entropies[counts], atol=1e-5)
