"""The policy's start: supervised training on a task's imperfect demonstrations, cached by what made it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from etils import epath
from jax.sharding import NamedSharding, PartitionSpec

from entropy_rl import overrides
from entropy_rl.config import Config, WarmStart
from entropy_rl.ops import logprobs as scoring
from entropy_rl.ops import masked, schedules
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import exchange
from entropy_rl.parallel.rows import settled
from entropy_rl.rollout import engine
from entropy_rl.training import checkpoints
from entropy_rl.training.checkpoint_items import is_damage
from entropy_rl.types import Array, Params, Policy

FORMAT = 2  # of the cache; raise it when the procedure changes, so that old bases are not taken for new ones


@dataclasses.dataclass(frozen=True)
class Demonstrations:
    """Tokenized demonstrations: prompts [M, Q] left-padded, responses [M, T] right-padded, and their masks."""

    prompts: np.ndarray
    prompt_mask: np.ndarray
    responses: np.ndarray
    response_mask: np.ndarray


def base_params(
    config: Config, init: WarmStart, bases: epath.Path, placed: Params, progress: Callable[[int, int, float], None]
) -> Params:
    """The warm-started parameters of a config, from the cache if they were made before.

    Args:
      config: resolved.
      init: of the config.
      bases: folder of cached bases; a run that waits for another's base takes it when it is ready.
      placed: shapes of the parameters, with their shardings.
      progress: called with (step, steps, loss).
    """
    folder = bases / content_hash(config)
    with _one_at_a_time(folder):
        if not _is_whole(folder, placed):
            logging.info("warm start: training base %s for %d steps", folder.name, init.steps)
            store = checkpoints.Checkpoints(folder, keep=1, best_metric=None)
            try:
                store.save(init.steps, {"params": train_base(config, init, progress)}, {}, {})
            finally:
                store.close()
        # Also after training: a run goes on from the same bits whether it made its base or found it.
        params, _ = checkpoints.restore_params(folder, placed)
    logging.info("warm start: base %s", folder.name)
    return params


def _is_whole(folder: epath.Path, placed: Params) -> bool:
    """Whether a base is there. A damaged one is removed: it can be made again."""
    if not exchange.firsts(folder.exists(), "is the base there"):
        return False
    try:
        checkpoints.restore_params(folder, placed)
    except FileNotFoundError:  # killed before it was written
        return False
    except ValueError as error:
        if not is_damage(error):
            raise
        logging.warning("warm start: base %s is damaged and is made again: %s", folder.name, error)
        if jax.process_index() == 0:
            folder.rmtree()
        exchange.meet("the damaged base is removed")
        return False
    return True


def content_hash(config: Config) -> str:
    """Twelve hexadecimal digits of everything that the base depends on."""
    parts = {"task": config.task, "policy": config.policy, "init": config.init}
    text = repr([FORMAT, {name: overrides.flatten(part) for name, part in parts.items()}])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def train_base(config: Config, init: WarmStart, progress: Callable[[int, int, float], None]) -> Params:
    """Minimises the negative log-likelihood of the demonstrations' responses."""
    data = tokenize(config.task, init)
    rate = schedules.WarmupCosine(
        init.learning_rate, init.learning_rate / 20, init.warmup, max(init.steps, init.warmup + 1)
    )
    optimizer = AdamW(learning_rate=rate, weight_decay=0.01)
    several = jax.process_count() > 1  # they make one base together, whole on every device
    where = NamedSharding(jax.sharding.get_mesh(), PartitionSpec()) if several else None
    make = jax.jit(config.policy.init, out_shardings=where)  # op by op it would be sixty small programs
    params = make(jax.random.key(init.seed))
    opt_state = jax.jit(optimizer.transform().init)(params)
    step_program = jax.jit(functools.partial(_supervised_step, policy=config.policy), donate_argnums=(0, 1))
    started, loss = time.monotonic(), jnp.float32(jnp.nan)
    for step in range(init.steps):
        rows = np.random.default_rng((init.seed, step)).integers(0, init.demonstrations, init.batch)
        batch = tuple(getattr(data, field.name)[rows] for field in dataclasses.fields(data))
        params, opt_state, loss = settled(step_program(params, opt_state, batch, optimizer, jnp.int32(step)))
        if (step + 1) % 20 == 0 or step + 1 == init.steps:
            progress(step + 1, init.steps, float(loss))
    logging.info(
        "warm start: %d steps in %.1f s, loss %.3f nats/token", init.steps, time.monotonic() - started, float(loss)
    )
    return params


def tokenize(task: Any, init: WarmStart) -> Demonstrations:
    """All demonstrations as arrays; `task` has a method `demonstration`."""
    pairs = [task.demonstration(init.seed, index) for index in range(init.demonstrations)]
    request = engine.pack_prompts(
        [problem.prompt for problem, _ in pairs], range(len(pairs)), task.tokenizer, task.max_prompt_tokens
    )
    responses = np.full((len(pairs), task.max_response_tokens), task.tokenizer.pad_id, np.int32)
    mask = np.zeros(responses.shape, bool)
    for row, (_, text) in enumerate(pairs):
        tokens = [*task.tokenizer.encode(text), task.tokenizer.eos_id]
        responses[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = True
    return Demonstrations(request.tokens, request.mask, responses, mask)


def _supervised_step(
    params: Params, opt_state: Any, batch: tuple[Array, ...], optimizer: AdamW, step: Array, *, policy: Policy
) -> tuple[Params, Any, Array]:
    prompts, prompt_mask, responses, mask = batch
    optimizer = schedules.resolve(optimizer, step)

    def objective(params: Params) -> Array:
        hidden = policy.response_hidden(params, prompts, prompt_mask, responses)
        temperature = jnp.ones(responses.shape[0])
        logprobs, _ = scoring.logprobs_and_entropies(hidden, policy.head(params), responses, temperature)
        return -masked.mean(logprobs, mask)

    loss, gradients = jax.value_and_grad(objective)(params)
    updates, opt_state = optimizer.transform().update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


@contextlib.contextmanager
def _one_at_a_time(base: epath.Path) -> Iterator[None]:
    """Two runs started together make their base once. The lock dies with its process; object stores have none."""
    base.parent.mkdir(parents=True, exist_ok=True)
    if "://" in str(base) or jax.process_index() > 0:
        exchange.meet("the lock of the base")  # the first process holds it for all
        yield
        return
    with open(base.parent / f".{base.name}.lock", "w") as lock:  # of this base alone: another's does not wait for it
        fcntl.flock(lock, fcntl.LOCK_EX)
        exchange.meet("the lock of the base")
        yield
