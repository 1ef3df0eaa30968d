import html.parser
import json
import re

import pytest

from entropy_rl.lab import report, runs, terminal
from tests.lab import fake_runs

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg onload=alert(1)>\0\u202e\ud800{{ 7*7 }}"
)
METHODS = ("KlCov", "ClipCov")


class Page(html.parser.HTMLParser):
    """What a browser would see: elements, attributes, and whether every element that was opened is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        optional = {"option"} if tag != "option" else set()
        while self.open and self.open[-1] in optional:
            self.open.pop()
        assert self.open.pop() == tag


def write(tmp_path, *folders) -> tuple[str, Page]:
    path = report.write_report(folders, tmp_path / "out" / "report.html")
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert path.endswith("report.html")
    return text, Page(text)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_report_holds_every_section_for_any_number_of_runs(tmp_path, count):
    folders = [fake_runs.write_run(tmp_path / f"r{i}", f"run {i}", seed=i, methods=METHODS) for i in range(count)]
    text, page = write(tmp_path, *folders)
    assert page.open == []
    for title in ("What entropy buys", "The entropy budget", "Which tokens were selected", "Sampled answers", "Health"):
        assert title in text
    # entropy, reward, pass@1, pass@16, pass@k, law, three of the budget, two of the covariance, two methods, eight of
    # health; forecast and quantiles of the covariance for each run
    assert page.tags.count("svg") == 21 + 2 * count
    assert len([a for a in page.attributes if a[1] == "data-switch"]) == (count if count > 1 else 0)


def test_the_page_asks_the_network_for_nothing(tmp_path):
    text, page = write(tmp_path, fake_runs.write_run(tmp_path / "r", methods=METHODS))
    loading = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}
    loads = [(tag, value) for tag, name, value in page.attributes if name in loading]
    assert all(value.startswith("data:") for tag, value in loads if tag != "a")
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert "default-src 'none'" in text


@pytest.fixture
def hostile(tmp_path):
    response = {
        "text": HOSTILE,
        "tokens": [HOSTILE, "x"],
        "entropies": [0.5, 0.1],
        "logprobs": [-1, -1],
        "reason": HOSTILE,
    }
    sample = {"step": 0, "split": HOSTILE, "problem_id": HOSTILE, "prompt": HOSTILE, "reference": HOSTILE}
    alarm = {key: HOSTILE for key in ("step", "name", "message", "remedy")}
    samples = [sample | {"responses": [response, {"text": HOSTILE}]}]
    folder = fake_runs.write_run(
        tmp_path / "h",
        HOSTILE,
        steps=20,
        samples=samples,
        alarms=[alarm],
        overrides={f"select/{HOSTILE}/fraction": 0.1},
    )
    written = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(
        json.dumps(written | dict.fromkeys(("command", "commit", "diff", "seed", "failed"), HOSTILE))
    )
    (folder / "config.json").write_text(json.dumps({"name": HOSTILE, HOSTILE: [HOSTILE]}))
    return folder


def test_hostile_text_stays_text_wherever_it_stands(tmp_path, hostile):
    text, page = write(tmp_path, hostile, fake_runs.write_run(tmp_path / "r"))
    assert page.open == [] and page.tags.count("script") == 2 and "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert not re.search("[\0\u202e\ud800]", text) and "{{ 7*7 }}" in text
    assert page.tags.count("svg") == len(re.findall("<svg class=.chart.", text))


def test_a_megabyte_of_output_does_not_make_a_megabyte_of_page(tmp_path):
    megabyte = "<b>&" * 250_000
    samples = [
        {"step": 0, "prompt": megabyte, "responses": [{"text": megabyte}, {"tokens": [megabyte], "entropies": [1]}]}
    ]
    text, _ = write(tmp_path, fake_runs.write_run(tmp_path / "r", steps=10, samples=samples))
    assert len(text) < 400_000 and "more characters" in text and "<b>&<" not in text


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 1},
        {"steps": 2, "evaluate_every": None},
        {"evaluate_every": None, "summary": False},
        {
            "overrides": dict.fromkeys(
                ("reward/mean", "entropy/token_mean", "covariance/q98", "time/step"), float("nan")
            )
        },
        {"overrides": dict.fromkeys(("reward/mean", "covariance/q98", "update/gradient_norm"), float("inf"))},
        {"overrides": {"reward/mean": 0.0, "entropy/token_mean": 0.0, "update/gradient_norm": 0.0}},
        {"overrides": {"reward/mean": None, "entropy/token_mean": "text", "validation/pass@1": []}},
        {"samples": []},
    ],
    ids=str,
)
def test_runs_that_lack_something_are_reported_all_the_same(tmp_path, options):
    folders = fake_runs.write_run(tmp_path / "a", **options), fake_runs.write_run(tmp_path / "b", "other")
    for chosen in (folders[:1], folders):
        text, page = write(tmp_path, *chosen)
        assert page.open == [] and not re.search(r"\bnan\b|\binf\b|NaN|Infinity", text.split("<script")[0])
    terminal.short_table(folders)


def test_a_run_with_a_summary_and_nothing_else_is_reported(tmp_path):
    (tmp_path / "summary.json").write_text('{"test": {"pass@1": 0.5}, "alarms": 3, "versions": [], "seconds": "x"}')
    text, _ = write(tmp_path, tmp_path)
    assert "50.0" in text and "Entropy and reward" not in text


def test_a_bad_end_stands_among_the_alarms_with_its_reason(tmp_path):
    (tmp_path / "summary.json").write_text('{"name": "bad", "failed": "loss/total was not finite in step 13"}')
    text, page = write(tmp_path, tmp_path)
    assert page.open == [] and "<b>Came to a bad end:</b> loss/total was not finite in step 13" in text
    assert "Came to a bad end: loss/total" in text.split("Alarms</h2>")[0]  # and above


@pytest.mark.parametrize(("goodput", "shown"), [(0.875, True), (None, False), ("x", False), (float("nan"), False)])
def test_goodput_stands_beside_the_wall_time_where_it_is_known(tmp_path, goodput, shown):
    folder = fake_runs.write_run(tmp_path / "r")
    summary = json.loads((folder / "summary.json").read_text()) | {"goodput": goodput}
    (folder / "summary.json").write_text(json.dumps(summary))
    text, _ = write(tmp_path, folder)
    assert ("87.5% of the time since the first start" in text) == shown


def test_the_numbers_for_the_hover_parse_back_and_match_the_charts(tmp_path):
    text, page = write(tmp_path, fake_runs.write_run(tmp_path / "r", "a</script>&b"))
    match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL)
    assert match
    assert not re.search("[<>&]", match[1])  # none of them, for "</script " ends a script too
    data = json.loads(match[1])
    assert len(data) == page.tags.count("svg") and data[0]["series"][0]["label"] == "a</script>&b"


def test_the_terminal_table_shows_final_figures_intervals_and_base(tmp_path):
    folder = fake_runs.write_run(tmp_path / "r", steps=2)
    test = {"pass@1": 0.5, "pass@1/interval": [0.45, 0.55], "entropy": 0.25}
    (folder / "summary.json").write_text(json.dumps({"name": "grpo", "test": test, "base": {"pass@1": 0.2}}))
    lines = [re.split(r" {2,}", line) for line in terminal.short_table([runs.read_run(folder)]).splitlines()]
    assert lines[0] == ["run", "figures of", "pass@1", "entropy"]
    assert lines[1] == ["grpo", "test", "50.0\u202f% [45.0–55.0]", "0.250 nats"]
    assert lines[2] == ["", "base", "20.0\u202f%", "—"]
