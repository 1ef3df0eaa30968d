"""A policy small enough to enumerate: an autoregressive softmax table over a tree of tokens, in float64.

A prompt is a tree of `depth` levels with `vocabulary` children each. State 0 is the root and state s has the children
s * V + 1 + token, as in a heap; what lies behind the last level are the answers, V^depth of them. Every state has its
own logits, so nothing is shared, nothing generalises, and every quantity is a finite sum.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True)
class Tree:
    """Where problems come from: logits N(0, spread), raised along the paths to the right answers.

    Attributes:
      right: answers worth something of each prompt; the others are worth 0.
      spread: standard deviation of the initial logits, nats.
      lift: added to the logit of a token for each path to a right answer that it lies on, nats.
      graded: right answers are worth anything between 0 and 1, in the place of 1.
    """

    prompts: int = 48
    depth: int = 3
    vocabulary: int = 10
    right: int = 6
    spread: float = 2.0
    lift: float = 1.2
    graded: bool = False

    @property
    def states(self) -> int:
        """S = 1 + V + ... + V^(depth - 1)."""
        return sum(self.vocabulary**level for level in range(self.depth))

    @property
    def answers(self) -> int:
        return self.vocabulary**self.depth

    def draw(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Initial logits [P, S, V] and what each answer is worth [P, V^depth]: a pure function of seed and fields."""
        generator = np.random.default_rng(seed)
        logits = generator.normal(0.0, self.spread, (self.prompts, self.states, self.vocabulary))
        worth = np.zeros((self.prompts, self.answers))
        for prompt in range(self.prompts):
            chosen = generator.choice(self.answers, self.right, replace=False)
            worth[prompt, chosen] = generator.uniform(0.0, 1.0, self.right) if self.graded else 1.0
        return logits + self.lift * right_paths(self, worth), worth

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        for field, least in (("prompts", 1), ("depth", 1), ("vocabulary", 2), ("right", 1)):
            if getattr(self, field) < least:
                raise ValueError(f"Tree.{field} is {getattr(self, field)}; it must be at least {least}")
        if self.answers > 100_000:
            raise ValueError(f"Tree has {self.answers} answers to enumerate; lower depth or vocabulary")
        if self.right > self.answers:
            raise ValueError(f"Tree.right is {self.right}, of {self.answers} answers; lower it")


def right_paths(tree: Tree, worth: np.ndarray) -> np.ndarray:
    """[P, S, V] how many answers worth more than 0 lie behind each token."""
    behind, levels = (worth > 0).astype(np.int64), []
    for _ in range(tree.depth):
        behind = behind.reshape(worth.shape[0], -1, tree.vocabulary)  # [P, states of the level, V]
        levels.append(behind)
        behind = behind.sum(axis=2)
    return np.concatenate(levels[::-1], axis=1)


@dataclasses.dataclass(frozen=True)
class Table:
    """What a table of logits [P, S, V] says, by enumeration. `worth` [P, V^depth] is the reward of each answer."""

    tree: Tree
    logits: np.ndarray
    worth: np.ndarray

    @functools.cached_property
    def log_policy(self) -> np.ndarray:
        """[P, S, V] nats."""
        return self._shifted - np.log(self._exponentials.sum(axis=2, keepdims=True))

    @functools.cached_property
    def policy(self) -> np.ndarray:
        """[P, S, V] probability of each token in each state."""
        return self._exponentials / self._exponentials.sum(axis=2, keepdims=True)

    @functools.cached_property
    def reach(self) -> np.ndarray:
        """[P, S] probability that a response passes through a state; each level adds up to 1."""
        return np.concatenate(self._levels[:-1], axis=1)

    @property
    def answers(self) -> np.ndarray:
        """[P, V^depth] probability of each answer."""
        return self._levels[-1]

    @functools.cached_property
    def entropies(self) -> np.ndarray:
        """[P, S] nats, of the next token."""
        return -_over_tokens(self.policy, self.log_policy)

    @property
    def entropy(self) -> float:
        """Mean over prompts and over the tokens of a response, nats per token: what a run logs, without sampling."""
        return float(np.sum(self.reach * self.entropies) / (self.tree.prompts * self.tree.depth))

    @functools.cached_property
    def successes(self) -> np.ndarray:
        """[P] probability that one response is right."""
        return np.sum(self.answers * (self.worth > 0), axis=1)

    def pass_at(self, k: int) -> float:
        """Chance that one of k samples is right, mean over prompts."""
        return float(np.mean(1.0 - (1.0 - self.successes) ** k))

    @property
    def right_shares(self) -> np.ndarray:
        """[P, V^depth] of the right responses, the share that gives each right answer."""
        right = self.answers * (self.worth > 0)
        return right / np.maximum(right.sum(axis=1, keepdims=True), 1e-300)

    @property
    def modes(self) -> float:
        """Effective number of right answers, exp of the entropy over them, mean over prompts."""
        return float(np.mean(np.exp(_entropy(self.right_shares))))

    @property
    def distance_to_uniform(self) -> float:
        """Total variation between the right responses and all right answers alike, mean over prompts."""
        right = self.worth > 0
        uniform = right / right.sum(axis=1, keepdims=True)
        return float(np.mean(0.5 * np.abs(self.right_shares - uniform).sum(axis=1)))

    def distinct(self, samples: int) -> tuple[float, float]:
        """Expected numbers of different right and of different wrong answers among some samples, means over prompts."""
        seen = -np.expm1(samples * np.log1p(-np.minimum(self.answers, 1.0 - 1e-12)))
        right = self.worth > 0
        return float(np.mean(np.sum(seen * right, axis=1))), float(np.mean(np.sum(seen * ~right, axis=1)))

    def imitated(self, learning_rate: float) -> Table:
        """One exact step up the mean log-likelihood of the right answers, all alike: what demonstrations teach."""
        paths = right_paths(self.tree, self.worth)  # [P, S, V]
        there = paths.sum(axis=2, keepdims=True)
        change = (paths - there * self.policy) / self.tree.right
        return dataclasses.replace(self, logits=self.logits + learning_rate * change)

    @property
    def answer_entropy(self) -> float:
        """Of the answers, right and wrong, mean over prompts, nats."""
        return float(np.mean(_entropy(self.answers)))

    @functools.cached_property
    def advantages(self) -> np.ndarray:
        """[P, S, V] expected reward after a token minus that of its state."""
        values = self._ahead(self.worth.astype(np.float64), np.zeros_like(self.entropies))
        return values - _over_tokens(self.policy, values)[:, :, None]

    @functools.cached_property
    def entropies_ahead(self) -> np.ndarray:
        """[P, S, V] expected sum of the entropies of the states after a token, nats."""
        return self._ahead(np.zeros_like(self.worth, dtype=np.float64), self.entropies)

    def covariances(self, values: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """[P, S] covariance over the next token of each state of `values` [P, S, V] and `others`, by default log pi."""
        others = self.log_policy if others is None else others
        together = np.einsum("PSV,PSV,PSV->PS", self.policy, others, values)
        return together - _over_tokens(self.policy, others) * _over_tokens(self.policy, values)

    def mean(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """Of [P, S] over the states, each weighing `weights` [P, S], by default the probability of reaching it."""
        weights = self.reach if weights is None else weights
        return float(np.sum(weights * values) / np.sum(weights))

    def first_order(self, change: np.ndarray, weights: np.ndarray | None = None) -> float:
        """The change of entropy that a change of the logits makes at fixed states, to first order: Lemma 1.

            dH(s) = -Cov_{a ~ pi(.|s)}(log pi(a|s), dz(s, a))

        Source: Cui et al. 2025, Lemma 1, https://arxiv.org/abs/2505.22617

        Args:
          change: [P, S, V] of the logits.
          weights: as in `mean`.

        Returns:
          Nats per token.
        """
        return -self.mean(self.covariances(change), weights)

    def first_order_drift(self, change: np.ndarray) -> float:
        """What Lemma 1 leaves out: the policy moves to other states, which are more or less certain. Nats per token.

        sum_s d reach(s) H(s) = sum_s reach(s) Cov_{a ~ pi(.|s)}(entropy ahead of a, dz(s, a))
        """
        return self.mean(self.covariances(change, self.entropies_ahead))

    def linearity(self, other: Table) -> float:
        """R2 of a line through the changes of the answers' log-probabilities on what they are worth, within prompts.

        1 where the log-ratio of any two answers moved in proportion to the difference of their rewards.
        """
        moved = np.log(np.maximum(other.answers, 1e-300)) - np.log(np.maximum(self.answers, 1e-300))
        moved, worth = (x - x.mean(axis=1, keepdims=True) for x in (moved, self.worth))
        return float(np.sum(moved * worth) ** 2 / max(np.sum(moved**2) * np.sum(worth**2), 1e-300))

    def at_same_states(self, other: Table, weights: np.ndarray | None = None) -> float:
        """The true change of entropy from this table to another, every state weighing what it weighs in this one."""
        return self.mean(other.entropies - self.entropies, weights)

    def moved(self, learning_rate: float, natural: bool = False) -> Table:
        """One exact step of policy gradient: vanilla, or natural, which divides by how often the token is chosen.

        vanilla  dz(s, a) = learning_rate * reach(s) * pi(a|s) * A(s, a)
        natural  dz(s, a) = learning_rate * A(s, a)
        """
        change = self.advantages if natural else self.reach[:, :, None] * self.policy * self.advantages
        return dataclasses.replace(self, logits=self.logits + learning_rate * change)

    def _ahead(self, answers: np.ndarray, states: np.ndarray) -> np.ndarray:
        """[P, S, V] expected sum, after a token, of `states` [P, S] passed through and of `answers` [P, V^depth]."""
        behind, levels = answers, []
        for level in reversed(range(self.tree.depth)):
            levels.append(behind.reshape(self.tree.prompts, -1, self.tree.vocabulary))
            span = _span(self.tree, level)
            behind = _over_tokens(levels[-1], self.policy[:, span]) + states[:, span]
        return np.concatenate(levels[::-1], axis=1)

    @functools.cached_property
    def _shifted(self) -> np.ndarray:
        logits = np.asarray(self.logits, np.float64)
        return logits - logits.max(axis=2, keepdims=True)

    @functools.cached_property
    def _exponentials(self) -> np.ndarray:
        return np.exp(self._shifted)

    @functools.cached_property
    def _levels(self) -> list[np.ndarray]:
        levels = [np.ones((self.tree.prompts, 1))]
        for level in range(self.tree.depth):
            below = levels[-1][:, :, None] * self.policy[:, _span(self.tree, level)]
            levels.append(below.reshape(self.tree.prompts, -1))
        return levels


def _span(tree: Tree, level: int) -> slice:
    """The states of a level."""
    first = sum(tree.vocabulary**above for above in range(level))
    return slice(first, first + tree.vocabulary**level)


def _over_tokens(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """[P, S] sums over the next token."""
    return np.einsum("PSV,PSV->PS", weights, values)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    return -np.sum(probabilities * logs, axis=-1)
