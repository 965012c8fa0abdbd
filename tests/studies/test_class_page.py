"""Verdicts of the page from measurements that are made up."""

from dataclasses import replace

import numpy as np
import pytest

from zscape import data
from zscape.studies import class_page
from zscape.studies.class_generation import SCALES
from zscape.studies.class_measures import METHODS, REPEATS, SIMPLE, Subject
from zscape.studies.order import Order
from zscape.studies.page import Page

SCALE = replace(SCALES["smoke"], seeds=(0, 1, 2), weights=(1.0,))


class Classes:
    classes_ = np.arange(10)


def point(cosine, accuracy):
    tuned = {"cosine": cosine, "accuracy": accuracy, "objective": cosine + 1 - accuracy}
    return {
        "weight": 1.0, "theta": 0.5, "draws": 1, "seconds": 7.0, "tuned": tuned, "tuning accuracy": accuracy,
        **tuned,
    }  # fmt: skip


@pytest.fixture
def evidence(run, train, tmp_path, monkeypatch):
    """Evidence of cosines, accuracies and differences by seed, the same for both kinds."""
    judge = Classes()
    # What the page asks of a subject: its classes.
    subject = object.__new__(Subject)
    for name, value in {"run": run, "train": train, "tuning": judge, "scoring": judge, "seed": 0}.items():
        object.__setattr__(subject, name, value)

    def of(cosines=(0.7,) * 3, accuracies=(0.99,) * 3, gaps=(0.0,) * 3, name="mnist"):
        models = []
        for kind in ("mmd", "elbo"):
            for seed, cosine, accuracy, gap in zip(SCALE.seeds, cosines, accuracies, gaps, strict=True):
                found = {
                    "fronts": {method: [point(cosine, accuracy)] for method in METHODS},
                    "curves": {SIMPLE: [{"theta": 1.0, "cosine": cosine, "accuracy": accuracy}]},
                    "repeats": [{"repeats": n, "cosine": gap, "accuracy": gap} for n in REPEATS],
                }
                models.append(class_page.Model(kind, 10, seed, subject, found))
        images = data.load("digits")
        monkeypatch.setattr(images, "name", name)
        order = Order("class-generation", "smoke", tmp_path)
        return class_page.Evidence(order, SCALE, images, models)

    return of


def written(section, evidence):
    page = Page(evidence.order, "")
    section(page, evidence)
    return page


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ((0.9975, 0.998, 0.9985), "holds"),
        # The mean is at the target, the interval is not.
        ((0.990, 0.999, 1.0), "not decided"),
        ((0.90, 0.91, 0.92), "does not hold"),
    ],
)
def test_a_target_is_decided_by_the_interval(evidence, accuracies, expected):
    page = written(class_page._targets, evidence(accuracies=accuracies))
    assert [finding.verdict for finding in page.findings] == [expected] * 2


def test_a_cosine_that_may_lie_beyond_its_limit_decides_nothing(evidence):
    found = evidence(cosines=(0.70, 0.71, 0.74), accuracies=(0.999,) * 3)
    paper, wanted = written(class_page._targets, found).findings
    assert (paper.verdict, wanted.verdict) == ("holds", "not decided")


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [((0.90, 0.91, 0.92), "does not hold"), ((0.70, 0.85, 0.99), "not decided")],
)
def test_without_a_setting_within_the_limit_the_least_cosine_decides(evidence, cosines, expected):
    paper, _ = written(class_page._targets, evidence(cosines=cosines)).findings
    assert paper.verdict == expected
    assert "no setting has a mean cosine" in paper.reason


def test_a_method_that_fits_only_the_draws_tuned_on_is_not_chosen(evidence):
    found = evidence()
    for model in found.models:
        fitting = model.found["fronts"]["Medium2"][0]
        fitting["tuned"] = {"cosine": 0.1, "accuracy": 1.0, "objective": 0.1}
        fitting["tuning accuracy"] = 0.5
        model.found["fronts"]["mixture"][0]["tuning accuracy"] = 0.999
    page = written(class_page._targets, found)
    assert all(finding.reason.startswith("mixture, weight 1") for finding in page.findings)


def test_the_published_number_stands_beside_its_own_cell_alone(evidence):
    rows = written(class_page._targets, evidence()).rows
    beside = {(row.setting, row.measure): row.paper for row in rows if row.paper is not None}
    setting = next(row.setting for row in rows if row.setting.startswith("MMD, D = 10"))
    assert setting.endswith("within cosine 0.8168")
    assert beside == {(setting, "cosine similarity"): 0.8168, (setting, "accuracy, scoring judge"): 0.996}
    others = written(class_page._targets, evidence(name="digits")).rows
    assert all(row.paper is None for row in others)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((0.001, 0.0, -0.001), "does not hold"),
        ((0.03, 0.0, -0.03), "not decided"),
        ((0.30, 0.31, 0.32), "holds"),
    ],
)
def test_nothing_is_made_of_a_difference_that_was_not_found(evidence, gaps, expected):
    page = written(class_page._repeats, evidence(gaps=gaps))
    assert page.findings[0].verdict == expected
    assert {row.verdict for row in page.rows} == {expected}


def test_rows_say_what_they_rest_on(evidence):
    found = evidence()
    rows = {(row.setting, row.measure): row.n for row in written(class_page._methods, found).rows}
    of_one = 10 * SCALE.fresh
    assert rows["MMD, D = 10, Simple", "accuracy, scoring judge"] == of_one
    assert rows["MMD, D = 10, Simple", "seconds of tuning"] == 1
    assert rows["Medium1 less Simple, all models", "difference of objective"] == 2 * of_one
    assert rows["all models and methods", "tuning judge over scoring judge, points"] == 14 * of_one
    assert {row.n for row in written(class_page._repeats, found).rows} == {2 * of_one}
    assert {row.n for row in written(class_page._thetas, found).rows} == {1}


def test_intervals_are_drawn_of_three_seeds_and_not_of_two():
    points = [[{"cosine": cosine, "accuracy": 0.9}] for cosine in (0.5, 0.6, 0.7)]
    three, two = class_page._curve("", points, 0), class_page._curve("", points[:2], 0)
    assert three.low[0, 0] < 0.6 < three.high[0, 0]
    np.testing.assert_array_equal(two.low, two.points)
    np.testing.assert_array_equal(two.high, two.points)
