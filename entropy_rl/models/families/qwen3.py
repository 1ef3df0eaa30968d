"""Qwen3, dense: queries and keys are normed head by head, and a head's width is not the model's over their number.

Source: Qwen team 2025, https://arxiv.org/abs/2505.09388
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family
from entropy_rl.models.families.qwen2 import switched_windows, written_windows


class Qwen3(Family):
    """Published models have no biases."""

    model_type = "qwen3"
    architecture = "Qwen3ForCausalLM"
    defaults = {
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "head_dim": 128,
        "sliding_window": 4096,
        "max_window_layers": 28,
    }

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        values.require(config, "hidden_act", ("silu",))
        biased = values.flag(config, "attention_bias")
        return Decoder(
            **values.sizes(config),
            **values.rope_fields(config),
            attention_bias=biased,
            output_bias=biased,
            qk_norm=True,
            layer_windows=switched_windows(config),
        )

    def config(self, decoder: Decoder) -> dict[str, Any]:
        chosen = {"hidden_act": "silu", "attention_bias": decoder.attention_bias}
        return values.written_sizes(decoder) | chosen | written_windows(decoder)
