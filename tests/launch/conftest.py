"""Fixtures of the launch scripts: a pretended machine, and one with a pretended cloud."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.launch.cloud import Cloud
from tests.launch.machine import Machine


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def cloud(tmp_path: pathlib.Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.close()
