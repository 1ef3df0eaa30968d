"""Gemma 2: norms around both halves of a layer, soft caps on attention scores and logits, every other layer windowed.

Source: Gemma team 2024, https://arxiv.org/abs/2408.00118
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family, Path, Tensor, plain

GEMMA_DEFAULTS = {
    "rms_norm_eps": 1e-6,
    "hidden_activation": "gelu_pytorch_tanh",
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "tie_word_embeddings": True,
    "query_pre_attn_scalar": 256,
    "sliding_window": 4096,
}


class Gemma2(Family):
    """Norms multiply by 1 + scale, embeddings by sqrt(D)."""

    model_type = "gemma2"
    architecture = "Gemma2ForCausalLM"
    defaults = GEMMA_DEFAULTS | {
        "vocab_size": 256_000,
        "final_logit_softcapping": 30.0,
        "attn_logit_softcapping": 50.0,
    }

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        layers = range(values.whole(config, "num_hidden_layers"))
        every_other = [values.FULL if layer % 2 else values.SLIDING for layer in layers]
        return Decoder(
            **gemma_fields(config),
            **values.rope_fields(config),
            layer_windows=values.windows(config, config.get("layer_types") or every_other),
            attention_softcap=values.optional(config, "attn_logit_softcapping"),
        )

    def config(self, decoder: Decoder) -> dict[str, Any]:
        return gemma_values(decoder) | {"attn_logit_softcapping": decoder.attention_softcap}

    def norms(self, decoder: Decoder) -> dict[Path, Tensor]:
        return gemma_norms(decoder)


def gemma_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """What Gemma 2 and 3 share."""
    values.require(config, "hidden_activation", ("gelu_pytorch_tanh",))
    values.require(config, "use_bidirectional_attention", (None, False))
    sizes = values.sizes(config)
    scalar = values.number(config, "query_pre_attn_scalar")
    biased = values.flag(config, "attention_bias")
    return sizes | {
        "activation": "gelu_tanh",
        "norm_offset": 1.0,
        "post_norms": True,
        "embedding_multiplier": sizes["width"] ** 0.5,
        "query_scale": None if scalar == sizes["head_width"] else scalar**-0.5,
        "logit_softcap": values.optional(config, "final_logit_softcapping"),
        "attention_bias": biased,
        "output_bias": biased,
    }


def gemma_values(decoder: Decoder) -> dict[str, Any]:
    """The inverse of `gemma_fields`."""
    scale = decoder.head_width**-0.5 if decoder.query_scale is None else decoder.query_scale
    return values.written_sizes(decoder) | {
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_act": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": round(scale**-2),
        "final_logit_softcapping": decoder.logit_softcap,
        "attention_bias": decoder.attention_bias,
        "sliding_window": values.window(decoder) or 4096,
        "layer_types": values.layer_types(decoder),
    }


def gemma_norms(decoder: Decoder) -> dict[Path, Tensor]:
    """Before and after each half of a layer."""
    norm = lambda name: plain(f"model.layers.{{layer}}.{name}_layernorm.weight", decoder.width)  # noqa: E731
    return {
        ("layers", "attention_norm"): norm("input"),
        ("layers", "attention_post_norm"): norm("post_attention"),
        ("layers", "mlp_norm"): norm("pre_feedforward"),
        ("layers", "mlp_post_norm"): norm("post_feedforward"),
    }
