"""The sampler that a config asks for."""

from __future__ import annotations

from jax.sharding import Mesh

from entropy_rl.config import Config
from entropy_rl.rollout.engine import Engine


def make_engine(config: Config, mesh: Mesh) -> Engine:
    """Of a resolved config; training, evaluation and conversation sample with it."""
    rollout = config.rollout
    return Engine(
        config.policy, config.text_tokenizer, mesh, rollout.responses, rollout.prompt_tokens, rollout.response_tokens,
        config.seed, config.template, rollout.stop, rollout.slots, rollout.buckets, rollout.cache,
    )  # fmt: skip
