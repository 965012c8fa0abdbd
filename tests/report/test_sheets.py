"""Sheets of drawings: what stands where, read back from their SVG."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from scipy.stats import norm

from zscape import strokes
from zscape.report import sheets

SVG = "{http://www.w3.org/2000/svg}"


def zigzags(*points, length=None):
    """Drawings of so many points, by which each is known again."""
    sketches = [np.array([(1, (-1) ** point, 0) for point in range(count)]) for count in points]
    return strokes.to_stroke5(sketches, length=length)


def table(drawn):
    """Points of the drawing in each cell of a sheet, 0 where it is blank, row by row; and its texts."""
    root = ElementTree.fromstring(drawn.svg)
    cells = {}
    for group in root.iter(f"{SVG}g"):
        if "transform" in group.attrib:
            left, top = map(float, re.findall(r"[\d.]+", group.attrib["transform"]))
            paths = [path.attrib["d"] for path in group.iter(f"{SVG}path")]
            cells.setdefault(top, {})[left] = sum(path.count("L") for path in paths)
    rows = [[cells[top][left] for left in sorted(cells[top])] for top in sorted(cells)]
    return rows, [text.text for text in root.iter(f"{SVG}text")]


def test_a_grid_keeps_the_order():
    rows, texts = table(sheets.picture_grid(zigzags(1, 2, 3, 4, 5), 3))
    assert rows == [[1, 2, 3], [4, 5, 0]]
    assert texts == []


def test_reconstructions_stand_below_their_originals():
    x, xhat = zigzags(1, 2, 3), zigzags(4, 5, 6, length=9)
    rows, texts = table(sheets.reconstructions(x, xhat, columns=2))
    assert rows == [[1, 2], [4, 5], [3, 0], [6, 0]]
    assert texts == ["original", "drawn again"] * 2
    moving = sheets.redrawn(x, xhat, columns=2)
    assert table(moving) == (rows, texts)
    assert moving.gif[:3] == b"GIF"


def test_reconstructions_need_one_number():
    with pytest.raises(ValueError, match="but got 2 and 1"):
        sheets.reconstructions(zigzags(1, 2), zigzags(1))


def test_compared_groups_stand_below_each_other():
    groups = {"these": zigzags(1, 2, 3), "those": zigzags(4, 5)}
    rows, texts = table(sheets.compared(groups, 2))
    assert rows == [[1, 2], [3, 0], [4, 5]]
    assert texts == ["these", "those"]
    with pytest.raises(ValueError, match="one or more groups"):
        sheets.compared({}, 2)


def test_class_rows_stand_below_each_other_and_groups_side_by_side():
    groups = {"these": zigzags(1, 2, 3, 4), "those": zigzags(5, 6, 7, 8)}
    rows, texts = table(sheets.class_rows(groups, np.array([3, 3, 3, 5]), {3: "three", 5: "five"}, 4))
    assert rows == [[1, 2, 0, 5, 6], [3, 0, 0, 7, 0], [4, 0, 0, 8, 0]]
    assert texts == ["these", "those", "three", "five"]
    rows, texts = table(sheets.class_rows({"these": zigzags(1, 2)}, np.array([1, 0]), {0: "a", 1: "b"}, 8))
    assert (rows, texts) == ([[2], [1]], ["a", "b"])


def test_class_rows_need_a_label_a_drawing():
    for x, labels in [(zigzags(1, 2), [0]), (zigzags(1), [0, 1])]:
        with pytest.raises(ValueError, match="a label a drawing"):
            sheets.class_rows({"a": x}, np.array(labels), {0: "a"}, 8)


def test_manifold_is_a_grid_of_quantiles_with_z2_upwards():
    asked = []

    def draw(z):
        asked.append(z)
        # More points to the right, and three more each row up.
        right, up = np.searchsorted([-0.5, 0.5], z.T)
        return zigzags(*(1 + right + 3 * up))

    rows, texts = table(sheets.manifold(draw, side=3))
    quantile = norm.ppf(5 / 6)
    np.testing.assert_allclose(asked[0][0], [-quantile, quantile])
    assert rows == [[7, 8, 9], [4, 5, 6], [1, 2, 3]]
    values = ["−0.97", "0.00", "0.97"]
    assert texts == [*values, *values[::-1]]


def test_a_sheet_fits_the_page():
    for columns in (1, 6, 24):
        drawn = sheets.compared({"a name of a group": zigzags(*range(1, 25))}, columns)
        width = float(ElementTree.fromstring(drawn.svg).attrib["viewBox"].split()[2])
        assert width <= 72 * 7.9
