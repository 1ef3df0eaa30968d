"""Mistral 7B, Nemo and Small: no biases; every layer sees a sliding window, or none does.

Source: Jiang et al. 2023, https://arxiv.org/abs/2310.06825
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family


class Mistral(Family):
    """A config.json that does not mention the window has one of 4096; null switches it off."""

    model_type = "mistral"
    architecture = "MistralForCausalLM"
    defaults = {"rms_norm_eps": 1e-6, "hidden_act": "silu", "sliding_window": 4096, "num_key_value_heads": 8}

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        values.require(config, "hidden_act", ("silu",))
        kind = values.FULL if config.get("sliding_window") is None else values.SLIDING
        layers = values.whole(config, "num_hidden_layers")
        if set(config.get("layer_types") or [kind]) != {kind}:
            raise ValueError(
                f"config.json: layer_types mixes kinds of attention, where sliding_window makes every layer {kind}; "
                "transformers ignores them in this architecture; remove the key"
            )
        return Decoder(
            **values.sizes(config),
            **values.rope_fields(config),
            layer_windows=values.windows(config, [kind] * layers),
        )

    def config(self, decoder: Decoder) -> dict[str, Any]:
        return values.written_sizes(decoder) | {"hidden_act": "silu", "sliding_window": values.window(decoder)}
