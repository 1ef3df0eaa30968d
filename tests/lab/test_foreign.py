"""Logs of other trainers, made by hand with their column names, become runs that the lab reads like its own."""

import json
import math

import numpy as np
import pytest
from absl import app, flags

from entropy_rl import report
from entropy_rl.lab import forecast, law, rivals
from entropy_rl.lab.foreign import is_foreign, read_foreign
from entropy_rl.lab.runs import read_runs
from tests import flagsaver

STEPS = range(60)


def entropy(step: int) -> float:
    return 0.05 + 0.5 * math.exp(-step / 20)


def reward(step: int) -> float:
    return 1.2 - 0.5 * math.exp(entropy(step))


def written(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def csv_of(header, row):
    return "\n".join([header, *(row(step) for step in STEPS)]) + "\n"


@pytest.fixture
def verl(tmp_path):
    header = (
        "step,actor/entropy,critic/score/mean,response_length/mean,val-core/math/acc/mean@16,val-core/amc/acc/mean@16"
    )
    row = lambda s: f"{s},{entropy(s)},{reward(s)},100,{0.2 if s == 10 else ''},{0.4 if s == 10 else ''}"  # noqa: E731
    return written(tmp_path, "verl.csv", csv_of(header, row))


def test_a_log_of_verl_has_a_law(verl):
    (run,) = read_foreign(verl)
    assert run.name == "verl" and len(run.records) == 60
    fit = law.of_run(run)
    assert fit is not None
    np.testing.assert_allclose([fit.a, fit.b], [0.5, 1.2], atol=0.01)  # smoothing bends the curve a little
    assert rivals.of_run(run) is not None and forecast.of_run(run, share=0.5) is not None


def test_the_validations_of_several_datasets_are_averaged_and_their_gaps_left(verl):
    (run,) = read_foreign(verl)
    np.testing.assert_allclose(run.series("validation/pass@1"), [[10], [0.3]])


def test_a_state_of_trl_is_read_with_its_history(tmp_path):
    history = [{"step": s, "entropy": entropy(s), "reward": reward(s), "completions/mean_length": 9} for s in STEPS]
    history.append({"step": 60, "train_runtime": 5.0})
    path = written(tmp_path, "trainer_state.json", json.dumps({"epoch": 1, "log_history": history}))
    (run,) = read_foreign(path)
    assert run.keys == {"step", "entropy/token_mean", "reward/mean", "response/length_mean"} and len(run.records) == 60


def test_json_lines_with_the_prefix_of_wandb_are_read_and_a_cut_line_is_left_out(tmp_path):
    lines = [json.dumps({"_step": s, "train/entropy": entropy(s), "train/reward": reward(s)}) for s in STEPS]
    (run,) = read_foreign(written(tmp_path, "history.jsonl", "\n".join([*lines, '{"_step": 9, "tr'])))
    np.testing.assert_allclose(run.series("reward/mean")[1][:2], [reward(0), reward(1)])


def test_the_export_of_a_wandb_chart_gives_a_run_for_each_column(tmp_path):
    columns = [
        "Step",
        *(f"{run} - actor/entropy{end}" for run in ("grpo", "kl - cov") for end in ("", "__MIN", "__MAX")),
    ]
    text = ",".join(f'"{column}"' for column in columns) + "\n0,.5,.4,.6,.7,.6,.8\n1,.4,.3,.5,,,\n"
    runs = read_runs([written(tmp_path, "chart.csv", text)])
    assert [run.name for run in runs] == ["chart grpo", "chart kl - cov"]
    np.testing.assert_allclose(runs[0].series("entropy/token_mean"), [[0, 1], [0.5, 0.4]])
    np.testing.assert_allclose(runs[1].series("entropy/token_mean"), [[0], [0.7]])


def test_columns_of_any_name_can_be_mapped_by_hand(tmp_path):
    path = written(tmp_path, "own.csv", csv_of("when,H,score", lambda s: f"{10 * s},{entropy(s)},{reward(s)}"))
    (run,) = read_foreign(path, {"entropy/token_mean": "H", "reward/mean": "score", "step": "when"})
    np.testing.assert_allclose(run.series("entropy/token_mean")[0][:3], [0, 10, 20])


def test_unknown_columns_are_named_beside_those_that_would_do(tmp_path):
    path = written(tmp_path, "own.csv", "when,H\n1,2\n")
    with pytest.raises(
        ValueError, match="neither entropy nor reward.*actor/entropy.*columns are 'when', 'H'.*--column"
    ):
        read_foreign(path)
    with pytest.raises(ValueError, match="has no column 'h'; its columns are 'when', 'H'"):
        read_foreign(path, {"entropy/token_mean": "h"})
    with pytest.raises(ValueError, match="holds no records"):
        read_foreign(written(tmp_path, "empty.csv", ""))


def test_without_a_step_records_are_counted(tmp_path):
    (run,) = read_foreign(written(tmp_path, "a.csv", "entropy\n.5\n.4\n"))
    np.testing.assert_allclose(run.series("entropy/token_mean"), [[0, 1], [0.5, 0.4]])


def test_only_files_with_a_known_ending_are_foreign(tmp_path, verl):
    assert is_foreign(verl) and not is_foreign(tmp_path) and not is_foreign(tmp_path / "none.csv")
    assert not is_foreign(written(tmp_path, "notes.txt", "x"))


def test_the_report_takes_them(tmp_path, verl):
    own = written(tmp_path, "own.csv", csv_of("step,H,score", lambda s: f"{s},{entropy(s)},{reward(s)}"))
    output = tmp_path / "report.html"
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(output=str(output), column=["entropy/token_mean=H", "reward/mean=score"]):
        report.main(["report", str(own)])
    assert "own" in output.read_text()
    with flagsaver.flagsaver(output=str(output), column=[]):
        report.main(["report", str(verl)])
        with pytest.raises(app.UsageError, match="neither entropy nor reward"):
            report.main(["report", str(own)])
    with flagsaver.flagsaver(output=str(output), column=["entropy"]), pytest.raises(app.UsageError, match="no pair"):
        report.main(["report", str(verl)])
