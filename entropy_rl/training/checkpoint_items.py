"""What a checkpoint holds beside its arrays, and how both are checked when they are read."""

from __future__ import annotations

import errno
import json
import re
import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from etils import epath

from entropy_rl.training.checksums import computed, named, path_name, tree_checksums
from entropy_rl.types import Array, Params

_ELSEWHERE = re.compile(  # status words of XLA and TensorStore, whose exceptions are ValueError or RuntimeError
    r"\b(RESOURCE_EXHAUSTED|UNAVAILABLE|DEADLINE_EXCEEDED|PERMISSION_DENIED|UNAUTHENTICATED|ABORTED|CANCELLED)\b"
    r"|(?i:out of memory)"
)
_STORES = {"aiohttp", "gcsfs", "google", "requests", "urllib3"}  # what they raise is of the way there
_ACCESS = {
    errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENETUNREACH,
    errno.EHOSTUNREACH,
}  # fmt: skip


class DamagedError(ValueError):
    """A checkpoint's bytes are not those that were saved."""


class OtherStateError(ValueError):
    """A checkpoint is whole, but of another model or optimiser than the one that asks for it."""


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """JSON with the checksum of its own text."""
    content = json.loads(json.dumps(value))  # as it will be read: tuples are lists, keys are text
    return {"content": content, "crc32": _crc32(content)}


def opened(item: Any, name: str) -> dict[str, Any]:
    """The value that `sealed` was given; raises DamagedError if it changed."""
    if not isinstance(item, dict) or set(item) != {"content", "crc32"} or item["crc32"] != _crc32(item["content"]):
        raise DamagedError(f"the checksum of {name} does not match")
    return item["content"]


def describe(tree: Any, sums: Array | None = None) -> dict[str, list[Any]]:
    """path -> [checksum, dtype, shape] of every array.

    Args:
      sums: what `checksums.computed` gave for the tree; None to compute it now.
    """
    checksums = named(tree, computed(tree) if sums is None else sums)
    leaves = {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}
    return {name: [checksums[name], str(leaf.dtype), list(leaf.shape)] for name, leaf in leaves.items()}


def is_damage(error: BaseException | None) -> bool:
    """Whether an error of reading is the checkpoint's own; not one of memory, access or the network, now."""
    while error is not None:
        if isinstance(error, (MemoryError, PermissionError, TimeoutError, ConnectionError)):
            return False
        if isinstance(error, OSError) and error.errno in _ACCESS:
            return False
        if type(error).__module__.split(".")[0] in _STORES or _ELSEWHERE.search(str(error)):
            return False
        error = error.__cause__ or error.__context__
    return True


def require_files(folder: epath.Path) -> None:
    """Names what is missing: Orbax's own account of it is a mismatch of tree structures."""
    for name in ("state", "state/_METADATA", "data", "meta"):
        if not (folder / name).exists():
            raise DamagedError(f"{name} is missing")


def load(manager: ocp.CheckpointManager, step: int, abstract_state: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """State, data and meta of one step, verified."""
    json_items = ocp.args.Composite(data=ocp.args.JsonRestore(), meta=ocp.args.JsonRestore())
    items = manager.restore(step, args=json_items)
    data, meta = opened(items["data"], "data"), opened(items["meta"], "meta")
    leaves = meta.pop("leaves")
    _require_same(leaves, abstract_state, dtypes=True)
    arguments = ocp.args.Composite(state=ocp.args.StandardRestore(abstract_state))
    state = manager.restore(step, args=arguments)["state"]
    _verify(leaves, state)
    return state, data, meta


def load_params(folder: epath.Path, manager: ocp.CheckpointManager, step: int, abstract_params: Params) -> Params:
    """The weights alone, whatever optimiser they were trained with; given in the dtypes of `abstract_params`."""
    meta = opened(manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore()))["meta"], "meta")
    leaves = {name: leaf for name, leaf in meta["leaves"].items() if name.startswith("params/")}
    wanted = {"params": abstract_params}
    _require_same(leaves, wanted, dtypes=False)

    def as_saved(path: Any, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, jnp.dtype(leaves[path_name(path)][1]), sharding=leaf.sharding)

    saved = jax.tree_util.tree_map_with_path(as_saved, wanted)
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        arguments = ocp.checkpoint_utils.construct_restore_args(saved)
        restore = ocp.args.PyTreeRestore(item=saved, restore_args=arguments, partial_restore=True)
        restored = reader.restore(folder / str(step) / "state", args=restore)
    _verify(leaves, restored)  # before the cast: the checksum is of the saved bits
    return jax.tree.map(lambda x, target: x.astype(target.dtype), restored["params"], abstract_params)


def _require_same(leaves: Mapping[str, list[Any]], abstract: Any, dtypes: bool) -> None:
    """Raises OtherStateError, so that a wrong config is not mistaken for damage."""
    wanted = {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(abstract)[0]}
    problems = [f"{name} is not in the checkpoint" for name in wanted if name not in leaves]
    problems += [f"{name} is only in the checkpoint" for name in leaves if name not in wanted]
    for name in wanted.keys() & leaves.keys():
        _, dtype, shape = leaves[name]
        leaf = wanted[name]
        if list(leaf.shape) != shape or (dtypes and str(leaf.dtype) != dtype):
            problems.append(f"{name} is saved as {dtype}{shape}, wanted as {leaf.dtype}{list(leaf.shape)}")
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise OtherStateError(
            "; ".join(sorted(problems)[:3]) + more + ". Use the config it was saved with, or another workdir"
        )


def _verify(leaves: Mapping[str, list[Any]], tree: Any) -> None:
    found = tree_checksums(tree)
    wrong = sorted(name for name, (checksum, *_) in leaves.items() if found.get(name) != checksum)
    if wrong:
        raise DamagedError(
            f"the checksum of {', '.join(wrong[:3])} does not match ({len(wrong)} of {len(leaves)} arrays)"
        )


def _crc32(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
