"""Loads a checkpoint into placed parameters, layer by layer: the host holds the weights and one layer's tensor more.

Each process reads only the bytes of its own shards. A tensor goes to the devices as it is stored; they transpose it,
cast it, and put it into its place in the stack, which is updated where it lies.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from entropy_rl.models import families
from entropy_rl.models.checkpoints import headers
from entropy_rl.models.checkpoints.files import Box, Files
from entropy_rl.models.checkpoints.headers import Stored
from entropy_rl.models.decoder import Decoder
from entropy_rl.types import Array, Params

CONFIG = "config.json"
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The config.json of a checkpoint.

    Raises:
      ValueError: if there is none; it says what the folder seems to be.
    """
    folder = epath.Path(folder)
    if (folder / CONFIG).exists():
        config = headers.read_json(folder / CONFIG)
        if "flat" in config and "model_type" not in config:
            raise ValueError(f"{folder} is the folder of a training run; start from it with init=FromRun(...)")
        return config
    if not folder.exists():
        raise ValueError(
            f"{folder} does not exist; name the folder of a checkpoint, or a hub id such as Qwen/Qwen3-0.6B"
        )
    if (folder / "adapter_config.json").exists():
        raise ValueError(f"{folder} holds a LoRA adapter, not a model; merge it into its model and name that folder")
    if (folder / "params.json").exists():
        raise ValueError(f"{folder} holds weights in the format of their authors; use the transformers version of them")
    raise ValueError(f"{folder} holds no {CONFIG}; name a folder that transformers or entropy_rl.convert has written")


def read_decoder(folder: str | os.PathLike[str]) -> Decoder:
    """The architecture of a checkpoint, from its config.json; precision and other choices of a run are the defaults.

    Raises:
      ValueError: if it is no checkpoint, or not of a supported architecture.
    """
    return families.read(read_config(folder))


def load(folder: str | os.PathLike[str], decoder: Decoder, placed: Params) -> Params:
    """The parameters of a checkpoint, placed and cast as asked.

    Args:
      folder: local or gs://; see `hub.fetch`.
      decoder: of the architecture that its config.json describes.
      placed: a tree of jax.ShapeDtypeStruct like the decoder's parameters, each with its sharding. Adapters in it are
        left out: a checkpoint has none.

    Raises:
      ValueError: if the checkpoint is of another architecture, or if tensors are missing, unexpected or of another
        shape or kind; every one is named, before memory is spent.
    """
    folder = epath.Path(folder)
    config = read_config(folder)
    family = families.family_of(config)
    other = families.differing(families.read(config), decoder)
    if other:
        raise ValueError(f"{folder} is of another architecture than the policy: policy.{'; policy.'.join(other)}")
    tensors = family.tensors(decoder)
    index = _canonical(headers.read_index(folder), family)
    with Files() as files:
        _require_fit(folder, tensors, index, decoder, files)
        params: Params = {}
        for path, tensor in tensors.items():
            target = functools.reduce(lambda node, name: node[name], path, placed)
            node = functools.reduce(lambda node, name: node.setdefault(name, {}), path[:-1], params)
            node[path[-1]] = _parameter(files, index, tensor, target)
            logging.log_every_n_seconds(
                logging.INFO, "%s: %.3g GB read, up to %s", 10, folder, files.bytes_read / 1e9, "/".join(path)
            )
        logging.info("%s: %.3g GB read by this process", folder, files.bytes_read / 1e9)
    return params


def _canonical(index: Mapping[str, Stored], family: families.Family) -> dict[str, Stored]:
    names = {name: family.canonical(name) for name in index}
    return {name: index[stored] for stored, name in names.items() if name is not None}


# What does not fit --------------------------------------------------------------------------------------------------


def _require_fit(
    folder: epath.Path,
    tensors: Mapping[families.Path, families.Tensor],
    index: Mapping[str, Stored],
    decoder: Decoder,
    files: Files,
) -> None:
    layers = lambda tensor: range(decoder.layers) if tensor.stacked else range(1)  # noqa: E731
    wanted = {tensor.named(layer): tensor.shape for tensor in tensors.values() for layer in layers(tensor)}
    if decoder.tied_embeddings and HEAD in index and EMBEDDING in index:
        if not files.same(index[HEAD], index[EMBEDDING]):
            raise ValueError(
                f"{folder}: config.json says tie_word_embeddings, but {HEAD} differs from {EMBEDDING}; if both are "
                "meant, set tie_word_embeddings to false in its config.json"
            )
        wanted[HEAD] = index[HEAD].shape
    both = [name for name in wanted if name in index]
    misshapen = {name: f"{list(index[name].shape)}, not {list(wanted[name])}" for name in both}
    misshapen = {name: what for name, what in misshapen.items() if index[name].shape != wanted[name]}
    kinds = {name: index[name].kind for name in both if index[name].kind not in headers.DTYPES}
    problems = [
        *_listed("missing", dict.fromkeys(name for name in wanted if name not in index)),
        *_listed("not expected", dict.fromkeys(name for name in index if name not in wanted)),
        *_listed("of another shape", misshapen),
        *_listed(f"stored as other than {', '.join(headers.DTYPES)}", kinds),
    ]
    if problems:
        raise ValueError(
            f"{folder} does not hold what its config.json describes: {'; '.join(problems)}. "
            "Fetch it again, or correct its config.json"
        )


def _listed(heading: str, names: Mapping[str, str | None]) -> Iterable[str]:
    """One phrase for all names, those that differ only in the number of the layer taken together."""
    layers: dict[tuple[str, str | None], list[int]] = {}
    for name, what in names.items():
        match = re.search(r"\.(\d+)\.", name)
        pattern = name if match is None else f"{name[: match.start(1)]}*{name[match.end(1) :]}"
        layers.setdefault((pattern, what), []).append(-1 if match is None else int(match[1]))
    phrases = []
    for (pattern, what), numbers in layers.items():
        together = len(numbers) > 1 and max(numbers) - min(numbers) == len(numbers) - 1
        span = f"{min(numbers)}-{max(numbers)}" if together else ",".join(map(str, numbers))
        phrases.append(pattern.replace("*", span) + (f" ({what})" if what else ""))
    return [f"{heading}: {', '.join(phrases)}"] if phrases else []


# Placing ------------------------------------------------------------------------------------------------------------


def _parameter(
    files: Files, index: Mapping[str, Stored], tensor: families.Tensor, target: jax.ShapeDtypeStruct
) -> Array:
    """One leaf of the parameters, made of one tensor or of one per layer."""
    sharding = target.sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    where = _of_stored(sharding, tensor)
    if not tensor.stacked:
        return _owned(_piece(files, index[tensor.name], tensor.split, where), tensor.order, target.dtype, sharding)
    stack = _empty(target.shape, target.dtype, sharding)
    for layer in range(target.shape[0]):
        piece = _piece(files, index[tensor.named(layer)], tensor.split, where)
        stack = _put(sharding, tensor.order)(stack, piece, layer)
        stack.block_until_ready()  # pieces would pile up on the host
    return stack


def _piece(files: Files, stored: Stored, shape: tuple[int, ...], sharding: Sharding) -> Array:
    """One stored tensor on the devices: read once by each process, and only what its devices hold."""
    indices = sharding.addressable_devices_indices_map(shape).values()
    box = bounding(_filled(index, shape) for index in indices)
    block = files.box(stored, shape, box)

    def shard(index: Any) -> Any:
        part = _filled(index, shape)
        return block[tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))]

    return jax.make_array_from_callback(shape, sharding, shard, dtype=stored.dtype)


def bounding(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds them all."""
    axes = zip(*boxes, strict=True)
    return tuple(slice(min(p.start for p in axis), max(p.stop for p in axis)) for axis in axes)


def _filled(index: Any, shape: tuple[int, ...]) -> Box:
    return tuple(slice(*part.indices(size)[:2]) for part, size in zip(index, shape, strict=True))


def _of_stored(sharding: Sharding, tensor: families.Tensor) -> Sharding:
    """The sharding of a stored tensor whose transpose lies as `sharding` says, but for the axis of the layers."""
    if not isinstance(sharding, NamedSharding):
        return sharding
    ours = list(sharding.spec) + [None] * (len(tensor.order) + tensor.stacked - len(sharding.spec))
    theirs = dict(zip(tensor.order, ours[tensor.stacked :], strict=True))
    return NamedSharding(sharding.mesh, PartitionSpec(*(theirs[axis] for axis in range(len(theirs)))))


def _empty(shape: tuple[int, ...], dtype: Any, sharding: Sharding) -> Array:
    return jax.jit(lambda: jnp.zeros(shape, dtype), out_shardings=sharding)()


def _owned(piece: Array, order: tuple[int, ...], dtype: Any, sharding: Sharding) -> Array:
    """A copy: on a CPU the piece lies in memory of NumPy's, which no update may be made in."""
    return jax.jit(lambda x: jnp.copy(x.transpose(order)).astype(dtype), out_shardings=sharding)(piece)


@functools.cache
def _put(sharding: Sharding, order: tuple[int, ...]) -> Any:
    """Puts one layer into a stack that is updated in place."""

    def put(stack: Array, piece: Array, layer: Array) -> Array:
        return jax.lax.dynamic_update_index_in_dim(stack, piece.transpose(order).astype(stack.dtype), layer, 0)

    return jax.jit(put, donate_argnums=0, out_shardings=sharding)
