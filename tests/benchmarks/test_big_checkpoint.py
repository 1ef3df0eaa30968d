"""What the checkpoint benchmark writes is a checkpoint, and what it measures is there."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks import big_checkpoint
from entropy_rl.models import checkpoints

SMALL = dataclasses.replace(
    big_checkpoint.QWEN, layers=2, width=64, feed_forward=96, heads=2, kv_heads=1, vocab_size=99
)


def test_its_shapes_are_those_of_the_published_model():
    tensors = big_checkpoint.families.family_for(big_checkpoint.QWEN).tensors(big_checkpoint.QWEN).values()
    sizes = [tensor.shape[0] * (tensor.shape[1] if len(tensor.shape) > 1 else 1) for tensor in tensors]
    count = sum(size * (28 if tensor.stacked else 1) for size, tensor in zip(sizes, tensors, strict=True))
    assert count == 1_543_714_304  # 1.54 B on the card of Qwen2.5-1.5B


@pytest.mark.slow
def test_every_tensor_comes_out_again_and_memory_is_counted(tmp_path):
    big_checkpoint.make(tmp_path / "in", SMALL)
    assert checkpoints.read_decoder(tmp_path / "in").width == 64
    found = big_checkpoint.measured(str(tmp_path / "in"), str(tmp_path / "out"))
    assert found["bitwise"] and 0 < found["peak_gb"]["import"] < found["peak_gb"]["export"]
