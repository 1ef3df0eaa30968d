"""The responses to one prompt as a value on the host: filtered, carried over to the next step, kept in a checkpoint."""

from __future__ import annotations

import base64
import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from entropy_rl.parallel.rows import in_place_of, local_rows
from entropy_rl.problem import Verdict
from entropy_rl.rewards.reward import raw_accuracy
from entropy_rl.rollout.filters import DynamicSampling, Signal
from entropy_rl.training.stream import Drawn, Stream
from entropy_rl.types import Rollout

PER_TOKEN = ("responses", "response_mask", "logprobs", "entropies", "unit_entropies")  # [G, T]
PER_ROW = ("temperature", "sample_ids", "policy_version", "finished")  # [G]


@dataclasses.dataclass(frozen=True)
class Group:
    """One prompt with its G judged responses.

    Attributes:
      arrays: rows of the fields of types.Rollout: prompts and prompt_mask [Q], the others [G, T] or [G].
    """

    drawn: Drawn
    verdicts: list[Verdict]
    arrays: dict[str, np.ndarray]

    @property
    def accuracy(self) -> float:
        """Mean raw accuracy of the decided responses; NaN if there is none."""
        decided = [raw_accuracy(verdict) for verdict in self.verdicts if not verdict.undecided]
        return float(np.mean(decided)) if decided else float("nan")


@dataclasses.dataclass(frozen=True)
class Refilled:
    """What is trained on, what waits for the next step, and metrics of both."""

    groups: list[Group]
    carried: list[Group]
    figures: dict[str, float]


def refill(
    sampling: DynamicSampling,
    carried: Sequence[Group],
    count: int,
    sample: Callable[[], Sequence[Group]],
    another: Callable[[bool], bool] = bool,
) -> Refilled:
    """Samples until `count` groups with signal are there, or the rounds are over; a pure function of what it is given.

    Args:
      carried: groups with signal that the step before did not need; fewer than `count`.
      sample: one round, of `count` fresh groups.
      another: whether any process wants another round, from whether this one does: the rounds of all are the same.
    """
    kept, filtered = list(carried), []
    tally = dict.fromkeys(Signal, 0)
    rounds = 0
    while rounds < sampling.rounds and another(len(kept) < count):
        rounds += 1
        for group in sample():
            signal = sampling.signal(group.accuracy)
            tally[signal] += 1
            (kept if signal is Signal.KEPT else filtered).append(group)
    missing = max(0, count - len(kept))
    filling = [filtered[number] for number in sampling.fallback([group.accuracy for group in filtered])[:missing]]
    surplus = kept[count:][: count - 1]  # more only where another process went on sampling
    sampled = sum(tally.values())
    figures = {
        "sampling/rounds": float(rounds),
        "sampling/too_hard": tally[Signal.TOO_HARD] / sampled,
        "sampling/too_easy": tally[Signal.TOO_EASY] / sampled,
        "sampling/undecided": tally[Signal.UNDECIDED] / sampled,
        "sampling/carried": len(carried) / count,
        "sampling/filled": missing / count,
        "sampling/surplus": len(surplus) / count,
    }
    return Refilled(kept[:count] + filling, surplus, figures)


def split(drawn: Sequence[Drawn], rollout: Rollout, verdicts: Sequence[Verdict]) -> list[Group]:
    """The groups of a rollout of these problems."""
    size = len(verdicts) // len(drawn)
    arrays = {field.name: local_rows(getattr(rollout, field.name)) for field in dataclasses.fields(rollout)}
    found = []
    for number, one in enumerate(drawn):
        rows = slice(number * size, (number + 1) * size)
        mine = {name: array[number if name.startswith("prompt") else rows] for name, array in arrays.items()}
        found.append(Group(one, list(verdicts[rows]), mine))
    return found


def join(groups: Sequence[Group], like: Rollout) -> Rollout:
    """Groups of this process as one rollout of all, placed as another of its shape is."""

    def joined(name: str) -> jax.Array:
        arrays = [group.arrays[name] for group in groups]
        whole = np.stack(arrays) if name.startswith("prompt") else np.concatenate(arrays)
        return in_place_of(getattr(like, name), whole)

    return Rollout(**{field.name: joined(field.name) for field in dataclasses.fields(Rollout)})


def encoded(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Groups as JSON values, bit for bit; padding is left out."""
    return [_encoded(group) for group in groups]


def _encoded(group: Group) -> dict[str, Any]:
    longest = int(group.arrays["response_mask"].sum(axis=1).max(initial=0))
    tokens = {name: _packed(group.arrays[name][:, :longest]) for name in PER_TOKEN}
    rows = {name: _packed(group.arrays[name]) for name in PER_ROW}
    prompt = group.arrays["prompts"][group.arrays["prompt_mask"]].tolist()
    verdicts = [dataclasses.asdict(verdict) for verdict in group.verdicts]
    return {"position": group.drawn.position, "prompt": prompt, "verdicts": verdicts, "arrays": tokens | rows}


def decoded(
    values: Sequence[Mapping[str, Any]], stream: Stream, prompt_tokens: int, response_tokens: int, pad_id: int
) -> list[Group]:
    """The inverse of `encoded`.

    Args:
      stream: knows the problems by their positions.
      prompt_tokens, response_tokens: Q and T of the run.
    """
    groups = []
    for value in values:
        prompt = np.asarray(value["prompt"], np.int32)
        prompts = np.full(prompt_tokens, pad_id, np.int32)
        prompts[prompt_tokens - len(prompt) :] = prompt
        arrays = {name: _unpacked(packed) for name, packed in value["arrays"].items()}
        for name in PER_TOKEN:
            fill = pad_id if name == "responses" else 0
            width = response_tokens - arrays[name].shape[1]
            arrays[name] = np.pad(arrays[name], ((0, 0), (0, width)), constant_values=fill)
        arrays |= {"prompts": prompts, "prompt_mask": np.arange(prompt_tokens) >= prompt_tokens - len(prompt)}
        drawn = Drawn(value["position"], stream.problem_at(value["position"]))
        groups.append(Group(drawn, [Verdict(**verdict) for verdict in value["verdicts"]], arrays))
    return groups


def _packed(array: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 1)).decode("ascii")
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _unpacked(packed: Mapping[str, Any]) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(packed["data"]))
    return np.frombuffer(raw, packed["dtype"]).reshape(packed["shape"])
