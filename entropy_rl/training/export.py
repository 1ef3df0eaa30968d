"""A run's policy as a checkpoint that `transformers` loads; the run's folder is only read."""

from __future__ import annotations

import dataclasses
import os

import jax
from absl import logging
from etils import epath

from entropy_rl.config import Config
from entropy_rl.inits import FromRun, HuggingFace
from entropy_rl.models import checkpoints as huggingface
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel import sharding
from entropy_rl.parallel.devices import concrete
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.training import learner, snapshot, starting, workdirs


def export_run(
    run: str | os.PathLike[str],
    out: str,
    step: int | None = None,
    dtype: str | None = None,
    shard_bytes: int = 5 * 10**9,
) -> int:
    """Writes the parameters of one checkpoint of a run, adapters merged, and says of which step it is.

    Memory holds the parameters once. config.json, tokenizer and licence are those of the checkpoint that the run
    started from.

    Args:
      run: the workdir, local or gs://.
      out: a folder that is empty or missing, local or gs://.
      step: None for the newest whole checkpoint.
      dtype: None for that of the checkpoint that the run started from, or else that of the run's parameters.

    Raises:
      ValueError: if there is no such run, or no published architecture describes its policy; before anything is read.
      FileNotFoundError: if it holds no checkpoint of `step`.
    """
    folder = epath.Path(run)
    config = snapshot.load(folder)
    if not workdirs.checkpointed_steps(folder):
        raise ValueError(f"{folder} holds no checkpoint; let the run go on until it has saved one")
    mesh = make_mesh(MeshShape())
    policy: Decoder = concrete(config.policy, mesh.devices.flat[0])
    config, source, tokenizer = dataclasses.replace(config, policy=policy), _source(config), _tokenizer(config)
    dtype = dtype or _stored_dtype(source) or policy.param_dtype
    export = huggingface.prepare(
        policy, out, source, dtype, shard_bytes, tokenizer, extra=None if source else _ids(config)
    )
    logging.info("%s: %.3g GB of %s weights will be written", out, export.nbytes / 1e9, dtype)
    with jax.set_mesh(mesh):
        placement = learner.place(mesh, policy, config.optimizer, with_reference=False)
        params, found = starting.restored(config, placement, folder, step, folder.parent / "bases", _silent)
        export.write(params)
    return found


def export_model(
    path: str, out: str, revision: str | None = None, dtype: str | None = None, shard_bytes: int = 5 * 10**9
) -> None:
    """Writes a published checkpoint again: in another type, in files of another size, or as text model alone.

    Args:
      path, revision: a folder, gs://... or hub id; see `checkpoints.fetch`.
      dtype: None for the type in which it is stored.

    Raises:
      ValueError: if it is no checkpoint, or of an architecture that is not supported.
    """
    described = huggingface.fetch_config(path, revision)
    decoder = huggingface.read_decoder(described)
    dtype = dtype or _stored_dtype(described) or "float32"
    export = huggingface.prepare(decoder, out, described, dtype, shard_bytes)  # before gigabytes come
    source = huggingface.fetch(path, revision)
    logging.info("%s: %.3g GB of %s weights will be written", out, export.nbytes / 1e9, dtype)
    mesh = make_mesh(MeshShape())
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    shardings = sharding.parameter_shardings(mesh, decoder.logical_axes(), shapes)
    placed = jax.tree.map(
        lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, dtype, sharding=where), shapes, shardings
    )
    export.write(huggingface.load(source, decoder, placed))


def _source(config: Config) -> epath.Path | None:
    """The checkpoint that a run started from, or the run that it started from, and so on; None if there is none."""
    init, seen = config.init, []
    while isinstance(init, FromRun) and init.path not in seen:
        seen.append(init.path)
        try:
            init = snapshot.load(epath.Path(init.path)).init
        except ValueError as error:
            logging.warning("where %s started from is not known (%s); config.json is made anew", init.path, error)
            return None
    if not isinstance(init, HuggingFace):
        return None
    try:
        folder = huggingface.fetch_companions(init.path, init.revision)
        huggingface.read_config(folder)
    except ValueError as error:
        logging.warning("the checkpoint that the run started from is gone (%s); config.json is made anew", error)
        return None
    return folder


def _tokenizer(config: Config) -> epath.Path | None:
    """A folder with the tokenizer that the run used; None if there is none that transformers knows."""
    if config.tokenizer is None:
        logging.warning(
            "no tokenizer will be in the folder: %s has its own, which transformers does not know. Its weights load "
            "as any others do, and read token ids",
            type(config.task).__name__,
        )
        return None
    try:
        return huggingface.fetch_companions(config.tokenizer.path, config.tokenizer.revision)
    except ValueError as error:
        logging.warning("the run's tokenizer is gone (%s); copy its files into the folder yourself", error)
        return None


def _stored_dtype(source: epath.Path | None) -> str | None:
    if source is None:
        return None
    config = huggingface.read_config(source)
    nested = config.get("text_config") or {}
    found = [place.get(key) for place in (config, nested) for key in ("dtype", "torch_dtype") if place.get(key)]
    return found[0] if found and found[0] in ("float32", "bfloat16", "float16") else None


def _ids(config: Config) -> dict[str, int | None]:
    """What a config.json without a source says of special tokens."""
    tokenizer = config.task.tokenizer if config.tokenizer is None else None
    if tokenizer is None:
        return {}
    return {"bos_token_id": None, "eos_token_id": tokenizer.eos_id, "pad_token_id": tokenizer.pad_id}


def _silent(step: int, steps: int, loss: float) -> None:
    """Nobody watches a warm start that is made again; its own log lines remain."""
