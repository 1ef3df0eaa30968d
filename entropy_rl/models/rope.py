"""Rotary positions, and the ways in which checkpoints stretch them to longer texts.

A pair of coordinates i of a head of width H turns by position * frequency_i, frequency_i = theta^(-2 i / H); the
coordinates of a pair are H / 2 apart. A stretch changes the frequencies, and yarn scales cosine and sine too.
Same numbers as transformers 5, whose names are rope_type "linear", "llama3" and "yarn".
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from entropy_rl.types import Array


@dataclasses.dataclass(frozen=True)
class Linear:
    """Positions divided by a factor.

    Source: Chen et al. 2023, https://arxiv.org/abs/2306.15595
    """

    factor: float

    amplitude = 1.0

    def frequencies(self, width: int, theta: float) -> np.ndarray:
        """[H / 2] float64."""
        return _unscaled(width, theta) / self.factor


@dataclasses.dataclass(frozen=True)
class Llama3:
    """Long waves divided by a factor, short ones kept, those between blended.

    With w the wave length in tokens and O the original length, waves shorter than O / high_frequency_factor are kept,
    those longer than O / low_frequency_factor divided; between them the blend is linear in O / w.
    """

    factor: float = 8.0
    low_frequency_factor: float = 1.0
    high_frequency_factor: float = 4.0
    original_length: int = 8192

    amplitude = 1.0

    def frequencies(self, width: int, theta: float) -> np.ndarray:
        """[H / 2] float64."""
        unscaled = _unscaled(width, theta)
        turns = self.original_length * unscaled / (2 * math.pi)  # within the original length
        kept = (turns - self.low_frequency_factor) / (self.high_frequency_factor - self.low_frequency_factor)
        kept = np.clip(kept, 0.0, 1.0)
        return unscaled * kept + unscaled / self.factor * (1 - kept)


@dataclasses.dataclass(frozen=True)
class Yarn:
    """Pairs that turn often within the original length are kept, those that turn seldom divided, others blended.

    Source: Peng et al. 2023, https://arxiv.org/abs/2309.00071

    Attributes:
      factor: of the length; original_length: in tokens.
      beta_fast, beta_slow: turns within the original length above and below which nothing is blended.
      attention_factor: of cosine and sine, so its square scales the scores; None: 0.1 ln(factor) + 1, or the quotient
        of the two below where both are given.
      mscale, mscale_all_dim: as in a DeepSeek config.
      truncate: the ends of the blend are whole pairs.
    """

    factor: float
    original_length: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    @property
    def amplitude(self) -> float:
        """Of cosine and sine."""
        if self.attention_factor is not None:
            return self.attention_factor
        if self.mscale and self.mscale_all_dim:
            return self._growth(self.mscale) / self._growth(self.mscale_all_dim)
        return self._growth(1.0)

    def _growth(self, weight: float) -> float:
        return 0.1 * weight * math.log(self.factor) + 1.0 if self.factor > 1 else 1.0

    def frequencies(self, width: int, theta: float) -> np.ndarray:
        """[H / 2] float64."""
        unscaled = _unscaled(width, theta)
        low, high = (self._pair(turns, width, theta) for turns in (self.beta_fast, self.beta_slow))
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, width - 1)
        divided = (np.arange(width // 2) - low) / (high - low if high != low else 1e-3)
        divided = np.clip(divided, 0.0, 1.0)
        return unscaled / self.factor * divided + unscaled * (1 - divided)

    def _pair(self, turns: float, width: int, theta: float) -> float:
        """The (fractional) pair that turns so often within the original length."""
        return width * math.log(self.original_length / (turns * 2 * math.pi)) / (2 * math.log(theta))


Scaling = Linear | Llama3 | Yarn


def validate(scaling: Scaling) -> None:
    """Raises ValueError for a stretch whose numbers make no sense."""
    for field in dataclasses.fields(scaling):
        value: Any = getattr(scaling, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value <= 0:
            raise ValueError(f"policy.rope_scaling.{field.name} is {value}; it must be positive")
    if isinstance(scaling, Llama3) and scaling.low_frequency_factor >= scaling.high_frequency_factor:
        raise ValueError(
            f"policy.rope_scaling.low_frequency_factor = {scaling.low_frequency_factor} must be below "
            f"high_frequency_factor = {scaling.high_frequency_factor}"
        )


class Turn(NamedTuple):
    """How a layer turns queries and keys: a pytree, so that layers that differ can be scanned."""

    frequencies: Array  # [H / 2] float32, radians per token
    amplitude: Array | float = 1.0  # of cosine and sine


def turn(width: int, theta: float, scaling: Scaling | None = None) -> Turn:
    """That of heads of a width."""
    if scaling is None:
        half = width // 2
        return Turn(theta ** (-jnp.arange(half, dtype=jnp.float32) / half))
    return Turn(jnp.asarray(scaling.frequencies(width, theta), jnp.float32), float(scaling.amplitude))


def rotate(x: Array, positions: Array, turn: Turn) -> Array:
    """Turns x [B, T, N, H] at positions [B, T]; angles in float32."""
    angles = positions[..., None, None] * turn.frequencies  # [B, T, 1, H / 2]
    cosine, sine = jnp.cos(angles), jnp.sin(angles)
    if not (isinstance(turn.amplitude, float) and turn.amplitude == 1.0):
        cosine, sine = cosine * turn.amplitude, sine * turn.amplitude
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    return jnp.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1).astype(x.dtype)


def _unscaled(width: int, theta: float) -> np.ndarray:
    half = width // 2
    return theta ** (-np.arange(half) / half)
