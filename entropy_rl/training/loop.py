"""The loop: prompts -> rollouts -> rewards -> advantages -> update -> metrics -> checkpoint."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from etils import epath

from entropy_rl.config import Config
from entropy_rl.ops import schedules
from entropy_rl.parallel import exchange
from entropy_rl.parallel.distributed import Departure
from entropy_rl.parallel.rows import beside
from entropy_rl.problem import Problem
from entropy_rl.training import agreement, closed_loop, metrics, processes, profiling, samples, speed, workdirs
from entropy_rl.training.collect import Batch, collect
from entropy_rl.training.evaluation import Evaluation, evaluate, held_out
from entropy_rl.training.experience import build_experience, mini_batches, rewards_of
from entropy_rl.training.interrupts import EXIT_CODE, Interrupted, Leaving, stop_requests
from entropy_rl.training.judging import is_correct, judge
from entropy_rl.training.ledger import Account
from entropy_rl.training.refinement import refine
from entropy_rl.training.session import Session, open_session
from entropy_rl.training.substitution import Trained, untouched
from entropy_rl.training.tempering import temper
from entropy_rl.training.update import MARKS
from entropy_rl.training.warm_up import compile_ahead
from entropy_rl.training.workdirs import Run
from entropy_rl.types import Array, Experience, Rollout


def run(
    config: Config, workdir: str, allow_changes: Iterable[str] = (), bases: str | None = None, profile: str = "",
    warm_up: bool = False,
) -> Run:  # fmt: skip
    """Trains, or goes on with what the workdir holds; ends with the test and summary.json.

    Args:
      config: the whole run; validated before anything is compiled.
      workdir: a folder, local or gs://. The same config on the same workdir resumes; more steps are allowed. A finished
        run is left as it is.
      allow_changes: paths of other fields that may differ from those the workdir was started with; "all" for any.
      bases: folder of cached warm starts; `bases` beside the workdir if None.
      profile: "3:5" takes an XProf trace of the steps three to five, into the workdir's folder `profile`.
      warm_up: compile every program before the first step, if compiled programs are kept (parallel/compilation.py).

    Returns:
      The finished run, from which metrics and summary are read.

    Raises:
      ValueError: for a config that cannot run, or one that differs from the workdir's.
      Interrupted: after SIGTERM or SIGINT, when everything is saved.
      Departure: on several processes, after such a signal to this one before the run was opened.
      NonFiniteError: when a loss or gradient is not finite.
    """
    folder = epath.Path(workdir)
    agreement.require(config, folder)
    config = workdirs.check(config, workdir, allow_changes)
    if exchange.firsts(workdirs.is_finished(folder, config), "is it finished"):
        logging.info("%s is finished; delete its %s to have it tested again", workdir, workdirs.SUMMARY)
        return Run(folder)
    traced = profiling.chosen(profile, config.steps)
    with stop_requests() as stop:
        try:
            with open_session(config, folder, bases) as session:
                session.stop, session.profiler = stop, profiling.Profiler(traced, folder)
                if warm_up:
                    compile_ahead(session.config, session.engine)
                stop.opened = True  # from here on there is something to save
                return _train(session)
        except KeyboardInterrupt:
            if stop.opened:
                raise
            sentence = f"stopped before anything was done that {workdir} does not hold"
            if jax.process_count() > 1:  # the others are on their way to where they would wait for this one
                raise Departure(sentence, EXIT_CODE) from None
            raise Interrupted(sentence) from None


def _train(session: Session) -> Run:
    """From wherever the run stands to its end; or to a safe point, where it saves and leaves."""
    steps = session.config.steps
    try:
        if session.pending is not None:
            conclude(session, metrics.Stopwatch(session.pending["laps"]))
        elif session.step == 0 and not session.base:
            start(session)
        while session.step < steps:
            with session.profiler.step(session.step + 1):
                train_step(session)
        return finish(session)
    except Leaving:
        if session.step or session.base:
            session.save(candidate=False)
        raise Interrupted(f"stopped after step {session.step} of {steps}; {session.workdir} can be resumed") from None
    finally:
        session.profiler.close()


def start(session: Session) -> None:
    """What the policy can do before any RL: the first point of every curve."""
    clock = metrics.Stopwatch()
    figures = _evaluate(session, "test").figures("test")
    session.validation = _evaluate(session, "validation").metrics("validation")
    if session.probe is not None:
        session.probe.begin(session.publish(session.params), session.params)
    session.record(session.validation | _probed(session))
    session.references.observe(session.validation)
    session.base = figures
    session.goodput.count(clock.laps()["time/step"])


def train_step(session: Session) -> None:
    """One rollout, its judgement, the optimiser steps that it serves, and what is told of them.

    Raises:
      Leaving: if the run is to stop; what was sampled is then given up, unless its update was made.
    """
    config, clock, before = session.config, metrics.Stopwatch(), session.mark()
    try:
        session.stop.point()
        session.state, moved = session.references.move(session.step + 1, session.state)
        params = session.publish(session.params)
        batch = collect(session, params, clock)
        observed = session.closed_loop.observe(session.state, batch.readings)
        trained = _trained(session, params, batch, observed.numbers)
        del params  # what rollouts read makes room for the update
        clock.lap("time/reward")
        session.step += 1
        experience = _experience(session, batch, trained, observed.numbers)
        session.stop.point()
    except Leaving:
        session.rewind(before)
        raise
    session.state = dataclasses.replace(session.state, controllers=observed.states)
    gains = _measured_gains(session, experience, observed.numbers)
    account = session.ledger.open(session.state) if session.is_due(config.ledger.every) else None
    measured = moved | batch.figures | observed.figures | gains | trained.figures
    measured |= _update(session, experience, account)
    clock.lap("time/update")
    if account is not None:
        measured |= session.ledger.close(account, session.state, experience, session.step)
        clock.lap("time/ledger")
    measured |= _speed(session, batch, trained, measured, clock.laps())
    kept: list[dict[str, Any]] = []
    if session.is_due(config.checkpoint.samples_every) or session.step == 1:
        kept = samples.records(
            session.step, session.engine.tokenizer, batch.problems, trained.rollout, trained.verdicts, experience
        )
    session.pending = {"measured": measured, "samples": kept, "tokens": batch.tokens, "laps": clock.laps()}
    del batch, trained, experience, account  # they make room for the evaluation
    conclude(session, clock)


def conclude(session: Session, clock: metrics.Stopwatch) -> None:
    """What follows the optimiser steps of a step, which are not made again if the run stops here.

    Args:
      clock: that of the step.
    """
    config, pending = session.config, session.pending or {}
    measured = dict(pending["measured"])
    if session.is_due(config.evaluation.every):
        session.validation = _evaluate(session, "validation").metrics("validation")
        measured |= session.validation | _probed(session)
        clock.lap("time/evaluation")
    session.forecaster.add(session.step, measured)
    if session.is_due(config.evaluation.every):
        measured |= session.forecaster.figures()
        session.state = session.closed_loop.advised(session.state, measured, session.forecaster.state()["points"])
    if pending["samples"]:
        session.writers.write_samples(pending["samples"])
        session.display.show_samples(pending["samples"])
    session.pending = None
    seconds = clock.seconds(pending["tokens"])
    compiling = session.goodput.count(seconds["time/step"])
    if compiling:
        seconds["time/compile"] = compiling
    session.record(measured | seconds | {"speed/goodput": session.goodput.share})
    resets = session.references.decide(measured)
    if (resets or session.is_due(config.checkpoint.every)) and session.step < config.steps:
        session.save()


def _probed(session: Session) -> dict[str, float]:
    """What has become of the first policy's answers; {} where nobody asks."""
    return session.probe.figures(session.params) if session.probe is not None else {}


def finish(session: Session) -> Run:
    """The test on held-out problems, once, with intervals over problems; and the last validation, if it was not due."""
    session.save()
    clock = metrics.Stopwatch()
    if not session.is_due(session.config.evaluation.every):
        session.validation = _evaluate(session, "validation").metrics("validation")
    figures = _evaluate(session, "test").figures("test")
    session.goodput.count(clock.laps()["time/step"])
    return session.summarise(figures)


def _speed(
    session: Session, batch: Batch, trained: Trained, measured: Mapping[str, Any], laps: Mapping[str, float]
) -> dict[str, float]:
    """Of the rollout, of the update, and of the step without its evaluation."""
    config, mesh = session.config, session.engine.mesh
    seconds, seen = speed.spent(laps, config.rollout.pieces > 1), speed.lengths(trained.rollout)
    shares = speed.figures(config.policy, batch.sampled, seen, config.update.epochs, seconds, mesh)
    rates = speed.tokens_per_second(batch.tokens, measured["update/tokens"], seconds, mesh.size)
    return shares | rates | speed.memory(mesh)


@profiling.phase("substitution")
def _trained(session: Session, params: Any, batch: Batch, controlled: Mapping[str, Array]) -> Trained:
    """What is trained on: the batch as it is, or with refinements or tempered answers in the place of responses."""
    config, state = session.config, session.state
    sampled = params, batch.problems, batch.rollout, batch.verdicts, batch.draws
    if config.refinement is not None:
        return refine(session.engine, session.task, config.reward, *sampled, config.refinement.slots, state.step)
    if config.tempering is not None:
        numbers = closed_loop.numbers(state.controllers)
        usual = closed_loop.sampling_temperature(config.rollout.temperature, state.step, numbers)
        other = closed_loop.sampling_temperature(config.tempering.temperature, state.step, controlled)
        judged = functools.partial(judge, session.engine, session.task, config.reward, pool=session.pool)
        return temper(session.engine, config.tempering, judged, *sampled, (usual, other), state.step)
    return untouched(batch.rollout, batch.verdicts)


@profiling.phase("experience")
def _experience(session: Session, batch: Batch, trained: Trained, controlled: Mapping[str, Array]) -> Experience:
    config, requires = session.config, session.config.loss.requires
    rollout, verdicts = trained.rollout, trained.verdicts
    judged = verdicts if config.tempering is None else batch.verdicts  # whose advantage is 1 is none of its group
    values = session.values(session.params, session.state.critic, rollout) if config.with_critic else None
    estimator = schedules.resolve(config.advantages, session.state.step, controlled)
    experience = build_experience(
        rollout, rewards_of(judged), is_correct(verdicts), estimator, requires, session.task, values, batch.problems
    )
    experience = _with_substitutes(config, experience, trained.rows)
    experience = _rescored(session, experience, rollout, trained.rows)
    if "reference_logprobs" in requires:
        reference_logprobs, _ = session.rescore(session.reference_params, experience)
        experience = dataclasses.replace(experience, reference_logprobs=reference_logprobs)
    if "proxy_logprobs" in requires:
        proxy_logprobs = session.proxy(session.params, experience)
        experience = dataclasses.replace(experience, proxy_logprobs=proxy_logprobs)
    return experience


def _with_substitutes(config: Config, experience: Experience, rows: np.ndarray) -> Experience:
    """Refined tokens are marked, for no ratio is made of them; tempered ones have the advantage 1."""
    if config.refinement is None and config.tempering is None:
        return experience
    tokens = experience.response_mask & beside(experience.responses, rows)[:, None]
    if config.refinement is not None:
        return dataclasses.replace(experience, off_policy=tokens)
    return dataclasses.replace(experience, advantages=jnp.where(tokens, 1.0, experience.advantages))


def _rescored(session: Session, experience: Experience, rollout: Rollout, rows: np.ndarray) -> Experience:
    """Log-probs and entropies as the trainer computes them, where they are asked for; of substitutes in any case."""
    config, everything = session.config, session.config.update.rescore
    with_substitutes = config.refinement is not None or config.tempering is not None
    if not everything and not (with_substitutes and processes.any_of(bool(rows.any()), "substitutes")):
        return experience
    replaced = beside(experience.responses, rows)[:, None] if with_substitutes else None
    # Rows carried over keep what they have.
    sampled_now = (experience.policy_version == session.state.step)[:, None]
    again = sampled_now if everything or replaced is None else replaced
    stored = experience.old_logprobs, experience.old_entropies
    scored = session.rescore(session.params, experience)
    logprobs, entropies = jax.tree.map(lambda new, old: jnp.where(again, new, old), scored, stored)
    experience = dataclasses.replace(experience, old_logprobs=logprobs, old_entropies=entropies)
    if not everything:
        return experience
    sampled = rollout.logprobs if replaced is None else jnp.where(replaced, logprobs, rollout.logprobs)
    return dataclasses.replace(experience, rollout_logprobs=sampled)


def _measured_gains(session: Session, experience: Experience, numbers: Mapping[str, Array]) -> dict[str, float]:
    """Tells the loops that asked what their numbers would do; {} where none did."""
    if not session.closed_loop.asks(session.step):
        return {}
    slopes = session.gauge(session.state, experience, numbers, session.update_key(0))
    session.state, told = session.closed_loop.informed(session.state, slopes, session.step)
    return told


@profiling.phase("update")
def _update(session: Session, experience: Experience, account: Account | None = None) -> dict[str, Any]:
    """All optimiser steps of a rollout; dispatched one after another and read back once.

    Args:
      account: of the ledger, if this step has an entry; it is given what the update marked.
    """
    config, session.prepared = session.config, None
    measured = []
    pieces = mini_batches(experience, config.update.mini_batches, config.update.epochs, config.seed, session.step)
    for number, mini_batch in enumerate(pieces):
        key = session.update_key(number)
        session.state, figures = session.update(session.state, mini_batch, config.loss, config.optimizer, key)
        marks = figures.pop(MARKS, None)
        if account is not None and marks is not None:
            account.marks.append(marks)
        measured.append(figures)
    if jax.default_backend() != "cpu":  # where programs run one after another
        session.prepare()
    return metrics.reduce([jax.device_get(figures) for figures in measured])


@profiling.phase("evaluation")
def _evaluate(session: Session, split: str) -> Evaluation:
    config = session.config.evaluation
    count = config.problems if split == "validation" else config.test_problems
    problems: list[Problem] = held_out(session.task, split, count, session.engine.fits)
    return evaluate(
        session.engine, session.publish(session.params), session.task, split, problems,
        config.samples, config.temperature, session.config.rollout.piece, pool=session.pool,
        wait=session.stop.wait,
    )  # fmt: skip
