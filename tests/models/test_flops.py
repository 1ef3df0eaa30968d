"""The formula against counts by hand, against a count of every pair, and against what XLA counts where it can."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import flops
from entropy_rl.models.decoder import Decoder
from entropy_rl.models.lora import Lora

# W of a layer: query and output 8 x (2 x 4) each, key and value 8 x (1 x 4) each, three of 8 x 16.
TINY = Decoder(vocab_size=10, layers=2, width=8, heads=2, kv_heads=1, head_width=4, feed_forward=16)
TINY_W = 2 * (64 + 64 + 32 + 32 + 3 * 128)  # 1152
WINDOWED = Decoder(vocab_size=10, layers=2, width=8, heads=2, kv_heads=1, head_width=4, feed_forward=16,
                   layer_windows=(3, 0))  # fmt: skip


def test_a_prompt_of_three_and_its_two_responses_match_hand_computation():
    assert flops.layer_weights(TINY) == TINY_W
    # prefill: 3 tokens, 1 + 2 + 3 = 6 pairs, 2 layers x 2 heads x 4 wide
    assert flops.prefill(TINY, [3]) == 2 * TINY_W * 3 + 4 * 2 * 2 * 4 * 6
    # responses of 2 and 3 tokens: 1 + 2 are fed; pairs 4 and 4 + 5; 5 logits
    assert flops.decode(TINY, [3], [2, 3]) == 2 * TINY_W * 3 + 4 * 16 * 13 + 2 * 8 * 10 * 5
    assert flops.forward(TINY, [3], [2, 3]) == flops.prefill(TINY, [3]) + flops.decode(TINY, [3], [2, 3])
    assert flops.update(TINY, [3], [2, 3]) == 3 * flops.forward(TINY, [3], [2, 3])


def test_bytes_of_decoding_match_hand_computation():
    # two bytes each: weights once per step of the longest response, keys and values of 2 layers x 1 head x 4.
    # Of the prompt 3 tokens in each of 2 steps, for both responses together; of the responses' own 1 and 1 + 2.
    policy = Decoder(**{**vars(TINY), "compute_dtype": "bfloat16"})
    cache = 2 * 2 * 1 * 4 * (3 * 2 + 1 + 3)
    assert flops.decode_bytes(policy, [3], [2, 3]) == 2 * (3 * (TINY_W + 80) + cache)
    assert flops.decode_bytes(policy, [3], [2, 3], replicas=2) == 2 * (6 * (TINY_W + 80) + cache)


def test_frozen_weights_have_no_gradient_of_their_own():
    policy = Decoder(**{**vars(TINY), "lora": Lora(rank=2)})
    adapters = 2 * 2 * ((8 + 8) + 2 * (8 + 4) + (8 + 8) + 3 * (8 + 16))  # layers x rank x (in + out) of seven matrices
    assert flops.adapter_weights(policy) == adapters
    tokens, pairs, logits = 3 + 1 + 2, 6 + 13, 5
    assert flops.update(policy, [3], [2, 3]) == (
        2 * 2 * TINY_W * tokens + 3 * 2 * adapters * tokens + 3 * 64 * pairs + 2 * 160 * logits
    )


@pytest.mark.parametrize("prompt", [1, 2, 3, 5])
@pytest.mark.parametrize("response", [0, 1, 2, 4, 7])
def test_windows_see_what_a_count_of_every_pair_sees(prompt, response):
    def seen(window: int, query: int) -> list[int]:
        return [key for key in range(query + 1) if not window or query - key < window]

    fed = range(prompt, prompt + max(response - 1, 0))
    pairs = sum(len(seen(w, q)) for w in (3, 0) for q in range(prompt)) / 2
    fed_pairs = sum(len(seen(w, q)) for w in (3, 0) for q in fed) / 2
    assert flops.prefill(WINDOWED, [prompt]) == 2 * TINY_W * prompt + 64 * pairs
    assert flops.decode(WINDOWED, [prompt], [response]) == 2 * TINY_W * len(fed) + 64 * fed_pairs + 160 * response
    read = flops.decode_bytes(WINDOWED, [prompt], [response]) - 4 * response * (TINY_W + 80)
    assert read == 4 * 2 * 2 * 4 * fed_pairs


def test_xla_counts_the_same_of_one_layer_within_a_tenth():
    """With one layer the scan's body runs once, so that the compiler's count holds; it computes masked pairs too."""
    policy = Decoder(vocab_size=500, layers=1, width=128, heads=4, kv_heads=2, head_width=32, feed_forward=512)
    params = jax.eval_shape(policy.init, jax.random.key(0))
    prompts, responses = jnp.zeros((4, 16), jnp.int32), jnp.zeros((8, 17), jnp.int32)
    hidden = jax.jit(lambda p: policy.response_hidden(p, prompts, prompts == 0, responses) @ policy.head(p).T)
    counted = hidden.lower(params).compile().cost_analysis()["flops"]
    assert np.isclose(counted, flops.forward(policy, [16] * 4, [17] * 8), rtol=0.1)
