"""Tokenizers of published models, read without trust: no code of theirs is run, and text never becomes control."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from entropy_rl.rollout import tokenizer_files

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # for ids beyond the tokens, which a model with a padded vocabulary can sample


@dataclasses.dataclass(frozen=True)
class HuggingFaceTokenizer:
    """A tokenizer as `transformers` reads it, from the first use on; it is its own config.

    What it encodes is data: "<|im_end|>" in a text gives the tokens of these letters, never the control token. Markup
    that is meant as such is written by templates, through `encode_markup`.

    Attributes:
      path: a local folder, gs://..., or the name of a repository on the hub.
      revision: of the hub: a branch, tag or commit; None for the newest.
    """

    path: str
    revision: str | None = None

    def validate(self) -> None:
        """Raises ValueError if no path is given. Nothing is read: a preset can be checked without a download."""
        if not self.path:
            raise ValueError("tokenizer.path is empty; give a folder or a repository, such as Qwen/Qwen2.5-0.5B")

    @property
    def vocab_size(self) -> int:
        """One more than the highest id: the rows that the model must have."""
        return _read(self).vocab_size

    @property
    def pad_id(self) -> int:
        """Of the padding token, else of the unknown one, else the end of sequence: masks tell padding, not this id."""
        return _read(self).pad_id

    @property
    def eos_id(self) -> int:
        """The end of sequence that is written."""
        return _read(self).eos_ids[0]

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """All that end a sequence: of the tokenizer, of generation_config.json and of config.json."""
        return _read(self).eos_ids

    @property
    def control_ids(self) -> frozenset[int]:
        """Tokens that are markup, not text."""
        return _read(self).control_ids

    @property
    def prefix(self) -> tuple[int, ...]:
        """What the tokenizer itself puts before every text, such as a beginning of sequence."""
        return _read(self).prefix

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of its chat template, if it has one; see templates.Chat."""
        return _read(self).chat_template

    @property
    def names(self) -> Mapping[str, str]:
        """What chat templates call some tokens: {"bos_token": "<s>", ...}."""
        return _read(self).names

    def encode(self, text: str) -> list[int]:
        """Token ids of a text in which nothing is markup; without beginning and end of sequence."""
        read = _read(self)
        ids = read.data.encode(text, add_special_tokens=False).ids
        if read.control_ids.isdisjoint(ids):
            return ids
        # A control token that is a word of the vocabulary too: cut inside each of them, so that it is none.
        cuts = [0, *(match.start() + 1 for match in read.control_pattern.finditer(text)), len(text)]
        parts = [text[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
        return [token for part in parts for token in read.data.encode(part, add_special_tokens=False).ids]

    def encode_markup(self, text: str) -> list[int]:
        """Token ids of a text of our own, in which the names of control tokens stand for them."""
        return _read(self).markup.encode(text, add_special_tokens=False).ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of any ids. Padding and ends are dropped wherever they stand; unknown ids give U+FFFD."""
        read, text, known = _read(self), [], []
        dropped = {*read.eos_ids, read.pad_id}
        for token in [*map(int, tokens), -1]:
            if token in dropped:
                continue
            if 0 <= token < read.vocab_size:
                known.append(token)
                continue
            text.append(read.data.decode(known, skip_special_tokens=False))
            text.append(UNKNOWN)
            known = []
        return "".join(text[:-1])


@dataclasses.dataclass(frozen=True)
class _Read:
    """What the files of a tokenizer hold. `data` and `markup` differ in what they make of the names of controls."""

    data: Any
    markup: Any
    vocab_size: int
    pad_id: int
    eos_ids: tuple[int, ...]
    control_ids: frozenset[int]
    control_pattern: re.Pattern[str]
    prefix: tuple[int, ...]
    chat_template: str | None
    names: Mapping[str, str]


@functools.lru_cache(maxsize=8)
def _read(tokenizer: HuggingFaceTokenizer) -> _Read:
    """
    Raises:
      ValueError: for a path without a tokenizer, one that wants its own code run, or one that is damaged.
    """
    tokenizer.validate()
    with tempfile.TemporaryDirectory() as local:
        folder = epath.Path(local)
        tokenizer_files.copy(tokenizer.path, tokenizer.revision, folder)
        loaded = _transformers(tokenizer.path, folder)
        wanted = [_eos_of(folder / name) for name in tokenizer_files.NAME_ENDS]
    markup = loaded.backend_tokenizer
    data = type(markup).from_str(markup.to_str())  # a copy: one that many threads share must not be switched
    data.encode_special_tokens = True
    vocabulary: dict[str, int] = markup.get_vocab(with_added_tokens=True)
    size = max(vocabulary.values()) + 1
    own = [loaded.eos_token_id] if loaded.eos_token_id is not None else []
    eos_ids = tuple(dict.fromkeys(token for ids in (own, *wanted) for token in ids if token < size))
    if not eos_ids:
        raise ValueError(
            f"nothing ends a sequence for the tokenizer of {tokenizer.path}: give its tokenizer_config.json an "
            "eos_token, or put a generation_config.json with eos_token_id beside it"
        )
    padding = (loaded.pad_token_id, loaded.unk_token_id, eos_ids[0])
    controls = {token: added.content for token, added in markup.get_added_tokens_decoder().items() if added.special}
    controls |= {token: loaded.convert_ids_to_tokens(token) for token in eos_ids}
    template = loaded.chat_template
    return _Read(
        data, markup, size, next(token for token in padding if token is not None), eos_ids, frozenset(controls),
        re.compile("|".join(map(re.escape, sorted(controls.values(), key=len, reverse=True)))),
        tuple(_prefix(markup)), template.get("default") if isinstance(template, dict) else template,
        {name: str(token) for name, token in loaded.special_tokens_map.items() if isinstance(token, str)},
    )  # fmt: skip


def _transformers(path: str, folder: epath.Path) -> Any:
    """The tokenizer that `transformers` makes of tokenizer.json; it knows no other way, so no code of a repository."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # that there is no torch is no news
    from transformers import PreTrainedTokenizerFast

    try:
        return PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the parser of tokenizer.json raises plain Exception for any damage
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"the tokenizer of {path} is damaged ({reason:.200}); fetch it again") from error


def _eos_of(file: epath.Path) -> list[int]:
    """The eos_token_id of a JSON file, which may be one, several or absent."""
    found = json.loads(file.read_text()).get("eos_token_id") if file.exists() else None
    return [token for token in (found if isinstance(found, list) else [found]) if isinstance(token, int)]


def _prefix(markup: Any) -> list[int]:
    bare = markup.encode("a", add_special_tokens=False).ids
    full = markup.encode("a", add_special_tokens=True).ids
    starts = [start for start in range(len(full) - len(bare) + 1) if full[start : start + len(bare)] == bare]
    return full[: starts[0]] if starts else []
