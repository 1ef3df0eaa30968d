"""docs/lab.md says what the results say."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from benchmarks import lab_page
from benchmarks.lab_rows import CLAIMS
from entropy_rl import presets
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import Arm, Study
from entropy_rl.training import study_results


@dataclasses.dataclass(frozen=True)
class Nothing:
    name: str = "nothing"
    seed: int = 0

    def run(self, workdir: str) -> None: ...


COUNTS = (
    r"\*\*(\d+) of 41 claims judged\*\*, (\d+) of them on trained transformers and the others on exact tables alone\. "
    r"Of (\d+) studies: (\d+) \*reproduces\*, (\d+) \*partly\*, "
    r"(\d+) \*does not reproduce\*, (\d+) \*tests no claim\*(?:, (\d+) \*not measured\*)?(?:, (\d+) \*not run\*)?"
)


def record(name: str, verdict: str, rows: tuple[int, ...], finished: int = 3) -> dict:
    bars = (
        Bar("share | of something", lambda results: Estimate(0.5, 0.4, 0.6, 3), low=0.25),
        Bar("beside it", lambda results: Estimate(), decisive=False),
    )
    study = Study(name, f"claim of {name}", "nobody", bars, (Arm("one", Nothing()),), rows)
    found = study_results.record(study, Results({"one": {}}))
    return found | {"verdict": verdict, "command": f"run {name}", "runs": found["runs"] | {"finished": finished}}


FOUND = [record("first", "reproduces", (1, 2)), record("second", "partly", (2,)), record("third", "not run", (3,), 2)]


def test_the_page_is_what_the_results_say():
    """If this fails after a study was added or run: python -m benchmarks.lab_page."""
    assert lab_page.PAGE.read_text() == lab_page.page(lab_page.records())


def test_the_readme_opens_with_what_the_headline_study_found_so_far():
    readme = lab_page.README.read_text()
    assert lab_page.opened(readme, lab_page.records()) == readme
    done = record("headline", "partly", (17,)) | {"chart": "headline.svg"}
    text = lab_page.opened(f"a\n{lab_page.BEGIN}what was before\n{lab_page.END}b\n", [done])
    assert text.startswith("a\n") and text.endswith("b\n") and "what was before" not in text
    assert "**Partly**" in text and "results/lab/headline.svg" in text and "share \\| of something" in text
    under_way = lab_page.headline(done | {"verdict": verdicts.NOT_RUN})
    assert "Under way" in under_way and "nothing is judged before the last" in under_way
    assert "| yes |" in text and "| yes |" not in under_way and "| not yet judged |" in under_way
    assert lab_page.headline(record("headline", verdicts.NOT_RUN, (17,), finished=0)) == ""


def test_the_map_of_budgets_has_a_line_for_each_and_a_column_for_each_difference():
    study = presets.load_study("where_control_does_not_pay")
    found = study_results.record(study, Results({arm.name: {} for arm in study.arms}))
    assert lab_page.by_budget([found]) == ""
    for place, bar in enumerate(bar for bar in found["bars"] if " after " in bar["figure"]):
        bar["found"] = {"mean": place / 100, "low": None, "high": None, "n": 3}
    text = lab_page.by_budget([found | {"runs": found["runs"] | {"finished": 9}}, *FOUND])
    assert "| pairs | pass@1, Clip-Cov - GRPO | pass@16, Clip-Cov - GRPO | pass@1, KL-Cov - GRPO |" in text
    assert "| easy, three numbers: 80 steps | 3 | 0.000 | 0.010 | 0.020 | 0.030 |" in text
    assert "| easy, three numbers: 240 steps | 3 | 0.080 | 0.090 | 0.100 | 0.110 |" in text


def test_the_readme_counts_as_the_page_does():
    page = " ".join(lab_page.PAGE.read_text().split())
    readme = " ".join((lab_page.ROOT / "README.md").read_text().split())
    judged, networks, studies, *counts = (int(count or 0) for count in re.search(COUNTS, page).groups())
    counts[-2:] = [sum(counts[-2:])]
    words = "**{} of 41 claims are judged**, {} of them on trained transformers; {} studies *reproduce*, {} *partly*, "
    words = (words + "{} do not, {} test none, {} wait").format(judged, networks, *counts)
    assert words in readme and sum(counts) == studies


def test_a_study_that_tests_no_claim_judges_none():
    text = lab_page.page([record("chosen", verdicts.NO_CLAIM, (1,)), *FOUND[1:]])
    assert "**1 of 41 claims judged**, 1 of them on trained" in text and "1 *tests no claim*" in text


def test_every_claim_has_a_row_and_its_studies():
    text = lab_page.page(FOUND)
    assert all(f"\n| {number} | {claim} | " in text for number, claim in CLAIMS.items()) and len(CLAIMS) == 41
    assert f"| 2 | {CLAIMS[2]} | [first](#first): reproduces; [second](#second): partly |" in text
    assert f"| 4 | {CLAIMS[4]} | no study yet |" in text


def test_claims_are_counted_by_verdicts_and_not_by_studies():
    text = lab_page.page(FOUND)
    assert (
        "**2 of 41 claims judged**, 2 of them on trained" in text
        and "alone. Of 3 studies: 1 *reproduces*, 1 *partly*, 1 *not run*." in text
    )
    assert f"| 3 | {CLAIMS[3]} | [third](#third): not run (2 of 3 runs) |" in text


def test_claims_that_only_tables_carry_are_counted_apart():
    found = [record("tabular_first", "reproduces", (1,)), record("second", "not run", (1,)), FOUND[1]]
    assert "**2 of 41 claims judged**, 1 of them on trained transformers" in lab_page.page(found)


def test_a_bar_that_its_interval_reaches_over_is_told_from_one_that_is_met():
    unclear = Bar("some share", lambda results: Estimate(0.5, 0.4, 0.6, 3), low=0.45)
    study = Study("fourth", "claim", "nobody", (unclear,), (Arm("one", Nothing()),), (5,))
    found = study_results.record(study, Results({"one": {}})) | {"verdict": "reproduces", "command": "run"}
    assert "| 0.500 [0.400, 0.600] | yes, by its mean: the interval reaches over the bar |" in lab_page.page([found])


def test_a_section_holds_claim_source_command_figures_and_what_was_asked():
    text = lab_page.page(FOUND)
    section = text[text.index("## first") : text.index("## second")]
    assert "**Claim.** claim of first." in section and "**Source.** nobody." in section and "run first" in section
    assert "| share \\| of something | at least 0.250 | 0.500 [0.400, 0.600] | yes |" in section
    assert "| beside it |  | not measured | told |" in section


def test_a_study_without_a_result_is_listed_as_not_run(tmp_path):
    found = {one["study"]: one for one in lab_page.records(tmp_path)}
    assert set(found) == set(presets.study_names())
    assert {one["verdict"] for one in found.values()} == {"not run"}


def test_a_result_takes_the_place_of_the_plan(tmp_path):
    (tmp_path / "headline.json").write_text(json.dumps(record("headline", "partly", (17,))))
    found = {one["study"]: one["verdict"] for one in lab_page.records(tmp_path)}
    assert found["headline"] == "partly" and len(found) == len(presets.study_names())


def test_every_result_is_of_a_study_that_is_there():
    read = {path.stem: json.loads(path.read_text()) for path in lab_page.RESULTS.glob("*.json")}
    kept = {name for name, found in read.items() if "study" in found}  # others keep their records there too
    assert kept <= set(presets.study_names())
    drawn = {path.stem for path in lab_page.RESULTS.glob("*.svg")}
    assert drawn <= kept and all(path.stat().st_size <= 60_000 for path in lab_page.RESULTS.glob("*.svg"))


@pytest.mark.parametrize("place", ["docs/lab.md"])
def test_what_the_page_links_to_is_there(place):
    page = lab_page.ROOT / place
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    assert targets and not [target for target in targets if not (page.parent / target).exists()]
