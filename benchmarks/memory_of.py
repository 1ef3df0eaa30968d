"""Bytes of keys and values."""

from __future__ import annotations

from typing import Any

import jax

from entropy_rl.rollout.engine import Engine


def caches(engine: Engine, prompts: int) -> int:
    """Of one call at most: each prompt's once, each slot's own."""
    rows = min(engine.slots or prompts * engine.group_size, prompts * engine.group_size)
    policy: Any = engine.policy
    own = jax.eval_shape(lambda: policy.response_cache(rows, engine.response_tokens, engine.cache))
    shared = jax.eval_shape(lambda: policy.response_cache(prompts, engine.prompt_tokens, engine.cache))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves((own, shared)))
