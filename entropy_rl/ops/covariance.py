"""The quantity that drives entropy: how log-probability and advantage vary together."""

from __future__ import annotations

from entropy_rl.ops import masked
from entropy_rl.types import Array


def centred_product(advantages: Array, logprobs: Array, mask: Array) -> Array:
    """Each token's share of the covariance between advantage and log-probability.

        cov_t = (A_t - <A>) (log pi_t - <log pi>),   <.> over the valid tokens of the whole mini-batch

    Its masked mean is the batch covariance, to whose negative the change of entropy is proportional to first order.

    Source: Cui et al. 2025, The Entropy Mechanism of RL for Reasoning LMs, equation 10,
    https://arxiv.org/abs/2505.22617

    Args:
      advantages: [B, T], dimensionless, unshaped.
      logprobs: [B, T], nats.
      mask: [B, T] bool.

    Returns:
      [B, T] float32, nats; 0 where the mask is False. It is linear in the scale of the advantages.
    """
    centred_advantages = masked.zeroed(advantages, mask) - masked.mean(advantages, mask)
    centred_logprobs = masked.zeroed(logprobs, mask) - masked.mean(logprobs, mask)
    return masked.zeroed(centred_advantages * centred_logprobs, mask)  # [B, T]
