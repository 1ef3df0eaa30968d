"""The chain of loops: what comes out does not depend on slots, buckets or mesh, and is what the policy says."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from entropy_rl.ops import logprobs as scoring
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.rollout import buckets, generation
from entropy_rl.rollout.engine import Engine, pack_prompts
from entropy_rl.rollout.sampling import Purpose
from tests.policies import TINY, tiny_params
from tests.rollout.test_engine import Letters

PROMPTS = ["abc", "bd", "dddda", "c"]
LENGTH, GROUP = 24, 4


def engine(**options) -> Engine:
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    return Engine(TINY, Letters(), mesh, GROUP, prompt_tokens=5, response_tokens=LENGTH, seed=0, **options)


@functools.cache
def sampled(**options):
    return jax.device_get(engine(**options)(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0, policy_version=3))


def program(**options):
    """The sampler of one shard, and its arguments."""
    made = engine(**options)
    given = made.options()
    request = pack_prompts(PROMPTS, range(4), made.tokenizer, 5)
    chain = buckets.plan(len(PROMPTS), GROUP, 5, LENGTH, given["slots"], given["buckets"])
    sampler = generation._Sampler(TINY, GROUP, LENGTH, given["end_ids"], 0, False, chain, given["storage"])
    scalars = (jnp.uint32(0), jnp.uint32(Purpose.TRAIN), jnp.uint32(0), jnp.float32(1.0), jnp.int32(3))
    return sampler, (tiny_params(), (request.tokens, request.mask, request.draws), scalars)


CUTS = [{"buckets": 4}, {"slots": 5}, {"slots": 6, "buckets": 3}, {"slots": 1}]
ids = lambda options: "_".join(f"{name}{value}" for name, value in options.items())  # noqa: E731


@pytest.mark.parametrize("options", CUTS, ids=ids)
def test_a_sample_does_not_depend_on_the_slot_or_the_loop_that_computes_it(options):
    whole, cut = sampled(), sampled(**options)
    lengths = whole.response_mask.sum(axis=1)
    assert len(set(lengths.tolist())) > 5 and not whole.finished.all()  # ragged, and some are cut off
    for name in ("responses", "response_mask", "finished", "sample_ids", "policy_version", "prompts"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name), err_msg=name)
    for name in ("logprobs", "entropies", "unit_entropies"):
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), atol=1e-5, err_msg=name)


@pytest.mark.parametrize("options", CUTS, ids=ids)
def test_log_probs_at_every_loop_are_the_teacher_forced_ones(options):
    rollout = sampled(**options)
    hidden = jax.jit(TINY.response_hidden)(tiny_params(), rollout.prompts, rollout.prompt_mask, rollout.responses)
    logprobs, entropies = scoring.logprobs_and_entropies(
        hidden, TINY.head(tiny_params()), rollout.responses, rollout.temperature
    )
    counts = rollout.response_mask
    np.testing.assert_allclose(rollout.logprobs[counts], logprobs[counts], atol=1e-5)
    np.testing.assert_allclose(rollout.entropies[counts], entropies[counts], atol=1e-5)
    assert (rollout.logprobs[~counts] == 0).all() and (rollout.responses[~counts] == 0).all()


@pytest.mark.parametrize("options", [{}, *CUTS], ids=ids)
def test_the_plan_counts_the_rows_that_the_program_computes(options):
    sampler, arguments = program(**options)
    rollout, computed = jax.jit(sampler.counted)(*arguments)
    chain = buckets.plan(4, GROUP, 5, LENGTH, options.get("slots", 0), options.get("buckets", 0))
    lengths = np.asarray(rollout.response_mask).sum(axis=1).tolist()
    assert int(computed) == buckets.slot_steps(lengths, chain)
    assert sum(lengths) <= int(computed) <= LENGTH * len(lengths)


def test_an_engine_knows_how_much_of_its_work_was_of_use():
    rollout = sampled(buckets=4)
    lengths = rollout.response_mask.sum(axis=1)
    expected = lengths.sum() / buckets.slot_steps(lengths.tolist(), buckets.plan(4, GROUP, 5, LENGTH, 0, 4))
    assert engine(buckets=4).utilisation(rollout) == pytest.approx(expected)
    assert expected > engine().utilisation(rollout) == pytest.approx(lengths.sum() / (len(lengths) * lengths.max()))


def test_fewer_rows_are_computed_when_ended_ones_leave_and_fewer_still_when_others_come():
    steps = {}
    for options in ({}, {"buckets": 4}, {"slots": 4}):
        sampler, arguments = program(**options)
        steps[ids(options)] = int(jax.jit(sampler.counted)(*arguments)[1])
    assert steps["slots4"] < steps["buckets4"] < steps[""]


def test_a_temperature_is_no_constant_of_the_program_and_reaches_every_loop():
    made = engine(buckets=3)
    cold = made(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 0.25)
    programs = generation.generate._cache_size()
    hot = made(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 4.0)
    assert generation.generate._cache_size() == programs
    mean = lambda rollout: float(np.asarray(rollout.entropies)[np.asarray(rollout.response_mask)].mean())  # noqa: E731
    assert mean(cold) < 0.5 * mean(hot)


def test_a_response_may_be_of_one_token():
    made = dataclasses.replace(engine(), response_tokens=1)
    one = jax.device_get(made(tiny_params(), PROMPTS, range(4), Purpose.TRAIN, 1.0))
    np.testing.assert_array_equal(one.responses[:, 0], sampled().responses[:, 0])


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_fewer_bits_of_keys_and_values_change_little_of_what_is_predicted(storage):
    exact, rough = _teacher_forced("auto"), _teacher_forced(storage)
    distance = np.abs(exact - rough).max() / np.abs(exact).max()
    assert 0 < distance < 0.02  # 8 bits: half a level of 127 in each entry


def _teacher_forced(storage) -> np.ndarray:
    """Hidden states [T, B, D] of decoding given tokens."""
    tokens = np.random.default_rng(0).integers(2, TINY.vocab_size, (LENGTH, 4))
    request = pack_prompts(PROMPTS, range(4), Letters(), 5)
    seen, _ = jax.jit(TINY.prefill, static_argnums=3)(tiny_params(), request.tokens, request.mask, storage)
    cache, states = TINY.response_cache(4, LENGTH, storage), []
    decode = jax.jit(TINY.decode)
    for column, row in enumerate(tokens):
        hidden, cache = decode(tiny_params(), row, jnp.int32(column), request.mask, seen, cache)
        states.append(hidden)
    assert cache.keys.dtype == {"auto": "float32"}.get(storage, storage)
    return np.stack(states)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "options"),
    [((8, 1, 1), {"buckets": 3}), ((2, 2, 2), {"buckets": 3}), ((4, 1, 2), {"slots": 12}), ((1, 8, 1), {"slots": 8})],
)
def test_eight_devices_sample_what_one_does(shape, options):
    if jax.device_count() < 8:
        pytest.skip("needs eight devices: XLA_FLAGS=--xla_force_host_platform_device_count=8")
    prompts = ["abc", "bd", "dddda", "c", "aa", "bb", "cc", "dd"]
    rollouts = []
    for sizes, devices in (((1, 1, 1), 1), (shape, 8)):
        made = dataclasses.replace(engine(**options), mesh=make_mesh(MeshShape(*sizes), jax.devices()[:devices]))
        params = _placed(made.mesh)
        rollouts.append(jax.device_get(made(params, prompts, range(8), Purpose.TRAIN, 1.0)))
    np.testing.assert_array_equal(rollouts[0].responses, rollouts[1].responses)
    np.testing.assert_allclose(rollouts[0].logprobs, rollouts[1].logprobs, atol=2e-5)


def _placed(mesh):
    from entropy_rl.ops.optimizer import AdamW
    from entropy_rl.training import learner

    placed = learner.place(mesh, TINY, AdamW(), with_reference=False).rollout_params
    return jax.tree.map(lambda array, leaf: jax.device_put(array, leaf.sharding), tiny_params(), placed)


def test_sampled_tokens_have_the_frequencies_of_the_policy():
    made = dataclasses.replace(engine(slots=600), group_size=2000, response_tokens=2)
    rollout = jax.device_get(made(tiny_params(), ["abc"], [0], Purpose.TRAIN, 1.0))
    first, second = rollout.responses.T
    likeliest = np.bincount(first[first > 1]).argmax()  # of those that do not end the response
    for tokens, context in ((first, []), (second[first == likeliest], [likeliest])):
        expected = np.exp(_next_logprobs(context)) * len(tokens)
        observed = np.bincount(tokens, minlength=TINY.vocab_size)
        often = expected >= 5
        groups = [np.append(counts[often], counts[~often].sum()) for counts in (observed, expected)]
        assert len(tokens) > 100 and often.sum() >= 5
        assert scipy.stats.chisquare(*groups).pvalue > 1e-3


def _next_logprobs(context: list[int]) -> np.ndarray:
    """[V] of the token that follows PROMPTS[0] and a few more."""
    request = pack_prompts(["abc"], [0], Letters(), 5)
    responses = np.asarray([[*context, 0, 0]], np.int32)
    hidden = TINY.response_hidden(tiny_params(), request.tokens, request.mask, responses)[0, len(context)]
    logits = np.asarray(scoring.token_logits(hidden, TINY.head(tiny_params()), jnp.float32(1.0)), np.float64)
    return logits - scipy.special.logsumexp(logits)
