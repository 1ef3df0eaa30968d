"""Evaluates a run: pass@k with intervals, of its newest checkpoint or of another.

Run:  python -m entropy_rl.evaluate --run=runs/countdown_grpo --split=test --samples=64
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl import mistakes

_RUN = flags.DEFINE_string("run", None, "The --workdir of a training run, local or gs://.", required=True)
_SPLIT = flags.DEFINE_string("split", "test", "validation or test.")
_PROBLEMS = flags.DEFINE_integer("problems", None, "How many problems of the split; as in the run by default.")
_SAMPLES = flags.DEFINE_integer("samples", None, "Responses to each problem; as in the run by default.")
_TEMPERATURE = flags.DEFINE_float("temperature", None, "Of sampling; as in the run by default.")
_STEP = flags.DEFINE_integer("step", None, "Of which checkpoint; the newest by default.")
_JSON = flags.DEFINE_string("json", None, "Also write the figures to this file.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; name the run with --run=RUN")
    from etils import epath  # after the flags, so that --help answers at once

    from entropy_rl.training import Run, provenance, revisit

    with mistakes.explained():
        split = _SPLIT.value
        result, step = revisit.evaluate_run(
            _RUN.value, split, _PROBLEMS.value, _SAMPLES.value, _TEMPERATURE.value, _STEP.value
        )
        summary = Run(epath.Path(_RUN.value)).summary
    base = summary.get("base", {}) if split == "test" else {}  # the base was measured on the test split
    logging.info("%s after step %d\n%s", _RUN.value, step, revisit.table(result, split, base))
    if _JSON.value:
        figures = {"run": _RUN.value, "step": step, "problems": len(result.correct), **result.metrics(split)}
        intervals = {f"{split}/{name}/interval": list(bounds) for name, bounds in result.intervals().items()}
        provenance.write_json(_JSON.value, figures | intervals)
        logging.info("figures written to %s", _JSON.value)


if __name__ == "__main__":
    app.run(main)
