"""Rates and shares against arithmetic done by hand."""

import types
from typing import Any, cast

import jax
import numpy as np
import pytest

from entropy_rl.models import flops
from entropy_rl.models.decoder import Decoder
from entropy_rl.parallel import devices
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.parallel.rows import Team
from entropy_rl.training import metrics, speed
from entropy_rl.training.speed import Lengths

POLICY = Decoder(vocab_size=10, layers=2, width=8, heads=2, kv_heads=1, head_width=4, feed_forward=16)
SAMPLED = [Lengths(np.array([3]), np.array([2, 3])), Lengths(np.array([4]), np.array([1, 5]))]
TRAINED = Lengths(np.array([3, 4]), np.array([2, 3, 1, 5]))


@pytest.fixture
def mesh():
    return make_mesh(MeshShape(), devices=jax.devices()[:1])


def test_shares_are_of_the_model_s_work_over_time_and_peak(mesh, monkeypatch):
    monkeypatch.setattr(devices, "peak", lambda device: devices.Peak(flops=1e6, bandwidth=1e5))
    seconds = {"rollout": 0.5, "update": 0.25, "step": 1.0}
    found = speed.figures(POLICY, SAMPLED, TRAINED, 2, seconds, mesh)
    forward = flops.forward(POLICY, [3], [2, 3]) + flops.forward(POLICY, [4], [1, 5])
    read = flops.decode_bytes(POLICY, [3], [2, 3]) + flops.decode_bytes(POLICY, [4], [1, 5])
    assert found["speed/rollout_mfu"] == pytest.approx(forward / 0.5 / 1e6)
    assert found["speed/rollout_bandwidth"] == pytest.approx(read / 0.5 / 1e5)
    assert found["speed/update_mfu"] == pytest.approx(2 * 3 * forward / 0.25 / 1e6)
    metrics.check_names(found)


def test_hosts_that_hold_the_same_rows_share_the_work_on_them(mesh, monkeypatch):
    monkeypatch.setattr(devices, "peak", lambda device: devices.Peak(flops=1e6, bandwidth=1e5))
    seconds = {"rollout": 0.5, "update": 0.25}
    alone = speed.figures(POLICY, SAMPLED, TRAINED, 1, seconds, mesh)
    monkeypatch.setattr(speed, "team", lambda mesh: Team(0, 1, (0, 1)))
    over_both = types.SimpleNamespace(devices=mesh.devices, shape={"tensor": 2})
    shared = speed.figures(POLICY, SAMPLED, TRAINED, 1, seconds, cast(Any, over_both))
    assert shared == pytest.approx({name: share / 2 for name, share in alone.items()})


def test_no_share_is_claimed_of_a_device_that_nobody_knows(mesh):
    assert speed.figures(POLICY, SAMPLED, TRAINED, 1, {"rollout": 1.0, "update": 1.0}, mesh) == {}
    assert speed.memory(mesh) == {}


def test_tokens_per_second_of_all_devices_and_of_one():
    found = speed.tokens_per_second(100, 400.0, {"rollout": 2.0, "update": 4.0, "step": 10.0}, devices=4)
    metrics.check_names(found)
    assert found == {
        "speed/update_tokens_per_second": 100.0,
        "speed/step_tokens_per_second": 10.0,
        "speed/rollout_tokens_per_second_per_device": 12.5,
        "speed/update_tokens_per_second_per_device": 25.0,
        "speed/step_tokens_per_second_per_device": 2.5,
    }


def test_a_judge_that_works_beside_the_sampler_takes_none_of_its_time():
    laps = {"time/rollout": 1.0, "time/reward": 3.0, "time/update": 2.0, "time/step": 7.0}
    assert speed.spent(laps, overlapped=False) == {"rollout": 1.0, "update": 2.0, "step": 7.0}
    assert speed.spent(laps, overlapped=True)["rollout"] == 4.0


def test_the_fullest_device_s_memory_is_reported_in_gib(mesh, monkeypatch):
    monkeypatch.setattr(devices, "memory_in_use", lambda device: (3 << 30, 5 << 30))
    found = speed.memory(mesh)
    assert found == {"memory/in_use": 3.0, "memory/peak": 5.0}
    metrics.check_names(found)
