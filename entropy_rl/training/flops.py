"""Floating-point operations of a run, counted from its architecture and lengths.

A compiler's own count is no use here: it counts the body of a scan once and a kernel as nothing. Counted are matrix
products, two operations for each multiplication and addition; everything else is small beside them.

    forward of a token = 2 * weights of its layers + 4 N H * keys that it sees, in every layer
    logits of a token  = 2 V D

The backward pass of a product is two products of the same size, one where its weights are frozen.
"""

from __future__ import annotations

import dataclasses

from entropy_rl.models.decoder import Decoder


@dataclasses.dataclass(frozen=True)
class Lengths:
    """A batch of prompts and responses, every one of its full length.

    Attributes:
      prompts, responses: P, and B in all.
      prompt_tokens, response_tokens: Q and T.
    """

    prompts: int
    responses: int
    prompt_tokens: int
    response_tokens: int

    @property
    def tokens(self) -> int:
        """That pass through the layers when each prompt is computed once."""
        return self.prompts * self.prompt_tokens + self.scored

    @property
    def scored(self) -> int:
        """Response tokens."""
        return self.responses * self.response_tokens


@dataclasses.dataclass(frozen=True)
class Cost:
    """Operations of one run of a program, on all devices together.

    Attributes:
      model: that the method itself needs; what a utilisation (MFU) divides by the peak.
      computed: with what is computed again to save memory.
    """

    model: float = 0.0
    computed: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.model + other.model, self.computed + other.computed)


def layer_weights(policy: Decoder) -> int:
    """Elements of the matrices of one layer, adapters left out."""
    attention = policy.width * policy.head_width * (2 * policy.heads + 2 * policy.kv_heads)
    return attention + 3 * policy.width * policy.feed_forward


def adapter_weights(policy: Decoder) -> int:
    """Elements of the two factors of every adapter of one layer."""
    if policy.lora is None:
        return 0
    heads, kv_heads = policy.heads * policy.head_width, policy.kv_heads * policy.head_width
    ends = {
        "query": policy.width + heads, "key": policy.width + kv_heads, "value": policy.width + kv_heads,
        "output": heads + policy.width,
    }  # fmt: skip
    return policy.lora.rank * sum(ends.get(name, policy.width + policy.feed_forward) for name in policy.lora.targets)


def layers(policy: Decoder, lengths: Lengths) -> float:
    """The products with weights of one forward pass through all layers, each prompt computed once."""
    return 2.0 * policy.layers * (layer_weights(policy) + adapter_weights(policy)) * lengths.tokens


def attention(policy: Decoder, lengths: Lengths) -> float:
    """The scores and weighted sums of one forward pass; a token sees itself and what stands before it.

    Windows are not counted: they only make it less.
    """
    return 4.0 * policy.layers * policy.heads * policy.head_width * seen(lengths)


def seen(lengths: Lengths) -> float:
    """Pairs of a token and a token that it sees."""
    width, length = lengths.prompt_tokens, lengths.response_tokens
    in_prompts = lengths.prompts * width * (width + 1) / 2
    return in_prompts + lengths.responses * (length * width + length * (length + 1) / 2)


def head(policy: Decoder, tokens: int) -> float:
    """Logits of so many tokens."""
    return 2.0 * policy.vocab_size * policy.width * tokens


def scoring(policy: Decoder, lengths: Lengths) -> Cost:
    """Log-probs of given responses."""
    forward = layers(policy, lengths) + attention(policy, lengths) + head(policy, lengths.scored)
    return Cost(forward, forward)


def sampling(policy: Decoder, lengths: Lengths) -> Cost:
    """Responses sampled token by token: the same products as scoring them, the head of the prompts' ends included."""
    return scoring(policy, lengths)


def update(policy: Decoder, lengths: Lengths, statistics_pass: bool) -> Cost:
    """Forward and backward of one mini-batch, and what is computed again on the way.

    Args:
      statistics_pass: the mini-batch is scored once more before its gradient.
    """
    products, between, logits = (
        layers(policy, lengths),
        attention(policy, lengths),
        head(policy, lengths.scored),
    )
    frozen = policy.lora is not None
    backward = (1.0 if frozen else 2.0) * (products + logits) + 2.0 * between
    if frozen:  # the adapters' own gradients
        backward += 2.0 * policy.layers * adapter_weights(policy) * lengths.tokens
    forward = products + between + logits
    again = logits  # tiles of logits are always computed again
    if policy.remat in ("full", True):
        again += products + between
    elif policy.remat == "dots" or lengths.response_tokens > 512:  # long attention is recomputed block by block
        again += between
    if statistics_pass:
        again += forward
    return Cost(forward + backward, forward + backward + again)
