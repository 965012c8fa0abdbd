"""Curves of what changes along paths: what is drawn was measured, and all of it is within its panel."""

import numpy as np
import pytest

from zscape import walk
from zscape.estimates import bootstrap_results
from zscape.report.path_curves import mean_of, path_curves

RNG = np.random.default_rng(0)


def paths_of(profiles, choices):
    pairs, steps = next(iter(next(iter(profiles.values())).values())).shape
    kinds = {kind: None for values in profiles.values() for kind in values}
    z = {kind: RNG.normal(size=(pairs, steps + 1, 2)) for kind in kinds}
    return walk.PathSet(np.arange(2 * pairs).reshape(pairs, 2), tuple(choices), z, profiles)


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def heads(figure):
    return [axes.texts[0].get_text() for axes in figure.axes if not axes.axison]


def thick(axes):
    return [line for line in axes.lines if line.get_linewidth() > 1]


def test_lines_are_means_and_bands_their_intervals():
    values = {kind: RNG.gamma(2, size=(30, 5)) for kind in ("linear", "graph", "geodesic")}
    figure = path_curves(paths_of({"length": values}, ["random"] * 30), {"seed": 3})
    (axes,) = panels(figure)
    assert len(axes.lines) == 3  # no single ones among so many kinds
    for line, band, each in zip(axes.lines, axes.collections, values.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_allclose(line.get_ydata(), each.mean(axis=0))
        found = bootstrap_results([""] * 5, each, unit="", definitions=[""] * 5, seed=3)
        edges = band.get_paths()[0].vertices
        for step, result in enumerate(found, start=1):
            at = edges[edges[:, 0] == step, 1]
            assert (at.min(), at.max()) == pytest.approx((result.low, result.high))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(values)
    # Lines that coincide are told apart: the first is solid, the others are dashed.
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", "--"]
    assert len({line.get_color() for line in axes.lines}) == 3


def test_only_random_pairs_have_bands_and_few_kinds_single_paths():
    values = RNG.gamma(2, size=(24, 4))
    figure = path_curves(paths_of({"length": {"linear": values}}, ["random"] * 20 + ["closest"] * 4))
    above, below = panels(figure)
    assert (len(above.collections), len(below.collections)) == (1, 0)
    assert (len(above.lines), len(below.lines)) == (9, 5)
    np.testing.assert_array_equal(above.lines[7].get_ydata(), values[7])


def test_nothing_is_cut_off_and_each_choice_has_its_own_scale():
    small, large = 1e-6 * RNG.gamma(2, size=(1, 6)), RNG.gamma(2, size=(9, 6))
    large[0, 2] = 90
    figure = path_curves(
        paths_of({"style_loss": {"linear": np.concatenate([large, small])}}, ["random"] * 9 + ["closest"])
    )
    above, below = panels(figure)
    for axes in (above, below):
        low, high = axes.get_ylim()
        drawn = np.concatenate([line.get_ydata() for line in axes.lines])
        assert low == 0
        assert drawn.max() < high < 1.2 * max(drawn.max(), axes.dataLim.y1)
    assert above.get_ylabel() == "feature units⁴"
    # To the size of the largest mean.
    assert below.get_ylabel() in ("feature units⁴ / 10⁻⁶", "feature units⁴ / 10⁻⁵")
    assert below.lines[-1].get_ydata() == pytest.approx(
        small[0] * 10 ** (6 if below.get_ylabel().endswith("⁶") else 5)
    )


def test_the_index_is_of_points_and_nothing_at_both_ends():
    index = np.array([[0.1, 0.3, 0.2, 0.0], [0.3, np.nan, 0.4, 0.0]])
    (axes,) = panels(path_curves(paths_of({"cross_dissolve": {"linear": index}}, ["random"] * 2)))
    (line,) = thick(axes)
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 3, 4])
    np.testing.assert_allclose(line.get_ydata(), [0, 0.2, 0.3, 0.3, 0])
    assert axes.get_title(loc="left") == "cross-dissolve index\n(0: a mixture of the ends)"
    assert axes.get_xlabel() == "point"


def test_choices_and_their_numbers_stand_above_their_rows():
    values = {"length": {"linear": np.ones((6, 3))}}
    figure = path_curves(paths_of(values, ["random"] * 6), {"within": "3"})
    assert heads(figure) == ["6 random pairs within class 3"]
    notes = {"classes": [["a", "b"]] * 6}
    figure = path_curves(paths_of(values, ["random"] * 3 + ["closest"] * 2 + ["furthest"]), notes)
    assert heads(figure) == [
        "3 random pairs",
        "2 closest pairs",
        "furthest, rows 10 to 11, classes a to b",
    ]
    assert [axes.get_ylabel() for axes in panels(figure)] == ["latent units"] * 3


def test_what_stands_still_or_is_not_defined_is_drawn_too():
    values = np.array([[0.0, np.nan], [0.0, np.nan]])
    (axes,) = panels(path_curves(paths_of({"decoded": {"linear": values}}, ["random"] * 2)))
    assert axes.get_ylim() == (0, 1)
    np.testing.assert_array_equal(mean_of(values), [0, np.nan])
    with pytest.raises(ValueError, match="needs paths with profiles"):
        path_curves(walk.PathSet(np.array([[0, 1]]), ("given",), {"linear": np.zeros((1, 3, 2))}))
