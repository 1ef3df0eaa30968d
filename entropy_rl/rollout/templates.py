"""What a policy is shown for a problem's prompt: plain text around it, or a message in the model's chat template."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Protocol

from entropy_rl.rollout import template_sandbox
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer

PROMPT = "{prompt}"
BOXED = "Please reason step by step, and put your final answer within \\boxed{}."
_MARK, _END_MARK = "PromptStandsHere7f3a", "AnswerStandsHere7f3a"  # no template writes these itself
_SPACE = "\N{EM SPACE}"  # nor this, and what strips a message strips it


class Template(Protocol):
    """A problem's prompt to token ids. The prompt is data: no letters of it become control tokens."""

    def encode(self, prompt: str, tokenizer: Any) -> list[int]: ...

    def end_ids(self, tokenizer: Any) -> tuple[int, ...]:
        """Tokens that end an answer beside the tokenizer's own."""
        ...

    def validate(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class Plain:
    """Text around the prompt, for base models: no roles, no turns.

    Attributes:
      text: with {prompt} in the place of the prompt, once. Other braces are only braces. Names of control tokens in it
        stand for them; the tokenizer's own beginning of sequence comes before it.
    """

    text: str = PROMPT

    def validate(self) -> None:
        """Raises ValueError if the text does not hold the prompt once."""
        if self.text.count(PROMPT) != 1:
            raise ValueError(
                f"template.text = {self.text!r} must hold {PROMPT} once; write it where the prompt belongs"
            )

    def encode(self, prompt: str, tokenizer: HuggingFaceTokenizer) -> list[int]:
        before, after = self.text.split(PROMPT)
        return [*tokenizer.prefix, *between(tokenizer, before, prompt, after)]

    def end_ids(self, tokenizer: HuggingFaceTokenizer) -> tuple[int, ...]:
        del tokenizer
        return ()


@dataclasses.dataclass(frozen=True)
class Chat:
    """The prompt as the message of a user, in the chat template of the tokenizer, up to where the answer begins.

    The template is rendered once, in a bounded sandbox, around a mark that the prompt then takes the place of: what a
    prompt says cannot change it.

    Attributes:
      system: the system message; None for what the template does without one.
      suffix: behind the prompt, in the same message.
      arguments: further names that the template reads, such as (("enable_thinking", False),). Templates that write the
        day are given a fixed one, so that a run means the same tomorrow.
    """

    system: str | None = None
    suffix: str = ""
    arguments: tuple[tuple[str, bool | int | str], ...] = ()

    def validate(self) -> None:
        """Raises ValueError for arguments that are no pairs."""
        for pair in self.arguments:
            if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
                raise ValueError(f"template.arguments holds {pair!r}; write pairs such as ('enable_thinking', False)")

    def encode(self, prompt: str, tokenizer: HuggingFaceTokenizer) -> list[int]:
        turn = _turn(self, tokenizer)
        content = prompt + self.suffix
        content = content.lstrip() if turn.left_stripped else content
        content = content.rstrip() if turn.right_stripped else content
        return between(tokenizer, turn.before, content, turn.after)

    def end_ids(self, tokenizer: HuggingFaceTokenizer) -> tuple[int, ...]:
        return _turn(self, tokenizer).end_ids


CHAT_BOXED = Chat(suffix=f"\n\n{BOXED}")
PLAIN_BOXED = Plain(f"{PROMPT}\n\n{BOXED}\n\n")
MATHS_CHAT = Chat(system=BOXED)  # as the instruction models of Qwen2.5-Math are asked


def between(tokenizer: HuggingFaceTokenizer, before: str, content: str, after: str) -> list[int]:
    """Token ids of `content`, which is data, between two texts of our own, whose markup counts.

    They are those of the whole text wherever it has no more control tokens than its frame; else those of the parts.
    """
    controls = lambda ids: [token for token in ids if token in tokenizer.control_ids]  # noqa: E731
    left, right = tokenizer.encode_markup(before), tokenizer.encode_markup(after)
    whole = tokenizer.encode_markup(before + content + after)
    if controls(whole) == controls(left) + controls(right):
        return whole
    return [*left, *tokenizer.encode(content), *right]


@dataclasses.dataclass(frozen=True)
class _Turn:
    """A rendered chat around the place of the prompt, and the tokens that end an answer."""

    before: str
    after: str
    left_stripped: bool
    right_stripped: bool
    end_ids: tuple[int, ...]


@functools.lru_cache(maxsize=32)
def _turn(chat: Chat, tokenizer: HuggingFaceTokenizer) -> _Turn:
    source = tokenizer.chat_template
    if not source:
        raise ValueError(
            f"the tokenizer of {tokenizer.path} has no chat template, as those of base models; use "
            "template=templates.Plain(...), or the tokenizer of the instruction-tuned model"
        )
    system = [] if chat.system is None else [{"role": "system", "content": chat.system}]
    asked = [*system, {"role": "user", "content": f"{_SPACE}{_MARK}{_SPACE}"}]
    answered = [*asked, {"role": "assistant", "content": _END_MARK}]
    names = dict(tokenizer.names) | dict(chat.arguments)
    question, answer = template_sandbox.render(tokenizer.path, source, [(asked, True), (answered, False)], names)
    if question.count(_MARK) != 1:
        raise ValueError(
            f"the chat template of {tokenizer.path} writes the user's message {question.count(_MARK)} times instead of "
            "once; use template=templates.Plain(...)"
        )
    before, after = question.split(_MARK)
    left, right = not before.endswith(_SPACE), not after.startswith(_SPACE)
    closing = tokenizer.encode_markup(answer.rpartition(_END_MARK)[2]) if _END_MARK in answer else []
    ends = tuple(token for token in closing if token in tokenizer.control_ids)[:1]
    return _Turn(before if left else before[:-1], after if right else after[1:], left, right, ends)
