"""Reads boxes out of stored tensors: only the bytes that are asked for, from local files and object stores alike."""

from __future__ import annotations

import contextlib
import math
import os
from typing import Any

import numpy as np
from etils import epath

from entropy_rl.models.checkpoints.headers import Stored

Box = tuple[slice, ...]  # one slice of step 1 per axis, its ends filled in
LOCAL_GAP = 0  # bytes
REMOTE_GAP = 1 << 20  # bytes; a request takes about as long as they do
CHUNK = 16 << 20  # bytes compared at a time
ALIGNMENT = 64  # bytes


class Files(contextlib.ExitStack):
    """The open files of a checkpoint; counts what is read of them."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes_read = 0
        self._streams: dict[epath.Path, Any] = {}

    def box(self, stored: Stored, shape: tuple[int, ...], box: Box) -> np.ndarray:
        """A box of a tensor that is looked at in a shape of the same elements, row by row.

        Raises:
          ValueError: if the file has become shorter since its header was read.
        """
        gap = REMOTE_GAP if "://" in os.fspath(stored.file) else LOCAL_GAP
        wide = _widened(shape, box, gap // stored.dtype.itemsize)
        partial = max((axis for axis, size in enumerate(shape) if _length(wide[axis]) < size), default=0)
        run = math.prod(_length(part) for part in wide[partial:])  # elements that lie together
        outer = tuple(_length(part) for part in wide[:partial])
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        start = sum(part.start * stride for part, stride in zip(wide, strides, strict=True))
        rows = _empty((math.prod(outer), run), stored.dtype)
        for row, position in zip(rows, np.ndindex(outer), strict=True):
            offset = start + sum(at * stride for at, stride in zip(position, strides, strict=False))
            self._fill(stored, offset * stored.dtype.itemsize, row)
        whole = rows.reshape([_length(part) for part in wide])
        return whole[tuple(slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))]

    def same(self, one: Stored, other: Stored) -> bool:
        """Whether two tensors hold the same bytes."""
        if (one.kind, one.shape) != (other.kind, other.shape):
            return False
        for start in range(0, one.nbytes, CHUNK):
            blocks = [np.empty(min(CHUNK, one.nbytes - start), np.uint8) for _ in range(2)]
            for stored, block in zip((one, other), blocks, strict=True):
                self._fill(stored, start, block)
            if (blocks[0] != blocks[1]).any():
                return False
        return True

    def _fill(self, stored: Stored, offset: int, target: np.ndarray) -> None:
        if stored.file not in self._streams:
            self._streams[stored.file] = self.enter_context(stored.file.open("rb"))
        stream, view = self._streams[stored.file], target.view(np.uint8).data
        stream.seek(stored.offset + offset)
        filled = 0
        while filled < len(view):
            if hasattr(stream, "readinto"):
                count = stream.readinto(view[filled:])
            else:
                block = stream.read(len(view) - filled)
                count = len(block)
                view[filled : filled + count] = block
            if not count:
                raise ValueError(
                    f"{stored.file} ends inside a tensor; it was changed while it was read. Fetch it again"
                )
            filled += count
        self.bytes_read += filled


def _widened(shape: tuple[int, ...], box: Box, gap: int) -> Box:
    """The box, made whole along the inner axes where what lies between its runs is less than `gap` elements."""
    wide = list(box)
    for axis in reversed(range(1, len(shape))):
        missing = (shape[axis] - _length(box[axis])) * math.prod(shape[axis + 1 :])
        if missing > gap:
            break
        wide[axis] = slice(0, shape[axis])
    return tuple(wide)


def _empty(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """An array that begins where JAX wants it, so that on a CPU it becomes a JAX array without a copy."""
    nbytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + nbytes].view(dtype).reshape(shape)


def _length(part: slice) -> int:
    return part.stop - part.start
