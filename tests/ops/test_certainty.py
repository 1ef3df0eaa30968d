import jax.numpy as jnp
import numpy as np

from entropy_rl.ops import certainty, logprobs


def test_a_uniform_distribution_is_certain_of_nothing():
    hidden, head, targets = jnp.zeros((1, 2, 3)), jnp.ones((5, 3)), jnp.zeros((1, 2), jnp.int32)
    measured = certainty.self_certainty(hidden, head, targets, jnp.ones(1), jnp.full((1, 2), -np.log(5.0)))
    np.testing.assert_allclose(measured, 0.0, atol=1e-6)


def test_it_equals_the_divergence_summed_over_the_vocabulary():
    rng = np.random.default_rng(0)
    hidden, head = rng.normal(size=(3, 4, 6)), rng.normal(size=(11, 6))
    targets, temperature = rng.integers(0, 11, (3, 4)), rng.uniform(0.5, 1.5, 3)
    logits = hidden @ head.T / temperature[:, None, None]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = np.sum((1 / 11) * (np.log(1 / 11) - log_p), axis=-1)  # sum_v u log(u / p)
    arrays = jnp.float32(hidden), jnp.float32(head), jnp.int32(targets), jnp.float32(temperature)
    measured = certainty.self_certainty(*arrays, logprobs.logprobs_and_entropies(*arrays)[0])
    np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-5)
