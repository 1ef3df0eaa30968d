"""Low-rank adapters: small trained factors beside frozen weights.

    y = x W + (alpha / rank) (x A) B        A [in, rank] starts random, B [rank, out] starts at zero

The adapters are further leaves of the same parameters, `query_lora_a` and `query_lora_b` beside `query`, so that the
policy reads joined parameters and never knows which part is trained.

Source: Hu et al. 2021, https://arxiv.org/abs/2106.09685
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp

from entropy_rl.types import Array, Params

TARGETS = ("query", "key", "value", "output", "gate", "up", "down")  # every linear layer of a block
A, B = "_lora_a", "_lora_b"


@dataclasses.dataclass(frozen=True)
class Lora:
    """Which linear layers get adapters, and of what rank.

    Attributes:
      rank: r, columns of A and rows of B.
      alpha: their product is scaled by alpha / rank.
      targets: names of linear layers, from `TARGETS`.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = TARGETS

    @property
    def scale(self) -> float:
        """Of the product of the factors."""
        return self.alpha / self.rank

    def validate(self) -> None:
        """Raises ValueError that names the field, its value and the remedy."""
        if self.rank < 1:
            raise ValueError(f"policy.lora.rank is {self.rank}; it must be at least 1 (or set policy.lora=None)")
        if self.alpha <= 0:
            raise ValueError(f"policy.lora.alpha is {self.alpha}; it must be positive, such as twice the rank")
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or not self.targets or len(set(self.targets)) != len(self.targets):
            raise ValueError(
                f"policy.lora.targets is {self.targets!r}; name one or more of {', '.join(TARGETS)}, each once"
            )


def is_adapter(name: str) -> bool:
    """Whether a parameter of that name is a factor of an adapter."""
    return name.endswith((A, B))


def split(params: Params) -> tuple[Params, Params]:
    """(base, adapters): two nested dicts that `join` puts together again; either may lack what it does not hold."""
    return _kept(params, lambda name: not is_adapter(name)), _kept(params, is_adapter)


def join(base: Params, adapters: Params) -> Params:
    """One nested dict with the leaves of both; works on any tree whose nodes are dicts."""
    joined = dict(base)
    for name, value in adapters.items():
        joined[name] = join(base.get(name, {}), value) if isinstance(value, dict) else value
    return joined


def merge(params: Params, lora: Lora) -> Params:
    """Parameters without adapters that compute the same: W + (alpha / rank) A B, summed in float32."""
    base, adapters = split(params)
    layers = dict(base["layers"])
    for target in lora.targets:
        factors = (adapters["layers"][target + half].astype(jnp.float32) for half in (A, B))
        weights = layers[target]
        layers[target] = (weights.astype(jnp.float32) + lora.scale * _product(*factors)).astype(weights.dtype)
    return base | {"layers": layers}


def _product(a: Array, b: Array) -> Array:
    """[L, ..., r] and [L, r, ...] -> [L, ..., ...]; one batched product, whatever the axes are cut into."""
    layers, rank = a.shape[0], a.shape[-1]
    product = jnp.einsum("LIR,LRO->LIO", a.reshape(layers, -1, rank), b.reshape(layers, rank, -1))
    return product.reshape(*a.shape[:-1], *b.shape[2:])


def _kept(tree: Params, wanted: Callable[[str], bool]) -> Params:
    kept = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            inside = _kept(value, wanted)
            if inside:
                kept[name] = inside
        elif wanted(name):
            kept[name] = value
    return kept
