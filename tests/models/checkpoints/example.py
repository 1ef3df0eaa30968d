"""Small checkpoints in the format of `transformers`, written with the safetensors package: not with ours."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from entropy_rl.models import families
from entropy_rl.models.decoder import Decoder
from entropy_rl.types import Params

QWEN = Decoder(
    vocab_size=24, layers=2, width=16, heads=4, kv_heads=2, head_width=8, feed_forward=32, attention_bias=True
)
HERE = jax.sharding.SingleDeviceSharding(jax.devices()[0])


def tensors(decoder: Decoder, dtype: Any = np.float32, seed: int = 0) -> dict[str, np.ndarray]:
    """Random ones, by their published names."""
    rng = np.random.default_rng(seed)
    found = {}
    for tensor in families.family_for(decoder).tensors(decoder).values():
        for layer in range(decoder.layers if tensor.stacked else 1):
            found[tensor.named(layer)] = rng.normal(size=tensor.shape).astype(dtype)
    return found


def write(
    folder: pathlib.Path, decoder: Decoder, arrays: Mapping[str, np.ndarray], files: int = 1, **config: Any
) -> pathlib.Path:
    """A checkpoint of those arrays, dealt out to so many files."""
    folder.mkdir(parents=True, exist_ok=True)
    family = families.family_for(decoder)
    (folder / "config.json").write_text(json.dumps(families.written(family, decoder) | config))
    if files == 1:
        save_file(dict(arrays), folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    weight_map = {
        name: f"model-{number % files + 1:05d}-of-{files:05d}.safetensors" for number, name in enumerate(arrays)
    }
    for file in set(weight_map.values()):
        save_file({name: arrays[name] for name in arrays if weight_map[name] == file}, folder / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def placed(decoder: Decoder, dtype: Any = None) -> Params:
    """Where the parameters go: one device."""
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype or leaf.dtype, sharding=HERE), shapes)


def raw(file: pathlib.Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Every tensor of a file, as stored."""
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    header.pop("__metadata__", None)
    return {name: (e["dtype"], e["shape"], data[slice(*e["data_offsets"])]) for name, e in header.items()}


def raw_folder(folder: pathlib.Path) -> dict[str, tuple[str, list[int], bytes]]:
    """Every tensor of a checkpoint, as stored."""
    return {name: stored for file in sorted(folder.glob("*.safetensors")) for name, stored in raw(file).items()}


BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
