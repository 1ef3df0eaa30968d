"""The ledger of a run, added up: what became of its entropy, at which kinds of tokens.

    H_now - H_then = sum of the steps' changes at the states they visited + drift,    change = sum of parts + residual

Drift is what the ledger cannot see: other states are visited than before, and an update may do less at states that it
was not made of than at its own. An entry stands for all steps
since the one before it, so sums over a ledger that is kept every few steps are estimates. Parts tell where entropy
moved, not why: parameters are shared, and a state may move for what was sampled elsewhere.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from entropy_rl.lab import fits
from entropy_rl.lab.runs import Run, number

SIDES = {  # of a part's name, in its order
    "sign": ("positive", "negative", "zero"),
    "likelihood": ("likely", "unlikely"),
    "clipped": ("passed", "clipped"),
    "role": ("planning", "execution", "other"),
}
PROXIES = ("covariance", "discriminator")
LEAST = 3  # entries, for a correlation


@dataclasses.dataclass(frozen=True)
class Ledger:
    """The entries of a run, in order of steps; changes in nats/token of one step.

    Attributes:
      steps: [n] that have an entry.
      weights: [n] how many steps each entry stands for.
      change, first_order: [n].
      correlations: [n] of change and first order over the states of each entry; nan where it was not told.
      parts: first order at the tokens of each kind, [n], by (sign, likelihood, clipped, role); {} if it was not told.
      shares: of the states, likewise.
      selected: first order at the tokens that a method acts on, [n], by method; they overlap.
      shares_selected: of the states, likewise.
      proxies: [n] of each of `PROXIES` that was told, which a larger fall of entropy should make larger.
      observed: [n] by how much the entropy of rollouts, smoothed, has moved since the first entry; nan if unknown.
    """

    steps: np.ndarray
    weights: np.ndarray
    change: np.ndarray
    first_order: np.ndarray
    correlations: np.ndarray
    parts: Mapping[tuple[str, ...], np.ndarray]
    shares: Mapping[tuple[str, ...], np.ndarray]
    selected: Mapping[str, np.ndarray]
    shares_selected: Mapping[str, np.ndarray]
    proxies: Mapping[str, np.ndarray]
    observed: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """[n] of each entry: what is not first order."""
        return self.change - self.first_order

    def cumulative(self, values: np.ndarray) -> np.ndarray:
        """[n] nats/token: the sum of an entry's values up to each entry, those between estimated."""
        return np.cumsum(np.where(np.isfinite(values), values, 0.0) * self.weights)

    @property
    def drift(self) -> np.ndarray:
        """[n] nats/token since the first entry: what rollouts show and the visited states do not."""
        changes = self.cumulative(self.change)
        return self.observed - (changes - changes[0])

    def by(self, *sides: str) -> dict[tuple[str, ...], np.ndarray]:
        """Parts added up but for some of `SIDES`: by("sign", "likelihood") has six; kinds without a token have 0.

        Raises:
          ValueError: for a side that parts do not have.
        """
        return self._by(self.parts, sides)

    def shares_by(self, *sides: str) -> dict[tuple[str, ...], np.ndarray]:
        """Shares of the states, added up as `by` does."""
        return self._by(self.shares, sides)

    def _by(
        self, parts: Mapping[tuple[str, ...], np.ndarray], sides: tuple[str, ...]
    ) -> dict[tuple[str, ...], np.ndarray]:
        unknown = [side for side in sides if side not in SIDES]
        if unknown:
            raise ValueError(f"parts have no side {unknown[0]!r}; choose of {', '.join(SIDES)}")
        places = [list(SIDES).index(side) for side in sides]
        totals = {key: np.zeros(len(self.steps)) for key in itertools.product(*(SIDES[side] for side in sides))}
        for cell, values in parts.items():
            key = tuple(cell[place] for place in places)
            totals[key] = totals[key] + np.where(np.isfinite(values), values, 0.0)
        return totals

    @property
    def correlation(self) -> float:
        """Of change and first order over the entries; nan if there are fewer than three, or one does not vary."""
        return correlation(self.first_order, self.change)

    @property
    def slope(self) -> float:
        """Of the change on the first order over the entries."""
        if len(self.steps) < LEAST or not np.ptp(self.first_order):
            return float("nan")
        return float(np.polyfit(self.first_order, self.change, 1)[0])

    def proxy_correlation(self, name: str) -> float:
        """Of one of `proxies` with the fall of entropy, over the entries that tell both."""
        values = self.proxies[name]
        told = np.isfinite(values)
        return correlation(values[told], -self.change[told])

    @property
    def unaccounted(self) -> float:
        """The largest share by which the parts of an entry miss its first order; nan without parts."""
        if not self.parts:
            return float("nan")
        told = np.nan_to_num(np.stack(list(self.parts.values())))
        return float(np.max(np.abs(told.sum(axis=0) - self.first_order) / np.maximum(np.abs(told).sum(axis=0), 1e-300)))


def of_run(run: Run) -> Ledger | None:
    """The ledger of a run; None if it kept none."""
    steps, change, first_order = run.table("ledger/change", "ledger/first_order")
    if not len(steps):
        return None
    entries = [record for record in run.records if record["step"] in set(steps.tolist())]
    column = lambda name: np.array([number(entry.get(name)) for entry in entries], np.float64)  # noqa: E731
    told = lambda prefix: {  # noqa: E731
        name.removeprefix(prefix): column(name) for name in sorted(run.keys) if name.startswith(prefix)
    }
    split = lambda found: {tuple(name.split("/")): values for name, values in found.items()}  # noqa: E731
    proxies = told("ledger/proxy/")
    return Ledger(
        steps,
        _weights(steps),
        change,
        first_order,
        column("ledger/correlation"),
        split(told("ledger/part/")),
        split(told("ledger/share/")),
        told("ledger/at_selected/"),
        told("ledger/share_selected/"),
        {name: proxies[name] for name in PROXIES if name in proxies},
        _observed(run, steps),
    )


def _weights(steps: np.ndarray) -> np.ndarray:
    """Steps since the entry before; before the first, as many as between most entries."""
    gaps = np.diff(steps)
    usual = float(np.median(gaps)) if len(gaps) else 1.0
    return np.concatenate([[min(usual, float(steps[0]))], gaps])


def _observed(run: Run, steps: np.ndarray) -> np.ndarray:
    """A rollout is sampled before its step's updates: an entry is followed by the rollout of the next step."""
    at, entropies = run.series("entropy/token_mean")
    if len(at) < 2:
        return np.full(len(steps), np.nan)
    after = np.interp(steps + 1, at, fits.smooth(entropies))
    return after - after[0]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; nan for fewer than three points, or where one side does not vary."""
    if len(one) < LEAST or not np.ptp(one) or not np.ptp(other):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
