"""Collectives as the compiler writes them: how often they run, how many bytes, between how many devices."""

import pytest

from entropy_rl.training import hlo

PROGRAM = """HloModule jit_f, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%inner_condition (p: (s32[], bf16[4,8])) -> pred[] {
  %three = s32[]{:T(128)} constant(3)
  %p = (s32[], bf16[4,8]) parameter(0)
  %i = s32[]{:T(128)} get-tuple-element(%p), index=0
  ROOT %lt = pred[]{:T(512)} compare(%i, %three), direction=LT
}

%inner_body (p: (s32[], bf16[4,8])) -> (s32[], bf16[4,8]) {
  %p = (s32[], bf16[4,8]) parameter(0)
  %x = bf16[4,8]{1,0} get-tuple-element(%p), index=1
  %step.1 = bf16[4,8]{1,0} fusion(%x), kind=kCustom, calls=%async_collective_fusion.1
  %step.2 = bf16[4,8]{1,0} fusion(%x), kind=kCustom, calls=%async_collective_fusion.2
  ROOT %out = (s32[], bf16[4,8]) tuple(%i, %x)
}

%async_collective_fusion.1 (p0: bf16[1,8]) -> bf16[4,8] {
  %p0 = bf16[1,8] parameter(0)
  ROOT %gather = bf16[4,8]{1,0:T(8,128)(2,1)} all-gather(%p0), channel_id=7, replica_groups=[2,4]<=[8], dimensions={0}
}

%async_collective_fusion.2 (p0: bf16[1,8]) -> bf16[4,8] {
  %p0 = bf16[1,8] parameter(0)
  ROOT %gather.1 = bf16[4,8]{1,0:T(8,128)(2,1)} all-gather(%p0), channel_id=7, replica_groups=[2,4]<=[8], dimensions={0}
}

%outer_condition (p: (s32[], pred[])) -> pred[] {
  %p = (s32[], pred[]) parameter(0)
  ROOT %go = pred[] get-tuple-element(%p), index=1
}

%outer_body (p: (s32[], pred[])) -> (s32[], pred[]) {
  %p = (s32[], pred[]) parameter(0)
  %start = (s32[], bf16[4,8]) tuple(%p)
  %loop = (s32[], bf16[4,8]) while(%start), condition=%inner_condition, body=%inner_body
  ROOT %out = (s32[], pred[]) tuple(%p)
}

%all-reduce-scatter.1 (p0: f32[16,4]) -> f32[2,4] {
  %p0 = f32[16,4] parameter(0)
  %reduced = f32[16,4]{1,0} all-reduce(%p0), channel_id=1, replica_groups=[1,8]<=[8], to_apply=%add
  ROOT %slice = f32[2,4] dynamic-slice(%reduced)
}

ENTRY %main (x: f32[16,4]) -> f32[] {
  %x = f32[16,4]{1,0} parameter(0)
  %scattered = f32[2,4] fusion(%x), kind=kCustom, calls=%all-reduce-scatter.1
  %big = f32[100,1000]{1,0} broadcast(%x)
  %moved = (f32[2,4], f32[2,4], u32[], u32[]) collective-permute-start(%x), channel_id=3, source_target_pairs={{0,1},{1,0}}
  %sum = f32[] all-reduce(%x), channel_id=1, replica_groups=mesh['axis_0'=4,'axis_1'=2] {'axis_0'}, to_apply=%add
  ROOT %w = (s32[], pred[]) while(%x), condition=%outer_condition, body=%outer_body
}
"""  # noqa: E501 - as the compiler writes it


@pytest.fixture(scope="module")
def found() -> dict[str, hlo.Collective]:
    listed = hlo.collectives(PROGRAM, longest=10)
    assert len(listed) == 4  # the gather that was cut into two steps is one
    return {one.kind: one for one in listed}


def test_a_collective_in_loops_counts_as_often_as_they_run(found):
    gather = found["all-gather"]
    assert gather.times == 3 * 10  # of three layers, in a loop that ends by what it computed
    assert gather.bytes == 30 * 4 * 8 * 2
    assert gather.group == 4
    assert gather.sent == pytest.approx(30 * 64 * 3 / 4)  # a device sends every piece but its own


def test_a_sum_of_which_each_device_keeps_a_piece_is_a_scatter(found):
    scatter = found["reduce-scatter"]
    assert scatter.shapes == (hlo.Shape("f32", (2, 4)),)
    assert scatter.sent == 2 * 4 * 4 * 7  # seven of eight pieces leave a device


def test_groups_are_read_in_every_notation(found):
    assert found["all-reduce"].group == 4
    assert found["all-reduce"].sent == pytest.approx(2 * 4 * 3 / 4)
    assert found["collective-permute"].shapes == (hlo.Shape("f32", (2, 4)),)


def test_arrays_inside_fusions_need_not_exist():
    arrays = set(hlo.largest_arrays(PROGRAM))
    assert hlo.Shape("f32", (100, 1000)) in arrays and hlo.Shape("f32", (16, 4)) not in arrays
    assert str(hlo.Shape("f32", (100, 1000))) == "f32[100,1000]"


def test_the_summary_adds_up_by_kind(found):
    totals = hlo.summary(list(found.values()))
    assert totals["all-gather"] == {"count": 30, "bytes": 30 * 64, "sent": pytest.approx(30 * 48)}
    assert list(totals) == ["all-gather", "all-reduce", "reduce-scatter", "collective-permute"]
