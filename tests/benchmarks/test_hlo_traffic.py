"""Bytes counted in programs written by hand, and in one of the CPU's compiler."""

from __future__ import annotations

import pytest

from benchmarks import hlo_traffic

STATE = "(s32[], bf16[4,8,128]{2,1,0:T(8,128)(2,1)}, /*index=2*/bf16[1,8,128]{2,1,0:T(8,128)(2,1)})"
PROGRAM = """
%sliced (p0: bf16[4,8,128], p1: s32[]) -> bf16[8,128] {
  %p0 = bf16[4,8,128]{2,1,0:T(8,128)(2,1)} parameter(0)
  %p1 = s32[]{:T(128)} parameter(1)
  %zero = s32[] constant(0)
  %slice = bf16[1,8,128]{2,1,0:T(8,128)(2,1)} dynamic-slice(%p0, %p1, %zero, %zero), dynamic_slice_sizes={1,8,128}
  ROOT %flat = bf16[8,128]{1,0:T(8,128)(2,1)} bitcast(%slice)
}

%written (q0: bf16[4,8,128], q1: bf16[1,8,128]) -> bf16[4,8,128] {
  %q0 = bf16[4,8,128]{2,1,0:T(8,128)(2,1)} parameter(0)
  %q1 = bf16[1,8,128]{2,1,0:T(8,128)(2,1)} parameter(1)
  %none = s32[] constant(0)
  ROOT %update = bf16[4,8,128]{2,1,0:T(8,128)(2,1)} dynamic-update-slice(%q0, %q1, %none, %none, %none)
}

%small (c0: (bf16[8,128])) -> f32[] {
  %c0 = (bf16[8,128]{1,0:T(8,128)(2,1)}) parameter(0)
  ROOT %c1 = f32[] constant(0)
}

%big (d0: (bf16[8,128])) -> f32[] {
  %d0 = (bf16[8,128]{1,0:T(8,128)(2,1)}) parameter(0)
  %d1 = bf16[8,128]{1,0:T(8,128)(2,1)} get-tuple-element(%d0), index=0
  %copied = bf16[8,128]{1,0:T(8,128)(2,1)} copy(%d1)
  ROOT %d2 = f32[] constant(0)
}

%body (b0: (s32[], bf16[4,8,128], bf16[1,8,128])) -> (s32[], bf16[4,8,128], bf16[1,8,128]) {
  %b0 = STATE parameter(0)
  %i = s32[]{:T(128)S(6)} get-tuple-element(%b0), index=0
  %stack = bf16[4,8,128]{2,1,0:T(8,128)(2,1)} get-tuple-element(%b0), index=1
  %new = bf16[1,8,128]{2,1,0:T(8,128)(2,1)} get-tuple-element(%b0), index=2
  %read = bf16[8,128]{1,0:T(8,128)(2,1)S(1)} fusion(%stack, %i), kind=kLoop, calls=%sliced
  %put = bf16[4,8,128]{2,1,0:T(8,128)(2,1)} fusion(%stack, %new), kind=kLoop, calls=%written
  %pack = (bf16[8,128]{1,0:T(8,128)(2,1)}) tuple(%read)
  %either = f32[]{:T(128)S(6)} conditional(%i, %pack, %pack), branch_computations={%small, %big}
  ROOT %out = STATE tuple(%i, %put, %new)
}

%condition (e0: (s32[], bf16[4,8,128], bf16[1,8,128])) -> pred[] {
  %e0 = STATE parameter(0)
  ROOT %e1 = pred[] constant(true)
}

ENTRY %main (a0: (s32[], bf16[4,8,128], bf16[1,8,128])) -> (s32[], bf16[4,8,128], bf16[1,8,128]) {
  %a0 = STATE parameter(0)
  ROOT %loop = STATE while(%a0), condition=%condition, body=%body
}
""".replace("STATE", STATE)
SLICE = 8 * 128 * 2  # bytes


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("bf16[8,128]{1,0:T(8,128)(2,1)}", 8 * 128 * 2),
        ("bf16[8,64]{1,0:T(8,128)(2,1)}", 8 * 128 * 2),  # 64 numbers fill 128 lanes
        ("bf16[64,128]{0,1:T(8,128)(2,1)}", 128 * 128 * 2),  # the first axis lies in the lanes
        ("f32[3,100]{1,0}", 3 * 100 * 4),
        ("(s8[8,128]{1,0}, f32[])", 8 * 128 + 4),
        ("bf16[8,128]{1,0:T(8,128)(2,1)S(1)}", 0),  # in the core's own memory
    ],
)
def test_arrays_take_their_tiles_and_none_in_memory_where_they_never_come(shape, expected):
    assert hlo_traffic.hbm_bytes(shape) == expected


def test_a_slice_of_a_stack_counts_as_a_slice_read_or_written_in_place():
    moved = hlo_traffic.traffic(hlo_traffic.parse(PROGRAM), "body", choice=lambda instruction, branches: 0).moved
    assert moved["read"] == SLICE  # its result stays in the core
    assert moved["put"] == 2 * SLICE  # the new slice is read, its place is written


def test_a_loop_counts_once_for_each_trip_with_the_branch_that_is_chosen():
    program = hlo_traffic.parse(PROGRAM)
    three_trips = hlo_traffic.traffic(program, "ENTRY", 3, lambda instruction, branches: branches.index("small"))
    assert three_trips.total == 3 * 3 * SLICE
    most = hlo_traffic.traffic(program, "ENTRY", 3)
    assert most.total == 3 * (3 * SLICE + 2 * SLICE)  # a copy is read and written
