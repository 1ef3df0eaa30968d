"""What a valid config will probably not do as its author hopes: logged and kept in the summary, never refused."""

from __future__ import annotations

from typing import Any

from entropy_rl.closed_loop.targets import Budget
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.ops.schedules import Controlled, Schedule, moving_in
from entropy_rl.problem import Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion, GroupReward, as_verdict


def advice(config: Config) -> list[str]:
    """One sentence, with its remedy, per thing that looks like a mistake; a pure function of the config."""
    found = [*_inert(config), *_selects_nothing(config), *_band_off_scale(config), *_judged_by_shaping(config)]
    found += _ends_elsewhere(config)
    surrogate = config.loss.surrogate
    if isinstance(surrogate, CispoSurrogate) and _largest(surrogate.epsilon_high) < 1.0:
        found.append(
            f"CispoSurrogate.epsilon_high = {_largest(surrogate.epsilon_high):g} caps importance weights at "
            f"{1.0 + _largest(surrogate.epsilon_high):g}, which is a bound of PPO; here the cap is 1 + epsilon_high: "
            "use 4, as published"
        )
    return found


def _inert(config: Config) -> list[str]:
    if config.update.steps_per_rollout > 1 or not any(isinstance(method, KlCov) for method in config.loss.penalties):
        return []
    return [
        "KlCov does nothing with one optimiser step per rollout, because every ratio is 1; raise update.mini_batches "
        "or update.epochs, or use ClipCov, which acts on-policy too"
    ]


def _selects_nothing(config: Config) -> list[str]:
    """Selections of a fraction of a small batch: the published fractions are of batches of millions of tokens."""
    tokens = config.rollout.prompts // config.update.mini_batches * config.rollout.responses
    tokens *= config.rollout.response_tokens
    found = []
    for method in (*config.loss.gates, *config.loss.penalties):
        if not hasattr(method, "fraction") or not hasattr(method, "max_fraction") or getattr(method, "minimum", 0):
            continue
        fraction = _largest(method.fraction)
        if fraction > 0.0 and fraction * tokens < 1.0:  # 0 is a control that was switched off on purpose
            found.append(
                f"{type(method).__name__}.fraction = {fraction:g} of at most {tokens} tokens of a mini-batch is less "
                f"than one token, so it never acts; use at least {1.0 / tokens:.1e}, a larger batch, or minimum=1"
            )
    return found


def _band_off_scale(config: Config) -> list[str]:
    banded = [method for method in config.loss.gates if isinstance(method, ClipCov)]
    if not banded or getattr(config.advantages, "normalised", False):
        return []
    low, high = _largest(banded[0].omega_low), _largest(banded[0].omega_high)
    return [
        f"ClipCov's band ({low:g}, {high:g}) is in units of normalised advantages, but those of "
        f"{type(config.advantages).__name__} are in the unit of the reward, so it may never act; use GroupNormalized, "
        "scale the band, or use QuantileClipCov"
    ]


def _ends_elsewhere(config: Config) -> list[str]:
    """Targets that move on after the run has ended, and budgets of another run; a line that ends earlier is held."""
    found = []
    for loop in config.closed_loop:
        budget = isinstance(loop.target, Budget)
        lines = [loop.target] if budget else moving_in(loop.target)
        for steps in (line.steps for line in lines if hasattr(line, "steps")):
            if steps > config.steps or (budget and steps < config.steps):
                found.append(
                    f"the target of closed loop {loop.name!r} moves over {steps:g} steps and the run has "
                    f"{config.steps}; use one number for both, unless it is meant"
                )
    return found


def _judged_by_shaping(config: Config) -> list[str]:
    """What asks for right answers, without raw accuracy: a length bonus would make wrong answers look right."""
    if not config.counts_right_answers or config.reward is None:
        return []
    try:
        verdicts = _verdicts_of_the_reference(config)
    except Exception:  # the reward is the user's; that it fails is said when it is first used
        return []
    shaped = [v for v in verdicts if ACCURACY not in v.components and not v.undecided and v.score not in (0.0, 1.0)]
    return [
        "sampling, a loop or the loss asks which answers are right, but the reward gives a reference answer "
        f"{verdict.score:g} without a component 'accuracy', so that shaped scores tell right from wrong; use "
        "Verdict(score, components={'accuracy': 1.0 or 0.0}), or add TaskAccuracy to a weighted sum"
        for verdict in shaped[:1]
    ]


def _verdicts_of_the_reference(config: Config) -> list[Verdict]:
    """What the reward says of a reference answer that is short, and of one that was cut off."""
    problem = config.task.problem("train", 0)
    asked = [Completion(problem.answer, n_tokens, end, 0.1, -0.1) for n_tokens, end in ((8, True), (1 << 30, False))]
    if isinstance(config.reward, GroupReward):
        return [as_verdict(v) for one in asked for v in config.reward.score_group(problem, [one] * 4)]
    return [as_verdict(config.reward(problem, one)) for one in asked]


def _largest(value: Any) -> float:
    """Of a number, or of all that a schedule or a closed loop gives."""
    return value.extremes()[1] if isinstance(value, Schedule | Controlled) else float(value)
