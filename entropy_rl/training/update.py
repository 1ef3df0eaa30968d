"""The compiled update: statistics, covariance, selection, surrogate, gradient, optimiser - one program, its state
donated.

The mini-batch is planned whole (see losses/policy_loss.py). With one micro-batch the plan is made from the same
forward pass that carries the gradient; with several, a gradient-free statistics pass comes first, unless the plan
reads the rollout's log-probs. How it is cut, and how ragged responses are kept from costing as much as the longest,
is told in training/length_buckets.py.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from entropy_rl.closed_loop.loop import numbers
from entropy_rl.losses.policy_loss import Plan, PolicyLoss
from entropy_rl.ops import discriminator, nucleus, partition, schedules
from entropy_rl.ops import logprobs as scoring
from entropy_rl.ops.optimizer import AdamW, step
from entropy_rl.ops.proxy import min_p_logprobs
from entropy_rl.training import learner, length_buckets, metrics, mismatch, token_metrics
from entropy_rl.types import Array, Experience, Params, Policy, Rollout, TokenStats, TrainState

# Statistics that need all of a token's logits, computed only where a method requires them.
WHOLE_DISTRIBUTION = {
    "nucleus_entropies": lambda logprobs, _: nucleus.nucleus_entropy(logprobs, nucleus.TOP_P),
    "expected_discriminators": lambda logprobs, _: discriminator.expected_discriminator(logprobs),
}
LOG_RATIO_LIMIT = 20.0  # nats; exp of it is still finite in float32
_ALWAYS = ("logprobs", "entropies")
MARKS = "marks"  # among the figures of an update that was asked for them
ROUNDING = 0x52  # folded into the key of an update, apart from those of its methods


Update = Callable[[TrainState, Experience, PolicyLoss, AdamW, Array], tuple[TrainState, dict[str, Array]]]

Scores = dict[str, Array]

Rescore = Callable[[Params, Experience], tuple[Array, Array]]

Values = Callable[[Params, Params | None, Rollout], Array]


def compiled_update(
    policy: Policy, micro_batches: int = 1, shardings: Any = None, buckets: int = 1, marked: bool = False
) -> Update:
    """`update` as one compiled program, the state donated and given back where `shardings` (a tree like it) says."""
    return jax.jit(
        functools.partial(update, policy=policy, micro_batches=micro_batches, buckets=buckets, marked=marked),
        donate_argnums=0,
        out_shardings=None if shardings is None else (shardings, None),
    )


def compiled_rescore(policy: Policy, pieces: int = 1, buckets: int = 1) -> Rescore:
    """Log-probs and entropies [B, T] of an experience under any parameters, `pieces` at a time to bound the memory.

    `buckets` as in `length_buckets.cut`; with several pieces or buckets, positions behind a response's end get 0.
    """

    def rescore(params: Params, experience: Experience) -> tuple[Array, Array]:
        score = functools.partial(score_responses, params, policy=policy)
        return length_buckets.score(length_buckets.cut(experience, pieces, buckets), score, experience)

    return jax.jit(rescore)


def compiled_values(policy: Policy, pieces: int = 1, buckets: int = 1) -> Values:
    """The critic's values [B, T] of a rollout under any parameters and value head, cut as `compiled_rescore` does."""

    def values(params: Params, critic: Params, rollout: Rollout) -> Array:
        score = lambda part: critic_values(critic, _hidden(params, part, policy))  # noqa: E731
        return length_buckets.score(length_buckets.cut(rollout, pieces, buckets), score, rollout)

    return jax.jit(values)


def compiled_proxy(policy: Policy, pieces: int = 1, buckets: int = 1) -> Callable[[Params, Experience], Array]:
    """Log-probs [B, T] under the filtered policy of Lp-Reg, cut as `compiled_rescore` does."""

    def proxy(params: Params, experience: Experience) -> Array:
        head = policy.head(params)

        def score(part: Experience) -> Array:
            hidden = _hidden(params, part, policy)
            return scoring.tile_statistic(min_p_logprobs, hidden, head, part.responses, part.temperature)

        return length_buckets.score(length_buckets.cut(experience, pieces, buckets), score, experience)

    return jax.jit(proxy)


def update(
    state: TrainState,
    experience: Experience,
    loss: PolicyLoss,
    optimizer: AdamW,
    key: Array,
    *,
    policy: Policy,
    micro_batches: int = 1,
    buckets: int = 1,
    marked: bool = False,
) -> tuple[TrainState, dict[str, Array]]:
    """One optimiser step on one mini-batch; a pure function.

    Args:
      state: of the learner.
      experience: whole groups.
      loss, optimizer: their numbers may be schedules of `state.step`, or set by loops in `state.controllers`.
      key: of this mini-batch.
      policy: the model that the state belongs to.
      micro_batches: pieces that the gradient is accumulated over; the result does not depend on it.
      buckets: widths that responses are computed at, see `length_buckets.cut`; nor on this.
      marked: also tell which tokens were clipped and selected, for a ledger.

    Returns:
      The next state, and scalar metrics (see training/metrics.py); with them under MARKS, if `marked`, the [B, T] of
      `token_metrics.marks`.
    """
    loss, optimizer = schedules.resolve((loss, optimizer), state.step, numbers(state.controllers))
    weights = learner.trained(state)

    def score(weights: Params, part: Experience) -> Scores:
        moved = learner.with_trained(state, weights)
        return scores(learner.policy_params(moved), part, policy, moved.critic, loss.requires)

    cut = length_buckets.cut(experience, micro_batches, buckets)
    assemble = functools.partial(assembled, step=state.step)
    differentiate = _whole if cut.is_whole else functools.partial(_accumulated, cut=cut)
    gradients, value, stats, plan = differentiate(weights, experience, loss, key, score, assemble)
    moved, opt_state = step(optimizer, gradients, state.opt_state, weights, jax.random.fold_in(key, ROUNDING))
    measured = metrics.update_metrics(stats, plan, loss)
    measured |= mismatch.mismatch_metrics(stats, experience, state.step)
    measured["loss/total"] = value
    measured["update/gradient_norm"] = optax.tree.norm(gradients)
    measured["update/learning_rate"] = jnp.asarray(optimizer.learning_rate, jnp.float32)
    if marked:
        measured[MARKS] = token_metrics.marks(stats, plan, loss)
    state = learner.with_trained(state, moved)
    return dataclasses.replace(state, step=state.step + 1, opt_state=opt_state), measured


def _whole(params: Params, experience: Experience, loss: PolicyLoss, key: Array, score: Any, assemble: Any):
    def objective(params: Params):
        stats = assemble(score(params, experience), experience)
        plan = loss.plan(_planning_stats(stats, experience, loss), key)
        return loss(stats, plan), (stats, plan)

    (value, (stats, plan)), gradients = jax.value_and_grad(objective, has_aux=True)(params)
    return gradients, value, stats, plan


def _accumulated(
    params: Params,
    experience: Experience,
    loss: PolicyLoss,
    key: Array,
    score: Any,
    assemble: Any,
    cut: length_buckets.Cut,
):
    if loss.covariance_logprobs == "current" and loss.reads_statistics:
        stats = assemble(length_buckets.score(cut, functools.partial(score, params), experience), experience)
    else:
        stats = _stored_stats(experience)
    plan = loss.plan(stats, key)

    def accumulate(carry: tuple[Params, Array], part: Experience, part_plan: Plan):
        def objective(params: Params):
            scored = score(params, part)
            return loss(assemble(scored, part), part_plan), scored

        (value, scored), gradients = jax.value_and_grad(objective, has_aux=True)(params)
        return (jax.tree.map(jnp.add, carry[0], gradients), carry[1] + value), scored

    zeros = lambda leaf: jnp.zeros(leaf.shape, jnp.float32)  # noqa: E731 - sums of bfloat16 gradients would round
    start = jax.tree.map(zeros, params), jnp.float32(0)
    (gradients, value), scored = length_buckets.fold(cut, accumulate, start, experience, plan)
    return gradients, value, assemble(scored, experience), plan


def token_stats(
    params: Params,
    experience: Experience,
    policy: Policy,
    step: Array,
    critic: Params | None = None,
    requires: frozenset[str] = frozenset(),
) -> TokenStats:
    """Scores the responses of an experience; differentiable in `params` and in the value head `critic`."""
    return assembled(scores(params, experience, policy, critic, requires), experience, step)


def scores(
    params: Params, experience: Experience, policy: Policy, critic: Params | None, requires: frozenset[str]
) -> Scores:
    """What the present parameters say of each token, [B, T] by its name in `TokenStats`: all that needs the model."""
    hidden = _hidden(params, experience, policy)
    head = policy.head(params)
    logprobs, entropies = scoring.logprobs_and_entropies(hidden, head, experience.responses, experience.temperature)
    scored = {"logprobs": logprobs, "entropies": entropies} | {
        name: scoring.tile_statistic(statistic, hidden, head, experience.responses, experience.temperature)
        for name, statistic in WHOLE_DISTRIBUTION.items()
        if name in requires
    }
    return scored if critic is None else scored | {"values": critic_values(critic, hidden)}


def assembled(scored: Scores, experience: Experience, step: Array) -> TokenStats:
    """The statistics of scored tokens.

    A row that the present parameters sampled is on-policy by definition: its old log-probs are its own, so its
    log-ratio is exactly zero and no rounding between two passes reaches terms whose slope does not shrink with it.
    """
    logprobs = scored["logprobs"]
    own = jax.lax.stop_gradient(logprobs)
    old_logprobs = jnp.where(mismatch.on_policy(experience, step), own, experience.old_logprobs)
    stats = _assemble(logprobs, old_logprobs, scored["entropies"], experience)
    extra = {name: _clean(values, stats.mask) for name, values in scored.items() if name not in _ALWAYS}
    return dataclasses.replace(stats, **extra)


def critic_values(critic: Params, hidden: Array) -> Array:
    """[B, T] float32, unit of the reward: a linear head on [B, T, D], the states that the tokens are predicted from."""
    return jnp.einsum("BTD,D->BT", hidden, critic["kernel"], preferred_element_type=jnp.float32) + critic["bias"]


def _hidden(params: Params, experience: Experience | Rollout, policy: Policy) -> Array:
    return policy.response_hidden(params, experience.prompts, experience.prompt_mask, experience.responses)


def score_responses(params: Params, experience: Experience, *, policy: Policy) -> tuple[Array, Array]:
    """Log-probabilities and entropies [B, T] of the responses at their sampling temperature."""
    return scoring.logprobs_and_entropies(
        _hidden(params, experience, policy), policy.head(params), experience.responses, experience.temperature
    )


def _planning_stats(stats: TokenStats, experience: Experience, loss: PolicyLoss) -> TokenStats:
    return stats if loss.covariance_logprobs == "current" else _stored_stats(experience)


def _stored_stats(experience: Experience) -> TokenStats:
    if experience.old_entropies is None:
        raise ValueError("covariance_logprobs='old' needs the entropies of the rollout in Experience.old_entropies")
    return _assemble(experience.old_logprobs, experience.old_logprobs, experience.old_entropies, experience)


def _assemble(logprobs: Array, old_logprobs: Array, entropies: Array, experience: Experience) -> TokenStats:
    mask = experience.response_mask
    clean = functools.partial(_clean, mask=mask)
    optional = lambda values: None if values is None else clean(values)  # noqa: E731
    log_ratio = jnp.where(mask, logprobs - old_logprobs, 0.0)
    return TokenStats(
        logprobs=clean(logprobs),
        old_logprobs=clean(old_logprobs),
        log_ratio=partition.by_rows(jnp.clip(log_ratio, -LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)),
        entropies=clean(entropies),
        advantages=clean(experience.advantages),
        mask=mask,
        temperature=experience.temperature,
        sample_ids=experience.sample_ids,
        group_size=experience.responses.shape[0] // experience.prompts.shape[0],
        rollout_logprobs=optional(experience.rollout_logprobs),
        reference_logprobs=optional(experience.reference_logprobs),
        proxy_logprobs=optional(experience.proxy_logprobs),
        roles=optional(experience.roles),
        correct=experience.correct,
        parts=experience.parts,
        off_policy=optional(experience.off_policy),
        values=optional(experience.values),  # until the critic in training speaks
        old_values=optional(experience.values),
        returns=optional(experience.returns),
    )


def _clean(values: Array, mask: Array) -> Array:
    return partition.by_rows(jnp.where(mask, values, jnp.zeros_like(values)))
