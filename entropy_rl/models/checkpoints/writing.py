"""Writes parameters as a checkpoint that `transformers` loads: streaming, so that a host holds one tensor more.

Files get their names when all of them are complete, the index (or the only file) last: what looks like a checkpoint is
one.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from etils import epath

from entropy_rl.models import families
from entropy_rl.models.checkpoints import blocks, headers, reading
from entropy_rl.models.checkpoints.blocks import Item
from entropy_rl.models.decoder import Decoder
from entropy_rl.types import Params

KINDS = {str(dtype): kind for kind, dtype in headers.DTYPES.items()}  # "bfloat16" -> "BF16"
SHARD_BYTES = 5 * 10**9
PART = ".part"
# What belongs to a model beside its weights. Anything else stays behind: no Python, no pickles.
LICENCES = re.compile(r"(LICENSE|NOTICE|USE_POLICY)(\.(txt|md))?")
TOKENIZER = re.compile(
    r"tokenizer\.(json|model)|(tokenizer|generation|special_tokens)_(config|map)\.json|added_tokens\.json"
    r"|vocab\.(json|txt)|merges\.txt|tekken\.json|chat_template\.(jinja|json)"
)


@dataclasses.dataclass(frozen=True)
class Export:
    """A checkpoint that can be written: everything is checked but the weights themselves."""

    folder: epath.Path
    decoder: Decoder
    config: Mapping[str, Any]
    dtype: str
    shards: tuple[tuple[Item, ...], ...]
    source: str | os.PathLike[str] | None
    tokenizer: str | os.PathLike[str] | None

    @property
    def nbytes(self) -> int:
        """Of the weights, as they will be written."""
        return sum(map(_total, self.shards))

    def write(self, params: Params) -> None:
        """Writes it; on several hosts every process calls this, and the first one writes.

        Raises:
          ValueError: if a weight does not fit float16.
        """
        names = [_file_name(number, len(self.shards)) for number in range(len(self.shards))]
        writes = jax.process_index() == 0
        if writes:
            self.folder.mkdir(parents=True, exist_ok=True)
        suffix = "" if "://" in os.fspath(self.folder) else PART  # an object store shows an object when it is whole
        for number, (name, shard) in enumerate(zip(names, self.shards, strict=True)):
            file = self.folder / (name + suffix) if writes else None
            _write_shard(file, shard, params, self.decoder, self.dtype)
            logging.info("%s: file %d of %d, %.3g GB", self.folder, number + 1, len(names), _total(shard) / 1e9)
        if not writes:
            return
        _copy(LICENCES, self.source, self.folder)
        _copy(TOKENIZER, self.tokenizer, self.folder)
        (self.folder / reading.CONFIG).write_text(json.dumps(dict(self.config), indent=2) + "\n")
        if suffix:
            for name in names:
                (self.folder / (name + suffix)).rename(self.folder / name)
        if len(names) > 1:
            _write_index(self.folder, names, self.shards, suffix)


def save(
    params: Params,
    decoder: Decoder,
    folder: str | os.PathLike[str],
    source: str | os.PathLike[str] | None = None,
    dtype: str | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes config.json, safetensors, their index, and what the source has beside them; see `prepare` and `Export`.

    Args:
      params: of the decoder; adapters are merged into what they adapt, tensor by tensor.
      dtype: None for that of the parameters.
    """
    prepare(decoder, folder, source, dtype or str(params["embedding"].dtype), shard_bytes).write(params)


def prepare(
    decoder: Decoder,
    folder: str | os.PathLike[str],
    source: str | os.PathLike[str] | None = None,
    dtype: str = "bfloat16",
    shard_bytes: int = SHARD_BYTES,
    tokenizer: str | os.PathLike[str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Export:
    """Checks that a checkpoint can be written; needs no weights.

    Args:
      decoder: its fields become config.json.
      folder: local or gs://; must be empty or missing.
      source: the checkpoint that the policy came from: its config.json and licence are taken over.
      dtype: "float32", "bfloat16" or "float16".
      shard_bytes: no file is longer, but for a tensor that is.
      tokenizer: a folder whose tokenizer, templates and generation_config.json are taken over; `source` if None.
      extra: further keys for config.json, such as the ids of special tokens.

    Raises:
      ValueError: if no family describes the decoder, the source is of another architecture, the folder is not empty,
        or there is no room for it.
    """
    folder = epath.Path(folder)
    if shard_bytes < 1:
        raise ValueError(f"files of {shard_bytes} bytes cannot hold anything; 5e9 is usual")
    if dtype not in KINDS:
        raise ValueError(f"dtype {dtype!r} is not among {', '.join(KINDS)}; choose one of these")
    family, config = _described(decoder, source, dtype)
    items = blocks.items(family, decoder, headers.DTYPES[KINDS[dtype]].itemsize)
    _require_room(folder, _total(items))
    shards = _sharded(items, shard_bytes)
    return Export(folder, decoder, config | dict(extra or {}), dtype, shards, source, tokenizer or source)


def _described(
    decoder: Decoder, source: str | os.PathLike[str] | None, dtype: str
) -> tuple[families.Family, dict[str, Any]]:
    """The family to write, and its config.json: the source's own, if it is that of the decoder."""
    config = None if source is None else reading.read_config(source)
    if config is None or not families.family_of(config).exported:
        family = families.family_for(decoder)
        config = families.written(family, decoder)
    else:
        family = families.family_of(config)
    other = families.differing(families.read(config), decoder)
    if other:
        raise ValueError(f"{source} is of another architecture than the policy: policy.{'; policy.'.join(other)}")
    return family, config | {"dtype" if "dtype" in config else "torch_dtype": dtype}


def _require_room(folder: epath.Path, needed: int) -> None:
    if jax.process_index() != 0:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is not an empty folder; name a new one, or empty it first")
    if "://" not in os.fspath(folder):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists() or parent == parent.parent)
        free = shutil.disk_usage(there).free
        if free < needed:
            raise ValueError(
                f"the checkpoint takes {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free at {there}; "
                "free some space, or name a folder on another disk"
            )


def _sharded(items: list[Item], shard_bytes: int) -> tuple[tuple[Item, ...], ...]:
    shards: list[list[Item]] = [[]]
    for item in items:
        if shards[-1] and _total(shards[-1]) + item.nbytes > shard_bytes:
            shards.append([])
        shards[-1].append(item)
    return tuple(map(tuple, shards))


def _total(items: Sequence[Item]) -> int:
    return sum(item.nbytes for item in items)


def _file_name(number: int, count: int) -> str:
    return headers.SINGLE if count == 1 else f"model-{number + 1:05d}-of-{count:05d}.safetensors"


def _write_shard(file: epath.Path | None, items: Sequence[Item], params: Params, decoder: Decoder, dtype: str) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # without which transformers refuses the file
    end = 0
    for item in items:
        header[item.name] = {
            "dtype": KINDS[dtype],
            "shape": list(item.tensor.shape),
            "data_offsets": [end, end + item.nbytes],
        }
        end += item.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8
    leaving = (block for item in items for block in blocks.of(item, params, decoder, dtype))
    if file is None:
        for _ in leaving:  # the other processes only take part in gathering
            pass
        return
    with file.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for block in leaving:
            stream.write(block.reshape(-1).view(np.uint8).data)


def _write_index(folder: epath.Path, names: list[str], shards: Sequence[Sequence[Item]], suffix: str) -> None:
    weight_map = {item.name: name for name, shard in zip(names, shards, strict=True) for item in shard}
    index = {"metadata": {"total_size": sum(map(_total, shards))}, "weight_map": dict(sorted(weight_map.items()))}
    file = folder / (headers.INDEX + suffix)
    file.write_text(json.dumps(index, indent=2) + "\n")
    if suffix:
        file.rename(folder / headers.INDEX)


def _copy(wanted: re.Pattern[str], source: str | os.PathLike[str] | None, folder: epath.Path) -> None:
    for path in () if source is None else epath.Path(source).iterdir():
        if wanted.fullmatch(path.name) and not path.is_dir():
            (folder / path.name).write_bytes(path.read_bytes())
