"""Luck, votes and choices among samples, against counts made by hand."""

import itertools
import json

import numpy as np
import pytest

from entropy_rl.lab import test_time
from entropy_rl.lab.runs import Run

CORRECT = np.array([[True, False, False, True], [False, False, False, False]])
ANSWERS = [["a", "b", "b", "a"], ["x", "x", "y", "z"]]
LIKELIHOODS = np.array([[0.9, 0.5, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]])


def cell(**settings) -> test_time.Cell:
    given = {"temperature": 1.0, "length": 11, "entropy": 0.3, "mean_length": 9.0} | settings
    return test_time.cell(CORRECT, ANSWERS, LIKELIHOODS, **given)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_choice_of_the_likeliest_agrees_with_every_subset(k):
    subsets = list(itertools.combinations(range(4), k))
    expected = [
        np.mean([rights[max(subset, key=lambda i: scores[i])] for subset in subsets])
        for rights, scores in zip(CORRECT, LIKELIHOODS, strict=True)
    ]
    np.testing.assert_allclose(test_time.likeliest_at_k(CORRECT, LIKELIHOODS, k), expected)


def test_samples_of_one_likelihood_are_chosen_by_a_fair_draw():
    np.testing.assert_allclose(test_time.likeliest_at_k(CORRECT, np.full((2, 4), 0.5), 4), [0.5, 0.0])
    with pytest.raises(ValueError, match="k = 5 must be between 1 and the 4 samples"):
        test_time.likeliest_at_k(CORRECT, LIKELIHOODS, 5)


def test_a_cell_tells_luck_from_what_votes_and_choices_earn():
    found = cell()
    assert found.ks == (1, 2, 4)
    # p (1 - p) = 1/4 and 0, times 4/3 for 4 samples: mean 1/6; of a mean over 2 problems: sqrt(1/6 / 2)
    np.testing.assert_allclose([found.noise, found.deviation], [1 / 6, (1 / 12) ** 0.5])
    np.testing.assert_allclose(found.pass_at, [0.25, 0.5 * (1 - 1 / 6), 0.5])
    np.testing.assert_allclose(found.majority, [0.25, 0.25, 0.25])  # a tie of right and wrong at 4
    np.testing.assert_allclose(found.likeliest[-1], 0.5)  # the likeliest of the first problem is right


def test_a_sure_policy_has_no_luck():
    sure = test_time.cell(
        np.ones((3, 8), bool), [["a"] * 8] * 3, np.ones((3, 8)), temperature=0.5, length=4, entropy=0.0, mean_length=4.0
    )
    assert sure.noise == sure.deviation == 0.0 and sure.pass_at == sure.majority == sure.likeliest == (1.0,) * 4


def test_a_sweep_is_read_back_from_the_run_it_belongs_to(tmp_path):
    sweep = test_time.Sweep(240, 2, 4, (cell(), cell(length=6), cell(temperature=1.5)))
    (tmp_path / test_time.FILE).write_text(json.dumps(test_time.to_json(sweep)))
    found = test_time.of_run(Run(str(tmp_path), "run", {}, [], [], {}))
    assert found is not None and found.at(1.0).length == 11 and found.at(1.0, 6) == found.cells[1]
    np.testing.assert_allclose(found.cells[2].pass_at, sweep.cells[2].pass_at)
    with pytest.raises(
        ValueError, match="temperature 2 x length None was not swept; there are 1 x 11, 1 x 6, 1.5 x 11"
    ):
        found.at(2.0)
    assert test_time.of_run(Run(str(tmp_path / "other"), "run", {}, [], [], {})) is None


def test_the_table_has_a_line_for_each_cell():
    lines = test_time.table(test_time.Sweep(240, 2, 4, (cell(), cell(temperature=1.5)))).splitlines()
    assert lines[0].split()[-3:] == ["maj@4", "own@4", "pass@4"]
    assert lines[1].split()[:4] == ["1.00", "11", "0.300", "0.250"] and len(lines) == 4
