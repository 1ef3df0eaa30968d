"""One prompt, one answer, with the policy of a run or of a published checkpoint."""

from __future__ import annotations

import dataclasses
import time

import jax
import numpy as np
from absl import logging

from entropy_rl import wording
from entropy_rl.config import Config
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.rollout.templates import Chat, Plain
from entropy_rl.training import subjects
from entropy_rl.training.engines import make_engine

SHORTEST = 64  # tokens of the smallest prompt bucket; the next ones are twice as wide each
MOST_PROMPT_TOKENS = 8192  # where no run says


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a policy said, and how sure it was of it.

    Attributes:
      tokens: of the answer, its end included.
      entropy: nats/token, mean over the answer at the sampling temperature.
      seconds: of sampling; the first answer of a shape includes its compilation.
      finished: ended by itself; False if cut off at the length.
    """

    text: str
    tokens: int
    entropy: float
    seconds: float
    finished: bool

    def __str__(self) -> str:
        cut = "" if self.finished else ", cut off"
        rate = self.tokens / max(self.seconds, 1e-9)
        return f"{self.tokens} tokens{cut}, entropy {self.entropy:.3f} nats/token, {rate:.1f} tokens/s"


class Speaker:
    """A policy that is asked one prompt after another; none remembers the one before."""

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        step: int | None = None,
        system: str | None = None,
        temperature: float = 1.0,
        max_tokens: int | None = None,
        seed: int = 0,
    ) -> None:
        """Opens a workdir, or a checkpoint's folder or hub id.

        Args:
          system: message for a published model with a chat template; a run has its own.
          temperature: of sampling; 0 takes the likeliest token.
          max_tokens: of an answer; None for as many as the run, or 2048.

        Raises:
          ValueError: for a model that is not there, or a setting that it cannot have.
        """
        if not 0.0 <= temperature < float("inf"):
            raise ValueError(f"--temperature={temperature} must be at least 0; 0 takes the likeliest token, 1 samples")
        self._temperature, self._asked = temperature, 0
        subject = subjects.open_subject(model, revision, step, response_tokens=max_tokens)
        self.config, self._mesh = _worded(subject, system, seed), subject.mesh
        wording.check_tokenizer(self.config)
        self._rows = subjects.devices_per_batch(self._mesh)
        with jax.set_mesh(self._mesh):
            self._params = subject.states[-1][1]()

    @property
    def example(self) -> str:
        """A prompt as the task writes them, where prompts have a form; else nothing."""
        return "" if self.config.tokenizer is not None else self.config.task.problem("test", 0).prompt

    def ask(self, prompt: str) -> Answer:
        """Samples one answer.

        Raises:
          ValueError: for a prompt that is empty, too long, or not in the notation of an embedded task.
        """
        width = self._width(prompt)
        config = dataclasses.replace(
            self.config, rollout=dataclasses.replace(self.config.rollout, responses=1, prompt_tokens=width)
        )
        started, draws = time.perf_counter(), [self._asked] * self._rows  # every device a row; the first one answers
        with jax.set_mesh(self._mesh):
            engine = make_engine(config, self._mesh)
            rollout = engine(self._params, [prompt] * self._rows, draws, Purpose.CONVERSATION, self._temperature)
            mask, entropies = np.asarray(rollout.response_mask)[0], np.asarray(rollout.entropies)[0]
        seconds = time.perf_counter() - started
        self._asked += 1
        length = int(mask.sum())
        mean = float(entropies[:length].mean()) if length else 0.0
        return Answer(engine.texts(rollout)[0], length, mean, seconds, bool(np.asarray(rollout.finished)[0]))

    def _width(self, prompt: str) -> int:
        """Of the bucket that a prompt goes into: few shapes, so few programs."""
        most = self.config.rollout.prompt_tokens
        try:
            length = make_engine(self.config, self._mesh).prompt_length(prompt)
        except ValueError as error:
            if not self.example:
                raise
            raise ValueError(f"{error}. A prompt of this task looks like {self.example!r}") from None
        if not 0 < length <= most:
            form = f", such as {self.example!r}" if self.example else ""
            raise ValueError(f"the prompt has {length} tokens; write between 1 and {most}{form}")
        if self.example:
            return most
        return min(max(SHORTEST, 1 << (length - 1).bit_length()), most)


def _worded(subject: subjects.Subject, system: str | None, seed: int) -> Config:
    """The subject's config, its prompts worded as in the run, or as the user of a published model writes them."""
    config, rollout = subject.config, subject.config.rollout
    published = subject.step is None
    if system is not None and not published:
        raise ValueError(f"--system={system!r} is for a published model; a run is asked as it was trained")
    template = config.template
    if published and config.tokenizer is not None:
        has_chat = bool(config.tokenizer.chat_template)
        if system is not None and not has_chat:
            raise ValueError(f"--system={system!r} needs a chat template, which the tokenizer lacks; leave it out")
        template = Chat(system=system) if has_chat else Plain()
        if not has_chat:
            logging.info("no chat template: the model goes on with the text of the prompt")
    rollout = dataclasses.replace(rollout, prompt_tokens=rollout.prompt_tokens or MOST_PROMPT_TOKENS)
    return dataclasses.replace(config, template=template, rollout=rollout, seed=seed)
