"""The policy: a decoder with RMSNorm, rotary positions, grouped-query attention and SwiGLU, its layers scanned.

Flax builds one block and names its parameters; blocks are stacked `[L, ...]` and run with `jax.lax.scan`, so that
compile time does not grow with depth. After `init` everyone sees a plain nested dict of arrays.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from entropy_rl.models import attention
from entropy_rl.ops import partition
from entropy_rl.types import Array, Cache, Params


@dataclasses.dataclass(frozen=True)
class Decoder:
    """A decoder-only language model as pure functions; its fields are its architecture. Implements `types.Policy`.

    Attributes:
      vocab_size: V; 0 means that of the task's tokenizer.
      layers, width, heads, kv_heads, head_width, feed_forward: L, D, N, K, H, F.
      compute_dtype: of activations and of the weights' copies in matrix products; reductions of logits stay float32.
      param_dtype: of the master weights.
      remat: recompute each layer in the backward pass instead of keeping its activations.
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
    remat: bool = False

    def validate(self) -> None:
        """Raises ValueError if the fields do not make a decoder."""
        for name in ("vocab_size", "layers", "width", "heads", "kv_heads", "head_width", "feed_forward"):
            if getattr(self, name) < 1:
                raise ValueError(f"policy.{name} is {getattr(self, name)}; it must be at least 1")
        if self.heads % self.kv_heads:
            raise ValueError(
                f"policy.heads = {self.heads} query heads do not split over policy.kv_heads = {self.kv_heads}; "
                "make heads a multiple of kv_heads"
            )
        if self.head_width % 2:
            raise ValueError(f"policy.head_width is {self.head_width}; rotary positions need an even head width")
        for name in ("compute_dtype", "param_dtype"):
            if getattr(self, name) not in ("float32", "bfloat16"):
                raise ValueError(f"policy.{name} is {getattr(self, name)!r}; choose 'float32' or 'bfloat16'")

    # Parameters -----------------------------------------------------------------------------------------------------

    def init(self, key: Array) -> Params:
        """Random parameters: a nested dict, every array of `layers` stacked [L, ...]."""
        return jax.tree.map(lambda box: box.value, self._boxed_init(key), is_leaf=_is_box)

    def logical_axes(self) -> Any:
        """A tree like the parameters', each leaf the tuple of its logical axis names."""
        boxed = jax.eval_shape(self._boxed_init, jax.random.key(0))
        axes = jax.tree.map(lambda box: box.names, boxed, is_leaf=_is_box)
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

    def head(self, params: Params) -> Array:
        """[V, D] in the compute type: logits are hidden @ head.T."""
        return params["embedding" if self.tied_embeddings else "unembedding"].astype(self.compute_dtype)

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

        def layer(carry, weights):
            hidden, response_hidden = carry  # [P, Q, D], [B, T - 1, D]
            query, key, value = self._project(weights, hidden, prompt_positions)
            attended = attention.causal(query, key, value, prompt_mask)
            r_query, r_key, r_value = self._project(weights, response_hidden, positions)
            r_attended = attention.shared_prompt(r_query, r_key, r_value, key, value, prompt_mask)
            hidden = self._finish(weights, hidden, attended)
            response_hidden = self._finish(weights, response_hidden, r_attended)
            return (hidden, response_hidden), None

        carry = (self._embed(params, prompts), self._embed(params, inputs))
        (hidden, response_hidden), _ = jax.lax.scan(
            jax.checkpoint(layer) if self.remat else layer, carry, params["layers"]
        )
        first = jnp.repeat(hidden[:, -1:], group, axis=0)  # the last prompt token predicts the first response token
        return self._final_norm(params, jnp.concatenate([first, response_hidden], axis=1))

    # Generation -----------------------------------------------------------------------------------------------------

    def prefill(self, params: Params, prompts: Array, prompt_mask: Array) -> tuple[Cache, Array]:
        """Keys and values of the prompts, each [L, P, K, Q, H], and the hidden state [P, D] after the last token."""
        positions = jnp.maximum(jnp.cumsum(prompt_mask, axis=1) - 1, 0)

        def layer(hidden, weights):
            query, key, value = self._project(weights, hidden, positions)
            attended = attention.causal(query, key, value, prompt_mask)
            hidden = self._finish(weights, hidden, attended)
            return hidden, (key.swapaxes(1, 2), value.swapaxes(1, 2))

        hidden, cache = jax.lax.scan(layer, self._embed(params, prompts), params["layers"])
        return cache, self._final_norm(params, hidden[:, -1])

    def response_cache(self, batch: int, length: int) -> Cache:
        """Empty keys and values [L, B, K, T, H]; this order is updated in place inside the layer scan."""
        shape = (self.layers, batch, self.kv_heads, length, self.head_width)
        return jnp.zeros(shape, self.compute_dtype), jnp.zeros(shape, self.compute_dtype)

    def decode(
        self,
        params: Params,
        tokens: Array,
        index: Array,
        prompt_mask: Array,
        prompt_cache: Cache,
        response_cache: Cache,
    ) -> tuple[Array, Cache]:
        """Feeds response token number `index` [] of every row, tokens [B]: its hidden state [B, D], and the cache."""
        group = tokens.shape[0] // prompt_mask.shape[0]
        positions = jnp.repeat(prompt_mask.sum(axis=1), group) + index  # [B]
        filled = jnp.arange(response_cache[0].shape[3]) <= index  # [T]

        def layer(carry, inputs):
            hidden, keys, values = carry  # [B, 1, D], [L, B, K, T, H]
            number, weights, prompt_keys, prompt_values = inputs
            query, key, value = self._project(weights, hidden, positions[:, None])
            at = (number, 0, 0, index, 0)
            keys = jax.lax.dynamic_update_slice(keys, key.swapaxes(1, 2)[None], at)
            values = jax.lax.dynamic_update_slice(values, value.swapaxes(1, 2)[None], at)
            cache = keys[number], values[number]
            attended = attention.one_token(query[:, 0], cache, (prompt_keys, prompt_values), filled, prompt_mask)
            return (self._finish(weights, hidden, attended[:, None]), keys, values), None

        layers = (jnp.arange(self.layers), params["layers"], *prompt_cache)
        carry, _ = jax.lax.scan(layer, (self._embed(params, tokens[:, None]), *response_cache), layers)
        return self._final_norm(params, carry[0][:, 0]), carry[1:]

    def _project(self, weights: Params, hidden: Array, positions: Array) -> tuple[Array, Array, Array]:
        projected: Any = Block(self).apply({"params": weights}, hidden, positions, method=Block.project)
        return projected

    def _finish(self, weights: Params, hidden: Array, attended: Array) -> Array:
        finished: Any = Block(self).apply({"params": weights}, hidden, attended, method=Block.finish)
        return partition.by_rows(finished)

    def _embed(self, params: Params, tokens: Array) -> Array:
        return partition.by_rows(params["embedding"].astype(self.compute_dtype)[tokens])

    def _final_norm(self, params: Params, hidden: Array) -> Array:
        return rms_norm(hidden, params["final_norm"], self.norm_epsilon)


class Outer(nn.Module):
    """The parameters outside the layers."""

    config: Decoder

    @nn.compact
    def __call__(self) -> None:
        config, dtype = self.config, jnp.dtype(self.config.param_dtype)
        table = nn.with_partitioning(nn.initializers.normal(config.width**-0.5), ("vocab", "embed"))
        scale = nn.with_partitioning(nn.initializers.ones, ("norm",))
        self.param("embedding", table, (config.vocab_size, config.width), dtype, unbox=False)
        self.param("final_norm", scale, (config.width,), dtype, unbox=False)
        if not config.tied_embeddings:
            self.param("unembedding", table, (config.vocab_size, config.width), dtype, unbox=False)


class Block(nn.Module):
    """One layer, in two halves around the attention so that training and decoding attend as they need."""

    config: Decoder

    def setup(self) -> None:
        c, depth = self.config, 2 * self.config.layers
        inner, outer = nn.initializers.normal(c.width**-0.5), nn.initializers.normal((c.width * depth) ** -0.5)
        heads, kv_heads = (c.width, c.heads, c.head_width), (c.width, c.kv_heads, c.head_width)
        self.attention_norm = self._param("attention_norm", nn.initializers.ones, (c.width,), "norm")
        self.query = self._param("query", inner, heads, "embed", "heads", "head")
        self.key = self._param("key", inner, kv_heads, "embed", "kv_heads", "head")
        self.value = self._param("value", inner, kv_heads, "embed", "kv_heads", "head")
        self.output = self._param("output", outer, (c.heads, c.head_width, c.width), "heads", "head", "embed")
        if c.attention_bias:
            zeros = nn.initializers.zeros
            self.query_bias = self._param("query_bias", zeros, heads[1:], "heads", "head")
            self.key_bias = self._param("key_bias", zeros, kv_heads[1:], "kv_heads", "head")
            self.value_bias = self._param("value_bias", zeros, kv_heads[1:], "kv_heads", "head")
        self.mlp_norm = self._param("mlp_norm", nn.initializers.ones, (c.width,), "norm")
        self.gate = self._param("gate", inner, (c.width, c.feed_forward), "embed", "mlp")
        self.up = self._param("up", inner, (c.width, c.feed_forward), "embed", "mlp")
        down = nn.initializers.normal((c.feed_forward * depth) ** -0.5)
        self.down = self._param("down", down, (c.feed_forward, c.width), "mlp", "embed")

    def _param(self, name: str, initializer: Any, shape: tuple[int, ...], *axes: str) -> Array:
        dtype = jnp.dtype(self.config.param_dtype)
        stored: Any = self.param(name, nn.with_partitioning(initializer, axes), shape, dtype, unbox=False)
        return (stored.value if _is_box(stored) else stored).astype(self.config.compute_dtype)

    def build(self) -> None:
        """Makes the parameters; computes nothing."""

    def project(self, hidden: Array, positions: Array) -> tuple[Array, Array, Array]:
        """Query [B, T, K, R, H], key and value [B, T, K, H] of hidden [B, T, D] at positions [B, T]."""
        config = self.config
        normed = rms_norm(hidden, self.attention_norm, config.norm_epsilon)
        query = jnp.einsum("BTD,DNH->BTNH", normed, self.query)
        key = jnp.einsum("BTD,DKH->BTKH", normed, self.key)
        value = jnp.einsum("BTD,DKH->BTKH", normed, self.value)
        if config.attention_bias:
            query, key, value = query + self.query_bias, key + self.key_bias, value + self.value_bias
        query, key = (rotate(x, positions, config.rope_theta) for x in (query, key))
        return query.reshape(*key.shape[:3], -1, config.head_width), key, value

    def finish(self, hidden: Array, attended: Array) -> Array:
        """Adds the attention output, [B, T, K, R, H] before its projection, and the feed-forward network."""
        attended = attended.reshape(*hidden.shape[:2], self.config.heads, self.config.head_width)
        hidden = hidden + jnp.einsum("BTNH,NHD->BTD", attended, self.output)
        normed = rms_norm(hidden, self.mlp_norm, self.config.norm_epsilon)
        return hidden + (jax.nn.silu(normed @ self.gate) * (normed @ self.up)) @ self.down


def _is_box(leaf: Any) -> bool:
    """Flax boxes hold logical axes; its own unboxing would take them for axes of the mesh in context."""
    return isinstance(leaf, nn.Partitioned)


def rms_norm(x: Array, scale: Array, epsilon: float) -> Array:
    """Divides by the root mean square over the last axis, in float32."""
    wide = x.astype(jnp.float32)
    normed = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + epsilon)
    return normed.astype(x.dtype) * scale.astype(x.dtype)


def rotate(x: Array, positions: Array, theta: float) -> Array:
    """Rotary position embedding, halves convention, of x [B, T, N, H] at positions [B, T]; angles in float32."""
    half = x.shape[-1] // 2
    frequencies = theta ** (-jnp.arange(half, dtype=jnp.float32) / half)  # [H / 2]
    angles = positions[..., None, None] * frequencies  # [B, T, 1, H / 2]
    cosine, sine = jnp.cos(angles), jnp.sin(angles)
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1).astype(x.dtype)
