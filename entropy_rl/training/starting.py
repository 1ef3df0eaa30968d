"""The policy's first parameters, from wherever `Config.init` says, and the same again when a run is resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath

from entropy_rl.config import Config
from entropy_rl.inits import FromRun, HuggingFace, WarmStart
from entropy_rl.models import lora
from entropy_rl.training import checkpoints, learner, snapshot, warm_start, workdirs
from entropy_rl.training.learner import Placement
from entropy_rl.types import Params

Progress = Callable[[int, int, float], None]


def params(config: Config, placement: Placement, bases: epath.Path, progress: Progress) -> Params:
    """All parameters of a policy that has not been trained: its base and, over it, fresh adapters if it has any.

    Args:
      config: resolved, its policy with a definite compute type.
      placement: where they go.
      bases: folder of cached warm starts.
      progress: of a warm start: called with (step, steps, loss).
    """
    weights = base(config, placement, bases, progress)
    if config.policy.lora is None:
        return weights
    return lora.join(weights, _adapters(config, placement))


def base(config: Config, placement: Placement, bases: epath.Path, progress: Progress) -> Params:
    """The parameters that no adapter is part of; the same bits at every call, which adapters alone rely on."""
    init, policy = config.init, dataclasses.replace(config.policy, lora=None)
    if isinstance(init, WarmStart):
        plain = dataclasses.replace(config, policy=policy)
        return warm_start.base_params(plain, init, bases, placement.base, progress)
    if isinstance(init, HuggingFace):
        from entropy_rl.models import checkpoints as huggingface

        logging.info("init: reading %s", init.path)
        return huggingface.load(huggingface.fetch(init.path, init.revision), policy, placement.base)
    if isinstance(init, FromRun):
        return _of_run(config, init, placement, bases, progress)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, placement.base)
    return jax.jit(policy.init, out_shardings=shardings)(jax.random.key(init.seed))


def _of_run(config: Config, init: FromRun, placement: Placement, bases: epath.Path, progress: Progress) -> Params:
    """Another run's policy, its adapters merged into its weights where it has any."""
    folder = epath.Path(init.path)
    source = snapshot.load(folder) if (folder / snapshot.FILE).exists() else config
    if source.policy.lora is None:
        loaded, step = checkpoints.restore_params(folder / workdirs.CHECKPOINTS, placement.base, init.step)
    else:
        its = learner.place(placement.mesh, source.policy, source.optimizer, with_reference=False)
        trained, step = restored(source, its, folder, init.step, bases, progress)
        loaded = merged(trained, source.policy.lora, placement.base)
    logging.info("init: starting from step %d of %s", step, init.path)
    return loaded


def restored(
    config: Config, placement: Placement, folder: epath.Path, step: int | None, bases: epath.Path, progress: Progress
) -> tuple[Params, int]:
    """All parameters of a run's policy at a checkpoint, and its step; `None` is the newest.

    Raises:
      FileNotFoundError: if there is no such checkpoint.
      ValueError: if none is whole, or if it is another model's.
    """
    trained, found = checkpoints.restore_params(folder / workdirs.CHECKPOINTS, placement.params, step)
    if config.policy.lora is None:
        return trained, found
    return lora.join(base(config, placement, bases, progress), trained), found


def merged(params: Params, adapters: lora.Lora, placed: Params) -> Params:
    """Weights that need no adapters, placed and typed as `placed`; those given are used up."""
    shardings = jax.tree.map(lambda leaf: leaf.sharding, placed)

    def merge(whole: Params) -> Params:
        return jax.tree.map(lambda leaf, target: leaf.astype(target.dtype), lora.merge(whole, adapters), placed)

    return jax.jit(merge, out_shardings=shardings)(params)


def _adapters(config: Config, placement: Placement) -> Params:
    """Fresh ones, a function of the run's seed."""

    def make(key: Any) -> Params:
        _, adapters = lora.split(config.policy.init(key))
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), adapters)

    shardings = jax.tree.map(lambda leaf: leaf.sharding, placement.params)
    return jax.jit(make, out_shardings=shardings)(jax.random.key(config.seed))
