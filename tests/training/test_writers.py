"""A run's streams agree with each other, and one process writes them."""

import jax
from absl import logging
from tensorboardX.event_file_writer import EventFileWriter  # noqa: F401 - fails here and not in a run if the API moves
from tensorboardX.proto import event_pb2

from entropy_rl.training.streams import read
from entropy_rl.training.writers import TENSORBOARD, Writers

SAMPLE = {"step": 2, "prompt": "1 2 =", "responses": [{"text": "<b>3</b>", "reward": 1.0, "advantage": 0.5}]}


def events(folder):
    """(step, tag, value) of every summary in TensorBoard's record files: length, its CRC, the message, its CRC."""
    found = []
    for path in sorted((folder / TENSORBOARD).iterdir()):
        content, position = path.read_bytes(), 0
        while position < len(content):
            size = int.from_bytes(content[position : position + 8], "little")
            event = event_pb2.Event.FromString(content[position + 12 : position + 12 + size])
            position += size + 16
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return found


def test_a_step_goes_to_the_stream_and_to_tensorboard(tmp_path):
    writers = Writers(tmp_path)
    writers.write_metrics({"step": 1, "reward/mean": 0.5, "missing": None, "odd": float("nan")})
    writers.write_samples([SAMPLE])
    writers.close()
    assert read(tmp_path, "metrics") == [{"step": 1, "reward/mean": 0.5, "missing": None, "odd": None}]
    assert read(tmp_path, "samples") == [SAMPLE]
    assert [event for event in events(tmp_path) if event[0] == 1] == [(1, "reward/mean", 0.5)]
    assert any(tag.startswith("samples") for _, tag, _ in events(tmp_path))


def test_a_resume_drops_later_records_of_every_stream(tmp_path):
    first = Writers(tmp_path)
    for step in (1, 2, 3):
        first.write_metrics({"step": step})
        first.write_samples([SAMPLE | {"step": step}])
    first.close()
    Writers(tmp_path, resume_step=2).close()
    assert [record["step"] for record in read(tmp_path, "metrics")] == [1, 2]
    assert [record["step"] for record in read(tmp_path, "samples")] == [1, 2]
    Writers(tmp_path).close()
    assert read(tmp_path, "metrics") == read(tmp_path, "samples") == []


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    writers = Writers(tmp_path / "run")
    writers.write_metrics({"step": 1, "reward/mean": 0.5})
    writers.write_samples([SAMPLE])
    writers.flush()
    writers.close()
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_without_tensorboard(tmp_path, caplog):
    logging.get_absl_logger().propagate = True
    (tmp_path / TENSORBOARD).write_text("a file where the folder should be")
    writers = Writers(tmp_path)
    writers.write_metrics({"step": 1, "reward/mean": 0.5})
    writers.close()
    assert "no TensorBoard files" in caplog.text and len(read(tmp_path, "metrics")) == 1
