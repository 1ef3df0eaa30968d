import pytest
from absl import app, flags

from entropy_rl import report
from tests import flagsaver
from tests.lab import fake_runs


@pytest.fixture(autouse=True)
def parsed_flags():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])


def test_the_command_writes_one_file_and_names_itself_in_it(tmp_path, monkeypatch):
    arguments = [str(fake_runs.write_run(tmp_path / name, name, steps=12)) for name in ("grpo", "kl_cov")]
    output = tmp_path / "deep" / "report.html"
    monkeypatch.setattr("sys.argv", ["report.py", *arguments, f"--output={output}"])
    with flagsaver.flagsaver(output=str(output)):
        report.main(["report.py", *arguments])
    assert f"python -m entropy_rl.report {arguments[0]} {arguments[1]} --output={output}" in output.read_text()
    assert [path.name for path in output.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("arguments", [[], ["/no/such/run"]])
def test_a_missing_run_is_an_error_of_usage_and_not_a_traceback(arguments):
    with pytest.raises(app.UsageError, match="--workdir"):
        report.main(["report.py", *arguments])


def test_a_followed_run_is_written_as_it_goes_and_the_last_page_looks_no_further(tmp_path, monkeypatch):
    folder, output = tmp_path / "grpo", tmp_path / "report.html"
    pages = []

    def sleep(seconds):
        assert seconds >= 0.5
        if output.exists():
            pages.append(output.read_text())
        acts = [
            lambda: fake_runs.write_run(folder, steps=12, summary=False),
            lambda: fake_runs.write_run(folder, steps=20, summary=False),
            lambda: fake_runs.write_run(folder, steps=20),
        ]
        acts[min(len(pages), 2)]()

    monkeypatch.setattr(report.time, "sleep", sleep)
    with flagsaver.flagsaver(output=str(output), follow=True, every=0.5):
        report.main(["report.py", str(folder)])
    assert len(pages) == 2 and all('data-refresh="0.5"' in page and 'class="live"' in page for page in pages)
    assert "12 (last: 11)" in pages[0] and "20 (last: 19)" in pages[1]
    assert "data-refresh=" not in output.read_text()
    assert not list(tmp_path.glob(".*part"))


def test_a_page_is_left_final_when_following_is_broken_off(tmp_path, monkeypatch):
    folder, output = fake_runs.write_run(tmp_path / "grpo", steps=12, summary=False), tmp_path / "report.html"

    def sleep(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(report.time, "sleep", sleep)
    with flagsaver.flagsaver(output=str(output), follow=True, every=0.5):
        report.main(["report.py", str(folder)])
    assert "data-refresh=" not in output.read_text()


def test_a_log_of_another_trainer_is_reported_beside_a_run_and_its_columns_may_be_named(tmp_path):
    folder, output, log = fake_runs.write_run(tmp_path / "grpo", steps=12), tmp_path / "r.html", tmp_path / "theirs.csv"
    log.write_text("step,my entropy,reward\n" + "".join(f"{i},{0.5 / (1 + i)},{0.1 * i}\n" for i in range(9)))
    with flagsaver.flagsaver(output=str(output), column=["entropy/token_mean=my entropy"]):
        report.main(["report.py", str(folder), str(log)])
    page = output.read_text()
    assert 'data-name="theirs"' in page and 'data-name="grpo"' in page and "9 (last: 8)" in page
    with flagsaver.flagsaver(output=str(output), column=["nonsense"]), pytest.raises(app.UsageError, match="no pair"):
        report.main(["report.py", str(log)])
