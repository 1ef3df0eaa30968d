"""Which tensors a checkpoint holds, and where their bytes lie: safetensors headers, read without trust.

A safetensors file is 8 bytes with the length of its header, a JSON header {name: {dtype, shape, data_offsets}}, and the
bytes of the tensors, one after the other. Nothing in it can be executed, but every number in it may lie.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
from etils import epath

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
MAX_HEADER = 100_000_000  # bytes, the limit of the format
MAX_JSON = 100_000_000  # bytes of an index or a config
DTYPES = {"F32": np.dtype(np.float32), "F16": np.dtype(np.float16), "BF16": np.dtype(ml_dtypes.bfloat16)}
BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
}


@dataclasses.dataclass(frozen=True)
class Stored:
    """One tensor in a file."""

    file: epath.Path
    kind: str  # as the header writes the dtype
    shape: tuple[int, ...]
    offset: int  # in the file, bytes
    nbytes: int

    @property
    def dtype(self) -> np.dtype:
        """Only of the kinds in `DTYPES`."""
        return DTYPES[self.kind]


def read_index(folder: epath.Path) -> dict[str, Stored]:
    """Every tensor of a checkpoint, from the headers of all of its files.

    Raises:
      ValueError: if the folder holds no safetensors, or its index or a header is damaged or dishonest.
    """
    if not (folder / INDEX).exists():
        if not (folder / SINGLE).exists():
            raise ValueError(_nothing_found(folder))
        return read_header(folder / SINGLE)
    weight_map = _weight_map(folder / INDEX)
    found: dict[str, Stored] = {}
    for name in sorted(set(weight_map.values())):
        if not (folder / name).exists():
            raise ValueError(f"{folder / name} is missing, though {INDEX} names it; fetch the checkpoint again")
        tensors = read_header(folder / name)
        twice = sorted(tensors.keys() & found.keys())
        if twice:
            raise ValueError(f"{folder / name} holds {twice[0]}, and so does {found[twice[0]].file.name}; fetch again")
        found |= tensors
    for tensor, name in weight_map.items():
        if tensor not in found or found[tensor].file.name != name:
            raise ValueError(
                f"{folder / name} does not hold {tensor}, though {INDEX} says so; fetch the checkpoint again"
            )
    return found


def file_names(folder: epath.Path) -> list[str]:
    """The files that the index of a checkpoint names."""
    return sorted(set(_weight_map(folder / INDEX).values()))


def read_header(file: epath.Path) -> dict[str, Stored]:
    """The tensors of one file.

    Raises:
      ValueError: if the file is cut, or its header contradicts itself or the file's length.
    """
    size = file.stat().length
    with file.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > MAX_HEADER or 8 + length > size:
            raise ValueError(
                f"{file} is {size} bytes long and announces a header of {length}; it is cut, or no safetensors file. "
                "Fetch it again"
            )
        header = _parsed(stream.read(length), file)
    header.pop("__metadata__", None)
    tensors = {name: _stored(file, name, entry, 8 + length) for name, entry in header.items()}
    _require_gapless(file, tensors, 8 + length, size)
    return tensors


def read_json(file: epath.Path) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
      ValueError: if it does not.
    """
    if file.stat().length > MAX_JSON:
        raise ValueError(f"{file} is {file.stat().length} bytes long; such a file is small. Fetch it again")
    return _parsed(file.read_bytes(), file)


def _parsed(text: bytes, file: epath.Path) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{file} names {twice!r} twice; it is damaged. Fetch it again")
        return dict(pairs)

    try:
        value = json.loads(text, object_pairs_hook=once)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{file} does not hold valid JSON ({error}); it is damaged. Fetch it again") from None
    if not isinstance(value, dict):
        raise ValueError(f"{file} holds a JSON {type(value).__name__}, not an object; it is damaged. Fetch it again")
    return value


def _stored(file: epath.Path, name: str, entry: Any, start: int) -> Stored:
    def refuse(what: str) -> ValueError:
        return ValueError(f"{file}: the header says of {name!r} that {what}; it is damaged. Fetch it again")

    if not isinstance(entry, Mapping) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise refuse(f"it is {str(entry)[:80]}, without dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not _whole(shape) or any(size > 2**48 for size in shape):
        raise refuse(f"its shape is {str(shape)[:80]}")
    if not _whole(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise refuse(f"its bytes are {str(offsets)[:80]}")
    nbytes = offsets[1] - offsets[0]
    if kind in BITS and nbytes * 8 != math.prod(shape) * BITS[kind]:
        raise refuse(f"{kind}{shape} takes {nbytes} bytes")
    return Stored(file, str(kind), tuple(shape), start + offsets[0], nbytes)


def _whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _require_gapless(file: epath.Path, tensors: Mapping[str, Stored], start: int, size: int) -> None:
    end, previous = start, "the header"
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].nbytes)):
        if tensor.offset != end:
            raise ValueError(
                f"{file}: {name!r} begins at byte {tensor.offset}, but {previous} ends at {end}; tensors must follow "
                "each other without overlap. The file is damaged; fetch it again"
            )
        end, previous = tensor.offset + tensor.nbytes, repr(name)
    if end != size:
        raise ValueError(
            f"{file} is {size} bytes long and its header describes {end}; it is cut or damaged. Fetch it again"
        )


def _weight_map(file: epath.Path) -> dict[str, str]:
    weight_map = read_json(file).get("weight_map")
    if not isinstance(weight_map, Mapping) or not weight_map:
        raise ValueError(f"{file} has no weight_map; it is damaged. Fetch it again")
    for tensor, name in weight_map.items():
        plain = isinstance(name, str) and name.endswith(".safetensors") and not set(name) & set("/\\\0")
        if not plain:
            raise ValueError(
                f"{file}: {tensor!r} is said to be in {name!r}; an index names safetensors files of its own folder. "
                "Do not use this checkpoint"
            )
    return dict(weight_map)


def _nothing_found(folder: epath.Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    pickled = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
    others = [name for name in names if name.endswith(".safetensors")]
    if pickled and not others:
        return (
            f"{folder} holds weights only as pickle ({', '.join(pickled[:3])}), which can run code when it is read and "
            "is never opened here; fetch a revision with safetensors, or save them again with save_pretrained"
        )
    held = f"{', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else "nothing"
    return (
        f"{folder} holds neither {SINGLE} nor {INDEX} (it holds {held}); "
        "name a folder that transformers or entropy_rl.convert has written"
    )
