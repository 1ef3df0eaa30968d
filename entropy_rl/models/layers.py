"""The parameters of a decoder, named and initialised by Flax, and what a layer computes on either side of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from entropy_rl.models import lora, rope
from entropy_rl.types import Array

if TYPE_CHECKING:
    from entropy_rl.models.decoder import Decoder

ACTIVATIONS = {"silu": jax.nn.silu, "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True)}


class Outer(nn.Module):
    """The parameters outside the layers."""

    config: Decoder

    @nn.compact
    def __call__(self) -> None:
        config, dtype = self.config, jnp.dtype(self.config.param_dtype)
        table = nn.with_partitioning(nn.initializers.normal(config.width**-0.5), ("vocab", "embed"))
        scale = nn.with_partitioning(nn.initializers.constant(1.0 - config.norm_offset), ("norm",))
        self.param("embedding", table, (config.vocab_size, config.width), dtype, unbox=False)
        self.param("final_norm", scale, (config.width,), dtype, unbox=False)
        if not config.tied_embeddings:
            self.param("unembedding", table, (config.vocab_size, config.width), dtype, unbox=False)


class Block(nn.Module):
    """One layer, in two halves around the attention so that training and decoding attend as they need."""

    config: Decoder

    def setup(self) -> None:
        # Random keys follow the order of creation: what is optional comes last, so that it changes no other weight.
        c, depth = self.config, 2 * self.config.layers
        inner, outer = nn.initializers.normal(c.width**-0.5), nn.initializers.normal((c.width * depth) ** -0.5)
        heads, kv_heads = (c.width, c.heads, c.head_width), (c.width, c.kv_heads, c.head_width)
        self.attention_norm = self._norm("attention_norm", c.width)
        self.query = self._param("query", inner, heads, "embed", "heads", "head")
        self.key = self._param("key", inner, kv_heads, "embed", "kv_heads", "head")
        self.value = self._param("value", inner, kv_heads, "embed", "kv_heads", "head")
        self.output = self._param("output", outer, (c.heads, c.head_width, c.width), "heads", "head", "embed")
        zeros = nn.initializers.zeros
        if c.attention_bias:
            self.query_bias = self._param("query_bias", zeros, heads[1:], "heads", "head")
            self.key_bias = self._param("key_bias", zeros, kv_heads[1:], "kv_heads", "head")
            self.value_bias = self._param("value_bias", zeros, kv_heads[1:], "kv_heads", "head")
        self.mlp_norm = self._norm("mlp_norm", c.width)
        self.gate = self._param("gate", inner, (c.width, c.feed_forward), "embed", "mlp")
        self.up = self._param("up", inner, (c.width, c.feed_forward), "embed", "mlp")
        down = nn.initializers.normal((c.feed_forward * depth) ** -0.5)
        self.down = self._param("down", down, (c.feed_forward, c.width), "mlp", "embed")
        if c.output_bias:
            self.output_bias = self._param("output_bias", zeros, (c.width,), "norm")
        if c.qk_norm:
            self.query_norm, self.key_norm = (
                self._norm("query_norm", c.head_width),
                self._norm("key_norm", c.head_width),
            )
        if c.post_norms:
            self.attention_post_norm = self._norm("attention_post_norm", c.width)
            self.mlp_post_norm = self._norm("mlp_post_norm", c.width)
        self.adapters = self._adapters()

    def _adapters(self) -> dict[str, tuple[Array, Array]]:
        """The two factors of each linear layer that has an adapter."""
        c = self.config
        if c.lora is None:
            return {}
        embed, heads = ((c.width, "embed"),), ((c.heads, "heads"), (c.head_width, "head"))
        kv_heads, mlp = ((c.kv_heads, "kv_heads"), (c.head_width, "head")), ((c.feed_forward, "mlp"),)
        ends = {"query": (embed, heads), "key": (embed, kv_heads), "value": (embed, kv_heads), "output": (heads, embed),
                "gate": (embed, mlp), "up": (embed, mlp), "down": (mlp, embed)}  # fmt: skip
        rank, factors = ((c.lora.rank, "lora rank"),), {}
        for target in c.lora.targets:
            start, end = ends[target]
            fan_in = 1
            for size, _ in start:
                fan_in *= size
            random = nn.initializers.normal(fan_in**-0.5)
            (a_shape, a_axes), (b_shape, b_axes) = (zip(*axes, strict=True) for axes in (start + rank, rank + end))
            a = self._param(target + lora.A, random, a_shape, *a_axes)
            factors[target] = a, self._param(target + lora.B, nn.initializers.zeros, b_shape, *b_axes)
        return factors

    def _norm(self, name: str, width: int) -> Array:
        return self._param(name, nn.initializers.constant(1.0 - self.config.norm_offset), (width,), "norm")

    def _param(self, name: str, initializer: Any, shape: tuple[int, ...], *axes: str) -> Array:
        dtype = jnp.dtype(self.config.param_dtype)
        stored: Any = self.param(name, nn.with_partitioning(initializer, axes), shape, dtype, unbox=False)
        return (stored.value if is_box(stored) else stored).astype(self.config.compute_dtype)

    def build(self) -> None:
        """Makes the parameters; computes nothing."""

    def project(self, hidden: Array, positions: Array, turn: rope.Turn) -> tuple[Array, Array, Array]:
        """Query [B, T, K, R, H], key and value [B, T, K, H] of hidden [B, T, D] at positions [B, T]."""
        config = self.config
        normed = _tokens(self._normed(hidden, self.attention_norm))
        query = self._adapted("query", normed, jnp.einsum("XD,DNH->XNH", normed, self.query))
        key = self._adapted("key", normed, jnp.einsum("XD,DKH->XKH", normed, self.key))
        value = self._adapted("value", normed, jnp.einsum("XD,DKH->XKH", normed, self.value))
        if config.attention_bias:
            query, key, value = query + self.query_bias, key + self.key_bias, value + self.value_bias
        query, key, value = (x.reshape(*hidden.shape[:2], *x.shape[1:]) for x in (query, key, value))
        if config.qk_norm:
            query, key = self._normed(query, self.query_norm), self._normed(key, self.key_norm)
        query, key = (rope.rotate(x, positions, turn) for x in (query, key))
        return query.reshape(*key.shape[:3], config.heads // config.kv_heads, config.head_width), key, value

    def finish(self, hidden: Array, attended: Array) -> Array:
        """Adds the attention output, [B, T, K, R, H] before its projection, and the feed-forward network."""
        config = self.config
        shape, hidden = hidden.shape, _tokens(hidden)
        attended = attended.reshape(-1, config.heads, config.head_width)
        projected = self._adapted("output", attended, jnp.einsum("XNH,NHD->XD", attended, self.output))
        if config.output_bias:
            projected = projected + self.output_bias
        if config.post_norms:
            projected = self._normed(projected, self.attention_post_norm)
        hidden = hidden + projected
        normed = self._normed(hidden, self.mlp_norm)
        gate = ACTIVATIONS[config.activation](self._adapted("gate", normed, normed @ self.gate))
        inner = gate * self._adapted("up", normed, normed @ self.up)
        fed = self._adapted("down", inner, inner @ self.down)
        hidden = hidden + (self._normed(fed, self.mlp_post_norm) if config.post_norms else fed)
        return hidden.reshape(shape)

    def _normed(self, x: Array, scale: Array) -> Array:
        return rms_norm(x, scale, self.config.norm_epsilon, self.config.norm_offset)

    def _adapted(self, name: str, x: Array, y: Array) -> Array:
        """y = x W with what the adapter adds, if the layer has one."""
        adapted = self.config.lora
        if adapted is None or name not in self.adapters:
            return y
        a, b = self.adapters[name]
        contracted = a.ndim - 1
        low = jnp.tensordot(x, a, contracted)  # [X, r]
        return y + adapted.scale * jnp.tensordot(low, b, 1)


def _tokens(hidden: Array) -> Array:
    """[B, T, D] -> [B * T, D]: over two axes of tokens XLA on CPU finds a slow product for the gradient of weights."""
    return hidden.reshape(-1, hidden.shape[-1])


def is_box(leaf: Any) -> bool:
    """Flax boxes hold logical axes; its own unboxing would take them for axes of the mesh in context."""
    return isinstance(leaf, nn.Partitioned)


def rms_norm(x: Array, scale: Array, epsilon: float, offset: float = 0.0) -> Array:
    """Divides by the root mean square over the last axis, in float32, times scale + offset.

    Rounds where the checkpoints' own code does: with an offset (Gemma) after the product, else before it.
    """
    wide = x.astype(jnp.float32)
    normed = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + epsilon)
    if offset:
        return (normed * (scale.astype(jnp.float32) + offset)).astype(x.dtype)
    return normed.astype(x.dtype) * scale.astype(x.dtype)
