"""Who is evaluated: a training run, before and after, or a published checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
from absl import logging
from etils import epath
from jax.sharding import Mesh

from entropy_rl import wording
from entropy_rl.config import AsCheckpoint, Config, HuggingFace, RandomWeights
from entropy_rl.parallel import sharding
from entropy_rl.parallel.devices import concrete
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.phases import RolloutConfig
from entropy_rl.rollout.templates import CHAT_BOXED, PLAIN_BOXED, Chat, Plain
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
from entropy_rl.training import learner, revisit, snapshot, starting, workdirs
from entropy_rl.types import Params

BEFORE, AFTER = "before", "after"
_RESPONSES = 8  # to each prompt at a time, of a checkpoint that no run tells otherwise of
_RESPONSE_TOKENS = 2048


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model that can answer.

    Attributes:
      config: resolved; the policy's compute type is definite.
      states: ("before" or "after", what loads these parameters as rollouts read them), in this order.
      step: of the run's checkpoint; None for a published model.
    """

    config: Config
    mesh: Mesh
    states: tuple[tuple[str, Callable[[], Params]], ...]
    step: int | None = None


def open_subject(
    model: str,
    revision: str | None = None,
    step: int | None = None,
    template: str = "auto",
    response_tokens: int | None = None,
    rows: int | None = None,
) -> Subject:
    """A run's workdir, or a checkpoint's folder or hub id; parameters are read when they are asked for.

    Args:
      revision: of a hub id.
      step: of a run; None for the newest whole checkpoint.
      template: for a published model: "chat", "plain", or "auto" for chat where its tokenizer has a chat template.
      response_tokens: the most of a response; None for the run's, or 2048.
      rows: responses at a time; None for the run's, or 512.

    Raises:
      ValueError: if it is neither, or if what is asked for is of the other kind.
    """
    if (epath.Path(model) / snapshot.FILE).exists():
        if revision is not None:
            raise ValueError(f"--revision={revision} is of a published model, and {model} is a run; leave it out")
        return _of_run(epath.Path(model), step, response_tokens, rows)
    if step is not None:
        raise ValueError(f"--step={step} is of a run, and {model} holds no {snapshot.FILE}; name a --workdir")
    return _published(model, revision, template, response_tokens, rows)


def _of_run(folder: epath.Path, step: int | None, response_tokens: int | None, rows: int | None) -> Subject:
    config = revisit.run_config(folder)
    steps = workdirs.checkpointed_steps(folder)
    if not steps:
        raise ValueError(f"{folder} holds no checkpoint; let the run go on until it has saved one")
    if step is not None and step not in steps:
        raise ValueError(f"{folder} holds no checkpoint of step {step}; choose one of {', '.join(map(str, steps))}")
    rollout = _resized(config.rollout, response_tokens, rows)
    mesh = make_mesh(config.mesh)
    config = dataclasses.replace(config, rollout=rollout, policy=concrete(config.policy, mesh.devices.flat[0]))
    placement = learner.place(mesh, config.policy, config.optimizer, with_reference=False)
    publish, bases = learner.compiled_publish(placement), folder.parent / "bases"

    def after() -> Params:
        params, found = starting.restored(config, placement, folder, step, bases, _silent)
        logging.info("%s: parameters of step %d", folder, found)
        return publish(params)

    states = [(AFTER, after)]
    if not isinstance(config.init, RandomWeights):  # which nobody wants to be told that they know nothing
        states.insert(0, (BEFORE, lambda: publish(starting.params(config, placement, bases, _silent))))
    return Subject(config, mesh, tuple(states), steps[-1] if step is None else step)


def _published(
    model: str, revision: str | None, template: str, response_tokens: int | None, rows: int | None
) -> Subject:
    tokenizer = HuggingFaceTokenizer(model, revision)
    config = Config(
        name=model,
        init=HuggingFace(model, revision),
        policy=AsCheckpoint(remat="none").decoder(HuggingFace(model, revision)),
        tokenizer=tokenizer,
        template=_template(template, tokenizer),
        rollout=_resized(RolloutConfig(responses=_RESPONSES, response_tokens=_RESPONSE_TOKENS), response_tokens, rows),
    )
    mesh = make_mesh(config.mesh)
    config = dataclasses.replace(config, policy=concrete(config.policy, mesh.devices.flat[0]))
    placement = learner.place(mesh, config.policy, config.optimizer, with_reference=False)
    publish = learner.compiled_publish(placement)
    return Subject(config, mesh, ((AFTER, lambda: publish(starting.params(config, placement, epath.Path(), _silent))),))


def _template(name: str, tokenizer: HuggingFaceTokenizer) -> Chat | Plain:
    if name == "auto":
        name = "chat" if tokenizer.chat_template else "plain"
    known = {"chat": CHAT_BOXED, "plain": PLAIN_BOXED}
    if name not in known:
        raise ValueError(f"--template={name} is unknown; use one of auto, {', '.join(known)}")
    return known[name]


def _resized(rollout: RolloutConfig, response_tokens: int | None, rows: int | None) -> RolloutConfig:
    """Rows are whole groups: as many prompts as fit, and at least one."""
    prompts = rollout.prompts if rows is None else max(rows // rollout.responses, 1)
    length = rollout.response_tokens if response_tokens is None else response_tokens
    changed = dataclasses.replace(rollout, prompts=prompts, response_tokens=length)
    changed.validate()
    return changed


def check_prompts(subject: Subject, prompt_tokens: int) -> Config:
    """The subject's config with room for the longest prompt; its tokenizer is held against its policy."""
    rollout = dataclasses.replace(subject.config.rollout, prompt_tokens=prompt_tokens)
    config = dataclasses.replace(subject.config, rollout=rollout)
    wording.check_tokenizer(config)
    return config


def _silent(step: int, steps: int, loss: float) -> None:
    """Nobody watches a warm start that is made again; its own log lines remain."""


def devices_per_batch(mesh: Mesh) -> int:
    """Prompts of a call are a multiple of this."""
    return sharding.batch_shards(mesh) if mesh.shape else jax.device_count()
