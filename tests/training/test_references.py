"""The reference policy's moves: decided by hand-worked rules, carried out exactly, remembered across a resume."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops.optimizer import AdamW
from entropy_rl.references import EmaReference, FixedReference, ResetReference
from entropy_rl.training import learner, references
from entropy_rl.training.references import Keeper, Memory, decide

OPTIMIZER = AdamW(learning_rate=0.1)
PARAMS = {"weight": jnp.asarray([1.0, 2.0, 3.0])}


def decisions(reference, steps, memory=None):
    """Reasons after each step, from metrics of each step."""
    memory, reasons = memory or Memory(), []
    for measured in steps:
        memory = decide(reference, memory, measured)
        reasons.append(memory.due)
    return reasons, memory


def weight(tree):
    assert tree is not None
    return np.asarray(tree["weight"])


def worn_state():
    """A learner some steps away from its reference, its moments not zero."""
    state = learner.new_state(PARAMS, OPTIMIZER, with_reference=True)
    updates, opt_state = OPTIMIZER.transform().update({"weight": jnp.ones(3)}, state.opt_state, PARAMS)
    params = jax.tree.map(jnp.add, state.params, updates)
    return learner.TrainState(jnp.int32(7), params, opt_state, reference=state.reference)


def test_an_interval_is_counted_from_the_last_move():
    reasons, _ = decisions(ResetReference(every=3), [{}] * 7)
    assert [bool(reason) for reason in reasons] == [False, False, True, False, False, True, False]
    assert reasons[2] == "3 steps since the last move"


def test_a_plateau_is_evaluations_in_a_row_without_a_better_score():
    scores = [0.1, 0.3, 0.3, 0.2, 0.31, 0.31, 0.25]  # better: 0.1, 0.3, 0.31; stale 2 after the 4th and the 7th
    steps = [step for score in scores for step in ({"validation/pass@1": score}, {})]  # every other step evaluates
    reasons, memory = decisions(ResetReference(plateau=2), steps)
    assert [bool(reason) for reason in reasons[::2]] == [False, False, False, True, False, False, True]
    assert not any(reasons[1::2])
    assert memory.best == 0.31


def test_a_spike_of_the_divergence_resets_at_once_and_its_bound_is_exclusive():
    reasons, _ = decisions(ResetReference(kl_above=0.5), [{"reference/kl": 0.5}, {"reference/kl": 0.51}, {}])
    assert [bool(reason) for reason in reasons] == [False, True, False]
    assert "0.5100 nats/token is above 0.5" in reasons[1]


def test_a_fixed_reference_and_none_never_move():
    loud = [{"validation/pass@1": 0.0, "reference/kl": 1e9}] * 9
    for reference in (FixedReference(), None):
        assert not any(decisions(reference, loud)[0])


def test_the_average_is_that_of_the_equation():
    average = references.average({"weight": jnp.asarray([1.0, -2.0])}, {"weight": jnp.asarray([3.0, 2.0])}, 0.75)
    np.testing.assert_allclose(average["weight"], [0.75 * 1 + 0.25 * 3, 0.75 * -2 + 0.25 * 2])  # 1.5, -1


def test_the_average_follows_every_so_many_steps():
    keeper, state = Keeper(EmaReference(decay=0.5, every=2), OPTIMIZER), worn_state()
    start, params = weight(state.reference), np.asarray(state.params["weight"])
    for step in range(1, 5):
        state, figures = keeper.move(step, state)
        assert figures == {}
        assert keeper.decide({}) is False  # nothing that a checkpoint must precede
    # due after steps 2 and 4; carried out before step 3 only
    np.testing.assert_allclose(weight(state.reference), 0.5 * start + 0.5 * params, rtol=1e-6)


@pytest.mark.parametrize("reset_optimizer", [True, False])
def test_a_reset_copies_the_policy_and_forgets_the_moments_if_asked(reset_optimizer):
    keeper = Keeper(ResetReference(every=1, reset_optimizer=reset_optimizer), OPTIMIZER)
    before = jax.device_get(worn_state())
    state, figures = keeper.move(8, worn_state())
    assert figures == {"reference/reset": 0.0}
    np.testing.assert_array_equal(weight(state.reference), weight(before.reference))
    assert keeper.decide({}) is True
    state, figures = keeper.move(9, state)
    assert figures == {"reference/reset": 1.0}
    np.testing.assert_array_equal(weight(state.reference), before.params["weight"])
    np.testing.assert_array_equal(state.params["weight"], before.params["weight"])
    assert int(state.step) == 7  # optimiser steps, and with them schedules, go on
    fresh = OPTIMIZER.transform().init(before.params)
    expected = fresh if reset_optimizer else before.opt_state
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state.opt_state), jax.device_get(expected))
    assert any(np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(before.opt_state))  # or the test could not fail


def test_a_run_cut_anywhere_decides_as_one_that_was_not():
    reference = ResetReference(every=7, plateau=2, kl_above=0.9)
    rng = np.random.default_rng(0)
    steps = [
        {"reference/kl": float(rng.random())} | ({"validation/pass@1": float(rng.random())} if i % 2 else {})
        for i in range(40)
    ]
    whole, _ = decisions(reference, steps)
    for trigger in ("since", "evaluations", "above"):
        assert any(trigger in reason for reason in whole)  # or the test would say less
    for cut in range(1, 40):
        first, memory = decisions(reference, steps[:cut])
        keeper = Keeper(reference, OPTIMIZER)
        keeper.memory = memory
        restored = Keeper(reference, OPTIMIZER, memory=json.loads(json.dumps(keeper.state())))
        rest, _ = decisions(reference, steps[cut:], restored.memory)
        assert first + rest == whole


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (ResetReference(), "no trigger"),
        (ResetReference(every=-1), "reference.every is -1"),
        (ResetReference(kl_above=float("nan")), "reference.kl_above is nan"),
        (EmaReference(decay=1.0), r"reference.decay is 1.0; it must be in \[0, 1\)"),
        (EmaReference(every=0), "reference.every is 0"),
    ],
)
def test_a_bad_field_is_named(reference, message):
    with pytest.raises(ValueError, match=message):
        reference.validate()
