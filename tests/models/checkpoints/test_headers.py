"""Headers that lie: each is one clear error, before a byte of a tensor is read."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re

import numpy as np
import pytest
from etils import epath

from entropy_rl.models.checkpoints import headers
from tests.models.checkpoints import example


def file_of(path: pathlib.Path, header: str | bytes, data: bytes = b"", length: int | None = None) -> epath.Path:
    text = header.encode() if isinstance(header, str) else header
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return epath.Path(path)


def entry(kind: str, shape: list, offsets: list) -> str:
    return json.dumps({"dtype": kind, "shape": shape, "data_offsets": offsets})


def test_what_the_safetensors_package_writes_is_found(tmp_path):
    arrays = example.tensors(example.QWEN, np.float16)
    index = headers.read_index(epath.Path(example.write(tmp_path, example.QWEN, arrays, files=3)))
    assert index.keys() == arrays.keys()
    for name, stored in index.items():
        content = stored.file.read_bytes()[stored.offset : stored.offset + stored.nbytes]
        assert (stored.dtype, stored.shape, content) == (np.float16, arrays[name].shape, arrays[name].tobytes())


def test_a_header_without_tensors_is_a_header(tmp_path):
    assert headers.read_header(file_of(tmp_path / "f", '{"__metadata__": {"format": "pt"}}')) == {}


F4 = entry("F32", [1], [0, 4])
LIES = {
    "is cut, or no safetensors file": (b"", b"", 10),
    "announces a header of 18446744073709551615": ("{}", b"", 2**64 - 1),
    "does not hold valid JSON": ("{", b"", None),
    "does not hold valid JSON (maximum recursion": ("[" * 100_000, b"", None),
    "does not hold valid JSON ('utf-8'": (b"\xff\xff", b"", None),
    "holds a JSON list, not an object": ("[]", b"", None),
    "names 'a' twice": (f'{{"a": {F4}, "a": {F4}}}', bytes(4), None),
    "of 'a' that it is 3, without dtype": ('{"a": 3}', b"", None),
    "its shape is [-1]": (f'{{"a": {entry("F32", [-1], [0, 4])}}}', bytes(4), None),
    "its shape is [1.0]": (f'{{"a": {entry("F32", [1.0], [0, 4])}}}', bytes(4), None),
    "its shape is [True]": (f'{{"a": {entry("F32", [True], [0, 4])}}}', bytes(4), None),
    "its shape is [18446744073709551616": (f'{{"a": {entry("F32", [2**64, 0], [0, 0])}}}', b"", None),
    "its bytes are [-4, 0]": (f'{{"a": {entry("F32", [1], [-4, 0])}}}', bytes(4), None),
    "its bytes are [4, 0]": (f'{{"a": {entry("F32", [1], [4, 0])}}}', bytes(4), None),
    "its bytes are [0]": (f'{{"a": {entry("F32", [1], [0])}}}', bytes(4), None),
    "F32[2] takes 4 bytes": (f'{{"a": {entry("F32", [2], [0, 4])}}}', bytes(4), None),
    "'b' begins at byte": (f'{{"a": {F4}, "b": {F4}}}', bytes(4), None),  # they overlap
    "'a' begins at byte": (f'{{"a": {entry("F32", [1], [4, 8])}}}', bytes(8), None),  # a hole
    "and its header describes": (f'{{"a": {F4}}}', bytes(3), None),  # cut
    "is cut or damaged": (f'{{"a": {F4}}}', bytes(5), None),  # too long
    "bytes long and its header describes": (f'{{"a": {entry("F32", [2**40], [0, 2**42])}}}', bytes(4), None),
}


@pytest.mark.parametrize("words", LIES)
def test_a_lie_is_found(words, tmp_path):
    with pytest.raises(ValueError, match=re.escape(words)):
        headers.read_header(file_of(tmp_path / "f", *LIES[words]))


def indexed(folder: pathlib.Path, **changes: object) -> epath.Path:
    example.write(folder, example.QWEN, example.tensors(example.QWEN), files=2)
    index = json.loads((folder / headers.INDEX).read_text())
    index["weight_map"] |= changes
    (folder / headers.INDEX).write_text(json.dumps(index))
    return epath.Path(folder)


FIRST = "model.norm.weight"


@pytest.mark.parametrize(
    "name", ["/etc/a.safetensors", "../a.safetensors", "b/a.safetensors", "..\\a.safetensors", "a.bin", "..", 3, None]
)
def test_an_index_names_safetensors_of_its_own_folder_only(name, tmp_path):
    with pytest.raises(ValueError, match="an index names safetensors files of its own folder. Do not use"):
        headers.read_index(indexed(tmp_path, **{FIRST: name}))


def test_an_index_that_does_not_fit_its_files_is_found(tmp_path):
    with pytest.raises(ValueError, match="does not hold model.norm.weight, though"):
        other = headers.read_index(indexed(tmp_path))[FIRST].file.name
        name = "model-00002-of-00002.safetensors" if "00001" in other else "model-00001-of-00002.safetensors"
        headers.read_index(indexed(tmp_path, **{FIRST: name}))
    with pytest.raises(ValueError, match="absent.safetensors is missing, though"):
        headers.read_index(indexed(tmp_path, **{FIRST: "absent.safetensors"}))
    folder = indexed(tmp_path)
    one, two = sorted(folder.glob("model-*"))
    two.write_bytes(one.read_bytes())
    with pytest.raises(ValueError, match=r"and so does model-00001.*fetch again"):
        headers.read_index(folder)
    (folder / headers.INDEX).write_text("{}")
    with pytest.raises(ValueError, match="has no weight_map"):
        headers.read_index(folder)


def test_a_folder_without_safetensors_is_told_apart(tmp_path):
    folder = epath.Path(tmp_path)
    with pytest.raises(ValueError, match="it holds nothing"):
        headers.read_index(folder)
    (tmp_path / "consolidated.safetensors").touch()
    with pytest.raises(ValueError, match=r"neither model.safetensors nor.*it holds consolidated.safetensors"):
        headers.read_index(folder)
    (tmp_path / "consolidated.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"only as pickle \(pytorch_model.bin\), which can run code"):
        headers.read_index(folder)


def test_no_flipped_byte_causes_anything_but_a_sentence(tmp_path):
    file = example.write(tmp_path, example.QWEN, example.tensors(example.QWEN)) / headers.SINGLE
    content = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(300):
        at, value = int(rng.integers(8 + int.from_bytes(content[:8], "little"))), int(rng.integers(256))
        broken = bytearray(content)
        broken[at] = value
        file.write_bytes(broken)
        with contextlib.suppress(ValueError):
            for stored in headers.read_header(epath.Path(file)).values():
                assert 8 <= stored.offset <= stored.offset + stored.nbytes <= len(content)
