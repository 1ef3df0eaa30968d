"""A run of the paper fitted to a TPU slice: the same recipe and batch, cut so that its programs fit.

What fits was found with `python -m entropy_rl.compile_check`, see benchmarks/results/compile_check.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from entropy_rl.config import Config
from entropy_rl.parallel.mesh import MeshShape


def on_slice(
    config: Config, name: str, mesh: MeshShape, rollout: dict[str, Any], update: dict[str, Any], **policy: Any
) -> Config:
    """The run under another name, on a mesh.

    Args:
      rollout, update, policy: fields of these parts that take other values.
    """
    return dataclasses.replace(
        config,
        name=name,
        mesh=mesh,
        rollout=dataclasses.replace(config.rollout, **rollout),
        update=dataclasses.replace(config.update, **update),
        policy=dataclasses.replace(config.policy, **policy),
    )
