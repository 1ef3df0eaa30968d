"""Parts of a config that only make sense together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entropy_rl.problem import Refinable
from entropy_rl.references import ResetReference
from entropy_rl.rewards.reward import GroupReward

if TYPE_CHECKING:
    from entropy_rl.config import Config


def check_learner(config: Config) -> None:
    """Critic and value loss, reset and leash, anchors and reference, refinement, its weighting and sampling.

    Raises:
      ValueError: that names what is missing and the remedy.
    """
    if config.with_critic != (config.loss.value_loss is not None):
        raise ValueError(
            f"advantages are {type(config.advantages).__name__} and loss.value_loss is {config.loss.value_loss!r}; "
            "use Gae and ClippedValueLoss together, or neither"
        )
    if isinstance(config.reference, ResetReference):
        if "reference_logprobs" not in config.loss.requires:
            raise ValueError("reference is ResetReference, but no method of the loss reads it; add ReferenceKl")
        if config.reference.plateau and not config.evaluation.every:
            raise ValueError("reference.plateau counts evaluations, but evaluation.every is 0; set it")
    anchors = getattr(config.reward, "anchors", 0)
    if anchors and config.reference is None:
        raise ValueError(f"reward.anchors is {anchors}, but there is no reference to ask; set reference=EmaReference()")
    _check_refinement(config)


def _check_refinement(config: Config) -> None:
    if ("off_policy" in config.loss.requires) != (config.refinement is not None):
        raise ValueError(
            f"refinement is {config.refinement!r} with the surrogate {type(config.loss.surrogate).__name__}; "
            "use Refinement and RefinementShaping together, or neither"
        )
    if config.refinement is None:
        return
    if not isinstance(config.task, Refinable):
        raise ValueError(f"{type(config.task).__name__} has no refinement_prompt; add one, or drop the refinement")
    if config.sampling is not None:
        raise ValueError(
            "refinement helps groups that are all wrong, which sampling takes out of the batch; set one of them to None"
        )
    if isinstance(config.reward, GroupReward) or config.with_critic:
        raise ValueError("a refinement is judged alone and has no values; use a single reward and no critic")
