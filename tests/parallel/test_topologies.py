"""Names of slices, as the compiler and as Cloud TPU write them."""

import os
import subprocess
import sys

import pytest

from entropy_rl.parallel import devices, topologies


@pytest.mark.parametrize(
    ("name", "understood", "chips"),
    [
        ("v5e:2x4", "v5e:2x4", 8),
        ("V6e:4x4", "v6e:4x4", 16),
        ("v5litepod-16", "v5e:4x4", 16),
        ("v5litepod-8", "v5e:2x4", 8),
        ("v6e-16", "v6e:4x4", 16),
        ("v5p-128", "v5p:4x4x4", 64),  # 128 cores, two to a chip
        ("v5p-16", "v5p:2x2x2", 8),
        ("v5p-8", "v5p:2x2x1", 4),
    ],
)
def test_a_slice_is_known_by_both_its_names(name, understood, chips):
    topology = topologies.parse(name)
    assert str(topology) == understood and topology.chips == chips


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("v5e", "v5e:2x4"),  # no shape
        ("v5x:4x4", "v5e"),  # the nearest generation
        ("v5e:2x3", "v5e:2x4"),
        ("v5p:4x4", "three sides"),
        ("v6e:2x2x2", "two sides"),
        ("v5p-127", "v5p-128"),
        ("v6e-12", "v6e-16"),
        ("a100-8", "v5litepod"),
    ],
)
def test_a_name_of_no_slice_is_answered_with_the_nearest(name, remedy):
    with pytest.raises(ValueError, match=name) as refused:
        topologies.parse(name)
    assert remedy in str(refused.value)


def test_every_chip_has_a_peak_and_less_memory_than_is_built_in():
    for generation, chip in topologies.CHIPS.items():
        assert chip.kind in devices.PEAKS, generation
        assert 0.9 * devices.TPU_MEMORY[chip.kind] < chip.memory < 1.01 * devices.TPU_MEMORY[chip.kind]


def test_without_the_compiler_the_extra_that_brings_it_is_named():
    script = (
        "import importlib.util, sys\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'libtpu' else found(name)\n"
        "from entropy_rl.parallel import topologies\n"
        "try: topologies.prepare()\n"
        "except ValueError as error: sys.stderr.write(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert "pip install -e '.[tpu]'" in done.stderr
