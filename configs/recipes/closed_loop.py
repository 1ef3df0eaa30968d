"""Published entropy controllers at their published settings: what `recipes` holds, and the loop around it.

    from configs.recipes import closed_loop
    recipe = closed_loop.skywork
    dataclasses.replace(my_run.get_config(), loss=recipe.loss, closed_loop=recipe.closed_loop)

They were made for 1.5B to 32B parameters, learning rates about 1e-6 and entropies of .1 to .7 nats. `besides` says what
else was done, and where what stands here is not what was published. SIREN needs no loop: `recipes.siren` pulls to its
anchor from both sides. `configs/countdown_<name>.py` are the same controllers for the embedded task.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from configs.recipes import CLIP_HIGHER, PPO, Recipe
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.stepwise import Stepwise
from entropy_rl.closed_loop.targets import InNats, OfInitial
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.sign_weights import SignRejection, SignWeights
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.rollout.tempering import Tempering


@dataclasses.dataclass(frozen=True)
class Looped(Recipe):
    """A recipe whose numbers are moved; `tempering` goes to the config's."""

    closed_loop: tuple[EntropyLoop, ...] = ()
    tempering: Tempering | None = None


def _loop(target: Any, actuator: Controlled, controller: Any) -> tuple[EntropyLoop, ...]:
    return (EntropyLoop(target=target, actuators=(actuator,), controller=controller),)


_skywork = Controlled("bonus", low=0.0, high=5e-3)
skywork = Looped(
    PolicyLoss(PPO, penalties=(EntropyBonus(_skywork),)),
    closed_loop=_loop(InNats(0.2), _skywork, Stepwise(1e-4)),
    updates=1,
    besides="rejection of groups without signal, high temperature 1.0, two stages of response length",
)
_trl = Controlled("bonus", low=0.0, high=1.0)
trl = Looped(
    PolicyLoss(PPO, penalties=(EntropyBonus(_trl),)), closed_loop=_loop(InNats(0.2), _trl, Stepwise(5e-3)), updates=1
)
_entropic = Controlled("balance", low=-1.0, high=1.0)
entropic = Looped(
    PolicyLoss(PPO, gates=(SignWeights(_entropic, above=0.95),)),
    closed_loop=_loop(InNats(0.1), _entropic, ProportionalIntegral(1.0, 0.01)),
    updates=1,
    besides="sampling temperature .6 in the public script; its threshold of likely tokens is not known to us: .95",
)
_aer = Controlled("bonus", low=0.0, high=0.05)
aer = Looped(
    PolicyLoss(CLIP_HIGHER, penalties=(DifficultyBonus(hard=_aer),)),
    closed_loop=_loop(OfInitial(0.4), _aer, ProportionalIntegral(0.0, 5e-3)),
    besides="the weight falls with the group's accuracy in a way not known to us; here hard prompts alone have it; "
    "the rate of the coefficient is ours",
)
_entrocraft = Controlled("rejection", low=-1.0, high=1.0)
entrocraft = Looped(
    PolicyLoss(PPO, gates=(SignRejection(_entrocraft),)),
    closed_loop=_loop(InNats(Linear(0.65, 0.45, 1000)), _entrocraft, OnOff(band=0.05)),
    besides="rejection before the batch is filled; here from the loss. Set the steps of the anneal to those of the run",
)
_aepo = Controlled("temperature", low=0.8, high=1.2, rest=1.0)
aepo = Looped(
    PolicyLoss(CLIP_HIGHER),
    closed_loop=_loop(InNats(0.5), _aepo, OnOff()),
    tempering=Tempering(_aepo, prompts=128, most=60),
    updates=4,
    besides="512 prompts with 5 responses each, of which 60 are 2.3 %: set both to the same shares of other batches. "
    "They take the first rows of the batch in the public code, and those of their own prompts here",
)
