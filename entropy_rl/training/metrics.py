"""Every metric of a run: declared once, with its unit, how mini-batches combine, and what it means."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from entropy_rl.problem import Verdict
from entropy_rl.training import responses
from entropy_rl.training.token_metrics import COVARIANCE_QUANTILES
from entropy_rl.training.token_metrics import update_metrics as update_metrics
from entropy_rl.types import Rollout


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a number means.

    Attributes:
      unit: of the value.
      reduction: of the mini-batches of a step: "mean", "max", "sum", "first", "last", or "selected" (mean weighted by
        how many tokens the method selected in each, absent if none); "" where a step measures it once.
      description: over what it is taken.
    """

    unit: str
    reduction: str
    description: str


_TABLE = """
reward/mean                        | score      |          | mean over decided responses
reward/std                         | score      |          | standard deviation over decided responses (n)
reward/accuracy                    | share      |          | responses with a right answer, whatever shaped the reward
reward/zero_variance_groups        | share      |          | groups whose decided rewards are all equal: no gradient
reward/undecided                   | share      |          | responses that the verifier could not judge
reward/component/<name>            | score      |          | mean of a named part, over the responses that have it
entropy/token_mean                 | nats/token |          | at the sampling temperature, mean over sampled tokens
entropy/sequence_mean              | nats/token |          | the same, mean over responses of their own token means
entropy_unit/token_mean            | nats/token |          | at temperature 1, mean over sampled tokens
entropy_unit/sequence_mean         | nats/token |          | the same, mean over responses of their own token means
entropy_unit/standard_error        | nats/token |          | of entropy_unit/token_mean, over prompts
response/length_mean               | tokens     |          | mean over responses
response/length_max                | tokens     |          | the longest response
rollout/utilisation                | share      |          | of the rows computed while sampling: those still going on
response/truncated                 | share      |          | responses cut off before their end-of-sequence token
loss/total                         | nats       | mean     | what is minimised: surrogate and penalties
update/gradient_norm               | 1          | mean     | global norm before clipping
update/learning_rate               | 1          | last     | of the last optimiser step
update/log_ratio_mean              | nats       | mean     | log pi - log pi_old, mean over tokens
update/log_ratio_abs_max           | nats       | max      | largest |log pi - log pi_old| of a token
mismatch/logprob_abs_mean          | nats       | first    | update's and sampler's log-prob of a token, same parameters
mismatch/logprob_abs_max           | nats       | first    | the largest such difference
mismatch/effective_sample_size     | share      | first    | of the importance weights that would correct it
update/tokens                      | tokens     | sum      | valid response tokens
controller/<name>/target           | nats/token |          | what a closed loop holds the entropy at
controller/<name>/entropy          | nats/token |          | what it read: the rollout's at temperature 1
controller/<name>/saturated        | 0 or 1     |          | at its end, and more is asked; of a loop: all its actuators
controller/<name>/output           | the number's |        | what an actuator, <loop>/<actuator>, is set to from now on
controller/<name>/gain             | nats/step  |          | believed change of log entropy per step at its full effort
controller/<name>/measured_gain    | nats/step  |          | the same, computed from the loss of this step
controller/<name>/estimate         | nats/token |          | what the controller believes it is, readings smoothed
controller/<name>/drift            | nats/step  |          | believed change of log entropy per step without any effort
controller/<name>/integral         | nats*steps |          | sum of errors of a proportional-integral controller
controller/<name>/stored           | effort     |          | of a stepwise controller, also while it is not applied
controller/<name>/floor            | nats/token |          | the lowest target of a budget, from the forecast
reference/kl                       | nats/token | mean     | k3 of log pi - log pi_ref, mean over tokens
reference/reset                    | 0 or 1     |          | the reference was set to the policy before this step
value/loss                         | score^2    | mean     | of the value head, as it enters the loss
value/mean                         | score      | mean     | of the value head after the rollout, mean over tokens
value/explained_variance           | share      | mean     | 1 - var(return - value) / var(return), over tokens
refinement/attempted               | share      |          | groups without a right answer that were given a refinement
refinement/right                   | share      |          | of the refinements, those that are right and joined
tempering/temperature              | -          |          | at which prompts were asked again
tempering/accuracy                 | share      |          | of the answers at that temperature, those that are right
tempering/joined                   | share      |          | of the responses trained on, those of that temperature
sampling/rounds                    | rounds     |          | of rollout.prompts prompts each, sampled in the step
sampling/too_hard                  | share      |          | groups sampled whose accuracy is at or below the band
sampling/too_easy                  | share      |          | groups sampled whose accuracy is at or above the band
sampling/undecided                 | share      |          | groups sampled in which no response could be judged
sampling/carried                   | share      |          | of the batch: groups sampled in the step before
sampling/filled                    | share      |          | of the batch: filtered groups, as the rounds were over
sampling/surplus                   | share      |          | of a batch: groups that wait for the next step
data/epoch                         | epochs     |          | of the training problems drawn so far, if they are finite
data/too_long                      | problems   |          | left out so far, as their prompts are too long
data/pass_rate                     | share      |          | mean of the pass rates that the curriculum knows
data/measured                      | problems   |          | whose pass rate the curriculum knows
task/<name>/accuracy               | share      |          | right among the decided responses to a task of a mixture
anchor/accuracy                    | share      |          | responses of the reference policy that are right
clip/high_positive                 | share      | mean     | ratio above the bound, advantage > 0: clipped
clip/low_negative                  | share      | mean     | ratio below the bound, advantage < 0: clipped
clip/high_negative                 | share      | mean     | ratio above the bound, advantage < 0: not clipped
clip/low_positive                  | share      | mean     | ratio below the bound, advantage > 0: not clipped
covariance/mean                    | nats       | mean     | of log-probability and advantage, mean over tokens
covariance/positive_fraction       | share      | mean     | tokens whose covariance is positive
covariance/<quantile>              | nats       | mean     | quantile over tokens, in percent
select/<Method>/fraction           | share      | mean     | tokens that the method acts on
select/<Method>/positive_advantage | share      | selected | of these, those with advantage > 0
select/<Method>/mean_probability   | 1          | selected | of these, the mean probability under the policy
ledger/states                      | tokens     |          | visited states that the ledger looked at
ledger/change                      | nats/token |          | of their entropies by the step's updates, mean over them
ledger/first_order                 | nats/token |          | its first order, -Cov(log pi, dz) over the vocabulary
ledger/residual                    | nats/token |          | change less first order
ledger/correlation                 | 1          |          | of change and first order, over states
ledger/slope                       | 1          |          | of change on first order, least squares over states
ledger/part/<cell>                 | nats/token |          | first order at the tokens of a kind; all parts add up to it
ledger/share/<cell>                | share      |          | of the states: those with a token of that kind
ledger/at_selected/<Method>        | nats/token |          | first order at selected tokens, which is no cause
ledger/share_selected/<Method>     | share      |          | of the states: those whose token the method acts on
ledger/proxy/covariance            | nats       |          | proxy: of log-probability and advantage over sampled tokens
ledger/proxy/discriminator         | nats       |          | proxy: pi (log pi + H) A, mean over sampled tokens
ledger/covariance/top_<percent>    | nats       |          | mean covariance of the top percent of the batch's tokens
ledger/covariance/accuracy_<k>of8  | nats       |          | mean covariance within the groups of that accuracy
probe/fork_overlap                 | share      |          | of the base's forks in its own answers: those still forks
probe/fork_entropy                 | nats/token |          | mean over the base's forks
probe/entropy                      | nats/token |          | mean over all states of the base's answers
probe/<band>_tokens                | tokens     |          | of right answers: the base gave them 1 to 10, or 10 to 30 %
probe/<band>_survival              | share      |          | of these, those that still have at least 1 %
probe/<band>_log_ratio             | nats       |          | mean change of their log-probability
<split>/pass@<k>                   | share      |          | chance that one of k samples is right, mean over problems
<split>/avg@<k>                    | share      |          | right samples among k, mean over problems
<split>/maj@<k>                    | share      |          | majority votes of k samples that are right
<split>/cover@<share>              | share      |          | problems of which at least so many samples are right
<split>/answer_entropy             | nats       |          | of a problem's final answers, mean over problems
<split>/routes                     | answers    |          | exp(entropy of the right ones), mean over solved problems
<split>/distinct_right             | answers    |          | different right ones to a problem, mean over problems
<split>/distinct_wrong             | answers    |          | different wrong ones to a problem, mean over problems
<split>/phrase_entropy             | nats       |          | of a problem's planning phrases, mean over problems
<split>/planning_entropy           | nats/token |          | mean over planning tokens
<split>/execution_entropy          | nats/token |          | mean over execution tokens
<split>/calibration_error          | share      |          | of a response's probability against its being right
<split>/vote_calibration_error     | share      |          | of the samples that agree against being right
<split>/entropy                    | nats/token |          | at the evaluation temperature, mean over tokens
<split>/length                     | tokens     |          | mean over responses
forecast/final                     | share      |          | accuracy expected at the last step, lab/forecast.py
forecast/final_low                 | share      |          | of its 90 % interval
forecast/final_high                | share      |          | of its 90 % interval
forecast/ceiling                   | share      |          | accuracy expected without entropy, or after endless steps
forecast/ceiling_low               | share      |          | of its 90 % interval
forecast/ceiling_high              | share      |          | of its 90 % interval
forecast/final_entropy             | nats/token |          | expected at the last step
forecast/spent                     | share      |          | of the first entropy that is gone
forecast/surprise                  | 1          |          | accuracy off what the first half led to expect, half widths
time/rollout                       | s          |          | sampling
time/reward                        | s          |          | verification that sampling did not hide
time/update                        | s          |          | all optimiser steps of the rollout
time/ledger                        | s          |          | of the step's entry, where it has one
time/evaluation                    | s          |          | validation
time/checkpoint                    | s          |          | what saving blocked
time/step                          | s          |          | the whole step
time/compile                       | s          |          | of the step: compilation, in the first steps of a process
speed/response_tokens_per_second   | tokens/s   |          | response tokens over time/rollout
speed/update_tokens_per_second     | tokens/s   |          | response tokens, once for each epoch, over time/update
speed/step_tokens_per_second       | tokens/s   |          | response tokens over time/step, evaluation left out
speed/<phase>_tokens_per_second_per_device | tokens/s |    | the same of each phase, over the number of devices
speed/rollout_mfu                  | share      |          | operations that the model needs, of the devices' bf16 peak
speed/rollout_bandwidth            | share      |          | bytes that sampling has to read, of the memory's bandwidth
speed/update_mfu                   | share      |          | operations that the model needs, of the devices' bf16 peak
speed/goodput                      | share      |          | of the time since its first start, in steps that count
memory/in_use                      | GiB        |          | of the fullest device, after the update
memory/peak                        | GiB        |          | the same, at most since the process began
"""

_PATTERNS = {
    "<name>": r".+",  # WeightedSum names the parts of its terms term/part
    "<Method>": r"[A-Za-z]\w*",
    "<k>": r"[1-9]\d*",
    "<share>": r"(?:0?\.\d+|1)",
    "<split>": "(?:validation|test)",
    "<phase>": "(?:rollout|update|step)",
    "<cell>": r"(?:positive|negative|zero)/(?:un)?likely/(?:passed|clipped)/(?:planning|execution|other)",
    "<band>": "(?:rare|uncommon)",
    "<percent>": r"\d+(?:\.\d+)?",
    "<quantile>": "(?:" + "|".join(map(re.escape, COVARIANCE_QUANTILES)) + ")",
}


def _declared() -> dict[str, Metric]:
    rows = ([cell.strip() for cell in line.split("|", maxsplit=3)] for line in _TABLE.strip().splitlines())
    return {name: Metric(unit, reduction, text) for name, unit, reduction, text in rows}


METRICS: dict[str, Metric] = _declared()
_MATCHERS = [
    (re.compile("".join(_PATTERNS.get(part, re.escape(part)) for part in re.split(r"(<\w+>)", name))), metric)
    for name, metric in METRICS.items()
]


def metric(name: str) -> Metric:
    """The declaration of a name, placeholders filled in.

    Raises:
      ValueError: if it is not declared; it names the nearest one.
    """
    for matcher, declared in _MATCHERS:
        if matcher.fullmatch(name):
            return declared
    near = difflib.get_close_matches(name, METRICS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"metric {name!r} is not declared in training/metrics.py{hint}")


def check_names(measured: Iterable[str]) -> None:
    """Raises ValueError for the first undeclared name."""
    for name in measured:
        metric(name)


def reduce(mini_batches: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The figures of a step from those of its mini-batches, each combined as it is declared."""
    names = list(dict.fromkeys(name for figures in mini_batches for name in figures))
    reduced = {name: _reduce(name, mini_batches) for name in names}
    return {name: value for name, value in reduced.items() if value is not None}


def _reduce(name: str, mini_batches: Sequence[Mapping[str, Any]]) -> float | None:
    having = [figures for figures in mini_batches if name in figures]
    values = [float(figures[name]) for figures in having]
    match metric(name).reduction:
        case "sum":
            return math.fsum(values)
        case "max":
            return float(np.max(values))  # unlike max(), it keeps NaN
        case "selected":
            fraction = name.rsplit("/", 1)[0] + "/fraction"
            weights = [float(figures[fraction]) for figures in having]
            return float(np.average(values, weights=weights)) if sum(weights) > 0 else None
        case "mean":
            return math.fsum(values) / len(values)
        case "first":
            return values[0]
        case _:
            return values[-1]


def rollout_metrics(rollout: Rollout, verdicts: Sequence[Verdict], prompts: int) -> dict[str, float]:
    """What was sampled and how it was judged, on the host.

    Args:
      rollout: B responses.
      verdicts: [B], in its order.
      prompts: P; B = P * G.
    """
    return responses.figures(responses.of_rollout(rollout, verdicts), prompts)


class Stopwatch:
    """Cuts the wall time of a step into named laps."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        """Args:
        before: `laps()` of the process that began the step.
        """
        self._start = self._last = time.perf_counter()
        self._laps = dict(before or {})
        self._before = self._laps.pop("time/step", 0.0)

    def lap(self, name: str) -> None:
        """Gives the time since the last lap to a name; laps of one name add up."""
        now = time.perf_counter()
        self._laps[name] = self._laps.get(name, 0.0) + now - self._last
        self._last = now

    def laps(self) -> dict[str, float]:
        """The laps, and the time since the start."""
        return {**self._laps, "time/step": self._before + time.perf_counter() - self._start}

    def seconds(self, tokens: int) -> dict[str, float]:
        """The laps, the time since the start, and the speed at which `tokens` response tokens were sampled."""
        measured = self.laps()
        if measured.get("time/rollout"):
            measured["speed/response_tokens_per_second"] = tokens / measured["time/rollout"]
        return measured
