"""How far classes lie apart: the figure shows the measures, of classes that have some."""

import numpy as np
import pytest

from zscape.base import Codes
from zscape.measure import centroid_offsets, class_distances, component_angles
from zscape.report.separation import separated, separation_figure

RNG = np.random.default_rng(0)


def table_of(labels, latent=3):
    mean = RNG.normal(size=(len(labels), latent)) + 4 * np.asarray(labels)[:, None]
    return Codes(
        np.arange(len(labels)), np.array(["test"] * len(labels)), mean.astype(np.float32),
        label=np.asarray(labels), names=("cat", "dog", "eel", "fox"),
    )  # fmt: skip


def test_the_figure_shows_the_measures():
    table = table_of(np.repeat([0, 1, 2], 10))
    distances, angles = class_distances(table), component_angles(table)
    offsets = centroid_offsets(table)[1::2]
    left, middle, right = separation_figure(
        distances, offsets, angles, ["cat", "dog", "eel"], [10, 20, 1030]
    ).axes
    np.testing.assert_allclose(left.get_images()[0].get_array(), distances.mean)
    np.testing.assert_allclose(right.get_images()[0].get_array(), angles.degrees)
    np.testing.assert_allclose(middle.lines[0].get_xdata(), [each.value for each in offsets])
    assert [text.get_text() for text in left.get_yticklabels()] == [
        "cat (10)", "dog (20)", "eel (1,030)",
    ]  # fmt: skip
    assert [axes.get_xlabel() for axes in (left, middle, right)] == ["latent units"] * 2 + ["degrees"]
    # Classes from top to bottom in all three.
    assert middle.get_ylim()[0] > middle.get_ylim()[1]
    assert left.texts[1].get_text() == f"{distances.mean[0, 1]:.0f}"


def test_the_caption_has_the_means_and_the_null():
    table = table_of(np.repeat([0, 3], 20))
    plate = separated(table, "40 codes", seed=5)
    mean = class_distances(table, seed=5).mean
    assert plate.caption.startswith("40 codes; the number")
    assert f"({np.diag(mean).mean():.3g} within, {mean[0, 1]:.3g} between" in plate.caption
    assert "(seed 5)" in plate.caption
    assert f"random directions have {component_angles(table).null_median:.0f}" in plate.caption
    assert "cat" in plate.alt
    assert "fox" in plate.alt


@pytest.mark.parametrize(
    "table",
    [
        table_of([0] * 9),
        table_of([0] * 9 + [1] * 2),
        table_of([0] * 9 + [1] * 9, latent=1),
        Codes(np.arange(6), np.array(["test"] * 6), np.zeros((6, 2), np.float32), label=np.repeat([0, 1], 3)),
        Codes(np.arange(6), np.array(["test"] * 6), RNG.normal(size=(6, 2)).astype(np.float32)),
    ],
)
def test_what_has_no_two_classes_to_compare_has_no_figure(table):
    assert separated(table, "some codes", seed=0) is None


def test_small_classes_are_left_out():
    plate = separated(table_of([0] * 9 + [1] * 8 + [2]), "18 codes", seed=0)
    assert [text.get_text() for text in plate.figure.axes[0].get_yticklabels()] == ["cat (9)", "dog (8)"]
    assert "2 by 2 classes" in plate.alt
