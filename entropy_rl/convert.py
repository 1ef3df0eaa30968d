"""Writes a run's policy as a checkpoint that transformers, vLLM and others load; or a published one again.

Run:  python -m entropy_rl.convert --run=runs/qwen3_grpo --out=exported
      python -m entropy_rl.convert --model=Qwen/Qwen3-0.6B --out=float32 --dtype=float32
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl import mistakes

# allow_override: another command may have a flag of the same name, and a notebook imports several.
_RUN = flags.DEFINE_string(
    "run", None, "The --workdir of a training run, local or gs://; adapters are merged.", allow_override=True
)
_MODEL = flags.DEFINE_string(
    "model", None, "Instead of --run: a checkpoint's folder, gs://... or hub id.", allow_override=True
)
_REVISION = flags.DEFINE_string("revision", None, "Of a hub id: branch, tag or commit.", allow_override=True)
_OUT = flags.DEFINE_string(
    "out", None, "The folder to write, empty or missing, local or gs://.", required=True, allow_override=True
)
_STEP = flags.DEFINE_integer(
    "step", None, "Of which checkpoint of the run; the newest by default.", allow_override=True
)
_DTYPE = flags.DEFINE_string("dtype", None, "float32, bfloat16 or float16; as published by default.")
_FILE_GB = flags.DEFINE_float("file_gb", 5.0, "No file is larger, but for a tensor that is.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; name the run with --run=RUN")
    if bool(_RUN.value) == bool(_MODEL.value):
        raise app.UsageError("name either a run, --run=RUN, or a checkpoint, --model=FOLDER")
    from entropy_rl.training import export  # after the flags, so that --help answers at once

    file_bytes = int(_FILE_GB.value * 1e9)
    with mistakes.explained():
        if _MODEL.value:
            if _STEP.value is not None:
                raise ValueError(f"--step={_STEP.value} is of a run, and --model was given; leave it out")
            export.export_model(_MODEL.value, _OUT.value, _REVISION.value, _DTYPE.value, file_bytes)
            logging.info("%s written to %s", _MODEL.value, _OUT.value)
        else:
            if _REVISION.value is not None:
                raise ValueError(f"--revision={_REVISION.value} is of --model, and --run was given; leave it out")
            step = export.export_run(_RUN.value or "", _OUT.value, _STEP.value, _DTYPE.value, file_bytes)
            logging.info("%s after step %d written to %s", _RUN.value, step, _OUT.value)


if __name__ == "__main__":
    app.run(main)
