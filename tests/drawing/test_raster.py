"""Bitmaps against a second implementation, closed forms, and what must not change them."""

import itertools

import numpy as np
import pytest

from zscape import drawing, strokes
from zscape.data import load
from zscape.drawing._fitted import LINE, MARGIN, fitted


def covered(x, side, times=8):
    """Paper's share of each pixel, by brute force: whether each of 8 x 8 places in it lies within a line."""
    place = (np.arange(side * times) + 0.5) / times
    places = np.stack(np.meshgrid(place, place), axis=-1)
    pictures = []
    for sketch in strokes.to_stroke3(x):
        lines = [line.astype(float) for line in strokes.polylines(sketch)]
        points = np.concatenate(lines)
        low, high = points.min(axis=0), points.max(axis=0)
        scale = side * (1 - 2 * MARGIN) / (high - low).max()
        ink = np.zeros(places.shape[:2], bool)
        for line in lines:
            at = side / 2 + scale * (line - (low + high) / 2)
            for start, end in itertools.pairwise(at if len(at) > 1 else np.repeat(at, 2, axis=0)):
                way = end - start
                share = ((places - start) @ way / max(way @ way, 1e-12)).clip(0, 1)
                away = np.linalg.norm(places - start - share[..., None] * way, axis=-1)
                ink |= away <= max(side * LINE, 1) / 2
        pictures.append(1 - ink.reshape(side, times, side, times).mean(axis=(1, 3)))
    return np.array(pictures)[:, None]


@pytest.mark.parametrize(("side", "off"), [(28, 0.04), (64, 0.01)])
def test_a_pixel_is_as_dark_as_the_share_of_it_that_a_line_covers(pen, side, off):
    random = np.random.default_rng(1)
    lines = pen(*([random.normal(size=(2, 2))] for _ in range(8)))
    pictures, exact = drawing.bitmaps(lines, side=side), covered(lines, side)
    assert pictures.shape == (8, 1, side, side)
    assert pictures.dtype == np.float32
    assert np.abs(pictures - exact).max() < 0.15
    assert (1 - pictures).sum() == pytest.approx((1 - exact).sum(), rel=off)


@pytest.mark.parametrize("side", [28, 64])
def test_where_lines_meet_only_the_nearest_counts(scribbles, side):
    pictures, exact = drawing.bitmaps(scribbles, side=side), covered(scribbles, side)
    # Two lines can cover half of a pixel each; taken alone, either leaves it half white.
    assert (pictures - exact).max() < 0.5
    assert (pictures - exact).min() > -0.15
    assert np.abs(pictures - exact)[exact < 1].mean() < 0.05


def test_a_level_line_covers_its_width(pen):
    # 80 pixels: the line is 2 wide, 70 long with the margins, and its middle lies between two rows.
    picture = drawing.bitmaps(pen([[(0, 0), (5, 0)]]), side=80)[0, 0]
    np.testing.assert_allclose(picture[39:41, 10:70], 0, atol=1e-6)
    np.testing.assert_allclose(picture[:39], 1)
    np.testing.assert_allclose(picture[41:], 1)
    np.testing.assert_allclose(picture[:, :3], 1)


def test_place_and_size_do_not_matter_but_aspect_does(pen):
    shape = np.array([(0, 0), (4, 1), (2, 2)])
    one, moved, larger, taller = drawing.bitmaps(
        pen(
            [shape, [(1, 1), (1, 0)]],
            [shape + 7, [(8, 8), (8, 7)]],
            [shape * 32, [(32, 32), (32, 0)]],
            [shape * (1, 2), [(1, 2), (1, 0)]],
        )
    )
    np.testing.assert_allclose(moved, one, atol=1e-5)
    np.testing.assert_allclose(larger, one, atol=1e-5)
    assert np.abs(taller - one).max() > 0.9


def test_a_turned_drawing_is_a_turned_picture(scribbles):
    turned = scribbles.copy()
    turned[..., 0], turned[..., 1] = -scribbles[..., 1], scribbles[..., 0]
    expected = np.rot90(drawing.bitmaps(scribbles), k=-1, axes=(2, 3))
    np.testing.assert_allclose(drawing.bitmaps(turned), expected, atol=2e-3)


def test_padding_order_and_company_do_not_matter(scribbles):
    longer = np.concatenate([scribbles, np.tile(scribbles[:, -1:], (1, 5, 1))], axis=1)
    longer[:, -1, :2] = 1e9  # what a row says that ends the drawing is not drawn
    pictures = drawing.bitmaps(scribbles)
    np.testing.assert_array_equal(drawing.bitmaps(longer), pictures)
    np.testing.assert_array_equal(drawing.bitmaps(scribbles[::-1]), pictures[::-1])
    np.testing.assert_array_equal(drawing.bitmaps(scribbles[3:4]), pictures[3:4])
    many = np.concatenate([scribbles] * 70)
    np.testing.assert_array_equal(drawing.bitmaps(many), np.concatenate([pictures] * 70))


def test_the_way_of_a_lifted_pen_is_not_drawn(pen):
    apart, together = drawing.bitmaps(
        pen([[(0, 0), (0, 8)], [(8, 0), (8, 8)]], [[(0, 0), (0, 8), (8, 0), (8, 8)]])
    )
    assert (apart[0, :, 20:44] == 1).all()
    assert (together[0, :, 20:44] == 0).any()


def test_a_point_alone_is_a_dot(pen):
    line_and_dot = drawing.bitmaps(pen([[(0, 0), (0, 8)], [(8, 4)]]), side=80)[0, 0]
    # Radius 1 around a corner of four pixels: none is covered whole, all are covered the most.
    dot = 1 - line_and_dot[:, 60:]
    assert dot.sum() == pytest.approx(np.pi, rel=0.1)
    only = 1 - drawing.bitmaps(pen([[(3, 3)]]), side=80)[0, 0]
    np.testing.assert_allclose(only[36:44, 36:44], only[36:44, 36:44].T)
    assert only.sum() == pytest.approx(np.pi, rel=0.1)
    assert (only[:38] == 0).all()


def test_a_drawing_without_points_is_a_white_picture(pen):
    pictures = drawing.bitmaps(pen([], [[(0, 0), (1, 1)]]))
    assert (pictures[0] == 1).all()
    assert (pictures[1] < 1).any()
    assert drawing.bitmaps(np.zeros((0, 4, 5))).shape == (0, 1, 64, 64)
    assert (drawing.bitmaps(np.zeros((2, 0, 5))) == 1).all()


def test_a_drawing_without_an_end_is_drawn_to_its_last_row(pen):
    whole = pen([[(0, 0), (4, 4), (8, 0)]])
    np.testing.assert_array_equal(drawing.bitmaps(whole[:, :-1]), drawing.bitmaps(whole))


@pytest.mark.parametrize("factor", [1e-300, 1e-20, 1e30, 1e300])
def test_offsets_of_any_size_are_drawn(scribbles, factor):
    offsets = scribbles.astype(np.float64)
    offsets[..., :2] *= factor
    np.testing.assert_allclose(drawing.bitmaps(offsets), drawing.bitmaps(scribbles), atol=1e-4)


def test_what_cannot_be_drawn_is_refused(scribbles):
    broken = scribbles.copy()
    broken[2, 0, 1] = np.nan
    broken[5, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"2 of 8 hold NaN or infinity \(first: 2\)"):
        drawing.bitmaps(broken)
    with pytest.raises(ValueError, match=r"shape \(N, T, 5\), but got \(3, 4\); make it .*to_stroke5"):
        fitted(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="at least 8 pixels, but got 7"):
        drawing.bitmaps(scribbles, side=7)


def test_the_argument_stays_as_it_is(scribbles):
    before = scribbles.copy()
    drawing.bitmaps(scribbles)
    np.testing.assert_array_equal(scribbles, before)


def test_real_drawings_fill_their_squares(shared_data):
    data = load("quickdraw:cat", data_dir=shared_data)
    cats = strokes.to_stroke5(data.sketches(data.splits["test"]))
    pictures = drawing.bitmaps(cats)
    assert len(pictures) == 200
    dark = pictures[:, 0] < 0.5
    spans = [max(np.ptp(np.nonzero(each)[axis]) for axis in (0, 1)) for each in dark]
    # 64 pixels but for the margins of 4, and half a line at each end.
    assert min(spans) >= 55
    assert max(spans) <= 58
    # A cat is outlines: between 2 and 30 in 100 of the paper are ink.
    assert (1 - pictures).mean(axis=(1, 2, 3)).min() > 0.02
    assert (1 - pictures).mean(axis=(1, 2, 3)).max() < 0.3
