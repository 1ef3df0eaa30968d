"""A judged rollout becomes what the update reads, and a mini-batch is whole groups."""

from __future__ import annotations

import numpy as np

from entropy_rl.problem import Verdict
from entropy_rl.training.experience import mini_batches, rewards_of
from tests.policies import example_experience


def test_an_undecided_verdict_has_no_reward():
    rewards = rewards_of([Verdict(1.0), Verdict(1.0, undecided=True)])
    assert rewards[0] == 1.0 and np.isnan(rewards[1])


def test_mini_batches_hold_every_group_once_an_epoch_and_whole():
    experience = example_experience(prompts=8, group=2)
    pieces = list(mini_batches(experience, 4, 2, seed=0, step=1))
    assert len(pieces) == 8
    ids = [np.asarray(piece.sample_ids).reshape(-1, 2) for piece in pieces]
    assert all((pair[:, 0] % 2 == 0).all() and (pair[:, 1] == pair[:, 0] + 1).all() for pair in ids)
    epochs = [np.concatenate(ids[start : start + 4]).ravel() for start in (0, 4)]
    assert all(sorted(epoch) == list(range(16)) for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
