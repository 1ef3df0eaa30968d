"""Qwen2 and Qwen2.5: biases on query, key and value; sliding windows from some layer on, where they are switched on.

Source: Qwen team 2024, https://arxiv.org/abs/2407.10671, https://arxiv.org/abs/2412.15115
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family


class Qwen2(Family):
    """Published models leave the windows switched off."""

    model_type = "qwen2"
    architecture = "Qwen2ForCausalLM"
    defaults = {"rms_norm_eps": 1e-6, "hidden_act": "silu", "sliding_window": 4096, "max_window_layers": 28}

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        values.require(config, "hidden_act", ("silu",))
        return Decoder(
            **values.sizes(config),
            **values.rope_fields(config),
            attention_bias=True,
            layer_windows=switched_windows(config),
        )

    def config(self, decoder: Decoder) -> dict[str, Any]:
        return values.written_sizes(decoder) | {"hidden_act": "silu"} | written_windows(decoder)


def switched_windows(config: Mapping[str, Any]) -> tuple[int, ...]:
    """The windows of a config.json in which `use_sliding_window` rules over the other keys."""
    on = values.flag(config, "use_sliding_window") and config.get("sliding_window") is not None
    kinds = config.get("layer_types")
    if kinds is None:
        first = values.whole(config, "max_window_layers", 0) if on else values.whole(config, "num_hidden_layers")
        layers = range(values.whole(config, "num_hidden_layers"))
        kinds = [values.SLIDING if layer >= first else values.FULL for layer in layers]
    if values.SLIDING in kinds and not on:
        raise ValueError(
            "config.json: layer_types holds sliding_attention, but use_sliding_window or sliding_window is not set; "
            "they must agree. Fetch it again"
        )
    return values.windows(config, kinds)


def written_windows(decoder: Decoder) -> dict[str, Any]:
    """The inverse of `switched_windows`."""
    width, kinds = values.window(decoder), values.layer_types(decoder)
    first = kinds.index(values.SLIDING) if width else decoder.layers
    return {
        "use_sliding_window": width is not None,
        "sliding_window": width,
        "max_window_layers": first,
        "layer_types": kinds,
    }
