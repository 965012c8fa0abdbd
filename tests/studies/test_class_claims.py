"""Verdicts from measurements that are made up."""

import pytest

from zscape.studies.class_claims import methods, repeats


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((0.001, 0.0, -0.001), "does not hold"),
        ((0.03, 0.0, -0.03), "not decided"),
        ((0.30, 0.31, 0.32), "holds"),
    ],
)
def test_nothing_is_made_of_a_difference_that_was_not_found(by_hand, written, gaps, expected):
    page = written(repeats, by_hand(gaps=gaps))
    assert page.findings[0].verdict == expected
    assert {row.verdict for row in page.rows} == {expected}


def test_rows_say_what_they_rest_on(by_hand, written):
    found = by_hand()
    rows = {(row.setting, row.measure): row.n for row in written(methods, found).rows}
    of_one = 10 * found.scale.fresh
    assert rows["MMD, D = 10, Simple", "accuracy, scoring judge"] == of_one
    assert rows["MMD, D = 10, Simple", "seconds of tuning"] == 1
    assert rows["Medium1 less Simple, all models", "difference of objective"] == 2 * of_one
    assert rows["all models and methods", "tuning judge over scoring judge, points"] == 14 * of_one
    assert {row.n for row in written(repeats, found).rows} == {2 * of_one}
