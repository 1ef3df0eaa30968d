"""Gates, penalties and shapers once more, in NumPy float64: what the JAX code is held against.

A gate's oracle takes the statistics and the random scores of the tokens; a penalty's takes the weight of each token and
returns the token losses and the gradients of their weighted sum in log-probs and entropies. Gates and shapers
have no gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.oracles import Stats, ppo_clipped, row_mean, share, top

# ---- gates -----------------------------------------------------------------------------------------------------------


def no_gate(s: Stats, random: np.ndarray) -> np.ndarray:
    return np.ones(s.mask.shape)


def clip_cov(fraction: float, low: float, high: float, clipped: Callable, side: int = 0) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        eligible = s.mask & ~clipped(s) & (s.covariance > low) & (s.covariance < high)
        if side:
            eligible &= np.sign(s.advantages) == side
        return 1.0 - top(random, eligible, share(s, fraction))

    return oracle


def random_control(fraction: float, side: int) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        eligible = s.mask & (np.sign(s.advantages) == side) if side else s.mask
        return 1.0 - top(random, eligible, share(s, fraction))

    return oracle


def quantile_clip_cov(fraction: float, band: float, spared: float, clipped: Callable) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        in_band = top(s.covariance, s.mask, share(s, band)) & ~top(s.covariance, s.mask, share(s, spared))
        return 1.0 - top(random, in_band & ~clipped(s), share(s, fraction))

    return oracle


def forking(fraction: float, sign: int, kept: bool) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        chosen = top(sign * s.entropies, s.mask, share(s, fraction))
        return chosen * (s.mask.sum() / max(chosen.sum(), 1) if kept else 1.0)

    return oracle


def importance(low: float, high: float, mask_outside: bool) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        w = np.exp(s.old_logprobs - s.rollout_logprobs)
        return np.where((w < low) | (w > high), 0, w) if mask_outside else np.clip(w, low, high)

    return oracle


# ---- gates by sequence and by entropy change -------------------------------------------------------------------------


def sign_weights(balance: float, above: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        return np.where(np.exp(s.logprobs) > above, 1 - balance * np.sign(s.advantages), 1.0)

    return oracle


def sign_factors(positive: float, negative: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        return np.select([s.advantages > 0, s.advantages < 0], [positive, negative], 1.0)

    return oracle


def sign_rejection(balance: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        lots = (np.asarray(random[:, :1], np.float32).view(np.uint32) - 0x00800000) / 2.0**30
        return 1.0 - ((np.sign(s.advantages) == np.sign(balance)) & (lots < abs(balance)))

    return oracle


def opsm(delta: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        left = row_mean(s.old_logprobs - s.logprobs, s.mask) > delta
        return 1.0 - ((s.advantages < 0) & left)

    return oracle


def sequence_importance(low: float, high: float, product: bool, by_token: bool) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        log_w = s.old_logprobs - s.rollout_logprobs
        w = np.exp(np.where(s.mask, log_w, 0).sum(1, keepdims=True) if product else row_mean(log_w, s.mask))
        return np.where((w >= low) & (w <= high), np.exp(log_w) if by_token else w, 0)

    return oracle


def signal(s: Stats) -> np.ndarray:
    return np.exp(s.logprobs) * (s.logprobs + s.entropies)


def steer(linear: bool) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        p = np.exp(s.logprobs)
        omega = np.abs(s.advantages / np.exp(s.old_logprobs) * p * (1 - p) * (s.logprobs + s.entropies))
        low, high = omega[s.mask].min(), omega[s.mask].max()
        return 1.2 - 0.4 * (omega - low) / (high - low) if linear else np.exp(np.log(0.8) / max(high, 0.02) * omega)

    return oracle


def covariance_weight(s: Stats, random: np.ndarray) -> np.ndarray:
    valid = s.covariance[s.mask]
    return np.exp(-((s.covariance - valid.mean()) ** 2) / 2 / valid.var())


def entropy_discriminator(mu: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        valid = signal(s)[s.mask]
        return 1.0 - ((s.advantages < 0) & (signal(s) - valid.mean() < -mu * valid.std()))

    return oracle


def vocabulary_discriminator(mu: float, fraction: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        cost = s.expected_discriminators - signal(s)
        eligible = s.mask & (s.advantages < 0) & (cost > mu * cost[s.mask].std())
        return 1.0 - top(cost, eligible, share(s, fraction))

    return oracle


def entropy_flow(strength: float) -> Callable:
    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        flow = np.where(s.mask & ~ppo_clipped(s), -s.advantages * signal(s), 0)
        up, down = flow[flow > 0].sum(), -flow[flow < 0].sum()
        balance = strength * (down - up) / (down + up)
        return np.where(flow > 0, 1 + balance, np.where(flow < 0, 1 - balance, 1.0))

    return oracle


def random_by_gradient(matched: Callable) -> Callable:
    """Positive tokens in random order, one by one, as long as each brings the removed squares nearer to the target."""

    def oracle(s: Stats, random: np.ndarray) -> np.ndarray:
        squares = np.where(ppo_clipped(s), 0, s.advantages * s.ratio * (1 - np.exp(s.logprobs))) ** 2
        target = squares[s.mask & (matched(s, random) == 0)].sum()
        gate, removed = np.ones(s.mask.shape), 0.0
        rows, columns = np.nonzero(s.mask & (s.advantages > 0))
        for token in sorted(zip(rows, columns, strict=True), key=lambda token: -random[token]):
            if removed >= target or abs(removed + squares[token] - target) > abs(removed - target):
                break
            gate[token], removed = 0.0, removed + squares[token]
        return gate

    return oracle


# ---- penalties -------------------------------------------------------------------------------------------------------


def kl_cov(fraction: float, coefficient: float, shape: str = "absolute", delta: float = 0.05) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        d = s.log_ratio
        value, slope = {
            "absolute": (np.abs(d), np.sign(d)),
            "k2": (d**2 / 2, d),
            "huber": (np.where(np.abs(d) > delta, np.abs(d) - delta / 2, d**2 / 2 / delta), np.clip(d / delta, -1, 1)),
        }[shape]
        chosen = coefficient * top(s.covariance, s.mask, share(s, fraction))
        return chosen * value, weight * chosen * slope, np.zeros_like(d)

    return oracle


def entropy_bonus(coefficient: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return -coefficient * s.entropies, np.zeros_like(weight), -coefficient * weight

    return oracle


def difficulty_bonus(hard: float, easy: float, split: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        accuracy = s.correct.reshape(-1, s.group_size).mean(1).repeat(s.group_size)[:, None]
        coefficient = np.where(accuracy <= split, hard, easy) * s.mask
        return -coefficient * s.entropies, np.zeros_like(weight), -coefficient * weight

    return oracle


def task_bonus(*coefficients: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        coefficient = np.array([coefficients[part] for part in s.parts])[:, None] * s.mask
        return -coefficient * s.entropies, np.zeros_like(weight), -coefficient * weight

    return oracle


def reference_kl(coefficient: float, estimator: str) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = s.logprobs - s.reference_logprobs
        k3 = np.exp(-x) + x - 1
        value, slope = {
            "k1": (x, np.ones_like(x)),
            "k2": (x**2 / 2, x),
            "k3": (k3, 1 - np.exp(-x)),
            "unbiased": (k3, x),
        }[estimator]
        return coefficient * value, coefficient * weight * slope, np.zeros_like(x)

    return oracle


def lp_reg(fraction: float, coefficient: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        negative = s.mask & (s.advantages < 0)
        chosen = top(-s.logprobs, negative, int(np.floor(fraction * negative.sum() + 1e-6)))
        chosen = coefficient * (chosen & (s.logprobs < s.proxy_logprobs))
        y = s.proxy_logprobs - s.logprobs
        return chosen * (np.exp(y) - y - 1), weight * chosen * (1 - np.exp(y)), np.zeros_like(y)

    return oracle


def positive_nll(coefficient: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        chosen = coefficient * s.correct[:, None] * s.mask
        return -chosen * s.logprobs, -weight * chosen, np.zeros_like(weight)

    return oracle


def siren(anchor: float, coefficient: float) -> Callable:
    def oracle(s: Stats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        peaks = top(s.nucleus_entropies, s.mask, share(s, 0.2))
        error = s.nucleus_entropies[peaks].mean() - anchor
        value = np.where(s.mask, coefficient * error**2, 0)
        return value, np.zeros_like(weight), 2 * coefficient * error * peaks / peaks.sum()

    return oracle


# ---- shapers ---------------------------------------------------------------------------------------------------------


def entropy_advantage(s: Stats) -> np.ndarray:
    return s.advantages + np.minimum(0.4 * s.entropies, np.abs(s.advantages) / 2)


def planning_credit(s: Stats) -> np.ndarray:
    return np.where(s.roles == 1, s.advantages + 0.2 * np.abs(s.advantages), s.advantages)


def maximum_entropy(alpha: float) -> Callable:
    def oracle(s: Stats) -> np.ndarray:
        future = np.zeros(s.mask.shape)
        for row, t in zip(*np.nonzero(s.mask), strict=True):
            future[row, t] = -s.logprobs[row, t] + s.entropies[row, t + 1 :][s.mask[row, t + 1 :]].sum()
        for start in range(0, len(future), s.group_size):
            block = slice(start, start + s.group_size)
            future[block] -= future[block][s.mask[block]].mean()
        return s.advantages + alpha * future

    return oracle
