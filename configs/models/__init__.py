"""The architectures of published base models, as their config.json state them.

A preset spells its architecture out, so that it can be checked, compiled and measured without a download; a
checkpoint of another architecture is an error that names the fields. The numbers of Llama 3.1 and 3.2, Qwen2.5 3B, 7B
and 32B, Qwen3 4B and 8B, Mistral Nemo and Small were compared with public copies of the files; those of Qwen2.5 0.5B
and 1.5B, Qwen3 0.6B and 1.7B, Mistral 7B v0.3 and DeepSeek-Math 7B are from memory. tests/configs/test_models.py holds
the number of parameters of each against the published one.

Precision, rematerialisation and adapters are a run's, for `dataclasses.replace`.
"""

from __future__ import annotations

from entropy_rl.models.decoder import Decoder
from entropy_rl.models.rope import Llama3


def _qwen25(layers: int, width: int, heads: int, kv_heads: int, feed_forward: int, large: bool = False) -> Decoder:
    """Qwen2.5; from 7B on the head is a matrix of its own, and the vocabulary is padded further."""
    return Decoder(
        152_064 if large else 151_936, layers, width, heads, kv_heads, width // heads, feed_forward,
        rope_theta=1e6, attention_bias=True, tied_embeddings=not large,
    )  # fmt: skip


def _qwen3(layers: int, width: int, heads: int, feed_forward: int, tied: bool = True) -> Decoder:
    return Decoder(
        151_936, layers, width, heads, 8, 128, feed_forward, rope_theta=1e6, qk_norm=True, tied_embeddings=tied
    )


def _mistral(vocabulary: int, layers: int, width: int, feed_forward: int, theta: float) -> Decoder:
    return Decoder(vocabulary, layers, width, 32, 8, 128, feed_forward, rope_theta=theta, norm_epsilon=1e-5)


QWEN25_0_5B = _qwen25(24, 896, 14, 2, 4864)
QWEN25_1_5B = _qwen25(28, 1536, 12, 2, 8960)
QWEN25_3B = _qwen25(36, 2048, 16, 2, 11_008)
QWEN25_7B = _qwen25(28, 3584, 28, 4, 18_944, large=True)
QWEN25_32B = Decoder(
    152_064, 64, 5120, 40, 8, 128, 27_648, rope_theta=1e6, attention_bias=True, norm_epsilon=1e-5
)  # fmt: skip

QWEN3_0_6B = _qwen3(28, 1024, 16, 3072)
QWEN3_1_7B = _qwen3(28, 2048, 16, 6144)
QWEN3_4B = _qwen3(36, 2560, 32, 9728)
QWEN3_8B = _qwen3(36, 4096, 32, 12_288, tied=False)

MISTRAL_7B = _mistral(32_768, 32, 4096, 14_336, 1e6)
MISTRAL_NEMO_12B = _mistral(131_072, 40, 5120, 14_336, 1e6)
MISTRAL_SMALL_24B = _mistral(131_072, 40, 5120, 32_768, 1e8)

LLAMA32_3B = Decoder(
    128_256, 28, 3072, 24, 8, 128, 8192, rope_theta=500_000.0, norm_epsilon=1e-5, tied_embeddings=True,
    rope_scaling=Llama3(factor=32.0),
)  # fmt: skip
LLAMA31_8B = Decoder(
    128_256, 32, 4096, 32, 8, 128, 14_336, rope_theta=500_000.0, norm_epsilon=1e-5, rope_scaling=Llama3(factor=8.0)
)
DEEPSEEK_MATH_7B = Decoder(102_400, 30, 4096, 32, 32, 128, 11_008)
