"""Architectures of published models: as many parameters as published, and as their families read and write them."""

from __future__ import annotations

import math

import jax
import pytest

from configs import models
from entropy_rl.models import families
from entropy_rl.models.decoder import Decoder

PUBLISHED = {  # parameters in billions, as the model cards say
    "QWEN25_0_5B": 0.49, "QWEN25_1_5B": 1.54, "QWEN25_3B": 3.09, "QWEN25_7B": 7.62, "QWEN25_32B": 32.8,
    "QWEN3_0_6B": 0.60, "QWEN3_1_7B": 1.72, "QWEN3_4B": 4.02, "QWEN3_8B": 8.19,
    "MISTRAL_7B": 7.25, "MISTRAL_NEMO_12B": 12.2, "MISTRAL_SMALL_24B": 23.6,
    "LLAMA32_3B": 3.21, "LLAMA31_8B": 8.03, "DEEPSEEK_MATH_7B": 6.9,
}  # fmt: skip
DECODERS = {name: value for name, value in vars(models).items() if isinstance(value, Decoder)}


def test_every_architecture_has_a_published_size():
    assert set(DECODERS) == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_architecture_has_as_many_parameters_as_published(name):
    decoder = DECODERS[name]
    decoder.validate()
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) / 1e9
    assert count == pytest.approx(PUBLISHED[name], rel=0.01)


def test_the_size_of_one_matches_hand_computation():
    embedding = 151_936 * 896  # tied: the head is the same matrix
    attention = 896 * 896 * 2 + 896 * 128 * 2 + 896 + 128 * 2  # query and output, key and value of 2 * 64, biases
    layer = attention + 3 * 896 * 4864 + 2 * 896  # gate, up and down; two norms
    shapes = jax.eval_shape(models.QWEN25_0_5B.init, jax.random.key(0))
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)) == embedding + 24 * layer + 896


LLAMA32_3B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 128_256, "hidden_size": 3072,
    "num_hidden_layers": 28, "num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500_000.0, "tie_word_embeddings": True,
    "rope_scaling": {
        "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}  # fmt: skip
QWEN25_7B = {
    "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 152_064, "hidden_size": 3584,
    "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18_944,
    "rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": False, "use_sliding_window": False,
    "sliding_window": 131_072, "max_window_layers": 28,
}  # fmt: skip
QWEN3_4B = {
    "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": 151_936, "hidden_size": 2560,
    "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 9728, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000, "tie_word_embeddings": True,
    "attention_bias": False, "rope_scaling": None, "use_sliding_window": False, "sliding_window": None,
}  # fmt: skip
MISTRAL_NEMO_12B = {
    "model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 131_072, "hidden_size": 5120,
    "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
    "intermediate_size": 14_336, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": None,
    "tie_word_embeddings": False,
}  # fmt: skip


@pytest.mark.parametrize("name", ["LLAMA32_3B", "QWEN25_7B", "QWEN3_4B", "MISTRAL_NEMO_12B"])
def test_an_architecture_is_that_of_the_published_config(name):
    assert not families.differing(families.read(globals()[name]), DECODERS[name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_architecture_can_be_written_as_a_config_and_read_again(name):
    family = families.family_for(DECODERS[name])
    assert not families.differing(families.read(families.written(family, DECODERS[name])), DECODERS[name])
