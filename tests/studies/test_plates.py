import numpy as np
import pytest
from matplotlib.collections import PathCollection

from zscape.report import style
from zscape.studies.plates import Curve, clouds, curves

POINTS = np.array([[0.2, 0.9], [0.5, 0.95]])


def test_every_set_is_drawn_over_the_same_codes():
    random = np.random.default_rng(0)
    codes, labels = random.normal(size=(5000, 2)), random.integers(0, 3, 5000)
    sets = {"A1": random.normal(size=(10, 2)), "far": np.array([[9.0, 9.0]])}
    figure = clouds(codes, labels, ("a", "b"), sets)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A1", "far"]
    for axes, points in zip(figure.axes, sets.values(), strict=True):
        cloud, rings = (part for part in axes.collections if isinstance(part, PathCollection))
        np.testing.assert_array_equal(np.asarray(rings.get_offsets()), points)
        assert len(cloud.get_offsets()) == 4000
        assert axes.get_xlim() == figure.axes[0].get_xlim()
        # All points of all sets are inside.
        assert axes.get_xlim()[1] > 9
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "2"]
    assert style.png(figure) == style.png(clouds(codes, labels, ("a", "b"), sets))


def curve(name, points=POINTS, **changes):
    return Curve(name, points, points - 5.0, points + 5.0, **{"colour": 0} | changes)


def test_curves_hold_all_means_and_cut_long_intervals():
    panels = {"D = 2": [curve("MMD")], "D = 10": [curve("MMD"), curve("ELBO", POINTS + 0.1, colour=1)]}
    figure = curves(panels, across="cosine", up="accuracy", mark=("best", 0.8, 0.99))
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(panels)
    low, high = figure.axes[1].get_xlim()
    assert 0 < low < 0.2 < 0.8 < high < 1.2
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["MMD", "ELBO", "best"]
    assert style.png(figure)[:4] == b"\x89PNG"


def test_curves_of_one_colour_differ_by_dashes():
    figure = curves(
        {"D": [curve("Simple"), curve("Medium", dashed=True)]}, across="", up="", mark=("best", 0.8, 0.99)
    )
    one, other, _ = figure.axes[0].lines[-3:]
    assert one.get_color() == other.get_color()
    assert one.get_linestyle() != other.get_linestyle()


def test_a_single_point_is_drawn():
    figure = curves({"D": [curve("one", np.ones((1, 2)))]}, across="", up="", mark=("best", 1.0, 1.0))
    low, high = figure.axes[0].get_xlim()
    assert low < 1 < high == pytest.approx(1, abs=0.1)
