"""The table is trained by the package's own losses, and leaves a folder that the lab reads."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.advantages.signed import Signed
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab.runs import read_run
from entropy_rl.lab.tabular import Table, Tree
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops.schedules import Controlled
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.inverse_probability import InverseProbability
from entropy_rl.tabular import rewards, simulation
from entropy_rl.tabular.exact_gradient import ExactGradient
from entropy_rl.tabular.experiment import Tabular
from entropy_rl.tabular.one_sided import OneSided
from entropy_rl.tabular.squeeze import Squeeze

TREE = Tree(prompts=5, depth=2, vocabulary=3, right=2)
PLAIN = Tabular("plain", loss=PolicyLoss(surrogate=UnclippedSurrogate()), tree=TREE, steps=3, epochs=1, group_size=4)


def test_one_step_of_reinforce_on_two_arms_matches_hand_computation():
    # PSR with one prompt: dz = rate / G * sum over right responses of (onehot - p); c of 4 responses took arm 0.
    bandit = Tree(prompts=1, depth=1, vocabulary=2, right=1, lift=0.0)
    tabular = dataclasses.replace(PLAIN, tree=bandit, advantages=Signed(1.0, 0.0), steps=1, learning_rate=0.2)
    initial, worth, steps = simulation.simulate(tabular)
    right = int(np.argmax(worth[0]))
    count = int((steps.answers[0, 0] == right).sum())
    assert 0 < count <= 4  # else nothing is tested; the seed is fixed
    p = np.exp(initial[0, 0]) / np.exp(initial[0, 0]).sum()
    expected = 0.2 / 4 * count * (np.eye(2)[right] - p)
    np.testing.assert_allclose(steps.logits[0, 0, 0] - initial[0, 0], expected, rtol=1e-5, atol=1e-7)


def test_samples_follow_the_table():
    tabular = dataclasses.replace(PLAIN, steps=50, group_size=200, learning_rate=1e-12)
    initial, worth, steps = simulation.simulate(tabular)
    counts = np.stack([np.bincount(steps.answers[:, p].reshape(-1), minlength=TREE.answers) for p in range(5)])
    expected = Table(TREE, initial, worth).answers
    np.testing.assert_allclose(counts / 10_000, expected, atol=4 * np.sqrt(0.25 / 10_000))
    levels = steps.states[0].reshape(5, 200, 2)
    np.testing.assert_array_equal(levels[:, :, 0], 0)
    np.testing.assert_array_equal(levels[:, :, 1], 1 + steps.answers[0] // 3)


def test_the_first_epoch_is_on_policy_and_kl_cov_does_nothing_there():
    held = PolicyLoss(UnclippedSurrogate(), penalties=(KlCov(fraction=0.05, coefficient=3.0),))
    plain, controlled = (simulation.simulate(arm)[2] for arm in (PLAIN, dataclasses.replace(PLAIN, loss=held)))
    np.testing.assert_array_equal(plain.log_ratio, 0.0)
    np.testing.assert_array_equal(plain.logits, controlled.logits)
    several = [dataclasses.replace(arm, epochs=4) for arm in (PLAIN, dataclasses.replace(PLAIN, loss=held))]
    plain, controlled = (simulation.simulate(arm)[2] for arm in several)
    assert np.abs(plain.log_ratio[:, 1:]).max() > 0
    assert np.abs(plain.logits - controlled.logits).max() > 1e-3


def test_an_update_does_not_depend_on_how_many_prompts_there_are():
    few = simulation.simulate(dataclasses.replace(PLAIN, advantages=Signed(1.0, 1.0), steps=1))
    step, prompts = few[2], np.repeat(np.arange(5), 4)
    change = np.zeros_like(few[0])
    policy = np.exp(Table(TREE, few[0], few[1]).log_policy)
    sign = np.where(step.worth[0].reshape(-1) > 0, 1.0, -1.0)
    tokens = np.stack([step.answers[0].reshape(-1) // 3, step.answers[0].reshape(-1) % 3], axis=1)
    for row, prompt in enumerate(prompts):
        for level in range(2):
            state = step.states[0, row, level]
            change[prompt, state] += 0.5 / 4 * sign[row] * (np.eye(3)[tokens[row, level]] - policy[prompt, state])
    np.testing.assert_allclose(step.logits[0] - few[0], change, atol=1e-5)


def test_the_exact_critic_is_the_value_of_each_state():
    initial, worth = TREE.draw(0)
    table = Table(TREE, initial, worth)
    states = np.array([[0, 1 + answer // 3] for answer in (0, 4, 8, 8)] * 5)
    paid = jnp.asarray(worth[:, [0, 4, 8, 8]], jnp.float32)
    found = simulation._against_values(
        jnp.asarray(initial, jnp.float32), jnp.asarray(worth, jnp.float32), TREE, jnp.asarray(states), paid
    )
    below = np.sum(worth.reshape(5, 3, 3) * table.policy[:, 1:], axis=2)
    values = np.concatenate([table.successes[:, None], below], axis=1)
    raw = np.asarray(paid).reshape(-1, 1) - values[np.repeat(np.arange(5), 4)[:, None], states]
    np.testing.assert_allclose(found, (raw - raw.mean()) / raw.std(ddof=1), rtol=1e-4, atol=1e-5)


def test_inverse_frequency_is_the_reward_that_runs_use():
    answers = np.array([[4, 4, 4, 1, 1, 2, 3, 4], [0, 0, 0, 0, 0, 0, 0, 0]])
    worth = np.array([[1.0, 1, 1, 1, 1, 0, 0, 1], [1.0] * 8])
    sampled = rewards.Sampled(jnp.asarray(answers), jnp.asarray(worth), jnp.zeros((2, 8, 1)), jnp.zeros((2, 8, 1)))
    found = rewards.InverseFrequency()(sampled, jax.random.key(0))
    for row in range(2):
        judge = lambda problem, text, row=row: Verdict(float(text.split()[1]), answer=text.split()[0])  # noqa: E731
        texts = [f"{answer} {value}" for answer, value in zip(answers[row], worth[row], strict=True)]
        verdicts = InverseProbability(judge).score_group(Problem("", "", ""), texts)
        np.testing.assert_allclose(found[row], [verdict.score for verdict in verdicts])


def test_rewards_that_never_see_the_answer_match_hand_computation():
    sampled = rewards.Sampled(
        jnp.array([[7, 7, 3, 5]]), jnp.zeros((1, 4)), jnp.zeros((1, 4, 2)), jnp.arange(8.0).reshape(1, 4, 2)
    )
    key = jax.random.key(0)
    np.testing.assert_array_equal(rewards.Majority()(sampled, key), [[1, 1, 0, 0]])
    np.testing.assert_array_equal(rewards.Certainty()(sampled, key), [[-0.5, -2.5, -4.5, -6.5]])
    flips = rewards.Coin(0.25)(dataclasses.replace(sampled, answers=jnp.zeros((100, 100))), key)
    assert np.mean(flips) == pytest.approx(0.25, abs=4 * np.sqrt(0.25 * 0.75 / 10_000))


def test_a_run_leaves_a_folder_that_the_lab_reads(tmp_path):
    PLAIN.run(str(tmp_path))
    run = read_run(tmp_path)
    steps, rewards_seen, exact = run.table("reward/mean", "validation/pass@1")
    np.testing.assert_array_equal(steps, [1, 2, 3])
    assert run.summary["test"]["pass@1"] == exact[-1]
    assert run.summary["base"]["entropy"] == run.series("validation/entropy")[1][0]
    before = run.series("validation/entropy")[1]
    np.testing.assert_allclose(np.diff(before), run.series("tabular/true_with_drift")[1], atol=1e-12)


def test_lemma_1_holds_at_visited_states_when_steps_are_small(tmp_path):
    tree = Tree(prompts=20, depth=2, vocabulary=6, right=4)
    dataclasses.replace(PLAIN, tree=tree, steps=40, learning_rate=0.02).run(str(tmp_path))
    _, predicted, true = read_run(tmp_path).table("tabular/predicted_visited", "tabular/true_visited")
    assert np.corrcoef(predicted, true)[0, 1] > 0.999
    assert np.polyfit(predicted, true, 1)[0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("group_size", 1), ("epochs", 0), ("learning_rate", 0.0)])
def test_a_setting_that_cannot_run_is_named(field, value):
    with pytest.raises(ValueError, match=f"Tabular.{field}"):
        dataclasses.replace(PLAIN, **{field: value}).validate()


def test_a_closed_loop_turns_its_number_and_says_so(tmp_path):
    bonus = Controlled("bonus", low=0.0, high=1.0)
    held = PolicyLoss(UnclippedSurrogate(), penalties=(EntropyBonus(coefficient=bonus),))
    loops = (EntropyLoop(InNats(5.0), (bonus,), ProportionalIntegral(proportional=1.0)),)  # 5 nats are out of reach
    dataclasses.replace(PLAIN, loss=held, loops=loops).run(str(tmp_path))
    run = read_run(tmp_path)
    np.testing.assert_array_equal(run.series("controller/entropy/bonus/output")[1], 1.0)
    np.testing.assert_array_equal(run.series("controller/entropy/saturated")[1], 1.0)


def test_the_ledger_of_runs_agrees_with_the_enumeration(tmp_path):
    dataclasses.replace(PLAIN, steps=20, learning_rate=0.1).run(str(tmp_path))
    run = read_run(tmp_path)
    for ours, theirs in (("true_visited", "change"), ("predicted_visited", "first_order")):
        _, exact, told = run.table(f"tabular/{ours}", f"ledger/{theirs}")
        np.testing.assert_allclose(told, exact, rtol=1e-4, atol=1e-7)


def test_enumerating_less_often_tells_the_same_where_it_tells(tmp_path):
    for folder, every in (("all", 1), ("some", 2)):
        dataclasses.replace(PLAIN, steps=5, every=every).run(str(tmp_path / folder))
    every, some = read_run(tmp_path / "all").records, read_run(tmp_path / "some").records
    assert [record["step"] for record in some if "validation/pass@1" in record] == [0, 2, 4, 5]
    for one, other in zip(every, some, strict=True):
        assert one.items() >= other.items()


def test_a_run_after_another_starts_where_that_ended(tmp_path):
    grpo = Tabular("grpo", tree=TREE, steps=4)
    grpo.run(str(tmp_path / "first"))
    dataclasses.replace(grpo, steps=1, after=4).run(str(tmp_path / "second"))
    first, second = (read_run(tmp_path / name).summary for name in ("first", "second"))
    assert second["base"] == first["test"]


def test_exact_experiments_leave_folders_that_the_lab_reads(tmp_path):
    for place, setting in enumerate(
        (ExactGradient("vanilla", tree=TREE, steps=2), Squeeze("both", imitation=1, reinforcement=2, tree=TREE))
    ):
        setting.run(str(tmp_path / str(place)))
        run = read_run(tmp_path / str(place))
        assert run.name == setting.name and run.summary["steps"] == len(run.records) - 1
        assert run.summary["test"]["pass@1"] == run.series("validation/pass@1")[1][-1]


@pytest.mark.parametrize("natural", [False, True])
def test_a_small_exact_step_changes_entropy_as_the_theorem_says(natural):
    experiment = ExactGradient("", natural, learning_rate=1e-4, tree=TREE)
    table = Table(TREE, *TREE.draw(0))
    true = table.at_same_states(table.moved(1e-4, natural))
    assert experiment.predicted(table) == pytest.approx(true, rel=1e-3)


def test_one_sided_advantages_add_up_to_the_whole():
    rewards_seen, mask = jnp.array([1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), jnp.ones((6, 2), bool)
    both = [OneSided(GroupNormalized(), positive)(rewards_seen, mask, 3) for positive in (True, False)]
    assert both[0].min() == 0 and both[1].max() == 0
    np.testing.assert_allclose(both[0] + both[1], GroupNormalized()(rewards_seen, mask, 3))


def test_settings_that_differ_in_the_type_of_a_method_alone_are_different_programs(monkeypatch):
    seen = []
    monkeypatch.setattr(simulation, "_scan", lambda carry, numbered, given, shape: seen.append(shape) or 1 / 0)
    for reward in (rewards.Worth(), rewards.InverseFrequency(), rewards.Worth()):
        with pytest.raises(ZeroDivisionError):
            simulation.simulate(dataclasses.replace(PLAIN, reward=reward))
    assert seen[0] != seen[1] and seen[0] == seen[2]
