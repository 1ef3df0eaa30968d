"""Trains a table as a run trains a model: sample, reward, advantages, then several updates of the package's own loss.

Only sampler and optimiser are new here (plain gradient descent); advantages, surrogates, gates, penalties, shapers and
schedules are the ones that runs use, so what the table shows is shown of them.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.closed_loop import loop
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.lab.tabular import Tree
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops import entropy_change, masked, proxy, schedules
from entropy_rl.tabular.rewards import Sampled
from entropy_rl.types import Array, TokenStats

_CHUNK = 50  # steps of one compiled scan; bounds the history that is held on the device


class Settings(Protocol):
    """What a simulation reads; `experiment.Tabular` says what each means."""

    @property
    def tree(self) -> Tree: ...
    @property
    def loss(self) -> PolicyLoss: ...
    @property
    def advantages(self) -> Any: ...
    @property
    def reward(self) -> Any: ...
    @property
    def group_size(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def critic(self) -> bool: ...
    @property
    def loops(self) -> tuple[EntropyLoop, ...]: ...
    @property
    def seed(self) -> int: ...


class Step(NamedTuple):
    """One step, as the device returns it; a leading axis [steps] when stacked. B = P * G."""

    logits: Any  # [P, S, V] after the step
    states: Any  # [B, T] int32, where each token was chosen
    answers: Any  # [P, G] int32
    rewards: Any  # [P, G] as paid
    worth: Any  # [P, G] of the answers
    advantages: Any  # [B, T] unshaped
    logprobs: Any  # [B, T] of the rollout, nats
    entropies: Any  # [B, T] of the rollout, nats
    covariance: Any  # [B, T] centred products at the first epoch
    log_ratio: Any  # [epochs, B, T]
    gate: Any  # [epochs, B, T] product of the gates
    clipped: Any  # [epochs, B, T] bool: tokens whose gradient the surrogate stops
    push: Any  # [epochs, B, T] derivative of the loss by log pi of the token, times the number of tokens
    change: Any  # [B, T] of the entropy at the visited state over the step, nats
    first_order: Any  # [B, T] the same by Lemma 1, as a run's ledger has it
    loops: Any  # metrics of the closed loops, by name


class _Shape(NamedTuple):
    """What a compiled program is made for.

    Attributes:
      methods: the structure of the settings, in words. JAX 0.10 takes two dataclasses of different types with as many
        fields for one structure, and then, if their hashes happen to collide, runs the program of the other.
    """

    methods: str
    tree: Tree
    group_size: int
    epochs: int
    critic: bool


def simulate(tabular: Settings, initial: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, Step]:
    """Trains one table; its seed is that of the tree and of the sampling, so that arms are paired by it.

    Args:
      initial: [P, S, V] logits to start from, in the place of those drawn.

    Returns:
      Logits before training [P, S, V], worth of the answers [P, V^depth], and the steps, stacked.
    """
    drawn, worth = tabular.tree.draw(tabular.seed)
    reference = jnp.asarray(drawn if initial is None else initial, jnp.float32)
    numbers = (tabular.loss, tabular.advantages, tabular.reward, jnp.float32(tabular.learning_rate), tabular.loops)
    methods = str(jax.tree.structure(numbers))
    shape = _Shape(methods, tabular.tree, tabular.group_size, tabular.epochs, tabular.critic)
    given = reference, jnp.asarray(worth, jnp.float32), jax.random.key(tabular.seed), numbers
    carry, chunks = (reference, loop.start(tabular.loops)), []
    for first in range(0, tabular.steps, _CHUNK):
        numbered = jnp.arange(first, min(first + _CHUNK, tabular.steps))
        carry, steps = _scan(carry, numbered, given, shape)
        chunks.append(jax.device_get(steps))
    return np.asarray(reference), worth, jax.tree.map(lambda *parts: np.concatenate(parts), *chunks)


@functools.partial(jax.jit, static_argnames="shape")
def _scan(carry: Any, numbered: Array, given: Any, shape: _Shape) -> tuple[Any, Step]:
    return jax.lax.scan(functools.partial(_step, given, shape), carry, numbered)


def _step(given: Any, shape: _Shape, carry: tuple[Array, Any], number: Array) -> tuple[tuple[Array, Any], Step]:
    (logits, loop_states), (reference, worth, key, numbers) = carry, given
    loss, estimator, reward, learning_rate, loops = numbers
    sample_key, reward_key, loss_key = jax.random.split(jax.random.fold_in(key, number), 3)
    states, tokens, answers = _sample(logits, shape, sample_key)  # [B, T], [B, T], [P, G]
    score = functools.partial(_score, states=states, tokens=tokens, group_size=shape.group_size)
    logprobs, entropies = score(logits)
    answer_worth = jnp.take_along_axis(worth, answers, axis=1)  # [P, G]
    rewards = reward(Sampled(answers, answer_worth, *(_of_groups(x, shape) for x in (logprobs, entropies))), reward_key)
    loop_states, turned = _turned(loops, loop_states, entropies)
    resolve = functools.partial(schedules.resolve, controlled=loop.numbers(loop_states))
    if shape.critic:
        advantages = _against_values(logits, worth, shape.tree, states, rewards)
    else:
        advantages = resolve(estimator, number * shape.epochs)(
            rewards.reshape(-1), jnp.ones(states.shape, bool), shape.group_size
        )
    rows = functools.partial(_rows, states=states, group_size=shape.group_size)
    extra = {
        "reference_logprobs": score(reference)[0],
        "proxy_logprobs": proxy.min_p_logprobs(jax.nn.log_softmax(rows(logits)), tokens),
    }
    whole = _stats(advantages, logprobs, entropies, shape.group_size, answer_worth, extra)
    scale = learning_rate * shape.tree.prompts * shape.tree.depth  # from the token mean to the sum over G

    def epoch(logits: Array, index: Array) -> tuple[Array, tuple[Array, ...]]:
        now = resolve(loss, number * shape.epochs + index)
        gradient, told = _gradient(now, whole, score, logits, index, jax.random.fold_in(loss_key, index))
        return logits - scale * gradient, told

    after, told = jax.lax.scan(epoch, logits, jnp.arange(shape.epochs))
    moved = entropy_change.of_logits(rows(logits), rows(after), tokens)
    covariance, log_ratio, gate, clipped, push = told
    return (after, loop_states), Step(
        logits=after,
        states=states,
        answers=answers,
        rewards=rewards,
        worth=answer_worth,
        advantages=advantages,
        logprobs=logprobs,
        entropies=entropies,
        covariance=covariance[0],
        log_ratio=log_ratio,
        gate=gate,
        clipped=clipped,
        push=push,
        change=moved.change,
        first_order=moved.first_order,
        loops=turned,
    )


def _turned(loops: tuple[EntropyLoop, ...], states: Any, entropies: Array) -> tuple[Any, dict[str, Array]]:
    if not loops:
        return states, {}
    error = jnp.std(entropies, ddof=1) / entropies.size**0.5
    return loop.observe(loops, states, {one.name: (entropies.mean(), error) for one in loops})


def _stats(
    advantages: Array, logprobs: Array, entropies: Array, group_size: int, worth: Array, extra: dict[str, Array]
) -> TokenStats:
    return TokenStats(
        logprobs=logprobs,
        old_logprobs=logprobs,
        log_ratio=jnp.zeros_like(logprobs),
        entropies=entropies,
        advantages=advantages,
        mask=jnp.ones(logprobs.shape, bool),
        temperature=jnp.ones(len(logprobs)),
        sample_ids=jnp.arange(len(logprobs), dtype=jnp.uint32),
        group_size=group_size,
        correct=(worth > 0).reshape(-1),
        **extra,
    )


def _gradient(loss: PolicyLoss, whole: TokenStats, score: Any, logits: Array, index: Array, key: Array) -> Any:
    """Of the loss by the logits, and what it decided about each token."""

    def stats_of(logprobs: Array, entropies: Array) -> TokenStats:
        # On-policy by definition in the first epoch: no rounding may reach |log ratio|.
        old = jnp.where(index == 0, jax.lax.stop_gradient(logprobs), whole.old_logprobs)
        ratio = jnp.clip(logprobs - old, -20.0, 20.0)
        return dataclasses.replace(whole, logprobs=logprobs, old_logprobs=old, log_ratio=ratio, entropies=entropies)

    (logprobs, entropies), pull_back = jax.vjp(score, logits)
    plan = loss.plan(stats_of(logprobs, entropies), key)
    by_logprobs, by_entropies = jax.grad(lambda *scored: loss(stats_of(*scored), plan), argnums=(0, 1))(
        logprobs, entropies
    )
    (gradient,) = pull_back((by_logprobs, by_entropies))
    stats = dataclasses.replace(stats_of(logprobs, entropies), branch=plan.branch)
    clipped = loss.surrogate.clipped(stats)
    return gradient, (plan.covariance, stats.log_ratio, plan.gate, clipped, by_logprobs * logprobs.size)


def _sample(logits: Array, shape: _Shape, key: Array) -> tuple[Array, Array, Array]:
    tree = shape.tree
    state = jnp.zeros((tree.prompts, shape.group_size), jnp.int32)
    states, tokens = [], []
    for level in range(tree.depth):
        rows = jnp.take_along_axis(logits, state[:, :, None], axis=1)  # [P, G, V]
        token = jax.random.categorical(jax.random.fold_in(key, level), rows)
        states.append(state)
        tokens.append(token)
        state = state * tree.vocabulary + 1 + token
    flat = lambda parts: jnp.stack(parts, axis=2).reshape(-1, tree.depth)  # noqa: E731
    return flat(states), flat(tokens), state - tree.states


def _of_groups(values: Array, shape: _Shape) -> Array:
    """[P, G, T] of [B, T]."""
    return values.reshape(shape.tree.prompts, shape.group_size, shape.tree.depth)


def _rows(logits: Array, states: Array, group_size: int) -> Array:
    """[B, T, V] logits of the states."""
    return logits[jnp.repeat(jnp.arange(logits.shape[0]), group_size)[:, None], states]


def _score(logits: Array, states: Array, tokens: Array, group_size: int) -> tuple[Array, Array]:
    """Log-probabilities and entropies [B, T] of sampled tokens; differentiable in the logits."""
    log_policy = jax.nn.log_softmax(_rows(logits, states, group_size))
    entropies = -jnp.sum(jnp.exp(log_policy) * log_policy, axis=2)
    return jnp.take_along_axis(log_policy, tokens[:, :, None], axis=2)[:, :, 0], entropies


def _against_values(logits: Array, worth: Array, tree: Tree, states: Array, rewards: Array) -> Array:
    """[B, T] reward minus the exact value of the state, over the deviation of the batch."""
    policy, behind, levels = jax.nn.softmax(logits), worth, []
    for level in reversed(range(tree.depth)):
        first = sum(tree.vocabulary**above for above in range(level))
        at_level = policy[:, first : first + tree.vocabulary**level]
        behind = jnp.sum(behind.reshape(at_level.shape) * at_level, axis=2)
        levels.append(behind)
    values = jnp.concatenate(levels[::-1], axis=1)  # [P, S]
    prompts = jnp.repeat(jnp.arange(tree.prompts), rewards.shape[1])[:, None]
    raw = rewards.reshape(-1, 1) - values[prompts, states]
    every = jnp.ones(raw.shape, bool)
    return (raw - masked.mean(raw, every)) / (masked.standard_deviation(raw, every) + 1e-8)
