"""Makes the checkpoints of tests/models/oracle/data with `transformers`, and what they compute. Run by hand.

    python -m tests.models.oracle.make [NAME ...]

from the root of the repository, in any environment with torch, transformers 5 and numpy; it imports nothing of ours.
Each variation becomes a folder with config.json and model.safetensors as `save_pretrained` writes them; gradients/ with
the same two files, but every tensor the gradient of `loss` in it; and expected.npz with

    prompts [P, Q], prompt_mask [P, Q]   left-padded
    responses [B, T]                     two of each prompt
    weights [B, T]                       of the loss: the sum of weights * log-probability of the response's tokens
    logits [B, T, V]                     that predict each response token
    greedy [P, C]                        the continuation of each prompt by its likeliest tokens

All in float32, with eager attention. Norms and biases are random too, or a mistake in them would not be seen.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

DATA = pathlib.Path(__file__).parent / "data"
LENGTHS, WIDTH = (7, 3, 5), 8  # real tokens of the prompts, and Q
RESPONSES, LENGTH, CONTINUATION = 2, 9, 12
VOCABULARY = 72
SMALLEST_LEAD = 1e-3  # of the likeliest logit: no rounding may decide a greedy token

BASE = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "tie_word_embeddings": False,
    "bos_token_id": None, "eos_token_id": None, "pad_token_id": 0,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "rope_theta": 1_000.0, "factor": 4.0}
GEMMA = {"head_dim": 8, "query_pre_attn_scalar": 10, "tie_word_embeddings": True, "sliding_window": 4}
LOCAL_AND_GLOBAL = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    "full_attention": {"rope_type": "default", "rope_theta": 10_000.0},
}
ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]

VARIATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "qwen2": ("Qwen2", {}),
    "qwen2_tied": ("Qwen2", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
    "qwen2_windows": (
        "Qwen2",
        {"num_hidden_layers": 3, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen2_yarn": ("Qwen2", {"rope_parameters": YARN}),
    "qwen3": ("Qwen3", {"head_dim": 6, "tie_word_embeddings": True}),
    "qwen3_untied": ("Qwen3", {"head_dim": 8, "num_key_value_heads": 4, "attention_bias": True}),
    "llama": ("Llama", {}),
    "llama_bias": ("Llama", {"attention_bias": True, "num_key_value_heads": 1, "rms_norm_eps": 1e-2}),
    "llama3_rope": ("Llama", {"rope_parameters": LLAMA3, "head_dim": 16, "tie_word_embeddings": True}),
    "llama_linear_rope": ("Llama", {"rope_parameters": LINEAR}),
    "llama_yarn": ("Llama", {"rope_parameters": YARN | {"attention_factor": 1.3, "beta_fast": 4.0, "beta_slow": 0.5}}),
    "mistral": ("Mistral", {"head_dim": 10, "sliding_window": None}),
    "mistral_window": ("Mistral", {"sliding_window": 5}),
    "gemma2": ("Gemma2", GEMMA | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3": (
        "Gemma3Text",
        GEMMA | {"num_hidden_layers": 3, "rope_parameters": LOCAL_AND_GLOBAL, "layer_types": ALTERNATING},
    ),
    "gemma3_linear_rope": (
        "Gemma3Text",
        GEMMA
        | {
            "num_hidden_layers": 6,
            "rope_parameters": LOCAL_AND_GLOBAL | {"full_attention": LINEAR},
            "num_key_value_heads": 1,
        },
    ),
}
CAUSAL_LM = {"Gemma3Text": "Gemma3ForCausalLM"}


def model_of(family: str, fields: dict[str, Any], seed: int) -> Any:
    config = getattr(transformers, f"{family}Config")(**BASE | fields)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(transformers, CAUSAL_LM.get(family, f"{family}ForCausalLM"))(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape)
            if parameter.ndim == 2:  # as wide as makes activations of size one, so that nothing is nearly linear
                parameter.copy_(noise if "embed" in name else noise * 1.5 * parameter.shape[1] ** -0.5)
            else:  # a bias, or the scale of a norm
                parameter.add_(0.3 * noise)
    return model


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def logits_of(model: Any, prompts: torch.Tensor, mask: torch.Tensor, responses: torch.Tensor) -> torch.Tensor:
    """[B, T, V]."""
    copies = responses.shape[0] // prompts.shape[0]
    tokens = torch.cat([prompts.repeat_interleave(copies, 0), responses], 1)
    whole = torch.cat([mask.repeat_interleave(copies, 0), torch.ones_like(responses, dtype=torch.bool)], 1)
    found = model(input_ids=tokens, attention_mask=whole.long(), position_ids=positions_of(whole), use_cache=False)
    return found.logits[:, prompts.shape[1] - 1 : -1]


def greedy_of(model: Any, prompts: torch.Tensor, mask: torch.Tensor) -> torch.Tensor | None:
    """[P, C], by the model's own `generate`; None if rounding could decide a token."""
    arguments = {"attention_mask": mask.long(), "max_new_tokens": CONTINUATION, "do_sample": False}
    continued = model.generate(prompts, **arguments, return_dict_in_generate=True, output_logits=True)
    for logits in continued.logits:
        best = logits.topk(2).values
        if (best[:, 0] - best[:, 1]).min() < SMALLEST_LEAD:
            return None
    return continued.sequences[:, prompts.shape[1] :]


def make(name: str, seed: int) -> bool:
    """Writes the folder of a variation; False if this seed gives no decided continuation."""
    family, fields = VARIATIONS[name]
    model = model_of(family, fields, seed)
    rng = np.random.default_rng(seed)
    mask = torch.tensor(np.arange(WIDTH) >= WIDTH - np.asarray(LENGTHS)[:, None])
    prompts = torch.tensor(rng.integers(1, VOCABULARY, mask.shape)) * mask
    responses = torch.tensor(rng.integers(1, VOCABULARY, (len(LENGTHS) * RESPONSES, LENGTH)))
    weights = torch.tensor(rng.normal(size=responses.shape), dtype=torch.float32)
    greedy = greedy_of(model, prompts, mask)
    if greedy is None:
        return False

    logits = logits_of(model, prompts, mask, responses)
    chosen = logits.log_softmax(-1).gather(-1, responses[..., None])[..., 0]
    (weights * chosen).sum().backward()

    folder = DATA / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "gradients").mkdir()
    shutil.copy(folder / "config.json", folder / "gradients")
    gradients = {key: value.grad for key, value in model.named_parameters()}  # a tied matrix is named once
    save_file(gradients, str(folder / "gradients" / "model.safetensors"), metadata={"format": "pt"})
    arrays = {
        "prompts": prompts.int(), "prompt_mask": mask, "responses": responses.int(), "weights": weights,
        "logits": logits.detach(), "greedy": greedy.int(),
    }  # fmt: skip
    np.savez_compressed(folder / "expected.npz", **{key: value.numpy() for key, value in arrays.items()})
    return True


def main() -> None:
    for name in sys.argv[1:] or VARIATIONS:
        first = 100 * list(VARIATIONS).index(name)
        next(seed for seed in range(first, first + 100) if make(name, seed))


if __name__ == "__main__":
    main()
