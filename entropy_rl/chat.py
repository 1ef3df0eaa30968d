"""Asks a run's policy, or a published model: one prompt, or line by line.

Run:  python -m entropy_rl.chat runs/countdown_grpo --prompt="8 6 9 : 23 >"
      python -m entropy_rl.chat --model=Qwen/Qwen2.5-0.5B-Instruct --temperature=0.7
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import app, flags, logging

from entropy_rl import mistakes

if TYPE_CHECKING:
    from entropy_rl.training.conversation import Speaker

# allow_override: another command may have a flag of the same name, and a notebook imports several.
_RUN = flags.DEFINE_string(
    "run", None, "The --workdir of a training run, local or gs://; or the first argument.", allow_override=True
)
_MODEL = flags.DEFINE_string(
    "model", None, "Instead of --run: a checkpoint's folder, gs://... or hub id.", allow_override=True
)
_REVISION = flags.DEFINE_string("revision", None, "Of a hub id: branch, tag or commit.", allow_override=True)
_STEP = flags.DEFINE_integer("step", None, "Of which checkpoint of a run; the newest by default.", allow_override=True)
_PROMPT = flags.DEFINE_string(
    "prompt", None, "What to ask; every line of the standard input by default.", allow_override=True
)
_SYSTEM = flags.DEFINE_string("system", None, "System message for a --model with a chat template.")
_TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Of sampling; 0 takes the likeliest token.", allow_override=True)
_MAX_TOKENS = flags.DEFINE_integer("max_tokens", None, "Of an answer; the run's own, or 2048, by default.")
_SEED = flags.DEFINE_integer("seed", 0, "Of sampling.", lower_bound=0, upper_bound=(1 << 31) - 1)


def main(argv: Sequence[str]) -> None:
    named = [*argv[1:], *filter(None, (_RUN.value, _MODEL.value))]
    if len(named) != 1:
        raise app.UsageError(f"name one run or model, not {len(named)}: RUN, --run=RUN or --model=FOLDER")
    with mistakes.explained():
        from entropy_rl.training.conversation import Speaker  # after the flags, so that --help answers at once

        speaker = Speaker(
            named[0], _REVISION.value, _STEP.value, _SYSTEM.value, _TEMPERATURE.value, _MAX_TOKENS.value, _SEED.value
        )
        if _PROMPT.value is not None:
            _answer(speaker, _PROMPT.value)
            return
    _converse(speaker)


def _converse(speaker: Speaker) -> None:
    """Line by line until the input ends; a line that cannot be asked ends nothing."""
    if sys.stdin.isatty():
        form = f" It is asked like this: {speaker.example}" if speaker.example else ""
        logging.info("every line is a prompt of its own; end with Ctrl-D.%s", form)
    for line in sys.stdin:
        if prompt := line.strip():
            try:
                _answer(speaker, prompt)
            except ValueError as error:
                logging.error("%s", error)


def _answer(speaker: Speaker, prompt: str) -> None:
    answer = speaker.ask(prompt)
    sys.stdout.write("".join(map(_shown, answer.text)) + "\n")
    sys.stdout.flush()
    logging.info("%s", answer)


def _shown(character: str) -> str:
    """What a model says is data: nothing of it may steer the terminal."""
    return character if character.isprintable() or character in "\n\t" else "\N{REPLACEMENT CHARACTER}"


if __name__ == "__main__":
    app.run(main)
