"""The benchmarks' tokenizer as `transformers` holds it: one token per character, words beyond the alphabet."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<pad>", "<eos>", "<unk>")


def tokenizer(characters: str, vocab_size: int) -> PreTrainedTokenizerFast:
    """Same ids as `workload.CharacterTokenizer`."""
    known = [*SPECIAL, *characters]
    words = known + [f"w{number - len(SPECIAL)}" for number in range(len(known), vocab_size)]
    core = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
