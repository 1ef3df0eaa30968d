"""Evaluates a run, or a published model by name: scores with intervals, before and after training.

On several hosts every one of them runs the command, as for training; the first one's log has the table.

Run:  python -m entropy_rl.evaluate --run=runs/countdown_grpo --split=test --samples=64
      python -m entropy_rl.evaluate --run=runs/countdown_grpo --sweep --temperatures=0.6,1,1.4 --samples=64
      python -m entropy_rl.evaluate --model=runs/qwen3_grpo --tasks=gsm8k,math500,aime24 --protocol=paper
      python -m entropy_rl.evaluate --model=Qwen/Qwen2.5-0.5B-Instruct --tasks=gsm8k --problems=200
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl import mistakes

# allow_override: another command may have a flag of the same name, and a notebook imports several.
_RUN = flags.DEFINE_string(
    "run", None, "The --workdir of a training run, local or gs://: its own task, as it did.", allow_override=True
)
_MODEL = flags.DEFINE_string(
    "model", None, "Instead of --run: a workdir, before and after; or a checkpoint or hub id.", allow_override=True
)
_TASKS = flags.DEFINE_list("tasks", [], "With --model: names of prepared datasets, or files; else a run's own task.")
_PROMPT = flags.DEFINE_string(
    "prompt", "question", "With --tasks: the column of a file that holds the question.", allow_override=True
)
_ANSWER = flags.DEFINE_string(
    "answer", "answer", "With --tasks: the column that holds the answer, or a solution with it.", allow_override=True
)
_PROTOCOL = flags.DEFINE_string(
    "protocol", "paper", "With --model: paper (AIME and AMC sampled, else greedy) or avg32."
)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", "", "With --tasks: where `python -m entropy_rl.data prepare` put them.", allow_override=True
)
_REVISION = flags.DEFINE_string("revision", None, "With --model: of a hub id.", allow_override=True)
_TEMPLATE = flags.DEFINE_string("template", "auto", "With a published --model: chat, plain or auto.")
_RESPONSE_TOKENS = flags.DEFINE_integer("response_tokens", None, "With --model: the run's, or 2048, by default.")
_ROWS = flags.DEFINE_integer("rows", None, "With --model: responses sampled at a time; the run's, or 512, by default.")
_SPLIT = flags.DEFINE_string("split", "test", "With --run: validation or test.", allow_override=True)
_PROBLEMS = flags.DEFINE_integer("problems", None, "The first so many of the split; as in the run, or all, by default.")
_SAMPLES = flags.DEFINE_integer("samples", None, "Responses to each problem; as in the run or protocol by default.")
_TEMPERATURE = flags.DEFINE_float(
    "temperature", None, "Of sampling; as in the run or protocol by default.", allow_override=True
)
_STEP = flags.DEFINE_integer("step", None, "Of which checkpoint of a run; the newest by default.", allow_override=True)
_SWEEP = flags.DEFINE_bool("sweep", False, "With --run: at every one of --temperatures and --lengths.")
_TEMPERATURES = flags.DEFINE_list("temperatures", ["0.6", "1", "1.4"], "With --sweep: of sampling.")
_LENGTHS = flags.DEFINE_list("lengths", [], "With --sweep: the most tokens of a response; the run's own by default.")
_JSON = flags.DEFINE_string("json", None, "Also write the figures to this file.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; name the run with --run=RUN")
    if bool(_RUN.value) == bool(_MODEL.value):
        raise app.UsageError("name either a run, --run=RUN, or a model, --model=RUN_OR_FOLDER")
    from entropy_rl.parallel import distributed  # after the flags, so that --help answers at once

    with mistakes.explained(), distributed.joined():
        figures = _by_name(_MODEL.value) if _MODEL.value else _as_trained(_RUN.value or "")
        if _JSON.value:
            from entropy_rl.training import provenance

            provenance.write_json(_JSON.value, figures)
            logging.info("figures written to %s", _JSON.value)


def _as_trained(run: str) -> dict[str, object]:
    """The run's own figures again, or others of its own task."""
    if _TASKS.value:
        raise ValueError(f"--tasks={','.join(_TASKS.value)} goes with --model; write --model={run}")
    if _SWEEP.value:
        return _swept(run)
    from etils import epath  # after the flags, so that --help answers at once

    from entropy_rl.training import Run, revisit

    split = _SPLIT.value
    result, step = revisit.evaluate_run(run, split, _PROBLEMS.value, _SAMPLES.value, _TEMPERATURE.value, _STEP.value)
    summary = Run(epath.Path(run)).summary
    base = summary.get("base", {}) if split == "test" else {}  # the base was measured on the test split
    logging.info("%s after step %d\n%s", run, step, revisit.table(result, split, base))
    return {"run": run, "step": step, "problems": len(result.correct), **result.figures(split)}


def _swept(run: str) -> dict[str, object]:
    """The same checkpoint at several temperatures and length budgets."""
    from entropy_rl.lab import test_time
    from entropy_rl.training import provenance, sweep

    found = sweep.sweep_run(
        run, [_number(text, "temperatures") for text in _TEMPERATURES.value], _SAMPLES.value or 16,
        [int(_number(text, "lengths")) for text in _LENGTHS.value], _SPLIT.value, _PROBLEMS.value, _STEP.value,
    )  # fmt: skip
    logging.info("%s after step %d\n%s", run, found.step, test_time.table(found))
    return {"run": run, "split": _SPLIT.value, **test_time.to_json(found)} | provenance.collect()


def _number(text: str, flag: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--{flag} names {text!r}, which is no number; write --{flag}=1,2") from None


def _by_name(model: str) -> dict[str, object]:
    """Scores on published benchmarks, before and after."""
    from entropy_rl.training import benchmarks, protocols, provenance, subjects

    protocol = protocols.named(_PROTOCOL.value)
    tasks = benchmarks.tasks_named(_TASKS.value, _DATA_DIR.value, _PROMPT.value, _ANSWER.value)
    settings = {name: protocol.of(name, _TEMPERATURE.value, _SAMPLES.value) for name in tasks or [""]}
    subject = subjects.open_subject(
        model, _REVISION.value, _STEP.value, _TEMPLATE.value, _RESPONSE_TOKENS.value, _ROWS.value
    )
    if not tasks:
        if subject.step is None:
            raise ValueError(f"{model} is a published model; say what it shall answer, such as --tasks=gsm8k,math500")
        own = subject.config.task
        tasks = {type(own).__name__.lower(): own}
        settings = dict.fromkeys(tasks, settings[""])
    asked = [benchmarks.benchmark(name, task, settings[name], _PROBLEMS.value) for name, task in tasks.items()]
    scores = benchmarks.run(subject, asked)
    which = model if subject.step is None else f"{model} after step {subject.step}"
    logging.info("%s, protocol %s\n%s", which, protocol.name, benchmarks.table(scores))
    return {
        "model": model,
        "step": subject.step,
        "protocol": protocol.name,
        "template": repr(subject.config.template),
        "response_tokens": subject.config.rollout.response_tokens,
        "benchmarks": {score.benchmark.name: score.figures() for score in scores},
    } | provenance.collect()


if __name__ == "__main__":
    app.run(main)
