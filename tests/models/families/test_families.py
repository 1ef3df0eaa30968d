"""config.json to decoder and back: published configs, old and new spellings, and what is refused."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import pathlib

import jax
import pytest

from entropy_rl.models import families, rope
from entropy_rl.models.decoder import Decoder
from tests.models.families.published import CONFIGS, LLAMA31_ROPE

ORACLE = pathlib.Path(__file__).parents[1] / "oracle" / "data"
PARAMETERS = {  # billions, as their cards say
    "Qwen2.5-0.5B": 0.494, "Qwen2.5-7B": 7.62, "Qwen2.5-32B": 32.8, "Qwen3-4B": 4.02, "Llama-3.1-8B": 8.03,
    "deepseek-math-7b-base": 6.91, "Mistral-7B-v0.3": 7.25, "Mistral-Small-24B": 23.6, "gemma-2-27b": 27.2,
    "gemma-3-1b": 1.0, "gemma-3-4b": 3.88,
}  # fmt: skip
SMALL = Decoder(vocab_size=24)
EXPORTED = {
    "LlamaForCausalLM": [
        SMALL,  # what the embedded tasks train
        dataclasses.replace(SMALL, attention_bias=True, output_bias=True, rope_scaling=rope.Linear(2.0)),
        dataclasses.replace(SMALL, rope_scaling=rope.Llama3(), tied_embeddings=True),
    ],
    "Qwen2ForCausalLM": [
        dataclasses.replace(SMALL, attention_bias=True),
        dataclasses.replace(SMALL, attention_bias=True, layer_windows=(0, 8)),
        dataclasses.replace(SMALL, attention_bias=True, layer_windows=(8, 0)),
    ],
    "Qwen3ForCausalLM": [
        dataclasses.replace(SMALL, qk_norm=True, rope_scaling=rope.Yarn(4.0, 100)),
        dataclasses.replace(
            SMALL, qk_norm=True, rope_scaling=rope.Yarn(4.0, 100, 16.0, 2.0, mscale=1.0, mscale_all_dim=0.5)
        ),
    ],
    "MistralForCausalLM": [dataclasses.replace(SMALL, layer_windows=(8, 8), head_width=32)],
}
GEMMA = Decoder(
    vocab_size=24, activation="gelu_tanh", norm_offset=1.0, post_norms=True, embedding_multiplier=8.0,
    tied_embeddings=True, layer_windows=(4, 0), query_scale=24**-0.5,
)  # fmt: skip
EXPORTED["Gemma2ForCausalLM"] = [dataclasses.replace(GEMMA, attention_softcap=50.0, logit_softcap=30.0), GEMMA]
EXPORTED["Gemma3ForCausalLM"] = [
    dataclasses.replace(GEMMA, qk_norm=True, rope_local_theta=100.0, rope_scaling=rope.Linear(8.0))
]
CASES = [(name, decoder) for name, decoders in EXPORTED.items() for decoder in decoders]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_published_config_has_the_published_number_of_parameters(name):
    decoder = families.read(CONFIGS[name])
    tensors = families.family_of(CONFIGS[name]).tensors(decoder).values()
    count = sum(math.prod(tensor.shape) * (decoder.layers if tensor.stacked else 1) for tensor in tensors)
    assert count / 1e9 == pytest.approx(PARAMETERS[name], rel=0.005)


def test_details_of_published_configs():
    assert families.read(CONFIGS["Qwen2.5-7B"]).layer_windows == ()  # 131072, but switched off
    assert families.read(CONFIGS["Qwen3-4B"]).head_width == 128  # not 2560 / 32
    llama = families.read(CONFIGS["Llama-3.1-8B"])
    assert (llama.rope_theta, llama.rope_scaling) == (500_000.0, rope.Llama3(8.0, 1.0, 4.0, 8192))
    assert families.read(CONFIGS["deepseek-math-7b-base"]).rope_theta == 10_000.0  # says nothing
    assert families.read(CONFIGS["gemma-2-27b"]).query_scale == 1 / 12  # 144 ** -0.5, though heads are 128 wide
    assert families.read(CONFIGS["gemma-2-27b"]).layer_windows[:3] == (4096, 0, 4096)
    gemma = families.read(CONFIGS["gemma-3-4b"])
    assert gemma.layer_windows[:7] == (1024,) * 5 + (0, 1024)
    assert (gemma.heads, gemma.kv_heads, gemma.vocab_size, gemma.tied_embeddings) == (8, 4, 262_208, True)
    assert (gemma.rope_theta, gemma.rope_local_theta, gemma.rope_scaling) == (1e6, 1e4, rope.Linear(8.0))
    assert families.read(CONFIGS["gemma-3-1b"]).query_scale is None  # 256 ** -0.5 is what a head of 256 has anyway


def test_both_spellings_of_rotary_positions_are_read_alike():
    old = CONFIGS["Llama-3.1-8B"]
    new = {key: value for key, value in old.items() if key not in ("rope_theta", "rope_scaling")}
    new["rope_parameters"] = LLAMA31_ROPE | {"rope_theta": 500_000.0}
    assert families.read(new) == families.read(old)
    oldest = {key: value for key, value in LLAMA31_ROPE.items() if key != "rope_type"} | {"type": "llama3"}
    assert families.read(old | {"rope_scaling": oldest}) == families.read(old)


def test_both_spellings_of_gemma_s_two_bases_are_read_alike():
    old = CONFIGS["gemma-3-1b"] | {"rope_scaling": {"factor": 8.0, "rope_type": "linear"}}
    gone = ("rope_theta", "rope_scaling", "rope_local_base_freq", "sliding_window_pattern")
    new = {key: value for key, value in old.items() if key not in gone}
    new["layer_types"] = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(26)]
    new["rope_parameters"] = {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    assert families.read(new) == families.read(old)


def test_a_mistral_without_a_word_on_windows_has_one():
    silent = {key: value for key, value in CONFIGS["Mistral-7B-v0.3"].items() if key != "sliding_window"}
    assert families.read(silent).layer_windows == (4096,) * 32  # as transformers reads it; v0.3 says null


def test_windows_of_qwen2_begin_behind_max_window_layers():
    config = CONFIGS["Qwen2.5-7B"] | {"use_sliding_window": True, "max_window_layers": 26}
    assert families.read(config).layer_windows == (0,) * 26 + (131_072,) * 2
    assert families.read(config | {"sliding_window": None}).layer_windows == ()


@pytest.mark.parametrize(("architecture", "decoder"), CASES, ids=str)
def test_a_decoder_finds_its_family_and_comes_back_from_its_config(architecture, decoder):
    family = families.family_for(dataclasses.replace(decoder, compute_dtype="bfloat16", remat="full"))
    assert family.architecture == architecture
    written = json.loads(json.dumps(families.written(family, decoder)))
    assert families.read(written) == decoder


@pytest.mark.parametrize(("architecture", "decoder"), CASES, ids=str)
def test_every_parameter_has_a_tensor_of_its_shape(architecture, decoder):
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    ours = {tuple(key.key for key in path): leaf.shape for path, leaf in jax.tree.leaves_with_path(shapes)}
    tensors = families.family_for(decoder).tensors(decoder)
    theirs = {path: (decoder.layers,) * tensor.stacked + tensor.ours() for path, tensor in tensors.items()}
    assert theirs == ours
    assert all(math.prod(tensor.shape) == math.prod(tensor.split) for tensor in tensors.values())


@pytest.mark.parametrize("name", sorted(path.name for path in ORACLE.iterdir()))
def test_what_transformers_writes_is_what_we_would_write(name):
    decoder = families.read(json.loads((ORACLE / name / "config.json").read_text()))
    assert families.read(families.written(families.family_for(decoder), decoder)) == decoder


def test_a_policy_that_no_family_has_is_told_what_stands_in_the_way():
    with pytest.raises(ValueError, match=r"LlamaForCausalLM comes nearest.*layer_windows = \(0, 4\), not \(\)"):
        families.family_for(dataclasses.replace(SMALL, layer_windows=(0, 4)))


REFUSED = [
    ("Llama-3.1-8B", {"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type is 'dynamic'; default, lin"),
    ("Llama-3.1-8B", {"rope_scaling": {"rope_type": "longrope"}}, "rope_type is 'longrope'"),
    ("Llama-3.1-8B", {"rope_scaling": {"rope_type": "linear"}}, "factor is None; it must be a number above 0"),
    ("Llama-3.1-8B", {"rope_scaling": {"full_attention": {}}}, "rope parameters differ by layer .full_attention., whi"),
    ("Llama-3.1-8B", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is not 1"),
    ("Llama-3.1-8B", {"mlp_bias": True}, "mlp_bias is True; only None or False is supported; choose another"),
    ("Llama-3.1-8B", {"hidden_act": "gelu"}, "hidden_act is 'gelu'; only 'silu' is supported"),
    ("Llama-3.1-8B", {"hidden_size": "4096"}, "hidden_size is '4096'; it must be a whole number"),
    ("Llama-3.1-8B", {"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    ("Llama-3.1-8B", {"rms_norm_eps": math.inf}, "rms_norm_eps is inf"),
    ("Llama-3.1-8B", {"num_attention_heads": 33}, "hidden_size 4096 is no multiple of num_attention_heads 33"),
    ("Llama-3.1-8B", {"num_key_value_heads": 5}, "policy.heads = 32 query heads do not split"),
    ("Llama-3.1-8B", {"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes'; it must be true or false"),
    ("Qwen2.5-7B", {"layer_types": ["full_attention"] * 27}, "names 27 layers and num_hidden_layers is 28"),
    ("Qwen2.5-7B", {"layer_types": ["linear_attention"] * 28}, "layer_types holds linear_attention; only full_att"),
    ("Qwen2.5-7B", {"layer_types": ["sliding_attention"] * 28}, "but use_sliding_window or sliding_window is not set"),
    ("Mistral-7B-v0.3", {"layer_types": ["sliding_attention"] * 32}, "layer_types mixes kinds of attention"),
    ("gemma-3-1b", {"attn_logit_softcapping": 50.0}, "attn_logit_softcapping is 50.0; transformers does not apply it"),
    ("gemma-3-1b", {"use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
    ("gemma-3-1b", {"hidden_activation": "gelu"}, "hidden_activation is 'gelu'"),
    ("gemma-3-4b", {"text_config": None}, "text_config is missing"),
    ("Qwen3-4B", {"architectures": ["Qwen3MoeForCausalLM"]}, "'Qwen3MoeForCausalLM'.; supported are LlamaForCausalLM"),
    ("Qwen3-4B", {"architectures": ["Qwen3ForSequenceClassification"]}, "Choose a checkpoint of one of these"),
    ("Qwen3-4B", {"architectures": None, "model_type": "qwen3_moe"}, "model_type is 'qwen3_moe'; supported are"),
    ("Qwen3-4B", {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}, "asks to run Python files of the checkpoint"),
    ("Qwen3-4B", {"quantization_config": {"quant_method": "gptq"}}, r"the weights are quantised \(gptq\)"),
]


@pytest.mark.parametrize(("name", "changes", "words"), REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_cannot_be_computed_is_refused_in_a_sentence(name, changes, words):
    with pytest.raises(ValueError, match=words):
        families.read(CONFIGS[name] | changes)


@pytest.mark.parametrize(
    "name", ["Qwen2.5-7B", "Llama-3.1-8B", "Mistral-7B-v0.3", "gemma-2-27b", "gemma-3-1b", "gemma-3-4b"]
)
def test_no_value_of_a_config_causes_anything_but_a_sentence(name):
    keys = {*CONFIGS[name], "rope_scaling", "rope_parameters", "layer_types", "quantization_config", "auto_map"}
    for key in keys | {"sliding_window_pattern", "rope_local_base_freq", "text_config"}:
        for value in (None, [], {}, "x", -1, 0, 1.5, True, [1], {"a": 1}, {"a": {}}, {"full_attention": 3}):
            with contextlib.suppress(ValueError):
                families.read(CONFIGS[name] | {key: value})
