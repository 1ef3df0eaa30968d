"""The decoder again, in float64 NumPy, one sequence at a time and without a cache: what models/ must agree with."""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_rl.models.decoder import Decoder


def hidden_states(config: Decoder, params: Any, tokens: list[int]) -> np.ndarray:
    """[S, D] after the final norm, of one unpadded sequence."""
    weights = {name: np.asarray(value, np.float64) for name, value in params.items() if name != "layers"}
    x = weights["embedding"][tokens]
    for number in range(config.layers):
        layer = {name: np.asarray(value[number], np.float64) for name, value in params["layers"].items()}
        x = x + _attention(config, layer, _norm(x, layer["attention_norm"], config))
        h = _norm(x, layer["mlp_norm"], config)
        gate = h @ layer["gate"]
        x = x + (gate / (1 + np.exp(-gate)) * (h @ layer["up"])) @ layer["down"]
    return _norm(x, weights["final_norm"], config)


def logits(config: Decoder, params: Any, tokens: list[int]) -> np.ndarray:
    """[S, V]."""
    head = params["embedding" if config.tied_embeddings else "unembedding"]
    return hidden_states(config, params, tokens) @ np.asarray(head, np.float64).T


def _norm(x: np.ndarray, scale: np.ndarray, config: Decoder) -> np.ndarray:
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + config.norm_epsilon) * scale


def _attention(config: Decoder, layer: dict[str, np.ndarray], h: np.ndarray) -> np.ndarray:
    length = len(h)
    out = np.zeros_like(h)
    for head in range(config.heads):
        shared = head * config.kv_heads // config.heads
        query = _rotate(h @ layer["query"][:, head] + layer["query_bias"][head], config)
        key = _rotate(h @ layer["key"][:, shared] + layer["key_bias"][shared], config)
        value = h @ layer["value"][:, shared] + layer["value_bias"][shared]
        scores = query @ key.T / np.sqrt(config.head_width)
        scores[np.triu_indices(length, 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        out += (weights / weights.sum(-1, keepdims=True)) @ value @ layer["output"][head]
    return out


def _rotate(x: np.ndarray, config: Decoder) -> np.ndarray:
    half = config.head_width // 2
    angles = np.arange(len(x))[:, None] * config.rope_theta ** (-np.arange(half) / half)
    turned = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=1)
