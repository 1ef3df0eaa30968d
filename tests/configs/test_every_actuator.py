"""Every number that DESIGN calls an actuator may be moved by a loop: checked, advised on, and taken up by the loss."""

from __future__ import annotations

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

from configs import countdown_grpo
from entropy_rl.advantages.signed import Signed
from entropy_rl.closed_loop import loop as loops
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.controls.sign_weights import SignRejection, SignWeights
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import schedules
from entropy_rl.ops.schedules import Controlled
from entropy_rl.rollout.tempering import Tempering
from entropy_rl.training.advice import advice
from tests import examples

PPO, FREE = ClippedSurrogate(), UnclippedSurrogate()
number = functools.partial(Controlled, "dial")
COVARIANCE, SHARE, BAND = number(0.0, 2.0), number(0.0, 0.05), number(-1.0, 4.0, 1.0)
MOVED = {
    "entropy bonus": PolicyLoss(PPO, penalties=(EntropyBonus(number(-1.0, 1.0)),)),
    "KL-Cov strength": PolicyLoss(FREE, penalties=(KlCov(fraction=0.1, coefficient=COVARIANCE, max_fraction=0.1),)),
    "KL-Cov fraction": PolicyLoss(FREE, penalties=(KlCov(fraction=SHARE, max_fraction=0.1),)),
    "Clip-Cov fraction": PolicyLoss(PPO, gates=(ClipCov(fraction=SHARE, max_fraction=0.1),)),
    "Clip-Cov band": PolicyLoss(PPO, gates=(ClipCov(fraction=0.2, omega_low=BAND, max_fraction=0.3),)),
    "epsilon low": PolicyLoss(ClippedSurrogate(number(0.1, 0.4, 0.2), 0.2)),
    "epsilon high": PolicyLoss(ClippedSurrogate(0.2, number(0.1, 0.4, 0.2))),
    "CISPO's cap": PolicyLoss(CispoSurrogate(1.0, number(0.1, 2.0, 1.0))),
    "weight of right answers": PolicyLoss(PPO, gates=(SignWeights(positive=number(0.0, 1.0, 1.0, raises=False)),)),
    "rejection": PolicyLoss(PPO, gates=(SignRejection(number(-1.0, 1.0)),)),
    "reference KL": PolicyLoss(PPO, penalties=(ReferenceKl(number(0.0, 0.1)),)),
}
ELSEWHERE = {
    "advantage of right answers": ("advantages", Signed(number(0.1, 1.0, 1.0, raises=False))),
    "temperature": ("temperature", number(0.8, 1.2, 1.0)),
    "tempering": ("tempering", Tempering(number(0.8, 1.2, 1.0))),
}


def looped(run, moved):
    (dial,) = schedules.controlled_in(moved)
    return dataclasses.replace(run, closed_loop=(EntropyLoop(OfInitial(0.5), (dial,)),)), dial


@pytest.mark.parametrize("name", MOVED)
def test_a_number_of_the_loss_may_be_moved_from_end_to_end(name):
    loss = MOVED[name]
    run, dial = looped(dataclasses.replace(countdown_grpo.get_config(), loss=loss), loss)
    run.validate()
    assert isinstance(advice(run.resolved()), list)
    assert float(loops.numbers(loops.start(run.closed_loop))["dial"]) == pytest.approx(dial.rest)
    stats, values = examples.example_stats(1), []
    for setting in (dial.low, dial.rest, dial.high):
        resolved = schedules.resolve(loss, jnp.int32(0), {"dial": jnp.float32(setting)})
        values.append(float(resolved(stats, resolved.plan(stats, examples.KEY))))
    assert np.isfinite(values).all() and len(set(values)) > 1, values


@pytest.mark.parametrize("name", ELSEWHERE)
def test_so_may_numbers_outside_of_it(name):
    field, value = ELSEWHERE[name]
    run = countdown_grpo.get_config()
    part = value.temperature if field == "tempering" else value
    if field == "temperature":
        run = dataclasses.replace(run, rollout=dataclasses.replace(run.rollout, temperature=value))
    else:
        run = dataclasses.replace(run, **{field: value})
    run, _ = looped(run, part)
    run.validate()
    assert isinstance(advice(run.resolved()), list)
