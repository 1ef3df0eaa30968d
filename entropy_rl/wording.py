"""How problems are written for the policy: tokenizer, template and lengths, from the task, the model or the config."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from absl import logging

from entropy_rl.inits import HuggingFace, WarmStart
from entropy_rl.rollout.engine import prompt_ids, stop_id
from entropy_rl.rollout.templates import Plain
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer

if TYPE_CHECKING:
    from entropy_rl.config import Config

PADDED = 0.9  # of a model's vocabulary; published ones are padded by 2 % at most


def resolved(config: Config) -> dict[str, Any]:
    """Fields of the config with what the model and the task say in the place of None and 0. Nothing is read."""
    tokenizer, template, rollout = config.tokenizer, config.template, config.rollout
    if tokenizer is None and isinstance(config.init, HuggingFace):
        tokenizer = HuggingFaceTokenizer(config.init.path, config.init.revision)
    if tokenizer is not None:
        return {"tokenizer": tokenizer, "template": template or Plain()}
    rollout = dataclasses.replace(
        rollout,
        prompt_tokens=rollout.prompt_tokens or config.task.max_prompt_tokens,
        response_tokens=rollout.response_tokens or config.task.max_response_tokens,
    )
    return {"rollout": rollout}


def check(config: Config) -> None:
    """Whether prompts can be written at all; reads no tokenizer of a model, so that a preset can be checked offline.

    Raises:
      ValueError: that names the field and the remedy.
    """
    task = type(config.task).__name__
    if config.text_tokenizer is None:
        raise ValueError(
            f"{task} is a task in words and brings no tokenizer; set init=HuggingFace(...), which brings the model's, "
            "or tokenizer=HuggingFaceTokenizer(...)"
        )
    for part in (config.tokenizer, config.template):
        if part is not None:
            part.validate()
    if config.tokenizer is None:
        _check_own(config, task)
    else:
        _check_foreign(config, task)


def check_tokenizer(config: Config) -> None:
    """Reads the tokenizer and the template of a resolved config, before any memory is spent.

    Raises:
      ValueError: if they cannot be read, or do not fit the policy or the lengths.
    """
    tokenizer, rollout = config.text_tokenizer, config.rollout
    origin = tokenizer.path if isinstance(tokenizer, HuggingFaceTokenizer) else type(tokenizer).__name__
    size, rows = tokenizer.vocab_size, config.policy.vocab_size
    if size > rows:
        raise ValueError(
            f"policy.vocab_size = {rows} is smaller than the {size} tokens of the tokenizer {origin}, which is another "
            "model's; use the tokenizer of the policy's own checkpoint"
        )
    if isinstance(tokenizer, HuggingFaceTokenizer) and size < PADDED * rows:
        logging.warning(
            "policy.vocab_size = %d, but the tokenizer %s has %d tokens; is it another model's?", rows, origin, size
        )
    for name in rollout.stop:
        stop_id(name, tokenizer)
    if config.template is not None:
        taken = len(prompt_ids("", tokenizer, config.template))
        if taken >= rollout.prompt_tokens:
            raise ValueError(
                f"the template takes {taken} tokens, but rollout.prompt_tokens = {rollout.prompt_tokens}; raise it"
            )


def _check_own(config: Config, task: str) -> None:
    size, rows = config.text_tokenizer.vocab_size, config.policy.vocab_size
    if rows < size:
        raise ValueError(
            f"policy.vocab_size = {rows} is smaller than the tokenizer's {size}; leave it 0 or make it at least that"
        )
    if config.template is not None:
        raise ValueError(
            f"template is {type(config.template).__name__}, but {task} writes its prompts whole for a tokenizer of its "
            "own; use template=none"
        )


def _check_foreign(config: Config, task: str) -> None:
    for field, example in (("prompt_tokens", 1024), ("response_tokens", 2048)):
        if not getattr(config.rollout, field):
            raise ValueError(
                f"rollout.{field} is 0, which is for tasks that know it of their own tokenizer, but here the model's "
                f"is used; set it, such as rollout.{field}={example}"
            )
    if "roles" in config.loss.requires:
        raise ValueError(
            f"a method of the loss reads the roles of tokens, which {task} cannot tell of the tokens of a model; leave "
            "the method out, or train an embedded task with its own tokenizer"
        )
    if isinstance(config.init, WarmStart):
        raise ValueError(
            f"init is WarmStart, which teaches {task} in its own tokens, but here the model's are used; use "
            "HuggingFace, FromRun or RandomWeights"
        )
    if config.refinement is not None and config.task.tokenizer is not None:
        raise ValueError(
            "refinement goes on from the opening of an answer in the task's own tokens, but here the model's are used; "
            "set refinement=none"
        )
