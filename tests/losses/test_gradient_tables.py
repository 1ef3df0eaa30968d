"""The gradient of each surrogate, quadrant by quadrant, is what its docstring says; the table is read from there."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.dppo import DppoSurrogate
from entropy_rl.losses.gmpo import GmpoSurrogate
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.gspo import GspoSurrogate
from entropy_rl.losses.sapo import SapoSurrogate
from entropy_rl.losses.unclipped import UnclippedSurrogate
from tests import examples, methods, oracles
from tests.losses import tables

SURROGATES = [
    ClippedSurrogate(0.2, 0.28),
    ClippedSurrogate(0.2, 0.28, 1.6),
    UnclippedSurrogate(),
    CispoSurrogate(0.3, 0.4),
    CeGppoSurrogate(0.2, 0.28, 0.75, 0.9),
    SapoSurrogate(1.0, 1.5),
    DppoSurrogate(0.05),
    DppoSurrogate(0.01, "binary_kl"),
    GspoSurrogate(0.01, 0.01),
    GspoSurrogate(0.01, 0.01, token_form=True),
    GmpoSurrogate(0.3, 0.2),
]


def symbols(surrogate, stats):
    """What the letters of the tables mean, in float64."""
    s = oracles.double(stats)
    values = {name: np.inf if value is None else value for name, value in vars(surrogate).items()}
    p, p_old = np.exp(s.logprobs), np.where(s.mask, np.exp(s.old_logprobs), 0.5)
    p = np.where(s.mask, p, 0.5)
    kl = p_old * np.log(p_old / p) + (1 - p_old) * np.log((1 - p_old) / (1 - p))
    values |= {"r": s.ratio, "d": s.log_ratio, "A": s.advantages, "p": p, "p_old": p_old}
    values |= {"s": np.exp(oracles.row_mean(s.log_ratio, s.mask)) * np.ones(s.mask.shape)}
    values |= {"D": kl if values.get("divergence") == "binary_kl" else np.abs(p - p_old)}
    if isinstance(surrogate, GmpoSurrogate):
        value, _ = oracles.gmpo(surrogate.epsilon_low, surrogate.epsilon_high)(s, np.ones(s.mask.shape))
        values |= {"g": np.where(s.advantages != 0, -value / np.where(s.advantages != 0, s.advantages, 1), 1)}
    return values


@pytest.mark.parametrize("surrogate", SURROGATES, ids=repr)
def test_the_gradient_of_each_quadrant_is_the_one_in_the_docstring(surrogate):
    visited = set()
    for seed in range(6):
        stats = examples.example_stats(seed, drift=0.6)
        mask = np.asarray(stats.mask)
        expected, cell = tables.gradients(type(surrogate).__doc__, symbols(surrogate, stats))
        actual = -slope(surrogate, stats)
        np.testing.assert_allclose(actual[mask], expected[mask], rtol=2e-5, atol=1e-6)
        visited |= set(cell[mask].tolist())
    regions, _ = tables.table(type(surrogate).__doc__)
    beyond = {"r > dual_clip"} if getattr(surrogate, "dual_clip", 0) is None else set()
    wanted = {row * len(regions) + n for row in (0, 1) for n, region in enumerate(regions) if region not in beyond}
    assert visited - {-1} == wanted  # every cell was looked at


def slope(surrogate, stats):
    """Gradient of the sum over the valid tokens."""
    total = lambda lp: surrogate(examples.at(stats, lp, stats.entropies)).sum(where=stats.mask)  # noqa: E731
    return np.asarray(jax.grad(total)(stats.logprobs))


def test_a_wrong_table_is_found():
    surrogate, stats = ClippedSurrogate(), examples.example_stats(0, drift=0.6)
    docstring = (ClippedSurrogate.__doc__ or "").replace("A > 0    r A ", "A > 0    0   ")
    assert docstring != ClippedSurrogate.__doc__
    expected, _ = tables.gradients(docstring, symbols(surrogate, stats))
    assert np.abs(expected + slope(surrogate, stats))[np.asarray(stats.mask)].max() > 0.1


def test_every_surrogate_of_the_harness_has_a_table_or_is_made_of_those_that_have():
    covered = {type(surrogate) for surrogate in SURROGATES}
    for case in methods.SURROGATES:
        parts = [getattr(case.loss.surrogate, name, None) for name in ("then", "otherwise", "base")]
        made_of = {type(part) for part in parts if part is not None}
        assert type(case.loss.surrogate) in covered or (made_of and made_of <= covered)


def test_the_arithmetic_of_the_tables_is_read_as_written():
    values = {"beta": 0.5, "epsilon": 0.2, "A": -2.0, "r": 3.0}
    assert tables.work_out("beta (1 - epsilon) A", values) == 0.5 * 0.8 * -2
    assert tables.work_out("clip(r, 0, 1 + epsilon) A", values) == 1.2 * -2
    assert tables.work_out("r > 1 + epsilon and A < 0", values)
    with pytest.raises(ValueError, match="no expression"):
        tables.work_out("[r]", values)


def test_a_switch_gives_each_token_the_gradient_of_its_surrogate():
    case = next(case for case in methods.SURROGATES if case.name == "switch")
    stats = examples.example_stats(2, drift=0.6)
    branch = examples.planned(case.loss, stats).branch
    assert branch is not None and 0 < branch.sum() < stats.mask.sum()
    switched = dataclasses.replace(stats, branch=branch)
    total = lambda lp: case.loss.surrogate(examples.at(switched, lp, stats.entropies)).sum(where=stats.mask)  # noqa: E731
    parts = [slope(part, stats) for part in (case.loss.surrogate.then, case.loss.surrogate.otherwise)]
    np.testing.assert_array_equal(jax.grad(total)(stats.logprobs), np.where(branch, *parts))
