"""Closed loops that several studies share: one setting of the controller everywhere, whatever is asked of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from configs import countdown_grpo, maze_grpo
from entropy_rl import study
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.lab import closed_loop
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Estimate, Figure, Results
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.ops.schedules import Controlled

BONUS = Controlled("bonus", low=-1.0, high=1.0)
SERIES = ("controller/entropy/entropy", "controller/entropy/bonus/output", "validation/pass@1", "validation/pass@16")


def looped(run: Config, name: str, target: Any, bonus: Controlled = BONUS) -> Config:
    """A run with an entropy bonus that a self-tuning loop sets, beside what its loss has."""
    loss: PolicyLoss = run.loss.replace(penalties=(*run.loss.penalties, EntropyBonus(coefficient=bonus)))  # type: ignore
    loop = EntropyLoop(target=target, actuators=(bonus,), controller=SelfTuning(lag=0.65))
    return dataclasses.replace(run, name=name, loss=loss, closed_loop=(loop,))


def held(share: float, run: Config | None = None, task: str = "countdown") -> Config:
    """GRPO whose entropy is held at a share of the initial one."""
    return looped(run or countdown_grpo.get_config(), f"{task}_held_{share:g}", OfInitial(share))


def wide(run: Config, width: int = 128) -> Config:
    """The same run with a policy of four times the parameters."""
    policy = Decoder(width=width, heads=4, kv_heads=2, head_width=width // 4, feed_forward=3 * width)
    return dataclasses.replace(run, policy=policy, name=f"{run.name}_width{width}")


PLACES = tuple(f"{task}, {size}" for task in ("countdown", "maze") for size in ("plain", "wide"))


def at(place: str, share: float) -> Config:
    """A share of the initial entropy held in one of the places, 240 steps."""
    task, size = place.split(", ")
    run = countdown_grpo.get_config() if task == "countdown" else dataclasses.replace(maze_grpo.get_config(), steps=240)
    setting = held(share, run, task)
    return wide(setting) if size == "wide" else setting


def of_loop(figure: Callable[[closed_loop.ClosedLoop], float | None]) -> Figure:
    """A figure of a run's loop; nan where there is none."""

    def measured(run: Run) -> float:
        found = closed_loop.of_run(run)
        value = None if found is None else figure(found["entropy"])
        return float("nan") if value is None else float(value)

    return measured


ERROR = of_loop(lambda loop: abs(loop.error))
WANDERING = of_loop(lambda loop: loop.wandering)
OFF_TRACK = of_loop(lambda loop: loop.off_track)
SETTLED = of_loop(lambda loop: (loop.settled or loop.steps[-1]) / loop.steps[-1])  # 1 where it never did
SATURATED = of_loop(lambda loop: loop.saturated)
FLAGGED = of_loop(lambda loop: float(bool(loop.out_of_reach)))


def worst(arm: str, figure: Figure) -> Callable[[Results], Estimate]:
    """The largest of a figure over the runs of an arm: "held in every run"."""

    def measured(results: Results) -> Estimate:
        values = list(results.values(arm, figure).values())
        return Estimate(float(np.max(values)), n=len(values)) if values else Estimate()

    return measured


def swing(loop: closed_loop.ClosedLoop) -> float:
    """Mean |error| of means of 5 steps over the last half: what swings around its target shows here, and noise does."""
    half = slice(len(loop.steps) // 2, None)
    entropy, target = (
        closed_loop.moving_mean(series[half], closed_loop.SHORT) for series in (loop.entropy, loop.target)
    )
    return float(np.abs(entropy / target - 1.0).mean())


def given_back(run: Run) -> float:
    """The best validation's pass@1 less the mean of the last three: what a run learned and lost again."""
    scores = run.series("validation/pass@1")[1]
    return float(scores.max() - scores[-3:].mean()) if len(scores) else float("nan")


FIGURES = (
    *study.FIGURES,
    ("error over the last half", of_loop(lambda loop: loop.error)),
    ("mean |error| of 5 steps, last half", of_loop(swing)),
    ("wandering", WANDERING),
    ("share of steps saturated", SATURATED),
    ("validation pass@1 given back", given_back),
)
