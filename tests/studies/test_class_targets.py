"""Verdicts from measurements that are made up."""

import pytest

from zscape.studies.class_targets import targets


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ((0.9975, 0.998, 0.9985), "holds"),
        # The mean is at the target, the interval is not.
        ((0.990, 0.999, 1.0), "not decided"),
        ((0.90, 0.91, 0.92), "does not hold"),
    ],
)
def test_a_target_is_decided_by_the_interval(by_hand, written, accuracies, expected):
    page = written(targets, by_hand(accuracies=accuracies))
    assert [finding.verdict for finding in page.findings] == [expected] * 2


def test_a_cosine_that_may_lie_beyond_its_limit_decides_nothing(by_hand, written):
    found = by_hand(cosines=(0.70, 0.71, 0.74), accuracies=(0.999,) * 3)
    paper, wanted = written(targets, found).findings
    assert (paper.verdict, wanted.verdict) == ("holds", "not decided")


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [((0.90, 0.91, 0.92), "does not hold"), ((0.70, 0.85, 0.99), "not decided")],
)
def test_without_a_setting_within_the_limit_the_least_cosine_decides(by_hand, written, cosines, expected):
    paper, _ = written(targets, by_hand(cosines=cosines)).findings
    assert paper.verdict == expected
    assert "no setting has a mean cosine" in paper.reason


def test_a_method_that_fits_only_the_draws_tuned_on_is_not_chosen(by_hand, written):
    found = by_hand()
    for model in found.models:
        fitting = model.found["fronts"]["Medium2"][0]
        fitting["tuned"] = {"cosine": 0.1, "accuracy": 1.0, "objective": 0.1}
        fitting["tuning accuracy"] = 0.5
        model.found["fronts"]["mixture"][0]["tuning accuracy"] = 0.999
    page = written(targets, found)
    assert all(finding.reason.startswith("mixture, weight 1") for finding in page.findings)


def test_the_published_number_stands_beside_its_own_cell_alone(by_hand, written):
    rows = written(targets, by_hand()).rows
    beside = {(row.setting, row.measure): row.paper for row in rows if row.paper is not None}
    setting = next(row.setting for row in rows if row.setting.startswith("MMD, D = 10"))
    assert setting.endswith("within cosine 0.8168")
    assert beside == {(setting, "cosine similarity"): 0.8168, (setting, "accuracy, scoring judge"): 0.996}
    others = written(targets, by_hand(name="digits")).rows
    assert all(row.paper is None for row in others)
