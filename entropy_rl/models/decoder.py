"""The policy: a decoder with RMSNorm, rotary positions, grouped-query attention and a gated feed-forward network.

One decoder serves every family of checkpoints (Qwen2 and 3, Llama, Mistral, Gemma): its fields are the differences.
Flax builds one block and names its parameters (layers.py); blocks are stacked `[L, ...]` and run with `jax.lax.scan`,
so that compile time does not grow with depth. After `init` everyone sees a plain nested dict of arrays.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from entropy_rl.models import attention, checks, decode_attention, embedding, kv_cache, rope
from entropy_rl.models.kv_cache import KeysValues
from entropy_rl.models.layers import Block, Outer, is_box, rms_norm
from entropy_rl.models.lora import Lora
from entropy_rl.ops import partition
from entropy_rl.ops.logprobs import Head
from entropy_rl.types import Array, Params

UNLIMITED = 1 << 30  # a window wider than any text


@dataclasses.dataclass(frozen=True)
class Decoder:
    """A decoder-only language model as pure functions; its fields are its architecture. Implements `types.Policy`.

    Attributes:
      vocab_size: V; 0 means that of the task's tokenizer.
      layers, width, heads, kv_heads, head_width, feed_forward: L, D, N, K, H, F; H need not be D / N.
      rope_theta: base of the rotary positions; rope_scaling: how a checkpoint stretched them (models/rope.py).
      rope_local_theta: base in layers with a window, which are not stretched; None: as in the others.
      norm_epsilon, norm_offset: a norm multiplies by its scale + offset (Gemma: 1).
      attention_bias: of query, key and value; output_bias: of the attention's output.
      qk_norm: queries and keys are normalised per head. post_norms: so is what each half of a layer adds (Gemma).
      tied_embeddings: the embedding is the head too.
      activation: of the gate; gelu_tanh is its tanh approximation.
      embedding_multiplier: of the embedded tokens, rounded to the compute type (Gemma: sqrt(D)).
      query_scale: of the attention scores; None: H ** -0.5.
      attention_softcap, logit_softcap: c in c * tanh(x / c) of scores and of logits (Gemma 2), or None.
      layer_windows: tokens that each layer sees, itself included, 0 for all; () if all layers see all.
      compute_dtype: of activations and of the weights' copies in matrix products; reductions of logits stay float32.
        "auto" stands in a config for what suits the device and is replaced when a run starts.
      param_dtype: of the master weights.
      remat: what the backward pass recomputes of each layer: "none", "full" (everything), or "dots" (all but the
        results of matrix products with weights). True is "full".
      attention: which implementation computes the training attention; see `attention.choose`.
      lora: adapters beside the linear layers, or None.
    """

    vocab_size: int = 0
    layers: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_width: int = 16
    feed_forward: int = 192
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6
    attention_bias: bool = False
    tied_embeddings: bool = False
    compute_dtype: str = "float32"
    param_dtype: str = "float32"
    remat: Literal["none", "full", "dots"] | bool = "none"
    activation: Literal["silu", "gelu_tanh"] = "silu"
    qk_norm: bool = False
    norm_offset: float = 0.0
    post_norms: bool = False
    output_bias: bool = False
    embedding_multiplier: float = 1.0
    query_scale: float | None = None
    attention_softcap: float | None = None
    logit_softcap: float | None = None
    layer_windows: tuple[int, ...] = ()
    rope_local_theta: float | None = None
    rope_scaling: rope.Scaling | None = None
    attention: Literal["auto", "xla", "cudnn", "splash"] = "auto"
    lora: Lora | None = None

    def validate(self) -> None:
        """Raises ValueError if the fields do not make a decoder, or not one that can run here."""
        checks.validate(self)

    # Parameters -----------------------------------------------------------------------------------------------------

    def init(self, key: Array) -> Params:
        """Random parameters: a nested dict, every array of `layers` stacked [L, ...]."""
        return jax.tree.map(lambda box: box.value, self._boxed_init(key), is_leaf=is_box)

    def logical_axes(self) -> Any:
        """A tree like the parameters', each leaf the tuple of its logical axis names."""
        boxed = jax.eval_shape(self._boxed_init, jax.random.key(0))
        axes = jax.tree.map(lambda box: box.names, boxed, is_leaf=is_box)
        is_axes = lambda leaf: isinstance(leaf, tuple)  # noqa: E731
        return axes | {"layers": jax.tree.map(lambda names: ("layers", *names), axes["layers"], is_leaf=is_axes)}

    def _boxed_init(self, key: Array) -> Params:
        outer_key, layers_key = jax.random.split(key)
        outer = dict(Outer(self).init(outer_key)["params"])
        block = lambda k: Block(self).init(k, method=Block.build)["params"]  # noqa: E731
        return outer | {"layers": jax.vmap(block)(jax.random.split(layers_key, self.layers))}

    @property
    def dtype(self) -> jnp.dtype:
        """Of activations, and of the weights that rollouts read."""
        return jnp.dtype(self.compute_dtype)

    def head(self, params: Params) -> Array | Head:
        """[V, D] in the compute type: logits are hidden @ head.T, capped where the family does so."""
        weights = params["embedding" if self.tied_embeddings else "unembedding"].astype(self.compute_dtype)
        return weights if self.logit_softcap is None else Head(weights, self.logit_softcap)

    # Training -------------------------------------------------------------------------------------------------------

    def response_hidden(self, params: Params, prompts: Array, prompt_mask: Array, responses: Array) -> Array:
        """Hidden states that predict each response token; a prompt is computed once for all of its responses.

        Args:
          prompts: [P, Q] int32, left-padded; prompt_mask: [P, Q] bool.
          responses: [B, T] int32, right-padded, the B / P responses of a prompt adjacent.

        Returns:
          [B, T, D] in the compute type.
        """
        group = responses.shape[0] // prompts.shape[0]
        lengths = prompt_mask.sum(axis=1)  # [P]
        prompt_positions = jnp.maximum(jnp.cumsum(prompt_mask, axis=1) - 1, 0)  # [P, Q]
        inputs = responses[:, :-1]  # the last token predicts nothing
        positions = jnp.repeat(lengths, group)[:, None] + jnp.arange(inputs.shape[1])  # [B, T - 1]

        def layer(carry, inputs):
            hidden, response_hidden = carry  # [P, Q, D], [B, T - 1, D]
            weights, own = inputs
            manner = self._manner(own)
            prompt = self._project(weights, hidden, prompt_positions, own)
            response = self._project(weights, response_hidden, positions, own)
            attended, r_attended = attention.of_prompts_and_responses(prompt, response, prompt_mask, manner)
            hidden = self._finish(weights, hidden, attended)
            response_hidden = self._finish(weights, response_hidden, r_attended)
            return (hidden, response_hidden), None

        carry = (self._embed(params, prompts, training=True), self._embed(params, inputs, training=True))
        layers = (params["layers"], self._constants())
        (hidden, response_hidden), _ = jax.lax.scan(self._recomputed(layer), carry, layers)
        first = jnp.repeat(hidden[:, -1:], group, axis=0)  # the last prompt token predicts the first response token
        return self._final_norm(params, jnp.concatenate([first, response_hidden], axis=1))

    # Generation -----------------------------------------------------------------------------------------------------

    def prefill(
        self, params: Params, prompts: Array, prompt_mask: Array, storage: kv_cache.Storage = "auto"
    ) -> tuple[KeysValues, Array]:
        """Keys and values of the prompts [L, P, K, Q, H], and the hidden state [P, D] after the last token."""
        positions = jnp.maximum(jnp.cumsum(prompt_mask, axis=1) - 1, 0)

        def layer(hidden, inputs):
            weights, own = inputs
            query, key, value = self._project(weights, hidden, positions, own)
            attended = attention.of_prompts((query, key, value), prompt_mask, self._manner(own))
            hidden = self._finish(weights, hidden, attended)
            return hidden, kv_cache.pack(key.swapaxes(1, 2), value.swapaxes(1, 2), storage)

        layers = (params["layers"], self._constants())
        hidden, cache = jax.lax.scan(layer, self._embed(params, prompts), layers)
        return cache, self._final_norm(params, hidden[:, -1])

    def response_cache(self, batch: int, length: int, storage: kv_cache.Storage = "auto") -> KeysValues:
        """Empty keys and values [L, B, K, T, H]; this order is updated in place inside the layer scan."""
        shape = (self.layers, batch, self.kv_heads, length, self.head_width)
        return kv_cache.empty(shape, self.dtype, storage)

    def decode(
        self,
        params: Params,
        tokens: Array,
        column: Array,
        prompt_mask: Array,
        prompt_cache: KeysValues,
        response_cache: KeysValues,
        starts: Array | None = None,
        most_widths: int = 1,
    ) -> tuple[Array, KeysValues]:
        """Feeds one token to each of the first b rows of a cache.

        Args:
          tokens: [b], the rows of a prompt adjacent.
          column: [] int32 where they are stored, one more in each call; column % T if it is T or more.
          prompt_mask, prompt_cache: of P prompts; b is a multiple of P.
          response_cache: of `response_cache`, updated in place.
          starts: [b] int32, the column of each row's first token; None where all began at 0.
          most_widths: programs for reading more and more of the response cache; 1 reads all of it each time.

        Returns:
          The hidden state [b, D] that predicts the next token, and the cache.
        """
        group = tokens.shape[0] // prompt_mask.shape[0]
        numbers = column if starts is None else column - starts
        positions = jnp.repeat(prompt_mask.sum(axis=1), group) + numbers  # [b]
        place = column % response_cache.keys.shape[3]

        def layer(carry, inputs):
            hidden, cache = carry  # [b, 1, D], [L, B, K, T, H]
            number, weights, own, prompt_cache = inputs
            query, key, value = self._project(weights, hidden, positions[:, None], own)
            stored = kv_cache.pack_like(cache, key.swapaxes(1, 2), value.swapaxes(1, 2))
            cache = kv_cache.write(cache, stored, number, place)
            attended = decode_attention.one_token(
                query[:, 0], cache, number, prompt_cache, column, numbers, prompt_mask, self._manner(own), most_widths
            )
            return (self._finish(weights, hidden, attended[:, None]), cache), None

        layers = (jnp.arange(self.layers), params["layers"], self._constants(), prompt_cache)
        (hidden, cache), _ = jax.lax.scan(layer, (self._embed(params, tokens[:, None]), response_cache), layers)
        return self._final_norm(params, hidden[:, 0]), cache

    # Layers ---------------------------------------------------------------------------------------------------------

    def _constants(self) -> LayerConstants:
        """What distinguishes layers beside their weights, stacked [L, ...] for the scan."""
        if not any(self.layer_windows):
            return LayerConstants()
        windows = jnp.asarray([window or UNLIMITED for window in self.layer_windows], jnp.int32)
        if self.rope_local_theta is None:
            return LayerConstants(windows)
        kinds = self._turn(), rope.turn(self.head_width, self.rope_local_theta)
        by_layer = [kinds[bool(window)] for window in self.layer_windows]
        return LayerConstants(windows, jax.tree.map(lambda *leaves: jnp.stack(leaves), *by_layer))

    def _turn(self) -> rope.Turn:
        return rope.turn(self.head_width, self.rope_theta, self.rope_scaling)

    def _manner(self, own: LayerConstants) -> attention.Manner:
        scale = self.head_width**-0.5 if self.query_scale is None else self.query_scale
        windows = tuple(window or UNLIMITED for window in self.layer_windows) if own.window is not None else ()
        implementation = attention.choose(self.attention, self.heads, self.kv_heads, self.head_width)
        return attention.Manner(scale, self.attention_softcap, own.window, windows, implementation)

    def _recomputed(self, layer: Any) -> Any:
        def kept_in_pieces(carry: Any, inputs: Any) -> Any:
            """What the backward pass keeps of a layer is its input: devices that share rows keep a piece each."""
            carry = jax.tree.map(partition.by_rows_and_columns, carry)
            carry, result = layer(jax.tree.map(partition.by_rows, carry), inputs)
            return jax.tree.map(partition.by_rows_and_columns, carry), result

        if self.remat in ("none", False):
            return kept_in_pieces
        saved = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if self.remat == "dots" else None
        return jax.checkpoint(kept_in_pieces, policy=saved)

    def _project(
        self, weights: Params, hidden: Array, positions: Array, own: LayerConstants
    ) -> tuple[Array, Array, Array]:
        turn = self._turn() if own.turn is None else own.turn
        projected: Any = Block(self).apply({"params": weights}, hidden, positions, turn, method=Block.project)
        return projected

    def _finish(self, weights: Params, hidden: Array, attended: Array) -> Array:
        finished: Any = Block(self).apply({"params": weights}, hidden, attended, method=Block.finish)
        return partition.by_rows(finished)

    def _embed(self, params: Params, tokens: Array, training: bool = False) -> Array:
        embedded = embedding.lookup(params["embedding"], tokens, self.dtype, columns_split=training)
        if self.embedding_multiplier != 1.0:
            embedded = embedded * jnp.asarray(self.embedding_multiplier, self.compute_dtype)
        return partition.by_rows(embedded)

    def _final_norm(self, params: Params, hidden: Array) -> Array:
        return rms_norm(hidden, params["final_norm"], self.norm_epsilon, self.norm_offset)


class LayerConstants(NamedTuple):
    """What a layer has of its own beside its weights; None: all layers have the same."""

    window: Array | None = None  # [] int32 tokens
    turn: rope.Turn | None = None
