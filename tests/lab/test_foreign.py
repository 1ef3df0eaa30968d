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


def test_the_lines_of_verls_own_file_logger_are_read_though_their_figures_lie_one_level_down(tmp_path):
    record = lambda s: {"step": s, "data": {"actor/entropy": entropy(s), "critic/score/mean": reward(s)}}  # noqa: E731
    path = written(tmp_path, "verl.jsonl", "".join(json.dumps(record(s)) + "\n" for s in STEPS))
    (run,) = read_foreign(path)
    np.testing.assert_array_equal(run.series("entropy/token_mean")[0], STEPS)
    assert law.of_run(run) is not None
    (alone,) = read_foreign(written(tmp_path, "one.jsonl", json.dumps(record(3))))  # a file of one line is JSON itself
    np.testing.assert_allclose(alone.series("reward/mean"), [[3], [reward(3)]])


def chart(folder, name, metric, of_step, runs=("grpo",)):
    """W&B's export of the chart of one metric."""
    columns = ["Step", *(f"{run} - {metric}{end}" for run in runs for end in ("", "__MIN", "__MAX"))]
    columns += [f"{run} - _step" for run in runs]
    rows = [",".join([str(s), *[str(of_step(s))] * (3 * len(runs)), *[str(2 * s)] * len(runs)]) for s in STEPS]
    return written(folder, name, "\n".join([",".join(f'"{column}"' for column in columns), *rows]) + "\n")


def test_the_charts_of_different_metrics_of_one_wandb_run_are_one_run_with_a_law(tmp_path):
    paths = [
        chart(tmp_path, "entropy.csv", "actor/entropy", entropy, ("grpo", "kl")),
        chart(tmp_path, "score.csv", "critic/score/mean", reward, ("kl", "grpo")),
        chart(tmp_path, "length.csv", "response_length/mean", lambda s: 100 + s, ("grpo",)),
    ]
    runs = read_runs(paths)
    assert [run.name for run in runs] == ["grpo", "kl"]
    assert runs[0].keys == {"step", "entropy/token_mean", "reward/mean", "response/length_mean"}
    assert all((fit := law.of_run(run)) is not None and fit.a == pytest.approx(0.5, abs=0.01) for run in runs)
    with pytest.raises(ValueError, match="length.csv has neither entropy nor reward"):
        read_runs(paths[2:])


def test_charts_of_the_same_metric_stay_apart_for_nobody_knows_which_belong_together(tmp_path):
    (tmp_path / "b").mkdir()
    paths = [
        chart(tmp_path, "entropy.csv", "actor/entropy", entropy),
        chart(tmp_path / "b", "other.csv", "actor/entropy", entropy),
        chart(tmp_path, "score.csv", "critic/score/mean", reward),
    ]
    assert [run.name for run in read_runs(paths)] == ["entropy grpo", "other grpo", "score grpo"]
    plain = [
        written(folder, "log.csv", csv_of("step,entropy", lambda s: f"{s},1")) for folder in (tmp_path, paths[1].parent)
    ]
    assert [run.name for run in read_runs(plain)] == ["log, 1", "log, 2"]


def test_columns_of_charts_can_be_mapped_though_each_is_in_one_file_only_and_for_every_run_at_once(tmp_path):
    paths = [
        chart(tmp_path, "a.csv", "my/H", entropy, ("grpo", "kl")),
        chart(tmp_path, "b.csv", "my/score", reward, ("grpo", "kl")),
    ]
    runs = read_runs(paths, {"entropy/token_mean": "my/H", "reward/mean": "my/score"})
    assert [run.name for run in runs] == ["grpo", "kl"] and all(law.of_run(run) is not None for run in runs)
    (one,) = read_runs(paths, {"entropy/token_mean": "kl - my/H", "reward/mean": "kl - my/score"})
    assert one.name == "kl"
    with pytest.raises(ValueError, match="no column 'my/h2'"):
        read_runs(paths, {"entropy/token_mean": "my/h2"})


def test_what_only_resembles_a_figure_of_ours_is_not_shown_as_it(tmp_path):
    header = "step,actor/entropy,actor/ppo_kl,actor/pg_clipfrac_lower"
    (run,) = read_foreign(written(tmp_path, "a.csv", csv_of(header, lambda s: f"{s},{entropy(s)},.01,.02")))
    assert run.keys == {"step", "entropy/token_mean"}  # not to the reference, not below the bound


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("val-core/math/reward/mean@32", (0.25, 0.5), [0.25, 0.5]),
        ("val-core/math/reward/mean@32", (-1.0, 0.5), []),  # +1 and -1: no share of right answers
        ("val-core/math/acc/best@32/mean", (0.5, 1.5), []),
        ("val/test_score/openai/gsm8k", (0.25, 0.5), [0.25, 0.5]),
        ("val/test_score/openai/gsm8k", (-0.5, 0.5), []),
    ],
)
def test_a_validation_counts_as_pass_at_k_only_if_it_is_a_share(tmp_path, column, values, found):
    text = f"step,entropy,{column}\n0,.5,{values[0]}\n1,.4,\n2,.3,{values[1]}\n"
    (run,) = read_foreign(written(tmp_path, "a.csv", text))
    names = [name for name in run.keys if name.startswith("validation/")]
    assert [value for name in names for value in run.series(name)[1]] == found


def test_the_trainers_step_goes_before_wandbs_count_of_its_records(tmp_path):
    text = "_step,train/global_step,train/entropy\n0,10,.5\n1,20,.4\n"
    (run,) = read_foreign(written(tmp_path, "a.csv", text))
    np.testing.assert_allclose(run.series("entropy/token_mean"), [[10, 20], [0.5, 0.4]])


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


def test_steps_that_are_no_whole_numbers_are_refused_and_records_can_be_numbered_instead(tmp_path):
    path = written(tmp_path, "a.csv", csv_of("step,entropy,epoch", lambda s: f"{s}.0,{entropy(s)},{s / 100:.2f}"))
    assert len(read_foreign(path)[0].records) == 60  # 1.0 is a whole number
    with pytest.raises(ValueError, match="a.csv: column 'epoch' holds the step 0.01.*whole numbers.*--column step=;"):
        read_foreign(path, {"step": "epoch"})
    broken = written(tmp_path, "b.csv", "step,entropy\n0.5,.5\n1.0,.4\n")
    with pytest.raises(ValueError, match="column 'step' holds the step 0.5"):
        read_foreign(broken)
    np.testing.assert_allclose(read_foreign(broken, {"step": ""})[0].series("entropy/token_mean"), [[0, 1], [0.5, 0.4]])
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(output=str(tmp_path / "report.html"), column=["step="]):
        report.main(["report", str(broken)])


def test_an_integer_beyond_all_floats_is_named_with_its_column_unless_nobody_asks_for_it(tmp_path):
    lines = [{"step": step, "entropy": 0.5, "reward": 0.1, "tokens": 10**400} for step in range(3)]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert len(read_foreign(path)[0].records) == 3
    for ours, column in (("reward/mean", "tokens"), ("step", "tokens")):
        with pytest.raises(ValueError, match="a.jsonl: column 'tokens' holds an integer of 401 digits.*take"):
            read_foreign(path, {ours: column})


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


def test_a_reward_beyond_0_to_1_has_a_message_in_the_place_of_a_forecast_until_its_range_is_named(tmp_path):
    header = "step,actor/entropy,critic/score/mean"
    log = written(tmp_path, "own.csv", csv_of(header, lambda s: f"{s},{entropy(s)},{-1 + 2 * reward(s)}"))
    output = tmp_path / "report.html"
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(output=str(output), reward_range=""):
        report.main(["report", str(log)])
    page = output.read_text()
    assert (
        "own: the reward is -0.3333 at step 0" in page
        and "--reward_range=LOW,HIGH" in page
        and "What entropy buys" in page
    )
    with flagsaver.flagsaver(output=str(output), reward_range="-1,1"):
        report.main(["report", str(log)])
    page = output.read_text()
    assert "--reward_range=LOW,HIGH" not in page and "Expected and come: own" in page and "step 19 of 59" in page
    with flagsaver.flagsaver(output=str(output), reward_range="-1,1", steps=400):
        report.main(["report", str(log)])
    assert "step 59 of 400" in output.read_text()  # of which 60 recorded steps are the first 15 %
    with flagsaver.flagsaver(output=str(output), reward_range="-.2,1"):
        report.main(["report", str(log)])
    assert "beyond --reward_range=-0.2,1" in output.read_text()


@pytest.mark.parametrize("text", ["1", "1,-1", "0,0", "a,b", "0,inf", "0,1,2", ","])
def test_a_range_of_rewards_that_is_none_is_refused(verl, text):
    flags.FLAGS.mark_as_parsed()
    with (
        flagsaver.flagsaver(reward_range=text),
        pytest.raises(app.UsageError, match="is no range.*--reward_range=-1,1"),
    ):
        report.main(["report", str(verl)])
