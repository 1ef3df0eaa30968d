"""How fast a program could be at best: what it must compute, read and send, over what the hardware can.

    seconds >= max(FLOPs / peak,  bytes / memory bandwidth,  bytes sent / link bandwidth)        per device

Every response is taken at its full length, so that a real step is shorter; overheads are left out, so that it is also
slower than this. It tells which of the three binds, and what cannot be reached by any tuning.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from entropy_rl.config import Config
from entropy_rl.models import flops
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel import sharding
from entropy_rl.parallel.devices import Peak
from entropy_rl.training.program import Program
from entropy_rl.training.programs import bytes_per_device
from entropy_rl.types import TrainState

COMPUTE, MEMORY, NETWORK = "compute", "memory", "network"


@dataclasses.dataclass(frozen=True)
class Work:
    """What a device does in one run of a program.

    Attributes:
      model_flops: what the method asks for, the part that a utilisation counts.
      flops: with what is computed again to save memory.
      bytes: read from and written to its memory, at least.
    """

    model_flops: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Lower bounds of one run of a program."""

    compute: float
    memory: float
    network: float

    @property
    def least(self) -> float:
        """The time that no tuning of the others can undercut."""
        return max(dataclasses.astuple(self))

    @property
    def bound(self) -> str:
        """Which of the three it is."""
        return max((COMPUTE, MEMORY, NETWORK), key=lambda name: getattr(self, name))


def seconds(work: Work, sent: float, peak: Peak, link_bandwidth: float) -> Seconds:
    """Of work and of bytes that a device sends."""
    return Seconds(work.flops / peak.flops, work.bytes / peak.bandwidth, sent / link_bandwidth)


def work(program: Program, config: Config) -> Work:
    """Of one device, the others doing as much.

    Args:
      config: resolved, its policy with a definite compute type.
    """
    devices = program.mesh.size
    prompts = np.full(program.prompts, program.prompt_tokens)
    responses = np.full(program.responses, program.response_tokens)
    policy = config.policy
    if program.kind == "sampling":
        done = flops.forward(policy, prompts, responses)
        replicas = program.waves * sharding.batch_shards(program.mesh)  # the weights are read again for each wave
        return Work(done / devices, done / devices, flops.decode_bytes(policy, prompts, responses, replicas) / devices)
    if program.kind == "scoring":
        done = flops.forward(policy, prompts, responses)
        return Work(done / devices, done / devices, _pass_bytes(program, config, passes=1))
    if program.kind == "update":
        return _update(program, config, prompts, responses)
    return Work(bytes=2.0 * bytes_per_device(program.arguments))


def statistics_pass(program: Program, config: Config) -> bool:
    """Whether an update scores its mini-batch once more before it takes a gradient."""
    several = not program.cut(config.update).is_whole
    return several and config.loss.covariance_logprobs == "current" and config.loss.reads_statistics


def _update(program: Program, config: Config, prompts: np.ndarray, responses: np.ndarray) -> Work:
    policy, devices = config.policy, program.mesh.size
    forward, model = flops.forward(policy, prompts, responses), flops.update(policy, prompts, responses)
    logits = 2.0 * policy.width * policy.vocab_size * responses.sum()
    statistics, recomputed = statistics_pass(program, config), policy.remat in ("full", True)
    again = logits + (forward - logits if recomputed else 0.0) + (forward if statistics else 0.0)
    state: TrainState = program.arguments[0]
    passes = 3 + recomputed + statistics  # over weights and activations
    moved = _pass_bytes(program, config, passes) + 2.0 * bytes_per_device(state)
    return Work(model / devices, (model + again) / devices, moved)


def _pass_bytes(program: Program, config: Config, passes: int) -> float:
    """Weights, gathered where they are split for the update alone, and what each layer reads and writes of tokens."""
    policy, sizes = config.policy, program.mesh.shape
    shards, tensor = sharding.batch_shards(program.mesh), sizes["tensor"]
    pieces = config.update.micro_batches * (1 if program.kind == "update" else config.update.mini_batches)
    weights = (flops.layer_weights(policy) + policy.vocab_size * policy.width) / tensor
    touched = (2 if sizes["fsdp"] > 1 else 1) * pieces * weights
    tokens = (program.prompts * program.prompt_tokens + program.responses * program.response_tokens) / shards
    return policy.dtype.itemsize * passes * (touched + 2.0 * policy.layers * tokens * _token_elements(policy, tensor))


def _token_elements(policy: Decoder, tensor: int) -> float:
    """What a layer writes of a token, its matrices' results; scores are taken never to leave the core."""
    heads = (2 * policy.heads + 2 * policy.kv_heads) * policy.head_width
    return 4.0 * policy.width + (heads + 3.0 * policy.feed_forward) / tensor


def total(estimates: list[tuple[Program, Seconds]]) -> dict[str, Any]:
    """Seconds of one step by phase, and of all of it."""
    phases: dict[str, float] = {}
    for program, estimate in estimates:
        phases[program.phase] = phases.get(program.phase, 0.0) + program.times * estimate.least
    return {**phases, "step": sum(phases.values())}
