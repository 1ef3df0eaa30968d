import pytest
from absl import app, flags
from absl.testing import flagsaver

from entropy_rl import report
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
