"""What makes the fields of a decoder an architecture, said to the user who wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entropy_rl.models import attention, rope
from entropy_rl.models.layers import ACTIVATIONS

if TYPE_CHECKING:
    from entropy_rl.models.decoder import Decoder

CHOICES = {
    "compute_dtype": ("float32", "bfloat16", "auto"),
    "param_dtype": ("float32", "bfloat16"),
    "remat": ("none", "full", "dots", True, False),
    "activation": tuple(ACTIVATIONS),
}
POSITIVE = (
    "rope_theta",
    "embedding_multiplier",
    "query_scale",
    "attention_softcap",
    "logit_softcap",
    "rope_local_theta",
)


def validate(decoder: Decoder) -> None:
    """Raises ValueError if the fields do not make a decoder, or not one that can run here."""
    for name in ("vocab_size", "layers", "width", "heads", "kv_heads", "head_width", "feed_forward"):
        if getattr(decoder, name) < 1:
            raise ValueError(f"policy.{name} is {getattr(decoder, name)}; it must be at least 1")
    if decoder.heads % decoder.kv_heads:
        raise ValueError(
            f"policy.heads = {decoder.heads} query heads do not split over policy.kv_heads = {decoder.kv_heads}; "
            "make heads a multiple of kv_heads"
        )
    if decoder.head_width % 2:
        raise ValueError(f"policy.head_width is {decoder.head_width}; rotary positions need an even head width")
    for name, choices in CHOICES.items():
        if getattr(decoder, name) not in choices:
            raise ValueError(f"policy.{name} is {getattr(decoder, name)!r}; choose {' or '.join(map(repr, choices))}")
    for name in POSITIVE:
        value = getattr(decoder, name)
        if value is not None and value <= 0:
            raise ValueError(f"policy.{name} is {value}; it must be positive")
    _validate_windows(decoder)
    if decoder.rope_scaling is not None:
        rope.validate(decoder.rope_scaling)
    if decoder.lora is not None:
        decoder.lora.validate()
    attention.choose(decoder.attention, decoder.heads, decoder.kv_heads, decoder.head_width)


def _validate_windows(decoder: Decoder) -> None:
    windows = decoder.layer_windows
    if windows and len(windows) != decoder.layers:
        raise ValueError(
            f"policy.layer_windows has {len(windows)} entries for {decoder.layers} layers; "
            "give one per layer, 0 where a layer sees everything, or () if all do"
        )
    if any(window < 0 for window in windows):
        raise ValueError(f"policy.layer_windows is {windows}; a window is at least 1 token, or 0 for all")
    if decoder.rope_local_theta is not None and not any(windows):
        raise ValueError(
            f"policy.rope_local_theta = {decoder.rope_local_theta} is of layers with a window, and no layer has one; "
            "set policy.layer_windows, or policy.rope_local_theta=none"
        )
