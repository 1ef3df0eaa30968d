"""Signs that a run is sick, each with its remedy; pure functions of the metrics and of a small memory of them."""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

PATIENCE = 10  # steps in a row before constant reward or silence of the controls counts
TRUNCATED = 0.5  # share of responses
NO_SIGNAL = 0.9  # share of groups without variance
UNDECIDED = 0.5  # share of the responses
FALL = 0.95  # of the entropy at the beginning of the silence
EXPLOSION = 1.5  # times the entropy at the start
REWARD_LOSS = 0.9  # of the best smoothed reward
LOG_RATIO_MAX, LOG_RATIO_MEAN = 10.0, 1.0  # nats
GRADIENT_MAX, GRADIENT_FACTOR, GRADIENT_WINDOW = 1e3, 20.0, 20  # absolute; times the median of so many steps
VALIDATION_LOSS = 0.8  # of the best pass@1
BACKWARDS = -0.1  # change of log entropy per step at full effort; a useless number stays nearer to 0
SURPRISE = 1.5  # half widths of the forecast's interval, at two evaluations in a row
SMOOTHING = 0.8  # weight of the past in the smoothed entropy and reward

REMEDIES = {
    "truncation": "raise rollout.response_tokens, or reward shorter answers",
    "undecided": "look at what the workers say in the log; raise workers.seconds or memory_bytes, or mend the reward",
    "no_signal": "use problems of another difficulty, more responses per prompt, or check the reward function",
    "silent_collapse": "raise the control's fraction or widen its band: its thresholds select nothing on this model",
    "explosion": "lower the entropy coefficient, the upper clip bound or the learning rate",
    "log_ratio": "lower the learning rate, or take fewer optimiser steps per rollout",
    "gradient_norm": "lower the learning rate or clip the gradient; look at the samples of this step",
    "forecast": "look at what changed half way: a control that works, or other data; if neither, at the samples",
    "saturated": "widen the limits of its actuators, give it another one behind them, or ask for another entropy",
    "backwards": "set the other raises= of this Controlled number: more effort has to mean more entropy",
    "validation": "stop and use the best checkpoint, which is kept; lower the learning rate or control entropy",
}


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One sign of sickness, raised when it begins."""

    step: int
    name: str
    message: str
    remedy: str


class NonFiniteError(ArithmeticError):
    """A metric is NaN or infinite, and with it soon the weights.

    Attributes:
      step, metric: where it was seen first.
      last_good: step of the newest checkpoint, from which the run can go on; None if there is none.
    """

    def __init__(self, step: int, metric: str, value: float, last_good: int | None):
        self.step, self.metric, self.last_good = step, metric, last_good
        again = "start again" if last_good is None else f"run the same command again to resume from step {last_good}"
        kept = "no checkpoint was saved yet"
        if last_good is not None:
            kept = f"the last good checkpoint is of step {last_good}"
        super().__init__(
            f"step {step}: {metric} is {value}; {kept}. Lower optimizer.learning_rate, clip the gradient more or "
            f"check the reward for non-finite scores, then {again} (with --allow_change for the changed fields)"
        )


def raise_if_not_finite(step: int, record: Mapping[str, Any], last_good: int | None) -> None:
    """Raises NonFiniteError for the first metric that is not finite; the loss and the gradient are looked at first."""
    first = [name for name in ("loss/total", "update/gradient_norm") if name in record]
    for name in (*first, *record):
        value = record[name]
        if isinstance(value, numbers.Real) and not math.isfinite(value):
            raise NonFiniteError(step, name, float(value), last_good)


class Alarms:
    """Watches the metrics step by step. Its `state` is for the checkpoint: a resumed run raises what it would have."""

    def __init__(self, controlled: bool = False):
        """`controlled`: the loss has gates or penalties that are meant to select tokens."""
        self._controlled = controlled
        self._memory: dict[str, Any] = {}
        self._active: list[str] = []
        self._raised: list[Alarm] = []

    def check(self, step: int, record: Mapping[str, Any]) -> list[Alarm]:
        """The alarms that begin at this step. Metrics that a record lacks leave their alarm as it was."""
        begun = []
        for name, message in self._examine(record):
            if message is None:
                self._active = [active for active in self._active if active != name]
            elif name not in self._active:
                self._active.append(name)
                begun.append(Alarm(step, name, message, REMEDIES[name]))
        self._raised += begun
        return begun

    def history(self) -> list[dict[str, Any]]:
        """Every alarm of the run, as summary.json holds them."""
        return [dataclasses.asdict(alarm) for alarm in self._raised]

    def state(self) -> dict[str, Any]:
        """JSON values; `restore` takes them back."""
        return {"memory": dict(self._memory), "active": list(self._active), "raised": self.history()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._memory, self._active = dict(state["memory"]), list(state["active"])
        self._raised = [Alarm(**alarm) for alarm in state["raised"]]

    def _examine(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        """(name, message) where something is wrong, (name, None) where it was looked at and is not."""
        if (truncated := _number(record, "response/truncated")) is not None:
            message = f"{100 * truncated:.0f} % of the responses are cut off before they end"
            yield "truncation", message if truncated > TRUNCATED else None
        if (undecided := _number(record, "reward/undecided")) is not None:
            message = f"{100 * undecided:.0f} % of the responses could not be judged (failed, timed out, or abstained)"
            yield "undecided", message if undecided > UNDECIDED else None
        yield from self._no_signal(record)
        yield from self._entropy(record)
        yield from self._loops(record)
        yield from self._size_of_steps(record)
        if (off := _number(record, "forecast/surprise")) is not None:
            count = self._streak("forecast", abs(off) > SURPRISE)
            side = "above" if off > 0 else "below"
            message = f"accuracy is {abs(off):.1f} half widths {side} what the first half of the run led to expect"
            yield "forecast", message if count >= 2 else None
        if (score := _number(record, "validation/pass@1")) is not None:
            best = self._memory["best"] = max(score, self._memory.get("best", score))
            low = score < VALIDATION_LOSS * best
            count = self._streak("validation", low)
            message = f"pass@1 on validation fell from {best:.3f} to {score:.3f}"
            yield "validation", message if count >= 2 else None

    def _no_signal(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        spread, equal = _number(record, "reward/std"), _number(record, "reward/zero_variance_groups")
        if spread is None or equal is None:
            return
        count = self._streak("no_signal", spread == 0.0 or equal >= NO_SIGNAL)
        what = f"{100 * equal:.0f} % of the groups have equal rewards"
        if spread == 0.0:
            what = "the reward is the same for all responses"
        yield "no_signal", f"{what}, for {count} steps: nothing to learn from" if count >= PATIENCE else None

    def _entropy(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        entropy, reward = _number(record, "entropy/token_mean"), _number(record, "reward/mean")
        if entropy is None or reward is None:
            return
        memory = self._memory
        smooth = memory["entropy"] = _blend(memory.get("entropy"), entropy)
        memory.setdefault("start", entropy)
        reward = memory["reward"] = _blend(memory.get("reward"), reward)
        best = memory["best_reward"] = max(reward, memory.get("best_reward", reward))
        exploded = smooth > EXPLOSION * memory["start"] and reward < best - (1.0 - REWARD_LOSS) * abs(best)
        rise = f"entropy rose from {memory['start']:.3g} to {smooth:.3g} nats/token"
        message = f"{rise} while the reward fell from {best:.3g} to {reward:.3g}"
        yield "explosion", message if exploded else None
        fractions = [float(value) for name, value in record.items() if _is_fraction(name) and value is not None]
        if not self._controlled or not fractions:
            return
        count = self._streak("silent", not any(fractions))
        if count <= 1:
            memory["silence"] = smooth
        fell = count >= PATIENCE and smooth < FALL * memory["silence"]
        fall = f"entropy fell from {memory['silence']:.3g} to {smooth:.3g} nats/token"
        message = f"no token was selected for {count} steps, while {fall}"
        yield "silent_collapse", message if fell else None

    def _loops(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        """Closed loops that have nothing left to turn, by name, with what is at its end."""
        stuck = []
        names = [name.split("/")[1] for name in record if name.startswith("controller/") and name.endswith("/target")]
        for name in sorted(names):
            prefix = f"controller/{name}"
            if self._streak(f"saturated/{name}", record.get(f"{prefix}/saturated") == 1.0) >= PATIENCE:
                entropy, target = record[f"{prefix}/entropy"], record[f"{prefix}/target"]
                ends = sorted(
                    key.split("/")[2] for key in record if re.fullmatch(rf"{re.escape(prefix)}/[^/]+/output", key)
                )
                settings = ", ".join(f"{end} at its end {record[f'{prefix}/{end}/output']:.3g}" for end in ends)
                stuck.append(f"loop {name} asks for {target:.3g} nats/token and has {entropy:.3g}: {settings}")
        if names:
            yield "saturated", "; ".join(stuck) or None
        gains = {key.split("/")[2]: record[key] for key in record if re.fullmatch(r"controller/[^/]+/[^/]+/gain", key)}
        if gains:
            wrong = [f"{end} (believed {gain:.2g})" for end, gain in sorted(gains.items())
                     if self._streak(f"backwards/{end}", gain < BACKWARDS) >= PATIENCE]  # fmt: skip
            message = f"what should raise entropy lowers it: {', '.join(wrong)}, log entropy per step at full effort"
            yield "backwards", message if wrong else None

    def _size_of_steps(self, record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        largest, mean = _number(record, "update/log_ratio_abs_max"), _number(record, "update/log_ratio_mean")
        if largest is not None and mean is not None:
            bad = largest > LOG_RATIO_MAX or abs(mean) > LOG_RATIO_MEAN
            message = f"the policy is {mean:.2g} nats/token from the one that sampled, {largest:.3g} nats at most"
            yield "log_ratio", message if bad else None
        if (norm := _number(record, "update/gradient_norm")) is not None:
            recent = self._memory.get("norms", [])
            usual = statistics.median(recent) if len(recent) == GRADIENT_WINDOW else math.inf
            message = f"the gradient norm is {norm:.3g}" + (f", usually {usual:.3g}" if usual < math.inf else "")
            yield "gradient_norm", message if norm > min(GRADIENT_MAX, GRADIENT_FACTOR * usual) and norm > 1.0 else None
            self._memory["norms"] = [*recent, norm][-GRADIENT_WINDOW:]

    def _streak(self, name: str, continues: bool) -> int:
        """Records in a row for which a condition held."""
        key = f"streak/{name}"
        self._memory[key] = self._memory.get(key, 0) + 1 if continues else 0
        return self._memory[key]


def _number(record: Mapping[str, Any], name: str) -> float | None:
    value = record.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def _blend(past: float | None, present: float) -> float:
    return present if past is None else SMOOTHING * past + (1.0 - SMOOTHING) * present


def _is_fraction(name: str) -> bool:
    return name.startswith("select/") and name.endswith("/fraction")
