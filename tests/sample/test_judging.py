"""Columns of judges with and without names, and what a judge may not return."""

import numpy as np
import pytest

from zscape.sample import ByClass, LabelledJudge, front, recognised, score, tune


def decode(z):
    return np.hstack([z, np.ones((len(z), 1))])


def three_columns(pictures):
    """Says the second of three classes where the first pixel is above 0, otherwise the third."""
    return np.eye(3)[np.where(pictures[:, 0] > 0, 1, 2)]


def of_one_class():
    z = np.random.default_rng(0).standard_normal((50, 2)) + np.array([30.0, 0.0])
    return z, np.full(50, 7)


def test_a_judge_of_more_classes_than_the_density_must_name_them():
    z, labels = of_one_class()
    density = ByClass().fit(z, labels)
    named = LabelledJudge(three_columns, [2, 7, 5])
    assert score(density, decode, named, count=20)[0].value == 1
    assert score(density, decode, LabelledJudge(three_columns, (7, 2, 5)), count=20)[0].value == 0
    assert tune(density, decode, named, count=20).accuracy == 1
    assert recognised(z, decode, named, labels=labels).all()
    for call in (
        lambda: score(density, decode, three_columns, count=20),
        lambda: score(density, decode, named, tuning_judge=three_columns, count=20),
        lambda: tune(density, decode, three_columns, count=20),
        lambda: front(density, decode, (named, three_columns), count=20),
        lambda: recognised(z, decode, three_columns, labels=labels),
    ):
        with pytest.raises(ValueError, match=r", 1\), but gave shape .* 3\); it has no classes_, .*Labelled"):
            call()


def test_columns_must_be_those_that_are_named():
    z, labels = of_one_class()
    with pytest.raises(ValueError, match=r"\(50, 2\), but gave shape \(50, 3\); its classes_ name 2"):
        recognised(z, decode, LabelledJudge(three_columns, [2, 7]), labels=labels)
    with pytest.raises(ValueError, match="lacks 7; it knows 2, 5, 9"):
        recognised(z, decode, LabelledJudge(three_columns, [2, 5, 9]), labels=labels)


@pytest.mark.parametrize("classes", [["a", "b"], [1, 1], [1.5, 2.0], [[1, 2]], np.array([2**63], np.uint64)])
def test_labels_of_columns_are_different_whole_numbers(classes):
    with pytest.raises(ValueError, match=r"different whole number below 2\^63 for each column, .*range\(K\)"):
        LabelledJudge(three_columns, classes)
