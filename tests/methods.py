"""Every method of the package in one list, beside its oracle: the harness runs over it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.covariance_weight import CovarianceWeight
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.entropy_discriminator import EntropyDiscriminator, VocabularyDiscriminator
from entropy_rl.controls.entropy_flow import EntropyFlow
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.controls.importance import ImportanceCorrection, SequenceImportance
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.lp_reg import LpReg
from entropy_rl.controls.maximum_entropy import MaximumEntropy
from entropy_rl.controls.off_policy_mask import OffPolicySequenceMask
from entropy_rl.controls.positive_nll import PositiveNll
from entropy_rl.controls.quantile_clip_cov import QuantileClipCov
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.controls.shaped_advantage import EntropyAdvantage, PlanningCredit
from entropy_rl.controls.sign_weights import SignRejection, SignWeights
from entropy_rl.controls.siren import Siren
from entropy_rl.controls.steer import Steer
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.losses.aggregation import ConstantNormaliser, PromptMean, SequenceMean, SequenceSum, TokenMean
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
from tests import control_oracles, oracles


@dataclasses.dataclass(frozen=True)
class Case:
    """One method in a loss that is otherwise plain.

    Attributes:
      neutral: the method in its neutral setting within the same loss, which must equal `baseline` bit for bit; or None.
    """

    name: str
    loss: PolicyLoss
    surrogate: Callable = oracles.ppo()
    gate: Callable = control_oracles.no_gate
    penalty: Callable | None = None
    aggregate: Callable = oracles.token_mean
    shape: Callable | None = None
    neutral: PolicyLoss | None = None
    baseline: PolicyLoss = PolicyLoss(ClippedSurrogate())


PPO = ClippedSurrogate()


def surrogate(name: str, method: Any, oracle: Callable, neutral: Any = None, **changes: Any) -> Case:
    aggregate = changes.pop("by", TokenMean())
    loss = PolicyLoss(method, aggregate=aggregate)
    baseline = PolicyLoss(changes.pop("like", PPO), aggregate=aggregate)
    neutral_loss = None if neutral is None else PolicyLoss(neutral, aggregate=aggregate)
    return Case(name, loss, surrogate=oracle, neutral=neutral_loss, baseline=baseline, **changes)


def gate(name: str, method: Any, oracle: Callable, neutral: Any) -> Case:
    return Case(name, PolicyLoss(PPO, gates=(method,)), gate=oracle, neutral=PolicyLoss(PPO, gates=(neutral,)))


def penalty(name: str, method: Any, oracle: Callable, neutral: Any) -> Case:
    return Case(
        name, PolicyLoss(PPO, penalties=(method,)), penalty=oracle, neutral=PolicyLoss(PPO, penalties=(neutral,))
    )


def aggregate(name: str, method: Any, oracle: Callable) -> Case:
    return Case(name, PolicyLoss(PPO, aggregate=method), aggregate=oracle)


def shaper(name: str, method: Any, oracle: Callable, neutral: Any) -> Case:
    loss, baseline = (PolicyLoss(UnclippedSurrogate(), shapers=chain) for chain in ((method,), ()))
    neutral_loss = PolicyLoss(UnclippedSurrogate(), shapers=(neutral,))
    return Case(name, loss, oracles.unclipped, shape=oracle, neutral=neutral_loss, baseline=baseline)


BAND = ClipCov(fraction=0.1, omega_low=0.1, omega_high=3.0, max_fraction=0.2)

SURROGATES = [
    surrogate("ppo", PPO, oracles.ppo(), ClippedSurrogate(1.0, float("inf")), like=UnclippedSurrogate()),
    surrogate("clip-higher", ClippedSurrogate(0.2, 0.28), oracles.ppo(0.2, 0.28)),
    surrogate(
        "dual-clip", ClippedSurrogate(0.2, 0.28, 1.3), oracles.ppo(0.2, 0.28, 1.3), ClippedSurrogate(dual_clip=1e9)
    ),
    surrogate(
        "unclipped", UnclippedSurrogate(), oracles.unclipped, ClippedSurrogate(1.0, 1e9), like=UnclippedSurrogate()
    ),
]
AGGREGATES = [
    aggregate("sequence-mean", SequenceMean(), oracles.sequence_mean),
    aggregate("sequence-sum", SequenceSum(), oracles.sequence_sum),
    aggregate("constant", ConstantNormaliser(16.0), lambda mask, g: oracles.sequence_sum(mask, g) / 16),
    aggregate("prompt-mean", PromptMean(), oracles.prompt_mean),
]
GATES = [
    gate("clip-cov", BAND, control_oracles.clip_cov(0.1, 0.1, 3.0, oracles.ppo_clipped), ClipCov(fraction=0.0)),
    gate(
        "clip-cov-negative",
        dataclasses.replace(BAND, side="negative"),
        control_oracles.clip_cov(0.1, 0.1, 3.0, oracles.ppo_clipped, -1),
        ClipCov(omega_low=98.0, omega_high=99.0),
    ),
    gate(
        "random-positive",
        RandomControl(0.1, max_fraction=0.2),
        control_oracles.random_control(0.1, 1),
        RandomControl(matched=ClipCov(fraction=0.0)),
    ),
    gate(
        "random-any",
        RandomControl(0.1, max_fraction=0.2, side="both"),
        control_oracles.random_control(0.1, 0),
        RandomControl(0.0),
    ),
]
PENALTIES = [
    penalty("kl-cov", KlCov(0.1, 1.5, max_fraction=0.2), control_oracles.kl_cov(0.1, 1.5), KlCov(coefficient=0.0)),
    penalty("kl-cov-ranked", KlCov(0.04, 1.5), control_oracles.kl_cov(0.04, 1.5), KlCov(fraction=0.0)),
    penalty(
        "kl-cov-k2", KlCov(0.04, estimator="k2"), control_oracles.kl_cov(0.04, 1.0, "k2"), KlCov(0.0, estimator="k2")
    ),
    penalty(
        "kl-cov-huber",
        KlCov(0.04, estimator="huber"),
        control_oracles.kl_cov(0.04, 1.0, "huber"),
        KlCov(0.0, estimator="huber"),
    ),
    penalty("entropy-bonus", EntropyBonus(0.02), control_oracles.entropy_bonus(0.02), EntropyBonus(0.0)),
    *(
        penalty(
            f"reference-{kind}", ReferenceKl(0.1, kind), control_oracles.reference_kl(0.1, kind), ReferenceKl(0.0, kind)
        )
        for kind in ("unbiased", "k1", "k2", "k3")
    ),
]
GPPO = CeGppoSurrogate(beta_low=1.0)
BY_SEQUENCE = {"by": SequenceMean(), "aggregate": oracles.sequence_mean}
SURROGATES += [
    surrogate("gspo", GspoSurrogate(), oracles.gspo(3e-4, 4e-4), **BY_SEQUENCE),
    surrogate("gspo-token", GspoSurrogate(token_form=True), oracles.gspo(3e-4, 4e-4, True), **BY_SEQUENCE),
    surrogate("gmpo", GmpoSurrogate(), oracles.gmpo(0.4, 0.4), **BY_SEQUENCE),
    surrogate("cispo", CispoSurrogate(), oracles.cispo(1.0, 4.0)),
    surrogate("cispo-tight", CispoSurrogate(0.2, 0.2), oracles.cispo(0.2, 0.2)),
    surrogate("gppo", GPPO, oracles.ce_gppo(1.0, 1.0)),
    surrogate("ce-gppo", CeGppoSurrogate(), oracles.ce_gppo(0.75, 1.0)),
    surrogate("sapo", SapoSurrogate(), oracles.sapo),
    surrogate("dppo-tv", DppoSurrogate(0.05), oracles.dppo(0.05, False), DppoSurrogate(1.0), like=UnclippedSurrogate()),
    surrogate("dppo-kl", DppoSurrogate(0.02, "binary_kl"), oracles.dppo(0.02, True)),
]
GATES += [
    gate(
        "quantile-clip-cov",
        QuantileClipCov(0.05, 0.2, 0.03, max_fraction=0.2),
        control_oracles.quantile_clip_cov(0.05, 0.2, 0.03, oracles.ppo_clipped),
        QuantileClipCov(fraction=0.0),
    ),
    gate("forking", ForkingTokens(), control_oracles.forking(0.2, 1, True), ForkingTokens(1.0)),
    gate("forking-all", ForkingTokens(denominator="all"), control_oracles.forking(0.2, 1, False), ForkingTokens(1.0)),
    gate("bottom", ForkingTokens(0.3, side="bottom"), control_oracles.forking(0.3, -1, True), ForkingTokens(1.0)),
    gate(
        "truncated-importance",
        ImportanceCorrection(),
        control_oracles.importance(0, 2, False),
        ImportanceCorrection(1.0, 1.0),
    ),
    gate(
        "icepop",
        ImportanceCorrection(0.7, 1.6, "mask"),
        control_oracles.importance(0.7, 1.6, True),
        ImportanceCorrection(1.0, 1.0),
    ),
]
PENALTIES += [
    penalty("lp-reg", LpReg(0.2, 1.5, max_fraction=0.2), control_oracles.lp_reg(0.2, 1.5), LpReg(coefficient=0.0)),
    penalty(
        "difficulty-bonus",
        DifficultyBonus(0.05, 0.01),
        control_oracles.difficulty_bonus(0.05, 0.01, 0.5),
        DifficultyBonus(0.0),
    ),
    penalty("task-bonus", TaskBonus((0.05, -0.02)), control_oracles.task_bonus(0.05, -0.02), TaskBonus((0.0, 0.0))),
    penalty("positive-nll", PositiveNll(), control_oracles.positive_nll(0.1), PositiveNll(0.0)),
]
INFINITY = float("inf")
SURROGATES += [
    surrogate(
        "switch",
        Switch(LpReg(0.2, max_fraction=0.2), UnclippedSurrogate(), PPO),
        oracles.lp_reg_switch(0.2),
        Switch(LpReg(0.0), UnclippedSurrogate(), PPO),
    ),
    surrogate("refinement", RefinementShaping(), oracles.refinement),
]
GATES += [
    gate("off-policy-mask", OffPolicySequenceMask(0.02), control_oracles.opsm(0.02), OffPolicySequenceMask(INFINITY)),
    gate(
        "sequence-mask",
        SequenceImportance(0.9, 1.1),
        control_oracles.sequence_importance(0.9, 1.1, False, True),
        SequenceImportance(0.0, INFINITY, weight="none"),
    ),
    gate(
        "sequence-product",
        SequenceImportance(0.3, 3.0, "product", "sequence"),
        control_oracles.sequence_importance(0.3, 3.0, True, False),
        SequenceImportance(0.0, INFINITY, "product", "none"),
    ),
    gate("steer", Steer(), control_oracles.steer(True), Steer(1.0, 1.0)),
    gate(
        "steer-exponential",
        Steer(mapping="exponential"),
        control_oracles.steer(False),
        Steer(1.0, mapping="exponential"),
    ),
    gate("covariance-weight", CovarianceWeight(), control_oracles.covariance_weight, CovarianceWeight(INFINITY)),
    gate(
        "entropy-discriminator",
        EntropyDiscriminator(1.0),
        control_oracles.entropy_discriminator(1.0),
        EntropyDiscriminator(INFINITY),
    ),
    gate(
        "vocabulary-discriminator",
        VocabularyDiscriminator(0.5, 0.1, 0.2),
        control_oracles.vocabulary_discriminator(0.5, 0.1),
        VocabularyDiscriminator(INFINITY),
    ),
    gate("sign-weights", SignWeights(0.4, 0.3), control_oracles.sign_weights(0.4, 0.3), SignWeights(0.0)),
    gate(
        "positive-weight",
        SignWeights(positive=0.1, negative=0.8),
        control_oracles.sign_factors(0.1, 0.8),
        SignWeights(balance=0.0, positive=1.0),
    ),
    gate("sign-rejection", SignRejection(0.5), control_oracles.sign_rejection(0.5), SignRejection(0.0)),
    gate("sign-rejection-negative", SignRejection(-0.5), control_oracles.sign_rejection(-0.5), SignRejection(0.0)),
    gate("entropy-flow", EntropyFlow(0.7), control_oracles.entropy_flow(0.7), EntropyFlow(0.0)),
    gate(
        "random-by-gradient",
        RandomControl(matched=EntropyDiscriminator(1.0), match="gradient_norm"),
        control_oracles.random_by_gradient(control_oracles.entropy_discriminator(1.0)),
        RandomControl(matched=EntropyDiscriminator(INFINITY), match="gradient_norm"),
    ),
]
PENALTIES += [penalty("siren", Siren(0.4, 0.5), control_oracles.siren(0.4, 0.5), Siren(0.4, 0.0))]
# The shaped advantage enters an unclipped surrogate, so that shaping alone is looked at.
SHAPERS = [
    shaper("entropy-advantage", EntropyAdvantage(), control_oracles.entropy_advantage, EntropyAdvantage(alpha=0.0)),
    shaper("planning-credit", PlanningCredit(), control_oracles.planning_credit, PlanningCredit(alpha=0.0)),
    shaper("maximum-entropy", MaximumEntropy(0.1), control_oracles.maximum_entropy(0.1), MaximumEntropy(0.0)),
]
CASES = [*SURROGATES, *AGGREGATES, *GATES, *PENALTIES, *SHAPERS]
