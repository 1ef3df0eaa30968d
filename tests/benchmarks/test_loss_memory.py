"""What the memory benchmark measures and compares."""

from __future__ import annotations

import numpy as np

from benchmarks import loss_memory


def test_tiled_gradients_are_within_a_millionth_of_dense_ones():
    assert loss_memory.gradient_distance(batch=2, length=8, vocabulary=50, width=16) < 1e-6


def test_a_passing_array_is_seen_though_it_is_gone_at_the_end():
    def run() -> None:
        for _ in range(20):
            np.ones(1 << 24, np.float32)  # 64 MiB

    assert loss_memory.peak_above(run) > 0.05
