"""The work that this trainer and its peers are timed on: sizes, prompts, tokenizer, reward, operation counts.

Character-level sums with random weights: every engine sees the same shapes, and nothing depends on what is learnt.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

from entropy_rl.models.decoder import Decoder
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion

CHARACTERS = "0123456789+-*/= ?:.,()abcdefghijklmnopqrstuvwxyz"
FIRST_CHARACTER = 3  # after padding, end of sequence and unknown
GROUP_SIZE = 8


@dataclasses.dataclass(frozen=True)
class Size:
    """A model and a batch.

    Attributes:
      policy: the architecture, that of Qwen2 with tied embeddings.
      prompts: P.
      micro_batches: pieces of the update that measured fastest here; the result does not depend on it.
    """

    policy: Decoder
    prompts: int
    micro_batches: int


SIZES = {
    "S": Size(
        Decoder(64, layers=4, width=128, heads=4, kv_heads=2, head_width=32, feed_forward=512, attention_bias=True,
                tied_embeddings=True),
        prompts=16, micro_batches=8,
    ),
    "M": Size(
        Decoder(32_000, layers=8, width=512, heads=8, kv_heads=2, head_width=64, feed_forward=1408,
                attention_bias=True, tied_embeddings=True),
        prompts=4, micro_batches=2,
    ),
    "qwen05": Size(
        Decoder(151_936, layers=24, width=896, heads=14, kv_heads=2, head_width=64, feed_forward=4864,
                rope_theta=1e6, attention_bias=True, tied_embeddings=True, compute_dtype="bfloat16", remat="full"),
        prompts=16, micro_batches=16,
    ),
    "qwen15": Size(
        Decoder(151_936, layers=28, width=1536, heads=12, kv_heads=2, head_width=128, feed_forward=8960,
                rope_theta=1e6, attention_bias=True, tied_embeddings=True, compute_dtype="bfloat16", remat="full"),
        prompts=16, micro_batches=16,
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Shape:
    """Lengths of a step.

    Attributes:
      prompt_tokens, new_tokens: Q and T.
      ends: the end-of-sequence token ends a response: random weights give geometric lengths, V tokens in the mean.
    """

    prompt_tokens: int = 16
    new_tokens: int = 64
    ends: bool = False


SHAPES = {
    "fixed": Shape(),
    "long": Shape(prompt_tokens=256),  # a long prompt that its responses share
    "ragged": Shape(new_tokens=256, ends=True),
    "reasoning": Shape(prompt_tokens=1024, new_tokens=2048),  # of accelerators
}


@dataclasses.dataclass(frozen=True)
class CharacterTokenizer:
    """One token per character; ids beyond the alphabet are words, so that a vocabulary can be of any size."""

    vocab_size: int
    eos_id: int = 1  # negative: no token ends a response
    pad_id: int = 0

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return (self.eos_id,)

    def encode(self, text: str) -> list[int]:
        return [CHARACTERS.index(character) + FIRST_CHARACTER for character in text]

    def decode(self, tokens: Sequence[int]) -> str:
        alphabet = len(CHARACTERS)
        places = [token - FIRST_CHARACTER for token in tokens if token >= FIRST_CHARACTER]
        return "".join(CHARACTERS[place] if place < alphabet else f"w{place}" for place in places)


def problems(count: int, prompt_tokens: int, seed: int) -> list[Problem]:
    """Sums of two two-digit numbers, every prompt exactly `prompt_tokens` long.

    Raises:
      ValueError: if a sum does not fit.
    """
    if prompt_tokens < 16:
        raise ValueError(f"prompt_tokens is {prompt_tokens}; a sum takes 16, write at least that")
    rng, made = random.Random(seed), []
    for number in range(count):
        a, b = rng.randint(10, 99), rng.randint(10, 99)
        made.append(Problem(f"{seed}/{number}", f"compute {a} + {b}=".rjust(prompt_tokens, "."), str(a + b)))
    return made


def digit_share(problem: Problem, completion: Completion) -> Verdict:
    """A reward that random text spreads out: the share of characters that are digits."""
    del problem
    return Verdict(sum(map(str.isdigit, completion.text)) / max(1, len(completion.text)))


def operations(policy: Decoder, batch: int, prompt_tokens: int, new_tokens: int) -> dict[str, float]:
    """Floating-point operations that a step cannot do without if every response carries its own prompt.

    Generation is one forward pass, logits on response tokens only; the update is three times that. A shared prompt
    saves some of it, so a share of the peak computed with these counts flatters an engine that shares.
    """
    d, length = policy.width, prompt_tokens + new_tokens
    block = policy.layers * (2 * d * d + 2 * d * policy.kv_heads * policy.head_width + 3 * d * policy.feed_forward)
    head = d * policy.vocab_size
    attention = policy.layers * 2 * d * length * length  # scores and values, causal
    forward = batch * (2 * block * length + 2 * head * new_tokens + attention)
    return {"params": block + head, "gen": forward, "update": 3 * forward}
