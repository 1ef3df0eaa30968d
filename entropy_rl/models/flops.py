"""What a policy has to compute and to read, counted from its architecture and from lengths.

    forward = 2 W tokens  +  4 L N H pairs  +  2 D V logits        [FLOPs]

with W the weights of all linear layers, `tokens` the positions that run through them, `pairs` those of a query and a
key that it sees (averaged over layers), `logits` the positions whose next token is scored. This is a model's work: what
an implementation recomputes, pads or masks is not in it, so that a share of a device's peak cannot be raised by
wasting. Norms, rotations, activations and soft-max are left out, a percent or less. A compiler's own count is no
substitute: it counts the body of a scan once.

Source: the counting of Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, table 1, with attention as it is here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from entropy_rl.models.decoder import Decoder


def layer_weights(policy: Decoder) -> int:
    """W: elements of the matrices that every token is multiplied with, of all layers, without adapters."""
    inner, outer = policy.heads * policy.head_width, policy.kv_heads * policy.head_width
    return policy.layers * policy.width * (2 * inner + 2 * outer + 3 * policy.feed_forward)


def adapter_weights(policy: Decoder) -> int:
    """Elements of all factors of the adapters; 0 if there are none."""
    if policy.lora is None:
        return 0
    inner, outer = policy.heads * policy.head_width, policy.kv_heads * policy.head_width
    ends = {"query": inner, "key": outer, "value": outer, "output": inner}
    fans = (policy.width + ends.get(target, policy.feed_forward) for target in policy.lora.targets)
    return policy.layers * policy.lora.rank * sum(fans)


def prefill(policy: Decoder, prompts: ArrayLike) -> float:
    """FLOPs of running prompts through all layers, each once; without logits.

    Args:
      prompts: [P] tokens of each prompt.
    """
    lengths = np.asarray(prompts, np.float64)
    return _layers(policy, lengths.sum()) + _attention(policy, _seen(policy, lengths))


def decode(policy: Decoder, prompts: ArrayLike, responses: ArrayLike) -> float:
    """FLOPs of sampling responses, one token after the other, on top of `prefill`.

    Args:
      prompts: [P] tokens of each prompt.
      responses: [B] tokens of each response, those of a prompt adjacent; the last one of each is not fed again.
    """
    lengths, before = _paired(prompts, responses)
    fed = np.maximum(lengths - 1, 0)
    seen = _seen(policy, before + fed) - _seen(policy, before)
    return _layers(policy, fed.sum()) + _attention(policy, seen) + _logits(policy, lengths.sum())


def forward(policy: Decoder, prompts: ArrayLike, responses: ArrayLike) -> float:
    """FLOPs of scoring given responses, or of sampling them: a prompt is computed once for all of its responses."""
    return prefill(policy, prompts) + decode(policy, prompts, responses)


def update(policy: Decoder, prompts: ArrayLike, responses: ArrayLike) -> float:
    """FLOPs of a forward and a backward pass: twice the forward for the gradients of inputs and of weights.

    Frozen weights, those under adapters, have no gradient of their own: theirs is once the forward.
    """
    whole = 3 * forward(policy, prompts, responses)
    if policy.lora is None:
        return whole
    lengths, _ = _paired(prompts, responses)
    tokens = np.asarray(prompts, np.float64).sum() + np.maximum(lengths - 1, 0).sum()
    return whole - 2 * layer_weights(policy) * tokens - _logits(policy, lengths.sum())


def decode_bytes(policy: Decoder, prompts: ArrayLike, responses: ArrayLike, replicas: int = 1) -> float:
    """Bytes that sampling has to read: in every step all weights, and the keys and values of what is attended.

    A prompt's keys and values are read once for all of its responses, as long as one of them lasts; weights once for
    each replica, as long as anything lasts.

    Args:
      prompts, responses: as in `decode`.
      replicas: copies of the weights that work side by side, each on rows of its own.
    """
    lengths, before = _paired(prompts, responses)
    fed = np.maximum(lengths - 1, 0)
    own = _seen(policy, before + fed) - _seen(policy, before) - _of_prompt(policy, before, fed)
    asked = np.asarray(prompts, np.float64)
    longest = fed.reshape(len(asked), -1).max(axis=1)
    shared = _of_prompt(policy, asked, longest)
    width = policy.dtype.itemsize
    weights = layer_weights(policy) + adapter_weights(policy) + policy.vocab_size * policy.width
    cache = 2 * policy.layers * policy.kv_heads * policy.head_width * (own.sum() + shared.sum())
    return float(width * (replicas * lengths.max(initial=0.0) * weights + cache))


def _paired(prompts: ArrayLike, responses: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """[B] lengths of responses, and of the prompt before each."""
    lengths, asked = np.asarray(responses, np.float64), np.asarray(prompts, np.float64)
    return lengths, np.repeat(asked, len(lengths) // len(asked))


def _layers(policy: Decoder, tokens: float) -> float:
    return float(2 * (layer_weights(policy) + adapter_weights(policy)) * tokens)


def _attention(policy: Decoder, pairs: np.ndarray) -> float:
    """Scores and weighted values of every head; `pairs` is a mean over layers."""
    return float(4 * policy.layers * policy.heads * policy.head_width * pairs.sum())


def _logits(policy: Decoder, positions: float) -> float:
    return float(2 * policy.width * policy.vocab_size * positions)


def _seen(policy: Decoder, lengths: np.ndarray) -> np.ndarray:
    """Pairs of a query and a key at or before it, in texts of these lengths; a mean over layers and their windows."""
    windows = np.asarray(policy.layer_windows or (0,), np.float64)
    limits = np.where(windows > 0, windows, np.inf)  # [L]
    within = np.minimum(lengths[:, None], limits)  # [B, L]: 1 + 2 + ... up to the window, which every later token fills
    beyond = np.maximum(lengths[:, None] - limits, 0.0)
    full = np.where(np.isinf(limits), 0.0, limits)
    return (within * (within + 1) / 2 + beyond * full).mean(axis=1)


def _of_prompt(policy: Decoder, prompts: np.ndarray, fed: np.ndarray) -> np.ndarray:
    """Pairs of a fed response token and a prompt token that it sees; a mean over layers and their windows."""
    windows = np.asarray(policy.layer_windows or (0,), np.float64)
    whole = prompts * fed
    if not windows.any():
        return whole
    means = np.zeros_like(whole)
    for window in windows:  # response token n (1, 2, ...) sees itself, n - 1 before it, and so window - n of the prompt
        if not window:
            means += whole
            continue
        flat = np.clip(window - prompts, 0.0, fed)  # those that see the whole prompt
        last = np.clip(window, flat, fed)  # those that see some of it: window - n, for n in (flat, last]
        means += flat * prompts + (last - flat) * (window - (flat + last + 1) / 2)
    return means / len(windows)
