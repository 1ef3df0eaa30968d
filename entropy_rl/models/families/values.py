"""Reads the values of a config.json, old and new spellings of `transformers` alike, and writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from entropy_rl.models import rope
from entropy_rl.models.decoder import Decoder

SUPPORTED_ROPE = "default, linear, llama3 and yarn"
FULL, SLIDING = "full_attention", "sliding_attention"
MAX_POSITIONS = 32_768  # written where a decoder does not say; no computation reads it


def sizes(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a `Decoder` that every family spells alike.

    Raises:
      ValueError: if one is missing or is not a positive number of the right kind.
    """
    width, heads = whole(config, "hidden_size"), whole(config, "num_attention_heads")
    if config.get("head_dim") is None and width % heads:
        raise ValueError(
            f"config.json: hidden_size {width} is no multiple of num_attention_heads {heads}; set head_dim"
        )
    return {
        "vocab_size": whole(config, "vocab_size"),
        "layers": whole(config, "num_hidden_layers"),
        "width": width,
        "heads": heads,
        "kv_heads": heads if config.get("num_key_value_heads") is None else whole(config, "num_key_value_heads"),
        "head_width": width // heads if config.get("head_dim") is None else whole(config, "head_dim"),
        "feed_forward": whole(config, "intermediate_size"),
        "norm_epsilon": number(config, "rms_norm_eps"),
        "tied_embeddings": flag(config, "tie_word_embeddings"),
    }


def require_kinds(config: Mapping[str, Any]) -> None:
    """Raises ValueError for a list of names or a table that is something else."""
    for key in ("architectures", "layer_types"):
        value = config.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise ValueError(f"config.json: {key} is {value!r}; it must be a list of names")
    for key in ("rope_scaling", "rope_parameters", "quantization_config", "text_config"):
        value = config.get(key)
        if value is not None and not isinstance(value, Mapping):
            raise ValueError(f"config.json: {key} is {value!r}; it must be an object")


def require(config: Mapping[str, Any], key: str, allowed: Sequence[Any], why: str = "") -> None:
    """Raises ValueError unless a value is one of those that the decoder computes."""
    value = config.get(key)
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(
            f"config.json: {key} is {value!r}; {why or f'only {choices} is supported'}; choose another checkpoint"
        )


def whole(config: Mapping[str, Any], key: str, least: int = 1) -> int:
    """A whole number that is not too small."""
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"config.json: {key} is {value!r}; it must be a whole number of at least {least}")
    return value


def number(config: Mapping[str, Any], key: str) -> float:
    """A positive number."""
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"config.json: {key} is {value!r}; it must be a number above 0")
    return float(value)


def optional(config: Mapping[str, Any], key: str) -> float | None:
    """A positive number, or None where it is null or absent."""
    return None if config.get(key) is None else number(config, key)


def flag(config: Mapping[str, Any], key: str) -> bool:
    """True or false; null and absence are false."""
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"config.json: {key} is {value!r}; it must be true or false")
    return bool(value)


def windows(config: Mapping[str, Any], layer_types: Sequence[str]) -> tuple[int, ...]:
    """The window of each layer, from its kind of attention; () where every layer sees everything.

    Raises:
      ValueError: if the kinds are not one per layer, or not all of them full or sliding attention.
    """
    layers = whole(config, "num_hidden_layers")
    if len(layer_types) != layers:
        raise ValueError(
            f"config.json: layer_types names {len(layer_types)} layers and num_hidden_layers is {layers}; "
            "they must agree. Fetch it again"
        )
    unknown = sorted(set(map(str, layer_types)) - {FULL, SLIDING})
    if unknown:
        raise ValueError(
            f"config.json: layer_types holds {', '.join(unknown)}; only {FULL} and {SLIDING} are supported; "
            "choose another checkpoint"
        )
    if SLIDING not in layer_types:
        return ()
    return tuple(whole(config, "sliding_window") if kind == SLIDING else 0 for kind in layer_types)


def layer_types(decoder: Decoder) -> list[str]:
    """The inverse of `windows`."""
    found = decoder.layer_windows or (0,) * decoder.layers
    return [SLIDING if window else FULL for window in found]


def window(decoder: Decoder) -> int | None:
    """The one width of its sliding windows; the largest where they differ, which no family has."""
    return max(decoder.layer_windows, default=0) or None


# Rotary positions ---------------------------------------------------------------------------------------------------


def rope_fields(config: Mapping[str, Any], kind: str | None = None) -> dict[str, Any]:
    """`rope_theta` and `rope_scaling` of a `Decoder`.

    Args:
      config: has `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (before).
      kind: of the attention whose positions are asked for, where they may be given for each kind.
    """
    parameters = config.get("rope_scaling") or config.get("rope_parameters") or {}
    if any(isinstance(value, Mapping) for value in parameters.values()):
        if kind is None:
            raise ValueError(
                f"config.json: rope parameters differ by layer ({', '.join(parameters)}), which {config['model_type']} "
                "does not support; choose another checkpoint"
            )
        parameters = parameters.get(kind) or {}
    theta = parameters.get("rope_theta") or config.get("rope_theta") or 10_000.0
    if parameters.get("partial_rotary_factor", config.get("partial_rotary_factor")) not in (None, 1, 1.0):
        raise ValueError(
            "config.json: partial_rotary_factor is not 1; positions must rotate whole heads; choose another checkpoint"
        )
    return {"rope_theta": number({"rope_theta": theta}, "rope_theta"), "rope_scaling": _scaling(config, parameters)}


def _scaling(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if kind == "default":
        return None
    if kind == "linear":
        return rope.Linear(number(parameters, "factor"))
    lengths = ("original_max_position_embeddings", "max_position_embeddings")
    found = [source[name] for source, name in ((parameters, lengths[0]), (config, lengths[1])) if source.get(name)]
    original = whole({lengths[0]: found[0] if found else None}, lengths[0])
    if kind == "llama3":
        low, high = number(parameters, "low_freq_factor"), number(parameters, "high_freq_factor")
        return rope.Llama3(number(parameters, "factor"), low, high, original)
    if kind == "yarn":
        return _yarn(parameters, original)
    raise ValueError(
        f"config.json: rope_type is {kind!r}; {SUPPORTED_ROPE} are supported; choose another checkpoint, or one of "
        "the same model without context extension"
    )


def _yarn(parameters: Mapping[str, Any], original: int) -> rope.Yarn:
    names = ("attention_factor", "mscale", "mscale_all_dim")
    return rope.Yarn(
        number(parameters, "factor"),
        original,
        beta_fast=optional(parameters, "beta_fast") or 32.0,
        beta_slow=optional(parameters, "beta_slow") or 1.0,
        **{name: optional(parameters, name) for name in names},
        truncate=parameters.get("truncate") is not False,
    )


def rope_values(scaling: Any) -> dict[str, Any]:
    """The keys of a config.json for a scaling, and the context that it extends to."""
    if scaling is None:
        return {"rope_scaling": None, "max_position_embeddings": MAX_POSITIONS}
    if isinstance(scaling, rope.Linear):
        return {
            "rope_scaling": {"rope_type": "linear", "factor": scaling.factor},
            "max_position_embeddings": MAX_POSITIONS,
        }
    written = {"factor": scaling.factor, "original_max_position_embeddings": scaling.original_length}
    if isinstance(scaling, rope.Llama3):
        written |= {"low_freq_factor": scaling.low_frequency_factor, "high_freq_factor": scaling.high_frequency_factor}
    else:
        written |= {"beta_fast": scaling.beta_fast, "beta_slow": scaling.beta_slow}
        names = ("attention_factor", "mscale", "mscale_all_dim")
        written |= {name: value for name in names if (value := getattr(scaling, name)) is not None}
        written |= {} if scaling.truncate else {"truncate": False}
    kind = "llama3" if isinstance(scaling, rope.Llama3) else "yarn"
    return {
        "rope_scaling": {"rope_type": kind, **written},
        "max_position_embeddings": max(int(scaling.factor * scaling.original_length), scaling.original_length + 1),
    }


def written_sizes(decoder: Decoder) -> dict[str, Any]:
    """The inverse of `sizes`, with rotary positions: spelt so that transformers 4 and 5 both read them."""
    return {
        "vocab_size": decoder.vocab_size,
        "num_hidden_layers": decoder.layers,
        "hidden_size": decoder.width,
        "num_attention_heads": decoder.heads,
        "num_key_value_heads": decoder.kv_heads,
        "head_dim": decoder.head_width,
        "intermediate_size": decoder.feed_forward,
        "rms_norm_eps": decoder.norm_epsilon,
        "tie_word_embeddings": decoder.tied_embeddings,
        "rope_theta": decoder.rope_theta,
        **rope_values(decoder.rope_scaling),
    }
