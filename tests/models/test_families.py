"""Every family and variation against `transformers`: the checkpoints and numbers that oracle/make.py wrote."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import checkpoints
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops import logprobs as scoring
from entropy_rl.types import Array, Params

DATA = pathlib.Path(__file__).parent / "oracle" / "data"
VARIATIONS = sorted(folder.name for folder in DATA.iterdir())
ROWS = 6
jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})  # run once: compile fast


def loaded(folder: pathlib.Path, decoder: Decoder) -> Params:
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    placed = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), shapes)
    return checkpoints.load(folder, decoder, placed)


class Variation:
    """A checkpoint and what `transformers` computes with it."""

    def __init__(self, name: str) -> None:
        self.decoder = checkpoints.read_decoder(DATA / name)
        self.params = loaded(DATA / name, self.decoder)
        self.gradients = loaded(DATA / name / "gradients", self.decoder)
        arrays = np.load(DATA / name / "expected.npz", allow_pickle=False)
        self.prompts, self.mask, self.responses = arrays["prompts"], arrays["prompt_mask"], arrays["responses"]
        self.weights, self.logits, self.greedy = arrays["weights"], arrays["logits"], arrays["greedy"]
        self.ones = jnp.ones(ROWS)

    @functools.cached_property
    def forced(self) -> tuple[Any, ...]:
        """Logits, log-probabilities and the gradient of the loss, teacher-forced."""

        def loss(params: Params):
            hidden = self.decoder.response_hidden(params, self.prompts, self.mask, self.responses)
            head = self.decoder.head(params)
            logprobs, _ = scoring.logprobs_and_entropies(hidden, head, jnp.asarray(self.responses), self.ones)
            logits = scoring.token_logits(hidden, head, self.ones[:, None])
            return jnp.sum(self.weights * logprobs), (logits, logprobs)

        (_, (logits, logprobs)), gradient = jit(jax.value_and_grad(loss, has_aux=True))(self.params)
        return logits, logprobs, gradient

    def decoded(self, forced: np.ndarray | None, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and their log-probabilities [B, T]: those given, or the likeliest."""
        decoder = self.decoder
        rows = len(self.prompts) if forced is None else len(forced)
        columns = jnp.zeros((length, rows), jnp.int32) if forced is None else jnp.asarray(forced.T)

        def step(params: Params, prompt_cache: Any, carry: Any, column: Array):
            index, hidden, cache = carry
            logits = scoring.token_logits(hidden, decoder.head(params), jnp.ones(rows))
            tokens = jnp.argmax(logits, axis=-1).astype(jnp.int32) if forced is None else column
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), tokens[:, None], axis=-1)[:, 0]
            hidden, cache = decoder.decode(params, tokens, index, self.mask, prompt_cache, cache)
            return (index + 1, hidden, cache), (tokens, chosen)

        def generate(params: Params):
            prompt_cache, first = decoder.prefill(params, self.prompts, self.mask)
            hidden = jnp.repeat(first, rows // len(self.prompts), axis=0)
            start = jnp.int32(0), hidden, decoder.response_cache(rows, length)
            return jax.lax.scan(functools.partial(step, params, prompt_cache), start, columns)[1]

        tokens, chosen = jit(generate)(self.params)
        return np.asarray(tokens.T), np.asarray(chosen.T)


@pytest.fixture(scope="module", params=VARIATIONS)
def variation(request: pytest.FixtureRequest) -> Variation:
    return Variation(request.param)


def test_logits_are_those_of_transformers(variation: Variation):
    assert np.abs(variation.logits).max() > 1  # or the tolerance would be no test
    np.testing.assert_allclose(variation.forced[0], variation.logits, atol=1e-4)


def test_the_gradient_of_a_loss_is_that_of_torch(variation: Variation):
    pairs = zip(jax.tree.leaves_with_path(variation.forced[2]), jax.tree.leaves(variation.gradients), strict=True)
    for (path, ours), theirs in pairs:
        size = float(jnp.abs(theirs).max())
        assert size > 1e-4, jax.tree_util.keystr(path)
        assert float(jnp.abs(ours - theirs).max()) <= 1e-4 * size, jax.tree_util.keystr(path)


def test_the_likeliest_tokens_are_those_that_transformers_generates(variation: Variation):
    tokens, _ = variation.decoded(None, variation.greedy.shape[1])
    np.testing.assert_array_equal(tokens, variation.greedy)


def test_prefill_and_decode_give_the_teacher_forced_log_probabilities(variation: Variation):
    _, chosen = variation.decoded(variation.responses, variation.responses.shape[1])
    np.testing.assert_allclose(chosen, variation.forced[1], atol=1e-5)


def test_a_checkpoint_of_every_family_and_variation_is_there():
    assert len(VARIATIONS) == 16
    assert {name.split("_")[0] for name in VARIATIONS} == {
        "qwen2", "qwen3", "llama", "llama3", "mistral", "gemma2", "gemma3"
    }  # fmt: skip
