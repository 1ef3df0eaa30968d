"""Streams lose nothing that was written, and repeat nothing after a resume."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from absl import logging

from entropy_rl.training import streams
from entropy_rl.training.streams import Stream, read


@pytest.fixture(params=[False, True], ids=["lines", "parts"])
def parts(request):
    return request.param


def write_steps(folder, parts, first, last):
    stream = Stream(folder, "metrics", parts=parts, part_records=3)
    for step in range(first, last + 1):
        stream.write({"step": step, "reward/mean": step / 3})
    stream.close()


def test_what_is_written_is_read_in_order(tmp_path, parts):
    write_steps(tmp_path, parts, 1, 10)
    write_steps(tmp_path, parts, 11, 14)
    assert read(tmp_path, "metrics") == [{"step": step, "reward/mean": step / 3} for step in range(1, 15)]
    assert read(tmp_path, "samples") == []


def test_resuming_drops_what_will_be_written_again(tmp_path, parts):
    write_steps(tmp_path, parts, 1, 10)
    Stream(tmp_path, "metrics", parts=parts).truncate_after(7)
    write_steps(tmp_path, parts, 8, 12)
    assert [record["step"] for record in read(tmp_path, "metrics")] == list(range(1, 13))
    Stream(tmp_path, "metrics", parts=parts).truncate_after(-1)
    assert read(tmp_path, "metrics") == []


def test_a_local_line_is_on_the_disk_at_once(tmp_path):
    stream = Stream(tmp_path, "metrics")
    stream.write({"step": 1})
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1}\n'
    stream.close()


def test_parts_are_written_whole_and_numbered(tmp_path):
    write_steps(tmp_path, True, 1, 7)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["metrics.00001.jsonl", "metrics.00002.jsonl", "metrics.00003.jsonl"]
    assert not (tmp_path / "metrics.jsonl").exists()


@pytest.mark.parametrize("tail", [b'{"step": 3, "re', b'{"step": 3, "text": "\xc3', b"\x00\x00"])
def test_a_line_cut_by_a_kill_is_dropped_and_swallows_nothing(tmp_path, tail):
    write_steps(tmp_path, False, 1, 2)
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(tail)
    assert [record["step"] for record in read(tmp_path, "metrics")] == [1, 2]
    write_steps(tmp_path, False, 3, 3)
    assert [record["step"] for record in read(tmp_path, "metrics")] == [1, 2, 3]


def test_a_whole_last_line_without_its_newline_is_kept(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}')
    write_steps(tmp_path, False, 3, 3)
    assert [record["step"] for record in read(tmp_path, "metrics")] == [1, 2, 3]


def test_a_broken_line_in_the_middle_is_named(tmp_path, caplog):
    logging.get_absl_logger().propagate = True
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n{"step": 2}\n')
    assert [record["step"] for record in read(tmp_path, "metrics")] == [1, 2]
    assert "line 2" in caplog.text


def test_streams_of_similar_names_do_not_mix(tmp_path, parts):
    for name in ("metrics", "metrics.x", "metrics.00001"):
        stream = Stream(tmp_path, name, parts=parts)
        stream.write({"name": name})
        stream.close()
    assert read(tmp_path, "metrics.x") == [{"name": "metrics.x"}]


def test_numbers_come_back_exactly():
    values = np.random.default_rng(0).standard_normal(1000)
    assert json.loads(streams.to_line({"x": values}))["x"] == values.tolist()
    short = json.loads(streams.to_line({"x": values.astype(np.float32)}))["x"]
    np.testing.assert_array_equal(np.float32(short), values.astype(np.float32))


def test_array_scalars_become_plain_numbers():
    record = {
        "a": np.float32(0.1), "b": jnp.int32(3), "c": jnp.bfloat16(0.5), "d": np.bool_(True), "e": np.int64(4),
        "f": jnp.float32(np.nan), "g": float("inf"), "h": [np.nan, 1.0], "i": None,
        "j": (1, "ü\u2028"), "k": np.array("x"),
    }  # fmt: skip
    expected = {
        "a": 0.1, "b": 3, "c": 0.5, "d": True, "e": 4, "f": None, "g": None, "h": [None, 1.0], "i": None,
        "j": [1, "ü\u2028"], "k": "x",
    }  # fmt: skip
    assert json.loads(streams.to_line(record)) == expected
    assert streams.to_line(record).count("\n") == 1


def test_half_a_character_of_a_model_does_not_stop_a_run(tmp_path):
    stream = Stream(tmp_path, "samples")
    stream.write({"text": "\ud83d"})
    stream.close()
    assert read(tmp_path, "samples") == [{"text": "\ud83d"}]


def test_an_address_with_a_scheme_is_an_object_store():
    assert streams.is_object_store("gs://bucket/run") and not streams.is_object_store("/tmp/run")
