"""The named recipes of the literature as they were published: advantages and loss, one expression each.

A run of your own takes them from here, at the scale that they were made for (7B to 32B parameters, responses of
thousands of tokens, hundreds of prompts per step):

    from configs import recipes
    dataclasses.replace(my_run.get_config(), advantages=recipes.dapo.advantages, loss=recipes.dapo.loss)

`configs/countdown_<name>.py` are the same methods with numbers for the embedded task. `updates` is how many optimiser
steps a rollout served; what a recipe did besides (dynamic sampling, overlong shaping, resets) stands in `besides`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from entropy_rl.advantages.grpo import GroupCentred, GroupNormalized
from entropy_rl.advantages.opo import OptimalBaseline
from entropy_rl.advantages.quantile import QuantileBaseline
from entropy_rl.advantages.reinforce_plus_plus import ReinforcePlusPlus
from entropy_rl.advantages.rloo import LeaveOneOut
from entropy_rl.advantages.signed import Signed
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.covariance_weight import CovarianceWeight
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.entropy_discriminator import EntropyDiscriminator
from entropy_rl.controls.entropy_flow import EntropyFlow
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.lp_reg import LpReg
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.controls.shaped_advantage import EntropyAdvantage, PlanningCredit
from entropy_rl.controls.siren import Siren
from entropy_rl.controls.steer import Steer
from entropy_rl.losses.aggregation import ConstantNormaliser, SequenceMean
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.dppo import DppoSurrogate
from entropy_rl.losses.gmpo import GmpoSurrogate
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.gspo import GspoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.losses.sapo import SapoSurrogate
from entropy_rl.losses.switch import Switch
from entropy_rl.losses.unclipped import UnclippedSurrogate


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a paper put together; `updates` is None where it is not known to us."""

    loss: PolicyLoss
    advantages: Any = GroupNormalized()
    updates: int | None = None
    besides: str = ""


PPO, CLIP_HIGHER = ClippedSurrogate(0.2, 0.2), ClippedSurrogate(0.2, 0.28)

grpo = Recipe(PolicyLoss(PPO, penalties=(ReferenceKl(0.04, "k3"),), aggregate=SequenceMean()), updates=1)
dr_grpo = Recipe(PolicyLoss(PPO, aggregate=ConstantNormaliser(3000.0)), GroupCentred())
dapo = Recipe(
    PolicyLoss(CLIP_HIGHER), updates=16, besides="dynamic sampling on raw accuracy, soft overlong punishment, no KL"
)
rloo = Recipe(PolicyLoss(UnclippedSurrogate()), LeaveOneOut(), updates=1)
reinforce_plus_plus = Recipe(PolicyLoss(PPO), ReinforcePlusPlus())
opo = Recipe(PolicyLoss(UnclippedSurrogate()), OptimalBaseline(), updates=1, besides="no KL, no bonus")
quantile = Recipe(PolicyLoss(CLIP_HIGHER), QuantileBaseline(0.4), besides="the rest as DAPO")

psr = Recipe(PolicyLoss(PPO), Signed(1.0, 0.0), updates=4)
nsr = Recipe(PolicyLoss(PPO), Signed(0.0, 1.0), updates=4, besides="the public code adds an entropy bonus of .001")
w_reinforce = Recipe(PolicyLoss(PPO), Signed(0.1, 1.0), updates=4)

clip_higher = Recipe(PolicyLoss(CLIP_HIGHER), updates=8)
clip_cov = Recipe(PolicyLoss(ClippedSurrogate(1.0, 1.0), gates=(ClipCov(2e-4, 1.0, 5.0),)), updates=8)
kl_cov = Recipe(PolicyLoss(UnclippedSurrogate(), penalties=(KlCov(2e-3, 1.0),)), updates=8, besides="2e-4 for 32B")
entropy_bonus = Recipe(PolicyLoss(PPO, penalties=(EntropyBonus(5e-3),)), updates=8)

cispo = Recipe(PolicyLoss(CispoSurrogate(1.0, 4.0)), besides="the upper bound is not published; 5 is ScaleRL's")
gspo = Recipe(PolicyLoss(GspoSurrogate(3e-4, 4e-4), aggregate=SequenceMean()), updates=4)
gmpo = Recipe(PolicyLoss(GmpoSurrogate(0.4, 0.4), aggregate=SequenceMean()))
gppo = Recipe(PolicyLoss(CeGppoSurrogate(0.2, 0.2, 1.0, 1.0)))
ce_gppo = Recipe(PolicyLoss(CeGppoSurrogate(0.2, 0.2, 0.75, 1.0)), updates=8, besides="beta_low .5 for 1.5B")
sapo = Recipe(PolicyLoss(SapoSurrogate(1.0, 1.05), aggregate=SequenceMean()))
dppo = Recipe(PolicyLoss(DppoSurrogate(0.2)))

forking_tokens = Recipe(PolicyLoss(CLIP_HIGHER, gates=(ForkingTokens(0.2),)), updates=16, besides="the rest as DAPO")
entropy_advantage = Recipe(PolicyLoss(PPO, shapers=(EntropyAdvantage(0.4, 2.0),)))
hicra = Recipe(PolicyLoss(PPO, shapers=(PlanningCredit(0.2),)))
_rare = LpReg(0.01, 1.0)
lp_reg = Recipe(
    PolicyLoss(Switch(_rare, UnclippedSurrogate(), ClippedSurrogate(1.0, 9.0)), penalties=(_rare,)),
    updates=1,
    besides=".005 for 32B",
)
critique_grpo = Recipe(
    PolicyLoss(RefinementShaping(gamma=0.1), aggregate=ConstantNormaliser(3000.0)),
    GroupCentred(),
    besides="one refinement beside 7 rollouts on prompts that failed; the length is the padded width of the response",
)
siren = Recipe(
    PolicyLoss(ClippedSurrogate(0.28, 0.28), penalties=(Siren(anchor=0.3),)),
    GroupCentred(),
    updates=16,
    besides="the anchor is that of the first step: measure it; here .3 stands for it",
)
steer = Recipe(PolicyLoss(CLIP_HIGHER, gates=(Steer(0.8, 1.2),)))
covariance_weight = Recipe(PolicyLoss(PPO, gates=(CovarianceWeight(),)))
entropy_discriminator = Recipe(PolicyLoss(PPO, gates=(EntropyDiscriminator(2.5),)))
entropy_flow = Recipe(PolicyLoss(UnclippedSurrogate(), gates=(EntropyFlow(),)), updates=1)

# Unions, which nobody has published: lift what is rare, restrain what is extreme, weigh successes less.
clip_higher_clip_cov_kl_cov = Recipe(
    PolicyLoss(CLIP_HIGHER, gates=(ClipCov(2e-4, 1.0, 5.0),), penalties=(KlCov(2e-3, 1.0),)), updates=8
)
cispo_kl_cov = Recipe(PolicyLoss(CispoSurrogate(1.0, 4.0), penalties=(KlCov(2e-3, 1.0),)), updates=8)
cispo_kl_cov_w_reinforce = Recipe(cispo_kl_cov.loss, Signed(0.1, 1.0), updates=8)
forking_entropy_advantage = Recipe(
    PolicyLoss(CLIP_HIGHER, gates=(ForkingTokens(0.2),), shapers=(EntropyAdvantage(0.4, 2.0),)), updates=16
)
