"""The ledger of a run, added up."""

from __future__ import annotations

import numpy as np
import pytest

from entropy_rl.lab import ledger
from entropy_rl.lab.runs import Run


def record(step: int, **named: float) -> dict[str, float]:
    return {"step": step, "entropy/token_mean": 1.0 - 0.01 * step} | {
        f"ledger/{name.replace('__', '/')}": value for name, value in named.items()
    }


def run_of(*records) -> Run:
    return Run("", "run", {}, list(records), [], {})


def two_entries() -> ledger.Ledger:
    found = ledger.of_run(
        run_of(
            record(1),
            record(
                5, change=-0.03, first_order=-0.04, proxy__covariance=0.2, at_selected__KlCov=-0.02,
                part__positive__likely__passed__planning=-0.05, part__negative__unlikely__passed__other=0.01,
                share__positive__likely__passed__planning=0.6, share__negative__unlikely__passed__other=0.4,
            ),
            record(6),
            record(10, change=-0.01, first_order=-0.01, part__positive__likely__clipped__other=-0.01),
        )
    )  # fmt: skip
    assert found is not None
    return found


def test_a_run_without_a_ledger_has_none():
    assert ledger.of_run(run_of(record(1), record(2))) is None


def test_an_entry_stands_for_the_steps_since_the_one_before():
    found = two_entries()
    assert found.weights.tolist() == [5, 5]
    np.testing.assert_allclose(found.cumulative(found.change), [5 * -0.03, 5 * -0.03 + 5 * -0.01])
    np.testing.assert_allclose(found.residual, [0.01, 0.0])


def test_parts_add_up_by_any_sides():
    found = two_entries()
    by_sign = found.by("sign")
    np.testing.assert_allclose(by_sign["positive",], [-0.05, -0.01])
    np.testing.assert_allclose(by_sign["negative",], [0.01, 0.0])
    assert by_sign["zero",].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(found.by("clipped", "role")["clipped", "other"], [0.0, -0.01])
    for sides in (("sign",), ("likelihood", "role"), ("sign", "likelihood", "clipped", "role")):
        np.testing.assert_allclose(sum(found.by(*sides).values()), found.first_order)
    assert found.unaccounted < 1e-12
    np.testing.assert_allclose(found.shares_by("likelihood")["likely",], [0.6, 0.0])


def test_a_part_that_is_missing_is_noticed():
    found = ledger.of_run(run_of(record(1, change=0.1, first_order=0.2, part__zero__likely__passed__other=0.1)))
    assert found is not None and found.unaccounted == pytest.approx(1.0)


def test_drift_is_what_rollouts_show_and_states_do_not():
    entries = {10: record(10, change=-0.03, first_order=-0.04), 15: record(15, change=-0.004, first_order=-0.01)}
    found = ledger.of_run(run_of(*(entries.get(step, record(step)) for step in range(1, 30))))
    assert found is not None
    # rollouts: -.01 a step, so -.05 between the two entries; the states of the second entry account for 5 * -.004
    np.testing.assert_allclose(found.observed, [0.0, -0.05])
    np.testing.assert_allclose(found.drift, [0.0, -0.03])


def test_proxies_are_held_against_the_fall():
    rng = np.random.default_rng(0)
    falls = rng.normal(size=50)
    records = [
        record(step, change=-fall, first_order=-fall * 2, proxy__covariance=fall + 3, proxy__discriminator=-fall)
        for step, fall in enumerate(falls, start=1)
    ]
    found = ledger.of_run(run_of(*records))
    assert found is not None
    assert found.proxy_correlation("covariance") == pytest.approx(1.0)
    assert found.proxy_correlation("discriminator") == pytest.approx(-1.0)
    assert found.correlation == pytest.approx(1.0) and found.slope == pytest.approx(0.5)


def test_methods_keep_their_names():
    assert list(two_entries().selected) == ["KlCov"]


def test_an_unknown_side_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="sign, likelihood, clipped, role"):
        two_entries().by("colour")


def test_one_entry_has_no_correlation():
    found = ledger.of_run(run_of(record(3, change=-0.1, first_order=-0.1)))
    assert found is not None and np.isnan(found.correlation) and np.isnan(found.slope)
