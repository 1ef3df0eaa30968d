"""What is told of each step of a table: figures by enumeration, and those that a run would have from its samples."""

from __future__ import annotations

import jax
import numpy as np

from entropy_rl.lab.tabular import Table, Tree, right_paths
from entropy_rl.tabular.simulation import Step

PASS_AT = (1, 4, 16, 64, 256)
TOP = {"0.2": 0.002, "2": 0.02, "20": 0.2}  # percent of tokens by covariance
RARE = 0.1  # probability of a token that counts as rare
FORKS = 0.2  # share of tokens, by entropy, that counts as forking
SPARKS = (0.01, 0.1)  # first probability of a token on a right path that may go out


def records(tree: Tree, initial: np.ndarray, worth: np.ndarray, steps: Step, every: int = 1) -> list[dict[str, float]]:
    """One record of metrics per step, the first (step 0) of the table before training.

    Args:
      tree: of the table.
      initial: [P, S, V] logits before the first step.
      worth: [P, V^depth] of the answers.
      steps: stacked, as `simulation.simulate` returns them.
      every: steps from one enumeration to the next; the last step is always enumerated.
    """
    table = lambda logits: Table(tree, np.asarray(logits, np.float64), worth)  # noqa: E731
    base = table(initial)
    low, high = SPARKS
    sparks = (right_paths(tree, worth) > 0) & (base.policy >= low) & (base.policy <= high)
    found, number_of_steps = [{"step": 0} | enumerated(base, sparks)], len(steps.logits)
    after = base
    for index in range(number_of_steps):
        step = Step(*(jax.tree.map(lambda leaf: leaf[index], part) for part in steps))  # noqa: B023 - used at once
        measured = {"step": index + 1} | sampled(step)
        if (index + 1) % every == 0 or index + 1 == number_of_steps:
            before = after if every == 1 else table(steps.logits[index - 1] if index else initial)
            after = table(step.logits)
            measured |= ledger(before, after, step) | enumerated(after, sparks)
            measured["tabular/fork_overlap"] = fork_overlap(base, before, step)
            if tree.graded:
                measured["tabular/linearity"] = base.linearity(after)
        found.append(measured)
    return found


def enumerated(table: Table, sparks: np.ndarray) -> dict[str, float]:
    """Exact figures of one table; `sparks` [P, S, V] are the tokens whose survival is told."""
    return {f"validation/pass@{k}": table.pass_at(k) for k in PASS_AT} | {
        "validation/entropy": table.entropy,
        "tabular/answer_entropy": table.answer_entropy,
        "tabular/modes": table.modes,
        "tabular/distance_to_uniform": table.distance_to_uniform,
        "tabular/survival": float(np.mean(table.policy[sparks] >= SPARKS[0])),
        "tabular/survival_first": float(np.mean(table.policy[:, 0][sparks[:, 0]] >= SPARKS[0])),
        "tabular/covariance": table.mean(table.covariances(table.advantages)),
    }


def ledger(before: Table, after: Table, step: Step) -> dict[str, float]:
    """The change of entropy over a step, in nats per token: Lemma 1 of the realised logits, beside the truth.

    At the visited states, each as often as it was visited; at all states, as often as they are reached; and with the
    change of how often they are reached, of which Lemma 1 knows nothing.
    """
    visits = np.zeros(before.reach.shape)
    prompts = np.repeat(np.arange(len(visits)), step.answers.shape[1])[:, None]
    np.add.at(visits, (prompts, step.states), 1.0)
    change = after.logits - before.logits
    return {
        "tabular/predicted_visited": before.first_order(change, visits),
        "tabular/true_visited": before.at_same_states(after, visits),
        "tabular/predicted": before.first_order(change),
        "tabular/true": before.at_same_states(after),
        "tabular/predicted_drift": before.first_order_drift(change),
        "tabular/true_with_drift": after.entropy - before.entropy,
    }


def sampled(step: Step) -> dict[str, float]:
    """What a training run would log of the same step."""
    right = step.worth > 0
    covariance = step.covariance.reshape(-1).astype(np.float64)
    ordered = np.sort(covariance)[::-1]
    deviates = np.ptp(step.rewards, axis=1) > 0
    measured = {
        "reward/mean": float(step.rewards.mean()),
        "reward/accuracy": float(right.mean()),
        "reward/zero_variance_groups": float(1.0 - deviates.mean()),
        "entropy/token_mean": float(step.entropies.mean()),
        "covariance/mean": float(covariance.mean()),
        "covariance/positive_fraction": float(np.mean(covariance > 0)),
    }
    for name, share in TOP.items():
        count = int(share * len(ordered))
        measured[f"tabular/covariance_top_{name}"] = float(ordered[:count].mean()) if count else float("nan")
    measured |= {name: float(value) for name, value in step.loops.items()}
    measured |= {"ledger/change": float(step.change.mean()), "ledger/first_order": float(step.first_order.mean())}
    return measured | _by_accuracy(step, right) | _clipping(step)


def _by_accuracy(step: Step, right: np.ndarray) -> dict[str, float]:
    """Covariance within each group of advantage and mean log-probability, over groups of the same accuracy."""
    group_size = step.answers.shape[1]
    logprobs = step.logprobs.mean(axis=1).reshape(-1, group_size).astype(np.float64)
    advantages = step.advantages.mean(axis=1).reshape(-1, group_size).astype(np.float64)
    products = (advantages - advantages.mean(1, keepdims=True)) * (logprobs - logprobs.mean(1, keepdims=True))
    covariances, counts = products.mean(axis=1), right.sum(axis=1)
    return {
        f"tabular/covariance_right_{count}": float(covariances[counts == count].mean())
        for count in range(1, group_size)
        if (counts == count).any()
    }


def _clipping(step: Step) -> dict[str, float]:
    """Shares over all epochs; the share of the push is that of |dL / d log pi|, which a clipped token does not have."""
    up = step.clipped & (step.advantages > 0)
    probabilities = np.exp(step.logprobs + step.log_ratio)
    push = np.abs(step.push)
    return {
        "clip/high_positive": float(up.mean()),
        "clip/low_negative": float((step.clipped & (step.advantages < 0)).mean()),
        "tabular/clipped_up_probability": float(probabilities[up].mean()) if up.any() else float("nan"),
        "tabular/rare_push": float(push[:, np.exp(step.logprobs) < RARE].sum() / max(push.sum(), 1e-30)),
    }


def fork_overlap(base: Table, now: Table, step: Step) -> float:
    """Of the sampled tokens of highest entropy now, the share that is so under the first table as well."""
    prompts = np.repeat(np.arange(len(step.answers)), step.answers.shape[1])[:, None]
    count = int(FORKS * step.states.size)
    top = [set(np.argsort(-table.entropies[prompts, step.states], axis=None)[:count].tolist()) for table in (base, now)]
    return len(top[0] & top[1]) / count
