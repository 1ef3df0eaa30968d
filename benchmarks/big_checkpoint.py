"""Host memory and time of loading a checkpoint and exporting it again, beside the bytes of its weights.

Run:  python benchmarks/big_checkpoint.py --folder=/tmp/big --make       (shaped as Qwen2.5-1.5B: 3.1 GB)
      python benchmarks/big_checkpoint.py --folder=/tmp/big --exported=/tmp/big_again

The first writes a checkpoint that `transformers` loads, layer by layer; the second prints one JSON line: GB of weights,
the peak of resident memory of a process that loads and exports them (and of one that only imports, to see what that
takes by itself), their ratio to the weights, seconds of each, and whether every tensor came out bit for bit.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from absl import app, flags
from safetensors.numpy import save_file

from entropy_rl.models import families
from entropy_rl.models.decoder import Decoder

FOLDER = flags.DEFINE_string("folder", None, "Of the checkpoint.", required=True)
MAKE = flags.DEFINE_bool("make", False, "Write it.")
LAYERS = flags.DEFINE_integer("layers", 28, "L; 28 is that of Qwen2.5-1.5B.", lower_bound=1)
OUT = flags.DEFINE_string("exported", None, "Where it is exported to; empty or missing.")
STAGE = flags.DEFINE_enum("stage", None, ["import", "load", "export"], "How far this very process goes; set by itself.")

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
QWEN = Decoder(
    vocab_size=151_936, layers=28, width=1536, heads=12, kv_heads=2, head_width=128, feed_forward=8960,
    rope_theta=1e6, attention_bias=True, tied_embeddings=True, param_dtype="bfloat16", compute_dtype="bfloat16",
)  # fmt: skip


def make(folder: pathlib.Path, decoder: Decoder) -> None:
    """Writes random weights, about as large as trained ones; memory holds one file of them."""
    folder.mkdir(parents=True)
    family, rng = families.family_for(decoder), np.random.default_rng(0)
    tensors = family.tensors(decoder).values()
    config = families.written(family, decoder) | {"torch_dtype": "bfloat16", "eos_token_id": 151_643}
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    weight_map: dict[str, str] = {}
    for number in range(decoder.layers + 1):
        file = f"model-{number + 1:05d}-of-{decoder.layers + 1:05d}.safetensors"
        chosen = [tensor for tensor in tensors if tensor.stacked == (number > 0)]
        arrays = {tensor.named(number - 1): _random(rng, tensor) for tensor in chosen}
        save_file(arrays, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(arrays, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def _random(rng: np.random.Generator, tensor: families.Tensor) -> np.ndarray:
    if "norm" in tensor.name:
        return np.ones(tensor.shape, ml_dtypes.bfloat16)
    return (0.02 * rng.standard_normal(tensor.shape, np.float32)).astype(ml_dtypes.bfloat16)


def stage(name: str, folder: str, out: str) -> dict[str, Any]:
    """What a process of its own measures: peak of resident memory in GB and seconds of loading and exporting."""
    import jax

    from entropy_rl.models import checkpoints

    decoder, marks = checkpoints.read_decoder(folder), [time.perf_counter()]
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    placed = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, "bfloat16", sharding=here), shapes)
    if name != "import":
        params = jax.block_until_ready(checkpoints.load(folder, decoder, placed))
        marks.append(time.perf_counter())
        if name == "export":
            checkpoints.save(params, decoder, out, folder)
            marks.append(time.perf_counter())
    return {"peak": _peak(), "seconds": [after - before for before, after in zip(marks, marks[1:], strict=False)]}


def _peak() -> float:
    lines = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024 / 1e9


def measured(folder: str, out: str) -> dict[str, Any]:
    """The JSON line."""
    answers = {}
    for name in ("import", "load", "export"):
        command = [
            sys.executable,
            "-m",
            "benchmarks.big_checkpoint",
            f"--folder={folder}",
            f"--exported={out}",
            f"--stage={name}",
        ]
        answers[name] = json.loads(subprocess.check_output(command, text=True, cwd=REPOSITORY).splitlines()[-1])
    weights = sum(array.nbytes for array in _tensors(pathlib.Path(folder)).values()) / 1e9
    peaks = {name: answer["peak"] for name, answer in answers.items()}
    return {
        "weights_gb": weights,
        "peak_gb": peaks,
        "ratio": peaks["export"] / weights,
        "ratio_above_import": (peaks["export"] - peaks["import"]) / weights,
        "load_s": answers["export"]["seconds"][0],
        "export_s": answers["export"]["seconds"][1],
        "bitwise": _same(pathlib.Path(folder), pathlib.Path(out)),
    }


def _tensors(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Views of the bytes of every tensor."""
    found = {}
    for file in folder.glob("*.safetensors"):
        content = np.memmap(file, np.uint8, "r")
        length = int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8 : 8 + length].tobytes())
        header.pop("__metadata__", None)
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            found[name] = content[8 + length + start : 8 + length + end]
    return found


def _same(one: pathlib.Path, other: pathlib.Path) -> bool:
    ours, theirs = _tensors(one), _tensors(other)
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1 or not (MAKE.value or OUT.value):
        raise app.UsageError("say --make, to write a checkpoint, or --exported=FOLDER, to load and export one")
    if STAGE.value:
        answer = stage(STAGE.value, FOLDER.value, OUT.value)
    else:
        if MAKE.value:
            make(pathlib.Path(FOLDER.value), dataclasses.replace(QWEN, layers=LAYERS.value))
        answer = measured(FOLDER.value, OUT.value) if OUT.value else {"made": FOLDER.value}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    app.run(main)
