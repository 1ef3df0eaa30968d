"""Prepares datasets, shows problems, counts what is in them.

Run:  python -m entropy_rl.data prepare gsm8k math500 aime24 [--manual_dir=FOLDER]
      python -m entropy_rl.data prepare dapo_math math500 --data_dir=gs://BUCKET/data   (for machines in a cloud)
      python -m entropy_rl.data show gsm8k --split=test --number=2
      python -m entropy_rl.data stats my_problems.jsonl --prompt=question --answer=answer --tokenizer=Qwen/Qwen2.5-0.5B
"""

from __future__ import annotations

import difflib
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging

from entropy_rl import mistakes

# allow_override: another command may have a flag of the same name, and a notebook imports several.
_DATA_DIR = flags.DEFINE_string(
    "data_dir",
    "",
    "Of prepared datasets, local or gs://; $TFDS_DATA_DIR or ~/tensorflow_datasets if empty.",
    allow_override=True,
)
_MANUAL_DIR = flags.DEFINE_string("manual_dir", "", "prepare: folder with a folder of files per dataset; no downloads.")
_COUNT = flags.DEFINE_integer("count", 10_000, "prepare: training problems of a task that makes its own, such as maze.")
_SPLIT = flags.DEFINE_enum(
    "split", "train", ["train", "validation", "test"], "show, stats: of which split.", allow_override=True
)
_NUMBER = flags.DEFINE_integer("number", 3, "show: how many problems.", lower_bound=1)
_FIRST = flags.DEFINE_integer("first", 0, "show: from which one on.", lower_bound=0)
_MOST = flags.DEFINE_integer("most", 20_000, "stats: look at so many problems at most.", lower_bound=1)
_TOKENIZER = flags.DEFINE_string("tokenizer", "", "stats: count tokens as this folder or hub repository does.")
_PROMPT = flags.DEFINE_string(
    "prompt", "question", "show, stats: of a file: the column with the question.", allow_override=True
)
_ANSWER = flags.DEFINE_string("answer", "answer", "show, stats: of a file: the column with the answer.")
_FINAL = flags.DEFINE_enum(
    "final", "auto", ["auto", "whole", "hashes", "boxed"], "show, stats: of a file: where in the column the answer is."
)


def main(argv: Sequence[str]) -> None:
    commands: dict[str, Callable[[str], None]] = {"prepare": _prepare, "show": _show, "stats": _stats}
    if len(argv) < 3 or argv[1] not in commands:
        raise app.UsageError("write prepare, show or stats, and behind it names of datasets or files")
    with mistakes.explained():
        for name in argv[2:]:
            commands[argv[1]](name)


def task_named(name: str, data_dir: str = "") -> Any:
    """The task of a dataset's name, or of a file.

    Raises:
      ValueError: if there is none; it names the nearest.
    """
    from entropy_rl.tasks import datasets
    from entropy_rl.tasks.local import LocalProblems

    if name in datasets.BY_NAME:
        return datasets.BY_NAME[name](data_dir)
    if name in (made := _embedded()):
        return made[name]
    if pathlib.Path(name).suffix or pathlib.Path(name).exists():
        return LocalProblems(name, _PROMPT.value, _ANSWER.value, final=_FINAL.value)  # type: ignore[arg-type]
    known = [*datasets.BY_NAME, *made]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise ValueError(f"{name!r} is neither a dataset nor a file{hint} The datasets are {', '.join(known)}")


def _embedded() -> dict[str, Any]:
    """Tasks that make their own problems."""
    from entropy_rl.tasks.countdown import EASY, HARD, MULTI_DIGIT
    from entropy_rl.tasks.maze import Maze
    from entropy_rl.tasks.modular import RunningSums
    from entropy_rl.tasks.reversal import Reversal

    return {
        "countdown": EASY,
        "countdown_hard": HARD,
        "countdown_multi_digit": MULTI_DIGIT,
        "maze": Maze(),
        "reversal": Reversal(),
        "running_sums": RunningSums(),
    }


def _prepare(name: str) -> None:
    from entropy_rl.tasks import datasets
    from entropy_rl.tasks.datasets import builder

    if name in datasets.BY_NAME:
        others = [task.dataset for task in datasets.TASKS]
        done = builder.prepare(datasets.BY_NAME[name].dataset, _DATA_DIR.value, _MANUAL_DIR.value, others)
    elif name in (made := _embedded()):
        done = builder.prepare_task(name, made[name], _COUNT.value, _DATA_DIR.value)
    else:
        task_named(name)
        raise ValueError(f"{name} is a file, which needs no preparation; train with LocalProblems({name!r}, ...)")
    sizes = ", ".join(f"{size} {split}" for split, size in done.sizes.items())
    logging.info("%s: %s problems in %s; left out: %s", name, sizes, done.folder, done.left_out)


def _show(name: str) -> None:
    task = task_named(name, _DATA_DIR.value)
    size = task.size(_SPLIT.value)
    last = _FIRST.value + _NUMBER.value if size is None else min(size, _FIRST.value + _NUMBER.value)
    if last <= _FIRST.value:
        raise ValueError(
            f"the {_SPLIT.value} split of {name} has {size} problems; choose --split and --first within it"
        )
    for index in range(_FIRST.value, last):
        problem = task.problem(_SPLIT.value, index)
        labels = ", ".join(f"{key} {_shortened(value)}" for key, value in problem.metadata.items() if key != "solution")
        _write(f"[{_SPLIT.value} {index}] {problem.id}", f"  {problem.prompt}", f"  answer: {problem.answer}")
        _write(f"  {labels}", "")


def _stats(name: str) -> None:
    from entropy_rl.tasks import survey

    task = task_named(name, _DATA_DIR.value)
    found = survey.survey(task, _SPLIT.value, _MOST.value, _token_counter(task))
    sizes = {split: task.size(split) for split in ("train", "validation", "test")}
    shown = ", ".join(f"{split} {'endless' if size is None else size}" for split, size in sizes.items())
    _write(f"{name}: {shown}", f"  {_SPLIT.value}: {found.problems} problems looked at")
    shares = "/".join(f"{share:.0%}" for share in survey.SHARES)
    _write(f"  prompt characters ({shares}): {'/'.join(map(str, found.characters))}")
    if found.tokens is not None:
        _write(f"  prompt tokens ({shares}): {'/'.join(map(str, found.tokens))}")
    _write("  answers: " + ", ".join(f"{kind} {count}" for kind, count in found.answers.items()))
    _write(f"  prompts repeated within the split: {found.repeated}; that are held out too: {found.held_out}")
    examples = "; ".join(f"{identity} {answer[:40]!r}" for identity, answer in found.unreadable[:5])
    _write(f"  answers that the verifier cannot read: {len(found.unreadable)}{': ' * bool(examples)}{examples}", "")
    if hasattr(task, "left_out"):
        _write(f"  left out: {task.left_out}", "")


def _token_counter(task: Any) -> Callable[[str], int] | None:
    """How many tokens a prompt has: for the tokenizer of the flag, or for the task's own."""
    tokenizer = task.tokenizer
    if _TOKENIZER.value:
        from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer

        tokenizer = HuggingFaceTokenizer(_TOKENIZER.value)
    return None if tokenizer is None else lambda prompt: len(tokenizer.encode(prompt))


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    flags.FLAGS.set_gnu_getopt(True)  # flags may stand behind the names
    app.run(main)
