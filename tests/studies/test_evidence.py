import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from zscape.studies.evidence import (
    Row,
    at_once,
    counted,
    mean_interval,
    sizes_of,
    tally,
    together,
    verdict_beyond,
    verdict_on,
    verdict_reached,
)


def test_sizes_are_of_splits_in_order(digits):
    assert sizes_of(digits) == "1,437 train, 180 validation, 180 test"


def row(values, **changes):
    settings = {"setting": "A1", "measure": "distance", "n": 10, "seeds": range(len(values))}
    return Row.over(values, **settings | changes)


def test_the_interval_is_that_of_student():
    values = np.random.default_rng(0).normal(3, 2, 7)
    low, high = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), low, high), rel=1e-12)


def test_one_value_has_no_interval_and_none_no_mean():
    assert mean_interval(np.array([2.5])) == (2.5, None, None)
    for bad in (np.array([]), np.array([1.0, math.nan]), np.array([math.inf, 1.0])):
        with pytest.raises(ValueError, match="one or more finite values"):
            mean_interval(bad)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([1.0, 1.1, 0.9], "holds"),
        ([-1.0, -1.1, -0.9], "does not hold"),
        ([1.0, -1.0, 0.2], "not decided"),
        ([0.0, 0.0, 0.0], "does not hold"),
        ([5.0], "not decided"),
    ],
)
def test_a_verdict_follows_from_the_gains(gains, expected):
    assert verdict_on(gains) == expected


def test_a_claim_without_truth_is_found_to_hold_by_chance_in_one_of_forty():
    random = np.random.default_rng(0)
    verdicts = [verdict_on(random.normal(size=3)) for _ in range(4000)]
    assert verdicts.count("holds") / 4000 == pytest.approx(0.025, abs=0.0075)
    assert verdicts.count("does not hold") / 4000 == pytest.approx(0.025, abs=0.0075)


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.001, -0.001, 0.0], "does not hold"),
        # Not significant, and still no sign that there is nothing.
        ([0.03, -0.03, 0.0], "not decided"),
        # Significant, and too small to matter.
        ([0.004, 0.0041, 0.0042], "does not hold"),
        ([0.5, 0.51, 0.52], "holds"),
        ([-0.5, -0.51, -0.52], "holds"),
        ([0.01, 0.01, 0.01], "does not hold"),
        ([0.0], "not decided"),
    ],
)
def test_no_difference_is_found_only_where_the_whole_interval_is_small(differences, expected):
    assert verdict_beyond(differences, 0.01) == expected


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([0.0, 0.0, 0.0], "holds"),
        ([0.1, 0.11, 0.12], "holds"),
        ([0.001, 0.02, -0.01], "not decided"),
        ([-0.1, -0.11, -0.12], "does not hold"),
        ([3.0], "not decided"),
    ],
)
def test_a_target_is_reached_by_the_whole_interval(gaps, expected):
    assert verdict_reached(gaps) == expected


def test_conditions_that_must_all_be_met():
    assert at_once(["not decided", "does not hold"]) == "does not hold"
    assert at_once(["not decided", "not decided"]) == "not decided"


def test_several_tests_of_one_claim():
    assert together(["holds"] + ["not decided"] * 3) == "not decided"
    assert together(["holds"] * 2 + ["does not hold"] * 2) == "holds in part"
    assert together(["holds"] * 2) == "holds"
    assert together(["does not hold"] * 2) == "does not hold"
    assert tally(["holds"] + ["not decided"] * 3) == "holds in 1 of 4"
    assert together(["does not hold", "not decided"]) == "not decided"
    assert together(["does not hold", "holds"]) == "holds in part"
    assert together(["not decided"]) == "not decided"


def test_a_row_is_what_results_hold():
    made = row([1.0, 2.0, 3.0], paper=0.5, verdict="holds").to_dict()
    keys = ["setting", "measure", "value", "low", "high", "n", "seeds", "paper", "verdict"]
    assert list(made) == keys
    assert made["value"] == 2
    assert made["seeds"] == (0, 1, 2)
    assert made["high"] - 2 == pytest.approx(2 - made["low"])


def test_a_row_is_written_with_its_interval_and_with_both_ends_where_it_is_cut():
    assert str(row([0.98, 0.99, 1.0])) == "0.990 ± 0.025"
    assert str(row([0.98, 0.99, 1.0], within=(0.0, 1.0))) == "0.990 (0.965 to 1.000)"
    assert row([0.98, 0.99, 1.0], within=(0.0, 1.0)).high == 1
    assert str(row([0.25])) == "0.2500"
    assert str(row([0.5, 0.5])) == "0.5000 ± 0"
    assert str(replace(row([0.1, 0.2]), low=0.15 - 1e-12, high=0.15 + 1e-12)) == "0.1500 ± 0"


def test_counts_in_words():
    assert counted((4,), "model") == "1 model"
    assert counted([], "model") == "0 models"
