"""Gemma 3, text: five windowed layers to each full one, which turn by another base; queries and keys are normed.

Source: Gemma team 2025, https://arxiv.org/abs/2503.19786
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.families import values
from entropy_rl.models.families.family import Family, Path, Tensor
from entropy_rl.models.families.gemma2 import GEMMA_DEFAULTS, gemma_fields, gemma_norms, gemma_values


class Gemma3(Family):
    """Scaled positions are those of the full layers; the windowed ones turn unscaled."""

    model_type = "gemma3_text"
    architecture = "Gemma3ForCausalLM"
    defaults = GEMMA_DEFAULTS | {
        "vocab_size": 262_208,
        "hidden_size": 2304,
        "intermediate_size": 9216,
        "num_hidden_layers": 26,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "sliding_window_pattern": 6,
        "max_position_embeddings": 131_072,
    }

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        values.require(config, "attn_logit_softcapping", (None,), "transformers does not apply it in this architecture")
        pattern = values.whole(config, "sliding_window_pattern")
        layers = range(1, values.whole(config, "num_hidden_layers") + 1)
        patterned = [values.SLIDING if layer % pattern else values.FULL for layer in layers]
        windows = values.windows(config, config.get("layer_types") or patterned)
        return Decoder(
            **gemma_fields(config),
            **values.rope_fields(config, values.FULL),
            qk_norm=True,
            layer_windows=windows,
            rope_local_theta=local_theta(config) if windows else None,
        )

    def config(self, decoder: Decoder) -> dict[str, Any]:
        return gemma_values(decoder) | {"rope_local_base_freq": decoder.rope_local_theta or 10_000.0}

    def norms(self, decoder: Decoder) -> dict[Path, Tensor]:
        return gemma_norms(decoder)


class Gemma3Multimodal(Gemma3):
    """The text model inside a checkpoint that also sees images; it is exported as the text model alone."""

    model_type = "gemma3"
    architecture = "Gemma3ForConditionalGeneration"
    exported = False

    def decoder(self, config: Mapping[str, Any]) -> Decoder:
        text = config.get("text_config")
        if not text:
            raise ValueError("config.json: text_config is missing; fetch it again, or use a text-only checkpoint")
        values.require_kinds(text)
        return super().decoder({**self.defaults, **text})

    def canonical(self, name: str) -> str | None:
        if name == "lm_head.weight":
            return name
        for prefix, ours in (("language_model.model.", "model."), ("model.language_model.", "model."),
                             ("language_model.lm_head.", "lm_head.")):  # fmt: skip
            if name.startswith(prefix):
                return ours + name.removeprefix(prefix)
        return None  # of the part that sees


def local_theta(config: Mapping[str, Any]) -> float:
    """The base of the rotary positions of windowed layers."""
    nested = (config.get("rope_parameters") or {}).get(values.SLIDING) or {}
    values.require_kinds({"rope_parameters": nested})
    kind = nested.get("rope_type", "default")
    if kind != "default":
        raise ValueError(
            f"config.json: rope_type of {values.SLIDING} is {kind!r}; windowed layers turn unscaled; "
            "choose another checkpoint"
        )
    theta = nested.get("rope_theta") or config.get("rope_local_base_freq")
    return values.number({"rope_local_base_freq": theta}, "rope_local_base_freq")
