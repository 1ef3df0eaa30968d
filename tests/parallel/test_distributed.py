"""Who takes part in a run is complete and makes sense before anything waits for it."""

from __future__ import annotations

import pytest

from entropy_rl.parallel import exchange
from entropy_rl.parallel.distributed import Hosts, joined, lost_peer


def test_the_environment_says_what_flags_do_not(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "10.0.0.1:8476")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "4")
    monkeypatch.setenv("JAX_PROCESS_ID", "3")
    assert Hosts().completed() == Hosts("10.0.0.1:8476", 4, 3)
    assert Hosts(process=1).completed().process == 1


@pytest.mark.parametrize(
    "hosts", [Hosts("10.0.0.1", 2, 0), Hosts("10.0.0.1:1", 2, 2), Hosts("10.0.0.1:1", 2), Hosts("10.0.0.1:1", 0, 0)]
)
def test_half_said_is_refused_with_what_is_needed(hosts, monkeypatch):
    for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=r"needs --coordinator=HOST:PORT, --processes=N and --process_id in 0 .. N-1"):
        hosts.completed()


def test_fewer_processes_than_expected_are_refused_at_once():
    with pytest.raises(ValueError, match="1 processes take part, but 4 were to"), joined(Hosts(processes=4)):
        pytest.fail("the run began")


def test_a_single_process_is_let_through_with_its_own_errors():
    with pytest.raises(KeyError), joined():
        raise KeyError("mine")
    assert exchange.everyones({"a": float("inf")}, "here") == [{"a": float("inf")}]
    assert exchange.firsts(3, "here") == 3


def test_an_error_of_a_collective_says_that_a_peer_is_gone_whatever_its_type():
    seen = "UNKNOWN: Gloo AllGather failed: [external/gloo/gloo/transport/tcp/pair.cc:538] Read error [127.0.0.1]:387"
    wrapped = RuntimeError("the save failed")
    wrapped.__cause__ = ValueError(seen)
    assert lost_peer(ValueError(seen)) and lost_peer(wrapped)
    assert not lost_peer(ValueError("rollout.prompts = 3: the barrier is that they must divide"))
    assert not lost_peer(RuntimeError("INTERNAL: an assertion of the compiler"))


@pytest.mark.parametrize(
    "text",
    [
        "UNAVAILABLE: GCS request failed: HTTP 503: service unavailable",
        'DEADLINE_EXCEEDED: Error reading "gs://bucket/run/checkpoints/3/state/zarr.json": deadline exceeded',
        'ABORTED: Error writing local file [tensorstore_spec=\'{"driver":"zarr3"}\']: aborted',
    ],
)
def test_storage_that_fails_in_the_same_words_is_no_lost_host(text):
    assert not lost_peer(ValueError(text))
    assert lost_peer(ValueError("UNAVAILABLE: failed to connect to all addresses; last error: Socket closed"))
