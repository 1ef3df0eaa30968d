"""Compiles every program of a run for a TPU slice that is not there, and says whether it fits and what to change.

Run:  python -m entropy_rl.compile_check --config=tpu_v6e_16_qwen25_7b --topology=v6e-16
      python -m entropy_rl.compile_check --config=paper_qwen25_7b --topology=v5e:4x4 --set update.micro_batches=2

Nothing is run, downloaded or measured: the machine needs the compiler (the extra `tpu`) and no TPU, no checkpoint and
no data. Ends with 0 if every program compiles and fits, with 1 if not.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import app, flags, logging

from entropy_rl import mistakes

if TYPE_CHECKING:
    from entropy_rl.config import Config
    from entropy_rl.parallel.topologies import Topology
    from entropy_rl.training.ahead import Checked
    from entropy_rl.training.program import Program

# allow_override: another command may have a flag of the same name, and a notebook imports several.
_CONFIG = flags.DEFINE_string("config", None, "A config file, or the name of a preset.", allow_override=True)
_SET = flags.DEFINE_multi_string("set", [], "path=value, repeatable: changes one field.", allow_override=True)
_TOPOLOGY = flags.DEFINE_string("topology", None, "A slice: v5e:4x4, v5p:4x4x4, or the cloud's v5p-128.")
_ONLY = flags.DEFINE_list("only", [], "Programs to compile, such as update,sampling; all by default.")
_OUT = flags.DEFINE_string("out", None, "Also write what was found to this file, as JSON.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; name the run with --config, the slice with --topology")
    if not _CONFIG.value or not _TOPOLOGY.value:
        raise app.UsageError("name the run, --config=tpu_v6e_16_qwen25_7b, and the slice, --topology=v6e:4x4")
    with mistakes.explained():
        from entropy_rl.parallel import topologies

        topology = topologies.parse(_TOPOLOGY.value)
        topologies.prepare()  # before anything imports JAX
        fits = _check(topology)
    sys.exit(0 if fits else 1)


def _check(topology: Topology) -> bool:
    import jax
    import numpy as np
    from jax.sharding import Mesh

    from entropy_rl.parallel import topologies
    from entropy_rl.parallel.devices import PEAKS
    from entropy_rl.parallel.mesh import make_mesh
    from entropy_rl.training import ahead, ahead_report, programs, provenance

    jax.config.update("jax_enable_compilation_cache", False)  # what was compiled for no device cannot be read back
    devices = topologies.devices(topology)
    with jax.set_mesh(Mesh(np.asarray(devices), ("described",))):  # what can run is a question about these devices
        config = _config(len(devices))
    mesh = make_mesh(config.mesh, devices)
    chip = topology.chip
    hardware = ahead.Hardware(PEAKS[chip.kind], chip.memory, chip.link_bandwidth)
    listed = _chosen(programs.of(config, mesh))
    logging.info("%s on %s: %d devices, mesh %s", config.name, topology, len(devices), dict(mesh.shape))
    found: list[Checked] = []

    def progress(program: Program, done: Checked | None) -> None:
        _announce(program, done)
        if done is not None:
            found.append(done)
            if _OUT.value:  # after each program: the next may take long, and be stopped
                about = _about(topology, mesh) | {"complete": len(found) == len(listed)}
                provenance.write_json(_OUT.value, ahead_report.record(found, config, hardware, about))

    ahead.check(listed, programs.concrete_config(config, mesh), hardware, progress)
    sizes = ", ".join(f"{axis} {size}" for axis, size in mesh.shape.items())
    title = f"{config.name} on {topology} ({len(devices)} x {chip.kind}, mesh {sizes}); {ahead_report.ONLY}"
    sys.stdout.write(f"{title}\n\n{ahead_report.table(found, hardware)}\n\n")
    sys.stdout.write(ahead_report.summary(found, config, hardware) + "\n")
    return all(one.fits(hardware.memory) for one in found)


def _config(devices: int) -> Config:
    """The run, checked; a tokenizer of characters stands for a model's, which no program depends on."""
    import dataclasses

    from entropy_rl import overrides, presets
    from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
    from entropy_rl.tasks.countdown import Countdown

    config = overrides.apply_overrides(presets.load_config(_CONFIG.value or ""), _SET.value).resolved()
    config.validate(devices, data=False)
    if isinstance(config.tokenizer, HuggingFaceTokenizer):
        rollout = dataclasses.replace(config.rollout, stop=())
        config = dataclasses.replace(config, tokenizer=Countdown().tokenizer, template=None, rollout=rollout)
    return config


def _chosen(listed: list[Program]) -> list[Program]:
    names = [program.name for program in listed]
    if unknown := [name for name in _ONLY.value if name not in names]:
        raise ValueError(f"--only names {', '.join(unknown)}; the programs of this run are {', '.join(names)}")
    return [program for program in listed if not _ONLY.value or program.name in _ONLY.value]


def _announce(program: Program, done: Checked | None) -> None:
    if done is None:
        logging.info("compiling %s ...", program.name)
    elif done.error:
        logging.info("compiling %s failed after %.0f s", program.name, done.compile_seconds)
    else:
        gib = done.needed / (1 << 30)
        logging.info("compiled %s in %.0f s: %.2f GiB per device", program.name, done.compile_seconds, gib)


def _about(topology: Topology, mesh: Any) -> dict[str, Any]:
    import importlib.metadata

    import jax

    from entropy_rl.training import provenance

    return {
        "config": _CONFIG.value,
        "set": list(_SET.value),
        "topology": str(topology),
        "devices": mesh.size,
        "mesh": ", ".join(map(str, mesh.shape.values())),
        "jax": jax.__version__,
        "libtpu": importlib.metadata.version("libtpu"),
        "commit": provenance.collect()["commit"],
    }


if __name__ == "__main__":
    app.run(main)
