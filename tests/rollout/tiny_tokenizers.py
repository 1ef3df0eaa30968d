"""Tokenizers of a few hundred tokens, written as `transformers` writes those of published models."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = ["Please reason step by step, and put your final answer within boxed.", "What is 12 + 34? 46"] * 2
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are kind.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}{%- if message.role != 'system' %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
TRIMMING = (  # as Llama 3 and Mistral write: a beginning, trimmed messages
    "{{- bos_token }}{%- for message in messages %}{%- if message['role'] == 'system' %}"
    "{{- raise_exception('System role not supported') }}{%- endif %}"
    "{{- '[' + message['role'] + '] ' + message['content'] | trim }}"
    "{%- if message['role'] == 'assistant' %}{{- eos_token }}{%- endif %}{%- endfor %}"
)


def byte_level(controls: list[str] | None = None, size: int = 320, bos: str | None = None) -> tokenizers.Tokenizer:
    """A byte-level BPE, as that of Qwen and Llama 3; `bos` is put before every text."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 8, initial_alphabet=alphabet, show_progress=False, special_tokens=[bos] if bos else []
    )
    made.train_from_iterator(TEXTS, trainer)
    made.add_special_tokens(controls if controls is not None else CONTROLS)
    if bos:
        made.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, 0)])
    return made


def write(
    folder: pathlib.Path,
    chat: str | None = CHATML,
    tokenizer: tokenizers.Tokenizer | None = None,
    generation: dict[str, Any] | None = None,
    **settings: Any,
) -> str:
    """Writes a tokenizer's folder and returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (tokenizer or byte_level()).save(str(folder / "tokenizer.json"))
    kept = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(kept))
    if chat is not None:
        (folder / "chat_template.jinja").write_text(chat)
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation))
    return str(folder)


def sentence_pieces() -> tokenizers.Tokenizer:
    """A BPE as that of Llama 2 and Mistral 7B: spaces are letters, unknown characters are bytes, <s> comes first."""
    controls = ["<unk>", "<s>", "</s>"]
    names = [*controls, *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abcdefghijklmnopqrstuvwxyz0123456789W[]/INST?+"]
    vocabulary = {name: token for token, name in enumerate(dict.fromkeys([*names, "▁W", "12"]))}
    merges = [("▁", "W"), ("1", "2")]
    made = tokenizers.Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made.add_special_tokens([tokenizers.AddedToken(name, normalized=False) for name in controls])
    return made
