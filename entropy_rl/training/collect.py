"""From the stream of problems to judged responses: one round of prompts, or as many as dynamic sampling asks for."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax.sharding import Mesh

from entropy_rl.config import Config
from entropy_rl.parallel import sharding
from entropy_rl.parallel.rows import from_local_rows, local_rows, team
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY
from entropy_rl.rollout.engine import Engine, ahead
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.tasks.mixture import LABEL, PART
from entropy_rl.training import closed_loop, groups, metrics, processes, profiling, responses, speed
from entropy_rl.training.groups import Group
from entropy_rl.training.judging import is_correct, judge, require_working, self_certainties
from entropy_rl.training.stream import Drawn, Stream
from entropy_rl.types import Rollout

if TYPE_CHECKING:
    from entropy_rl.training.session import Session


@dataclasses.dataclass(frozen=True)
class Batch:
    """What a step trains on, and metrics of all that it sampled.

    Attributes:
      problems, draws: [P], and their positions in the stream; on several processes those of this one.
      rollout, verdicts: of B responses; rows that were carried over keep the version of the policy that sampled them.
      figures: metrics; those of rewards and entropies are of everything sampled in this step and of nothing else, so
        that a filter does not move them.
      tokens: response tokens sampled in this step.
      sampled: lengths of what was sampled in each piece; on several processes by this one.
      readings: of the closed loops, of everything sampled in this step.
    """

    problems: list[Problem]
    draws: list[int]
    rollout: Rollout
    verdicts: list[Verdict]
    figures: dict[str, float]
    tokens: int
    sampled: Sequence[speed.Lengths] = ()
    readings: closed_loop.Readings = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class _Round:
    asked: Sequence[Drawn]  # by all processes
    drawn: Sequence[Drawn]  # by this one, as all that follows
    rollout: Rollout
    verdicts: list[Verdict]
    figures: dict[str, float]
    sampled: list[speed.Lengths]


def open_stream(config: Config, engine: Engine) -> Stream:
    """The training stream of a run; reads all prompts of finite tasks, to leave out those that are too long."""
    within = config.tokenizer is None and 0 < config.task.max_prompt_tokens <= engine.prompt_tokens
    return Stream(config.task, config.seed, config.curriculum, None if within else engine.fits)


def saved(stream: Stream, carried: Sequence[Group], mesh: Mesh) -> dict[str, Any]:
    """What a checkpoint must hold of the data: JSON values, whole on the process that writes them, the first."""
    every = processes.of_teams(mesh, groups.encoded(carried), "groups carried over")
    return {"stream": stream.state(), "carried": every}


def restored(data: Mapping[str, Any], stream: Stream, engine: Engine, prompts: int) -> list[Group]:
    """Sets the stream to where it was saved, and gives the groups that this process carries over.

    Args:
      prompts: P of a step, of all processes.
    """
    stream.restore(data["stream"])
    mine = team(engine.mesh)
    mine = processes.share_of(data["carried"], mine.number, mine.count, prompts // mine.count - 1)
    return groups.decoded(mine, stream, engine.prompt_tokens, engine.response_tokens, engine.tokenizer.pad_id)


def collect(session: Session, params: Any, clock: metrics.Stopwatch) -> Batch:
    """Samples and judges the responses of a step; the stream moves on.

    Args:
      params: as rollouts read them.
      clock: gets the laps time/rollout and time/reward.
    """
    sampling = session.config.sampling
    if sampling is None:
        one = _round(session, params, clock)
        drawn, rollout, verdicts, figures = one.drawn, one.rollout, one.verdicts, {}
        rounds = [one]
    else:
        rounds: list[_Round] = []

        def sample() -> list[Group]:
            rounds.append(_round(session, params, clock))
            return groups.split(rounds[-1].drawn, rounds[-1].rollout, rounds[-1].verdicts)

        count = session.config.rollout.prompts // team(session.engine.mesh).count
        another = functools.partial(processes.any_of, place=f"step {session.step + 1}: another round")
        refilled = groups.refill(sampling, session.carried, count, sample, another)
        session.carried, figures = refilled.carried, processes.figures(refilled.figures, "figures of the filter")
        drawn = [group.drawn for group in refilled.groups]
        rollout = groups.join(refilled.groups, rounds[-1].rollout)
        verdicts = [verdict for group in refilled.groups for verdict in group.verdicts]
    if session.config.counts_right_answers:
        _warn_of_shaped_rewards(rounds[-1].verdicts)
    whole, asked = _everything(session, rounds)
    figures |= session.stream.figures() | _figures(rounds, whole, asked)
    tokens = sum(response.length for response in whole)
    readings = closed_loop.readings(session.config.closed_loop, whole, asked)
    problems, draws = [one.problem for one in drawn], [one.position for one in drawn]
    sampled = [piece for one in rounds for piece in one.sampled]
    return Batch(problems, draws, rollout, list(verdicts), figures, tokens, sampled, readings)


def _round(session: Session, params: Any, clock: metrics.Stopwatch) -> _Round:
    """P prompts: their responses and verdicts."""
    config = session.config
    asked = session.stream.take(config.rollout.prompts)
    drawn = processes.own(session.engine.mesh, asked)
    cut = len(drawn) // config.rollout.pieces
    pieces = [(drawn[start : start + cut],) for start in range(0, len(drawn), cut)]
    rollouts, verdicts, figures = [], [], []
    for (piece,), sampled in zip(pieces, ahead(functools.partial(_sampled, session, params), pieces), strict=True):
        with jax.profiler.TraceAnnotation("rollout"):
            rollouts.append(session.stop.wait(sampled))
        clock.lap("time/rollout")
        judged, measured = _judge(session, params, piece, sampled)
        if session.step == 0:
            require_working(judged)
        verdicts += judged
        figures.append(measured | {"rollout/utilisation": session.engine.utilisation(sampled)})
        clock.lap("time/reward")
    rollout = _concatenated(rollouts, session.engine.mesh)
    if config.curriculum is not None:
        accuracies = [group.accuracy for group in groups.split(drawn, rollout, verdicts)]
        accuracies = processes.merged(session.engine.mesh, accuracies, "accuracies")
        session.stream.observe([one.problem for one in asked], accuracies)
    clock.lap("time/reward")
    averaged = {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}
    return _Round(asked, drawn, rollout, verdicts, averaged, [speed.lengths(sampled) for sampled in rollouts])


def _sampled(session: Session, params: Any, drawn: Sequence[Drawn]) -> Rollout:
    prompts, draws = [one.problem.prompt for one in drawn], [one.position for one in drawn]
    temperature = _temperature(session)
    return session.engine(params, prompts, draws, Purpose.TRAIN, temperature, session.state.step)


def _temperature(session: Session) -> float:
    state = session.state
    numbers = closed_loop.numbers(state.controllers)
    return closed_loop.sampling_temperature(session.config.rollout.temperature, state.step, numbers)


def _concatenated(rollouts: Sequence[Rollout], mesh: Mesh) -> Rollout:
    """One rollout, placed as if it had been sampled whole."""
    if len(rollouts) == 1:
        return rollouts[0]
    if jax.process_count() > 1:  # piece behind piece in each process: on the devices rows would change their process
        whole = jax.tree.map(lambda *parts: np.concatenate([local_rows(part) for part in parts]), *rollouts)
        return from_local_rows(mesh, whole)
    where = sharding.rows(mesh, sum(part.prompts.shape[0] for part in rollouts))
    return jax.tree.map(lambda *parts: jax.device_put(jnp.concatenate(parts), where), *rollouts)


@profiling.phase("reward")
def _judge(
    session: Session, params: Any, drawn: Sequence[Drawn], rollout: Rollout
) -> tuple[list[Verdict], dict[str, float]]:
    """Verdicts, with whatever the reward asks for beside the responses."""
    config, task, problems = session.config, session.task, [one.problem for one in drawn]
    anchors = certainties = None
    if count := getattr(config.reward, "anchors", 0):
        elder = dataclasses.replace(session.engine, group_size=count)
        prompts, draws = [one.problem.prompt for one in drawn], [one.position for one in drawn]
        reference = session.publish(session.reference_params)
        temperature = _temperature(session)
        anchors = elder(reference, prompts, draws, Purpose.ANCHOR, temperature)
    if "self_certainty" in getattr(config.reward, "requires", ()):
        certainties = processes.settled(self_certainties(params, rollout, policy=config.policy))
    verdicts = judge(session.engine, task, config.reward, problems, rollout, anchors, certainties, session.pool)
    if anchors is None:
        return verdicts, {}
    right = is_correct(judge(session.engine, task, None, problems, anchors, pool=session.pool))
    return verdicts, {"anchor/accuracy": float(right.mean())}


def _everything(session: Session, rounds: Sequence[_Round]) -> tuple[list[responses.Response], list[Problem]]:
    """All responses that were sampled by all processes, and the problems that were asked; the same on each."""
    place = f"step {session.step + 1}, update {session.state.step}, {session.stream.cursor} problems drawn"
    whole: list[responses.Response] = []
    for one in rounds:
        mine = responses.of_rollout(one.rollout, one.verdicts)
        whole += [responses.Response(*row) for row in processes.merged(session.engine.mesh, mine, place)]
    return whole, [drawn.problem for one in rounds for drawn in one.asked]


def _figures(
    rounds: Sequence[_Round], whole: Sequence[responses.Response], problems: Sequence[Problem]
) -> dict[str, float]:
    """Metrics of everything that was sampled by all processes, the same on each."""
    names = sorted({name for one in rounds for name in one.figures})
    averaged = {name: float(np.mean([one.figures[name] for one in rounds])) for name in names}
    if averaged:
        averaged = processes.figures(averaged, "figures of the rounds")
    verdicts = [response.verdict for response in whole]
    return responses.figures(whole, len(problems)) | averaged | _by_task(problems, verdicts)


def _by_task(problems: Sequence[Problem], verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Share of right answers to each task of a mixture."""
    size = len(verdicts) // len(problems)
    found: Mapping[str, list[Verdict]] = collections.defaultdict(list)
    for number, problem in enumerate(problems):
        if PART in problem.metadata:
            found[problem.metadata[LABEL]] += [v for v in verdicts[number * size :][:size] if not v.undecided]
    return {f"task/{name}/accuracy": float(is_correct(decided).mean()) for name, decided in found.items() if decided}


def _warn_of_shaped_rewards(verdicts: Sequence[Verdict]) -> None:
    """A reward that does not say whether an answer was right is judged by its shaped score."""
    silent = [v for v in verdicts if not v.undecided and ACCURACY not in v.components and v.score not in (0.0, 1.0)]
    if silent:
        logging.log_first_n(
            logging.WARNING,
            "this run asks which answers are right, but the reward gave the score %g without the component 'accuracy': "
            "return Verdict(score, components={'accuracy': 1.0 or 0.0}), or shaping tells right from wrong",
            1, silent[0].score,
        )  # fmt: skip
