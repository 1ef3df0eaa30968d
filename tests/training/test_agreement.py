"""Hosts that differ are told in what, and which of them."""

from __future__ import annotations

from entropy_rl import presets
from entropy_rl.training import agreement
from tests.training.resuming import CONFIG_FILE

BASE = {"host": "a", "config.seed": "0", "versions.jax": "0.10.2"}


def test_equal_hosts_do_not_differ_whatever_their_names():
    assert agreement.difference([BASE, {**BASE, "host": "b"}]) == ""


def test_a_difference_names_path_values_processes_and_hosts():
    message = agreement.difference([BASE, {**BASE, "host": "b", "config.seed": "1"}, {**BASE, "host": "c"}])
    assert "config.seed: 0 on process 0 (a) 2 (c), 1 on process 1 (b)" in message
    assert "versions.jax" not in message and "Start the same command" in message


def test_what_only_one_host_has_differs():
    assert "code.commit: None on process 0 (a), abc on process 1 (a)" in agreement.difference(
        [BASE, {**BASE, "code.commit": "abc"}]
    )


def test_long_lists_of_differences_are_cut_and_counted():
    other = {**BASE, **{f"config.{number}": "x" for number in range(7)}}
    assert "and 2 more" in agreement.difference([BASE, other])


def test_a_fingerprint_holds_config_code_and_versions():
    found = agreement.fingerprint(presets.load_config(str(CONFIG_FILE)))
    assert found["config.steps"] == "30" and "versions.jax" in found and "code.uncommitted" in found
    assert all(isinstance(value, str) and len(value) <= 100 for value in found.values())
