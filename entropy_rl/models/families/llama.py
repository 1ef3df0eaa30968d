"""Llama 2 and 3.x, and models that took its architecture over, such as DeepSeek-Math and DeepSeek-R1-Distill-Llama.

Source: Touvron et al. 2023, https://arxiv.org/abs/2307.09288; Grattafiori et al. 2024, https://arxiv.org/abs/2407.21783
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family


class Llama(Family):
    """The decoder as it is, with or without biases around the attention."""

    model_type = "llama"
    architecture = "LlamaForCausalLM"
    defaults = {"rms_norm_eps": 1e-6, "hidden_act": "silu", "vocab_size": 32_000}

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        values.require(config, "hidden_act", ("silu",))
        values.require(config, "mlp_bias", (None, False))
        biased = values.flag(config, "attention_bias")
        return Decoder(
            **values.sizes(config), **values.rope_fields(config), attention_bias=biased, output_bias=biased
        )  # fmt: skip

    def config(self, decoder: Decoder) -> dict[str, Any]:
        return values.written_sizes(decoder) | {
            "hidden_act": "silu",
            "attention_bias": decoder.attention_bias,
            "mlp_bias": False,
        }
