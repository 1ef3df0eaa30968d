"""What the compiler says, and what is made of it: bounds of time, complaints, faults, advice, tables."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from entropy_rl.config import Config, Decoder, RolloutConfig, UpdateConfig
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.models import flops
from entropy_rl.models.lora import Lora
from entropy_rl.parallel.devices import Peak
from entropy_rl.training import ahead, ahead_report, fitting, hlo, programs, roofline

GIB = ahead.GIB
PEAK = Peak(flops=1e12, bandwidth=1e9)
HARDWARE = ahead.Hardware(PEAK, 16 * GIB, link_bandwidth=1e8)
POLICY = Decoder(
    vocab_size=1000, layers=2, width=64, heads=4, kv_heads=2, head_width=16, feed_forward=128,
    compute_dtype="bfloat16", remat="full",
)  # fmt: skip


def config(**changes: Any) -> Config:
    rollout = RolloutConfig(prompts=32, responses=4, prompt_tokens=10, response_tokens=20, pieces=2)
    base = Config(policy=POLICY, rollout=rollout, update=UpdateConfig(mini_batches=2, micro_batches=2))
    return dataclasses.replace(base, **changes)


def program(kind: str, fsdp: int = 4, tensor: int = 2, **changes: Any) -> programs.Program:
    mesh: Any = SimpleNamespace(size=fsdp * tensor, shape={"data": 1, "fsdp": fsdp, "tensor": tensor})
    given = programs.Program(kind, programs.UPDATE, kind, None, (), mesh, prompts=16, responses=64, prompt_tokens=10,
                             response_tokens=20)  # fmt: skip
    return dataclasses.replace(given, **changes)


def checked(kind: str, arguments: float, temporaries: float, **changes: Any) -> ahead.Checked:
    """Of a program whose figures are in GiB."""
    peak = int((arguments + temporaries) * GIB)
    found = ahead.Checked(
        program(kind), roofline.Work(), arguments=int(arguments * GIB), temporaries=int(temporaries * GIB), peak=peak,
        needed=peak,
    )  # fmt: skip
    return dataclasses.replace(found, **changes)


# Time ----------------------------------------------------------------------------------------------------------------


def test_the_slowest_of_computing_reading_and_sending_bounds_the_time():
    bounds = roofline.seconds(roofline.Work(flops=3e12, bytes=2e9), sent=4e8, peak=PEAK, link_bandwidth=1e8)
    assert (bounds.compute, bounds.memory, bounds.network) == (3.0, 2.0, 4.0)
    assert (bounds.least, bounds.bound) == (4.0, "network")


def test_an_update_computes_its_forward_pass_again_and_once_more_for_its_statistics():
    prompts, responses = np.full(16, 10), np.full(64, 20)
    forward, model = flops.forward(POLICY, prompts, responses), flops.update(POLICY, prompts, responses)
    logits = 2 * 64 * 1000 * 64 * 20
    update = program("update", arguments=(None,))
    plain = roofline.work(update, config())
    assert plain.model_flops == model / 8
    assert plain.flops == pytest.approx((model + forward) / 8)  # layers once more, tiles of logits once more
    loss = dataclasses.replace(config().loss, gates=(ClipCov(),))
    assert roofline.statistics_pass(update, config(loss=loss)) and not roofline.statistics_pass(update, config())
    assert roofline.work(update, config(loss=loss)).flops == pytest.approx((model + 2 * forward) / 8)
    kept = config(policy=dataclasses.replace(POLICY, remat="none"))
    assert roofline.work(update, kept).flops == pytest.approx((model + logits) / 8)


def test_sampling_reads_its_weights_once_a_token_on_each_group_of_devices():
    work = roofline.work(program("sampling"), config())
    prompts, responses = np.full(16, 10), np.full(64, 20)
    assert work.bytes == flops.decode_bytes(POLICY, prompts, responses, replicas=4) / 8
    assert work.flops == flops.forward(POLICY, prompts, responses) / 8


def test_a_step_adds_up_its_programs_as_often_as_they_run():
    second = roofline.Seconds(1.0, 0.5, 0.0)
    rollout = dataclasses.replace(program("sampling"), phase="rollout", times=2)
    update = dataclasses.replace(program("update"), times=3)
    assert roofline.total([(rollout, second), (update, second)]) == {"rollout": 2.0, "update": 3.0, "step": 5.0}


# Complaints -----------------------------------------------------------------------------------------------------------


def test_what_the_compiler_lacked_is_read_from_its_complaint():
    complaint = (
        "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (47.49G) exceeds "
        "available HBM (31.25G)."
    )
    assert ahead.exhausted(complaint) == (int(47.49 * GIB), int(31.25 * GIB))
    assert ahead.exhausted("INTERNAL: something else (1G) exceeds available HBM (1G)") is None
    assert ahead.exhausted("RESOURCE_EXHAUSTED: would exceed memory (size=134217728); space=vmem") is None


def test_a_program_that_does_not_compile_keeps_no_other_from_being_compiled():
    def refuse(*arguments: Any) -> Any:
        raise jax.errors.JaxRuntimeError(
            "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for HLO temporaries (20.00G) "
            "exceeds available HBM (15.75G)."
        )

    number = jax.ShapeDtypeStruct((1 << 28,), "float32")  # 1 GiB
    bad = program("data", function=SimpleNamespace(lower=refuse), arguments=(number,), beside=GIB, mesh=_mesh())
    good = program("data", function=jax.jit(lambda x: x + 1), arguments=(number,), mesh=_mesh())
    seen: list[tuple[str, bool]] = []
    found = ahead.check([bad, good], config(), HARDWARE, lambda one, done: seen.append((one.kind, done is not None)))
    assert [one.fits(HARDWARE.memory) for one in found] == [False, True]
    assert found[0].needed == 22 * GIB  # temporaries, arguments and what stays beside
    assert found[1].arguments == GIB and found[1].peak >= 2 * GIB
    assert len(seen) == 4
    assert "NO" in ahead_report.table(found, HARDWARE)


def _mesh() -> Any:
    return jax.make_mesh((1, 1, 1), ("data", "fsdp", "tensor"), axis_types=(jax.sharding.AxisType.Auto,) * 3)


# What should not be there ---------------------------------------------------------------------------------------------


def text(*lines: str) -> str:
    return "ENTRY %main (x: f32[]) -> f32[] {\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def gather(shape: str, channel: int = 1) -> str:
    return f"%g.{channel} = {shape}{{1,0}} all-gather(%x), channel_id={channel}, replica_groups=[2,4]<=[8]"


def test_responses_gathered_whole_caches_and_stacks_of_layers_are_found():
    update, sampling = program("update"), program("sampling")
    found = lambda one, *lines: ahead.faults(one, config(), text(*lines))  # noqa: E731
    assert "all responses" in found(update, gather("bf16[32,19,64]"))[0]  # 64 rows in two micro-batches
    assert "all responses" in found(update, gather("f32[640]"))[0]
    assert "cache" in found(sampling, gather("bf16[2,8,2,20,16]"))[0]
    assert "all layers" in found(update, gather("bf16[2,900,100]"))[0]
    assert not found(update, gather("bf16[1,64,128]"), gather("s32[32,20]", 2), gather("bf16[8,19,64]", 3))


def test_logits_of_all_tokens_are_found():
    update = program("update")  # on a device: 64 rows over 4 shards and 2 micro-batches, so 8 rows of 20 tokens
    found = lambda shape: ahead.faults(update, config(), text(f"%l = {shape}{{1,0}} add(%x, %x)"))  # noqa: E731
    assert "logits" in found("f32[8,20,500]")[0]  # half a vocabulary on each of two
    assert "logits" in found("f32[160,1000]")[0]
    assert not found("f32[8,2,500]") and not found("f32[1000,64]")


def test_an_update_in_length_buckets_is_checked_as_it_is_cut():
    long = program("update", prompts=16, responses=128, prompt_tokens=256, response_tokens=1024)
    whole = config(update=UpdateConfig(mini_batches=2))
    cut = long.cut(whole.update)
    assert len(cut.widths) > 1 and cut.at_once(1024) * cut.rows == 2
    assert "logits" in ahead.faults(long, whole, text("%l = f32[2,1023,500]{1,0} add(%x, %x)"))[0]
    loss = dataclasses.replace(whole.loss, gates=(ClipCov(),))
    assert roofline.statistics_pass(long, dataclasses.replace(whole, loss=loss))  # there are several micro-batches


# Advice ---------------------------------------------------------------------------------------------------------------


def test_what_fits_needs_no_advice():
    assert fitting.advice(checked("update", 4, 8), config(), 16 * GIB) == []


def test_the_number_of_micro_batches_is_computed_from_what_depends_on_rows():
    # 4 GiB stay, 20 depend on rows: 20 / (.97 * 16 - 4) = 1.7, so twice as many; 16 prompts on 4 shards allow 4.
    sentences = fitting.advice(checked("update", 4, 20), config(), 16 * GIB)
    assert "8.00 GiB too many" in sentences[0]
    assert sentences[1].startswith("update.micro_batches=4 (from 2): 14.00 GiB")


def test_when_not_one_row_fits_the_state_is_the_trouble():
    large = config(policy=dataclasses.replace(POLICY, width=8192, feed_forward=32_768, layers=32, vocab_size=128_000))
    sentences = fitting.advice(checked("update", 20, 1), large, 16 * GIB)
    assert "no number of rows" in sentences[1]
    assert any("policy.lora" in one and "GiB less" in one for one in sentences)
    assert any("moments_dtype=bfloat16" in one for one in sentences)
    frozen = dataclasses.replace(large, policy=dataclasses.replace(large.policy, lora=Lora()))
    assert not any("policy.lora" in one for one in fitting.advice(checked("update", 20, 1), frozen, 16 * GIB))


def test_sampling_is_cut_into_slots_or_pieces():
    found = checked("sampling", 4, 20)  # 64 rows whose 20 GiB must become .97 * 16 - 4 = 11.5
    _, slots, pieces, *_ = fitting.advice(found, config(), 16 * GIB)
    assert slots.startswith("rollout.slots=36 (from 64): 15.25 GiB")  # 64 * 11.52 / 20 = 36.9, in fours
    assert pieces.startswith("rollout.pieces=4 (from 2): 14.00 GiB")
    most = config(rollout=dataclasses.replace(config().rollout, pieces=8, slots=4))
    assert "mesh.tensor" in fitting.advice(found, most, 16 * GIB)[1]  # 4 prompts and 4 slots on 4 shards


def test_no_number_of_pieces_is_advised_that_the_config_refuses():
    # 24 prompts on 4 shards: 1, 2, 3 and 6 pieces of 24, 12, 8 and 4; not the 4 pieces of 6 that would be enough
    odd = config(rollout=dataclasses.replace(config().rollout, prompts=24), update=UpdateConfig(mini_batches=1))
    _, _, pieces, *_ = fitting.advice(checked("sampling", 4, 20), odd, 16 * GIB)
    assert pieces.startswith("rollout.pieces=6 (from 2)")


def test_groups_are_cut_where_micro_batches_cannot_be():
    update = UpdateConfig(mini_batches=2, micro_batches=4)  # one prompt on each shard
    _, remedy, *_ = fitting.advice(checked("update", 4, 20), config(update=update), 16 * GIB)
    assert "mesh.tensor" in remedy
    whole = dataclasses.replace(update, buckets=1)
    assert "update.buckets=2" in fitting.advice(checked("update", 4, 20), config(update=whole), 16 * GIB)[1]


def test_a_failure_that_is_not_of_memory_is_told_as_it_is():
    broken = checked("update", 0, 0, needed=0, error="INTERNAL: no such thing")
    assert fitting.advice(broken, config(), 16 * GIB) == ["update does not compile: INTERNAL: no such thing"]


# Tables ---------------------------------------------------------------------------------------------------------------


def test_the_record_is_a_line_of_the_page():
    collective = hlo.Collective("all-gather", (hlo.Shape("bf16", (1000,)),), 4, 3, "")
    second = roofline.Seconds(1.0, 2.0, 3.0)
    found = [
        checked("sampling", 1, 2, seconds=second),
        checked("update", 4, 8, seconds=second, collectives=(collective,)),
    ]
    found[0] = dataclasses.replace(found[0], program=dataclasses.replace(found[0].program, phase="rollout"))
    record = ahead_report.record(
        found, config(), HARDWARE, {"config": "mine", "topology": "v5e:2x4", "mesh": "1, 4, 2"}
    )
    assert record["fits"] and record["least_seconds"] == {"rollout": 3.0, "update": 3.0, "step": 6.0}
    assert record["programs"][1]["collectives"]["all-gather"]["bytes"] == 6000
    assert "| mine | v5e:2x4 | 1, 4, 2 | yes | 3.00 | 12.00 | 16.00 | 6 (3 + 3) |" in ahead_report.page([record])
    lines = ahead_report.table(found, HARDWARE).splitlines()
    assert lines[0].startswith("program") and len({line.index("x1") for line in lines[1:]}) == 1
    assert "fits: update needs the most, 12.00 of 16.00 GiB" in ahead_report.summary(found, config(), HARDWARE)
