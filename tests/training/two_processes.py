"""Two real processes that share a stream: what each trains on, step by step, from the start and from a saved state.

Run:  python -m tests.training.two_processes PORT PROCESS FOLDER
"""

from __future__ import annotations

import json
import pathlib
import sys

import jax

from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.training import processes
from entropy_rl.training.groups import Group, refill
from entropy_rl.training.stream import Drawn
from tests.training.test_groups import Fleet, a_stream

PROMPTS, STEPS, STOP = 4, 8, 3


def train(steps: int, saved: str | None) -> tuple[list[list[tuple[int, str]]], str]:
    """What this process trains on in each step, and the state after the last, the same on both."""
    process, number = jax.process_index(), jax.process_count()
    stream, carried, done, mesh = a_stream(5), [], 0, make_mesh(MeshShape())
    judged = Fleet(1).judged
    if saved is not None:
        state = json.loads(saved)
        stream.restore(state["stream"])
        done = state["step"]
        mine = processes.share_of(state["carried"], process, number, PROMPTS // number - 1)
        carried = [judged(Drawn(position, stream.problem_at(position)), step) for position, step in mine]
    trained = []
    for step in range(done + 1, done + steps + 1):

        def sample(step: int = step) -> list[Group]:
            asked = stream.take(PROMPTS)
            mine = [judged(one, step) for one in processes.own(mesh, asked)]
            accuracies = processes.merged(mesh, [one.accuracy for one in mine], f"accuracies {step}")
            stream.observe([one.problem for one in asked], accuracies)
            return mine

        found = refill(DynamicSampling(rounds=3), carried, PROMPTS // number, sample, processes.any_of)
        carried = found.carried
        trained.append([(one.drawn.position, one.drawn.problem.id) for one in found.groups])
    left = processes.everyones([(one.drawn.position, int(one.arrays["step"])) for one in carried])
    return trained, json.dumps({"stream": stream.state(), "carried": left, "step": done + steps})


def main(port: str, process: str, folder: str) -> None:
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, int(process))
    whole, _ = train(STEPS, None)
    before, saved = train(STOP, None)
    after, _ = train(STEPS - STOP, saved)
    record = {"whole": whole, "resumed": before + after, "saved": saved}
    (pathlib.Path(folder) / f"{process}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main(*sys.argv[1:])
