"""What a config may ask of the trainer beside a loss: moving references, a critic, group rewards, refinements."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl import presets, training
from entropy_rl.advantages.gae import Gae
from entropy_rl.config import Config, RandomWeights
from entropy_rl.controls.reference_kl import ReferenceKl
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.losses.switch import Switch
from entropy_rl.losses.value_loss import ClippedValueLoss
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.problem import Problem
from entropy_rl.references import EmaReference, FixedReference, ResetReference
from entropy_rl.rewards.internal_feedback import SelfCertainty
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.rollout.refinement import Refinement
from entropy_rl.tasks.countdown import EASY
from entropy_rl.tasks.mixture import Mixture
from entropy_rl.training.judging import completions, judge
from entropy_rl.training.refinement import refine
from entropy_rl.types import Rollout
from tests.training.resuming import CONFIG_FILE, assert_same_run, finished_checkpoints

TINY: Config = dataclasses.replace(presets.load_config(str(CONFIG_FILE)), init=RandomWeights(), steps=4)
LEASHED = PolicyLoss(ClippedSurrogate(), penalties=(ReferenceKl(0.1),))
PPO = PolicyLoss(ClippedSurrogate(), value_loss=ClippedValueLoss())
TWO = Mixture(((TINY.task, 1.0), (TINY.task, 1.0)))


def by_task(*coefficients: Any) -> PolicyLoss:
    return PolicyLoss(ClippedSurrogate(), penalties=(TaskBonus(coefficients),))


def test_a_run_cut_between_a_decision_and_its_reset_goes_on_as_if_it_had_not_been(tmp_path):
    config = dataclasses.replace(TINY, loss=LEASHED, reference=ResetReference(every=3), steps=8)
    whole = training.run(config, str(tmp_path / "whole"))
    resets = [line["reference/reset"] for line in whole.metrics[1:]]
    assert resets == [0, 0, 0, 1, 0, 0, 1, 0]  # decided after steps 3 and 6, carried out before 4 and 7
    assert whole.metrics[4]["reference/kl"] < whole.metrics[3]["reference/kl"]
    training.run(dataclasses.replace(config, steps=3), str(tmp_path / "cut"))  # the decision waits in the checkpoint
    training.run(config, str(tmp_path / "cut"))
    assert_same_run(tmp_path / "whole", tmp_path / "cut", config)


def test_a_checkpoint_is_saved_before_a_reset(tmp_path):
    checkpoint = dataclasses.replace(TINY.checkpoint, every=100, keep=9)
    config = dataclasses.replace(TINY, loss=LEASHED, reference=ResetReference(every=3), checkpoint=checkpoint, steps=5)
    training.run(config, str(tmp_path / "run"))
    assert finished_checkpoints(tmp_path / "run") == [3, 5]


def test_a_critic_learns_beside_the_policy_and_resumes(tmp_path):
    config = dataclasses.replace(TINY, advantages=Gae(), loss=PPO)
    whole = training.run(config, str(tmp_path / "whole"))
    assert {"value/loss", "value/mean", "value/explained_variance"} <= set(whole.metrics[-1])
    assert whole.metrics[-1]["value/mean"] != 0.0
    training.run(dataclasses.replace(config, steps=2), str(tmp_path / "cut"))
    training.run(config, str(tmp_path / "cut"))
    assert_same_run(tmp_path / "whole", tmp_path / "cut", config)


def test_anchors_vote_and_self_certainty_is_measured_in_a_run(tmp_path):
    vote = MajorityVote(TaskAccuracy(TINY.task), anchors=2, iqr=1.5)
    config = dataclasses.replace(TINY, reward=vote, reference=EmaReference(0.5), steps=2)
    last = training.run(config, str(tmp_path / "vote")).metrics[-1]
    assert {"anchor/accuracy", "reward/component/agreement", "reward/component/filtered"} <= set(last)
    config = dataclasses.replace(TINY, reward=SelfCertainty(TaskAccuracy(TINY.task)), steps=2)
    last = training.run(config, str(tmp_path / "certain")).metrics[-1]
    assert last["reward/mean"] == pytest.approx(last["reward/component/self_certainty"]) and last["reward/mean"] > 0


def test_a_run_with_refinements_trains_on(tmp_path):
    loss = PolicyLoss(RefinementShaping())
    config = dataclasses.replace(TINY, reward=None, loss=loss, refinement=Refinement(slots=3), steps=2)
    last = training.run(config, str(tmp_path / "run")).metrics[-1]
    assert last["refinement/attempted"] == 0.75  # so weak a policy fails all four, and there are three slots


@dataclasses.dataclass(frozen=True)
class Scripted:
    """An engine whose answers are written down: of the second problem's refinement, and of no other, the right one."""

    group_size: int = 2
    prompt_tokens: int = 6
    response_tokens: int = 11
    tokenizer = EASY.tokenizer
    mesh = make_mesh(MeshShape(), jax.devices()[:1])

    def __call__(self, params, prompts, draws, purpose, temperature) -> Rollout:
        assert self.group_size == 1 and list(draws) == [11, 10, 10]  # one group failed; two slots are filled up
        assert prompts[0] == "8 6 9 : 23 > 6 + 9 = 15"
        return rollout_of(["15 + 8 = 23", "", ""], group_size=1)

    def fits(self, prompt):
        return len(EASY.tokenizer.encode(prompt)) <= self.prompt_tokens

    def text(self, tokens):
        return EASY.tokenizer.decode(tokens)

    def texts(self, rollout):
        return [EASY.tokenizer.decode(np.asarray(row).tolist()) for row in rollout.responses]


def rollout_of(texts, group_size):
    tokens = [[*EASY.tokenizer.encode(text), EASY.tokenizer.eos_id] for text in texts]
    mask = np.arange(11) < np.asarray([len(row) for row in tokens])[:, None]
    responses = np.asarray([row + [0] * (11 - len(row)) for row in tokens], np.int32)
    prompts, rows = len(texts) // group_size, len(texts)
    ones = jnp.ones((rows, 11))
    return Rollout(
        prompts=jnp.ones((prompts, 6), jnp.int32), prompt_mask=jnp.ones((prompts, 6), bool),
        responses=jnp.asarray(responses), response_mask=jnp.asarray(mask), logprobs=-ones, entropies=ones,
        unit_entropies=ones, temperature=jnp.ones(rows), sample_ids=jnp.arange(rows, dtype=jnp.uint32),
        policy_version=jnp.zeros(rows, jnp.int32), finished=jnp.ones(rows, bool),
    )  # fmt: skip


def problem(target):
    return Problem(str(target), f"8 6 9 : {target} >", "", {"numbers": [8, 6, 9], "target": target})


def test_a_right_refinement_takes_the_last_row_of_its_group_and_answers_to_the_bare_prompt():
    problems = [problem(7), problem(23)]
    texts = ["6 + 9 = 15 15 - 8 = 7", "6 + 9 = 15 15 + 8 = 23", "6 + 9 = 15 15 - 8 = 7", "6 + 9 = 15 15 - 8 = 7"]
    rollout = rollout_of(texts, group_size=2)
    scripted: Any = Scripted()
    verdicts = judge(scripted, EASY, None, problems, rollout)
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 0.0, 0.0]
    result = refine(scripted, EASY, None, None, problems, rollout, verdicts, draws=[10, 11], slots=3, version=0)
    assert result.rows.tolist() == [False, False, False, True]
    assert Scripted().texts(result.rollout) == [*texts[:3], "6 + 9 = 15 15 + 8 = 23"]
    assert [verdict.score for verdict in result.verdicts] == [1.0, 0.0, 0.0, 1.0]
    assert result.figures == {"refinement/attempted": 0.5, "refinement/right": 1.0}
    assert np.asarray(result.rollout.logprobs)[3].tolist() == [0.0] * 11  # to be rescored
    np.testing.assert_array_equal(result.rollout.logprobs[:3], rollout.logprobs[:3])


def test_a_completion_carries_the_means_over_its_own_tokens():
    rollout = rollout_of(["6 + 9 = 15", ""], group_size=2)  # 5 tokens and the end; the end alone
    entropies = jnp.where(rollout.response_mask, jnp.arange(11.0), jnp.nan)
    scripted: Any = Scripted()
    first, second = completions(scripted, dataclasses.replace(rollout, entropies=entropies), entropies * 2)
    assert (first.mean_entropy, first.mean_logprob, first.mean_self_certainty) == (2.5, -1.0, 5.0)  # (0 + ... + 5) / 6
    assert (second.mean_entropy, second.n_tokens) == (0.0, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"advantages": Gae()}, "use Gae and ClippedValueLoss together"),
        ({"loss": PPO}, "use Gae and ClippedValueLoss together"),
        ({"reference": ResetReference(every=2)}, "no method of the loss reads it; add ReferenceKl"),
        ({"reward": MajorityVote(lambda *_: 1.0, anchors=2)}, "reward.anchors is 2, but there is no reference"),
        ({"refinement": Refinement()}, "use Refinement and RefinementShaping together"),
        ({"loss": PolicyLoss(RefinementShaping())}, "use Refinement and RefinementShaping together"),
        ({"refinement": Refinement(slots=0)}, "refinement.slots is 0"),
        ({"loss": LEASHED, "reference": ResetReference()}, "no trigger"),
        ({"loss": by_task(0.1)}, "the loss tells tasks apart, and Countdown is one alone; train on a Mixture"),
        (
            {"loss": by_task(0.1), "task": TWO},
            "TaskBonus has 1 coefficients, and the mixture the tasks countdown_0, cou",
        ),
        ({"loss": PolicyLoss(Switch(TaskBonus((0.1,)), PPO.surrogate, PPO.surrogate)), "task": TWO}, "has 1 coeff"),
        ({"loss": by_task(), "task": TWO}, r"TaskBonus.coefficients is \(\); write a tuple"),
        ({"loss": by_task(0.1, "0.1"), "task": TWO}, r"TaskBonus.coefficients\[1\] is '0.1'; it must be a number"),
    ],
)
def test_parts_that_make_no_sense_apart_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes).validate()


def test_a_loss_that_reads_a_reference_gets_a_fixed_one():
    assert dataclasses.replace(TINY, loss=LEASHED).resolved().reference == FixedReference()
    assert TINY.resolved().reference is None
