"""Sheets of drawings: what the files hold, read back by other readers."""

import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from zscape import drawing

SVG = "{http://www.w3.org/2000/svg}"


def read(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(float)


def points(path):
    return np.array([float(word) for word in re.findall(r"[-.\d]+", path.split("h")[0])]).reshape(-1, 2)


def test_a_drawing_is_a_path_a_line_in_their_order(pen):
    text = drawing.svg(pen([[(0, 0), (8, 0)], [(8, 8), (0, 8), (0, 4)], [(4, 4)]])[0], side=100)
    root = ElementTree.fromstring(text)
    assert root.attrib["viewBox"] == "0 0 100 100"
    (group,) = root.findall(f"{SVG}g")
    assert (group.attrib["stroke-linecap"], group.attrib["stroke-linejoin"]) == ("round", "round")
    assert group.attrib["stroke-width"] == "2.5"
    found = [path.attrib["d"] for path in group.findall(f"{SVG}path")]
    # 8 units fill 100 but for margins of 6.25.
    assert found == ["M6.25 6.25L93.75 6.25", "M93.75 93.75L6.25 93.75L6.25 50", "M50 50h0"]


def test_svg_and_bitmap_draw_the_same_points(scribbles):
    for sketch, picture in zip(scribbles, drawing.bitmaps(scribbles, side=100)[:, 0], strict=True):
        root = ElementTree.fromstring(drawing.svg(sketch, side=100))
        for path in root.iter(f"{SVG}path"):
            inside = points(path.attrib["d"])
            down, across = np.clip(np.floor(inside[:, ::-1]).astype(int), 0, 99).T
            assert (picture[down, across] < 0.6).all()


def test_an_empty_drawing_has_no_path(pen):
    assert "<path" not in drawing.svg(pen([], [[(0, 0), (1, 1)]])[0])


def test_a_grid_places_drawings_row_by_row(pen):
    x = pen(*[[[(0, 0), (1, 1)]]] * 5)
    root = ElementTree.fromstring(drawing.grid_svg(x, 2, side=50))
    places = [group.attrib["transform"] for group in root.iter(f"{SVG}g") if "transform" in group.attrib]
    expected = [(0, 0), (50, 0), (0, 50), (50, 50), (0, 100)]
    assert places == [f"translate({4 + left} {4 + top})" for left, top in expected]
    assert root.attrib["viewBox"] == "0 0 108 158"
    assert not list(root.iter(f"{SVG}text"))


def test_text_of_users_is_escaped_and_shortened(pen):
    x = pen(*[[[(0, 0), (1, 1)]]] * 2)
    nasty = "</svg><script>&\x07\n\"'"
    root = ElementTree.fromstring(
        drawing.grid_svg(x, 1, captions=[nasty, "n" * 90], rows=[nasty, ""], side=72)
    )
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == ["</svg><script>…", "n" * 14 + "…", "</svg><script>& \"'"]
    assert not list(root.iter(f"{SVG}script"))


def test_only_rows_with_a_caption_have_room_for_it(pen):
    x = pen(*[[[(0, 0), (1, 1)]]] * 4)
    height = {
        captions: float(
            ElementTree.fromstring(drawing.grid_svg(x, 2, captions=captions)).attrib["viewBox"].split()[3]
        )
        for captions in ((), ("", "", "", "d"), ("a", "", "", "d"))
    }
    first, second, third = height.values()
    assert second - first == third - second > 8


def test_the_png_is_the_same_sheet_drawn_at_its_size(scribbles):
    picture = read(drawing.grid_png(scribbles, 3, side=72))
    # 200 dots a square of 72 points, 4 points of edge.
    assert picture.shape == (622, 622)
    squares = drawing.bitmaps(scribbles, side=200)[:, 0]
    ink, paper = 30, 254
    for index, square in enumerate(squares):
        top, left = (11 + 200 * place for place in divmod(index, 3))
        shown = (picture[top : top + 200, left : left + 200] - ink) / (paper - ink)
        assert np.abs(shown - square).max() < 0.05
    assert (picture[411:, 411:] == paper).all()


def test_names_and_captions_stand_in_the_png(pen):
    x = pen(*[[[(0, 0), (1, 0)]]] * 2)
    bare, named = (read(drawing.grid_png(x, 2, side=72, **texts)) for texts in ({}, {"rows": ["decoded"]}))
    left = named.shape[1] - bare.shape[1]
    np.testing.assert_array_equal(named[:, left + 12 :], bare[:, 12:])
    assert (named[80:140, 5:left] < 150).sum() > 100
    captioned = read(drawing.grid_png(x, 2, side=72, captions=["", "cat"]))
    below = captioned[211:]
    assert (below[:, 211:] < 150).sum() > 50
    assert (below[:, :211] > 250).all()


def test_a_minus_that_the_font_lacks_is_a_hyphen_in_the_png(pen):
    x = pen([[0, 0], [9, 9]])
    minus, hyphen, plus = (drawing.grid_png(x, 1, captions=[text]) for text in ("−1", "-1", "+1"))
    assert minus == hyphen != plus


def test_a_png_of_one_drawing_is_its_bitmap(scribbles):
    with Image.open(io.BytesIO(drawing.png(scribbles[0], side=50))) as picture:
        grey = np.asarray(picture)
    np.testing.assert_allclose(grey / 255, drawing.bitmaps(scribbles[:1], side=50)[0, 0], atol=0.51 / 255)
    assert grey.min() < 10
    with pytest.raises(ValueError, match="at least 8"):
        drawing.png(scribbles[0], side=7)


def test_the_same_drawings_give_the_same_bytes(scribbles):
    assert drawing.grid_png(scribbles, 4) == drawing.grid_png(scribbles, 4)
    assert drawing.gif(scribbles[:2], 2) == drawing.gif(scribbles[:2], 2)


def test_what_makes_no_sheet_is_refused(scribbles):
    with pytest.raises(ValueError, match="columns >= 1, but got 8 and 0"):
        drawing.grid_svg(scribbles, 0)
    with pytest.raises(ValueError, match=r"one or more drawings .* but got 0"):
        drawing.grid_png(scribbles[:0], 2)
    with pytest.raises(ValueError, match="8 drawings in 3 columns needs 8 captions or none, but got 7"):
        drawing.grid_svg(scribbles, 3, captions=["a"] * 7)
    with pytest.raises(ValueError, match="needs 3 rows or none, but got 2"):
        drawing.grid_svg(scribbles, 3, rows=["a", "b"])
    for side in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="needs to be above 0"):
            drawing.grid_svg(scribbles, 3, side=side)
        with pytest.raises(ValueError, match="needs to be above 0"):
            drawing.svg(scribbles[0], side=side)


def test_an_unreadable_offset_is_named_in_a_sheet_too(scribbles):
    scribbles[4, 0, 0] = np.nan
    with pytest.raises(ValueError, match="first: 4"):
        drawing.grid_svg(scribbles, 4)
