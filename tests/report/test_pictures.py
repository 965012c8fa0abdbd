"""Pictures are shown pixel by pixel: what is read back from the PNG is what was given."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from zscape.report import pictures, style


def noise(count, *shape):
    return np.random.default_rng(0).random((count, *shape)).astype(np.float32)


def read(figure):
    return np.asarray(Image.open(io.BytesIO(style.png(figure))).convert("RGB"))


def test_tile_places_pictures_row_by_row():
    images = noise(5, 1, 2, 3)
    canvas = pictures.tile(images, 3)
    assert canvas.shape == (5, 11, 4)
    np.testing.assert_array_equal(canvas[3:5, 4:7, 0], np.rint(255 * images[4, 0]))
    assert (canvas[2] == 0).all()
    assert (canvas[3:, 8:] == 0).all()
    assert (canvas[0:2, 0:3, 3] == 255).all()


def test_tile_keeps_colours_and_clips():
    images = np.zeros((1, 3, 1, 2), np.float32)
    images[0, :, 0, 0] = (2.0, 0.5, -1.0)
    np.testing.assert_array_equal(pictures.tile(images, 9)[0, 0], [255, 128, 0, 255])


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (2, 2, 4, 4), (2, 4, 4, 4)])
def test_tile_refuses_what_is_no_picture(shape):
    with pytest.raises(ValueError, match="C = 1 or 3"):
        pictures.tile(np.zeros(shape), 2)


def test_tile_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        pictures.tile(np.full((1, 1, 2, 2), np.nan), 1)


def test_tile_refuses_no_columns():
    with pytest.raises(ValueError, match="columns >= 1"):
        pictures.tile(noise(1, 1, 2, 2), 0)


@pytest.mark.parametrize(
    ("shape", "columns"), [((1, 8, 8), 16), ((3, 28, 28), 16), ((3, 64, 64), 8), ((1, 8, 8), 1)]
)
def test_grid_in_the_png_is_exact(shape, columns):
    images = noise(20, *shape)
    canvas = pictures.tile(images, columns)
    picture = read(pictures.picture_grid(images, columns))
    # The margins are four dots on each side; between them every pixel is a whole number of dots.
    zoom = (picture.shape[1] - 8) // canvas.shape[1]
    assert zoom * canvas.shape[1] == picture.shape[1] - 8
    enlarged = canvas.repeat(zoom, 0).repeat(zoom, 1)
    shown = picture[4:-4, 4:-4]
    opaque = enlarged[..., 3] == 255
    np.testing.assert_array_equal(shown[opaque], enlarged[opaque][:, :3])


def test_grid_in_the_svg_is_exact():
    images = noise(3, 3, 5, 5)
    drawing = style.svg(pictures.picture_grid(images, 3))
    found = re.search(r"base64,\s*([A-Za-z0-9+/=\s]+)", drawing)
    embedded = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))))
    canvas = pictures.tile(images, 3)
    zoom = embedded.shape[1] // canvas.shape[1]
    np.testing.assert_array_equal(embedded, canvas.repeat(zoom, 0).repeat(zoom, 1))
    assert "pixelated" in drawing


def test_reconstructions_stand_below_their_originals():
    x = np.zeros((3, 1, 4, 4), np.float32)
    xhat = np.stack([np.full((1, 4, 4), level, np.float32) for level in (0.2, 0.4, 0.6)])
    picture = read(pictures.reconstructions(x, xhat, columns=2))
    figure = pictures.reconstructions(x, xhat, columns=2)
    assert [text.get_text() for text in figure.axes[0].texts] == ["original", "decoded"] * 2
    levels = {51, 102, 153}
    rows = {level: np.nonzero((picture == level).all(-1))[0] for level in levels}
    columns = {level: np.nonzero((picture == level).all(-1))[1] for level in levels}
    assert columns[51].max() < columns[102].min()
    assert rows[102].max() < rows[153].min()
    # Below its original: half of the first strip is above the first reconstruction.
    assert rows[51].min() >= 150


def test_reconstructions_need_one_shape():
    with pytest.raises(ValueError, match="of one shape"):
        pictures.reconstructions(noise(2, 1, 4, 4), noise(3, 1, 4, 4))


def test_reconstruction_of_one_picture():
    assert read(pictures.reconstructions(noise(1, 1, 4, 4), noise(1, 1, 4, 4))).size


def test_manifold_is_a_grid_of_quantiles_with_z2_upwards():
    asked = []

    def decode(z):
        asked.append(z)
        return np.broadcast_to(norm.cdf(z[:, 1])[:, None, None, None], (len(z), 1, 3, 3))

    figure = pictures.manifold(decode, side=4)
    (z,) = asked
    quantiles = norm.ppf([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(z[:4, 0], quantiles)
    np.testing.assert_allclose(z[:4, 1], quantiles[-1])
    np.testing.assert_allclose(z[-1], [quantiles[-1], quantiles[0]])
    canvas = figure.axes[0].get_images()[0].get_array()
    assert canvas[0, 0, 0] == 223
    assert canvas[-1, 0, 0] == 32


def test_manifold_axes_say_where_a_code_lies():
    figure = pictures.manifold(lambda z: np.zeros((len(z), 1, 2, 2)), side=10)
    axes = figure.axes[0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["−1.5", "−1", "−0.5", "0", "0.5", "1", "1.5"]
    np.testing.assert_allclose(axes.get_xticks()[3], 9.5)
    np.testing.assert_allclose(axes.get_yticks(), axes.get_xticks()[::-1])


def test_compared_groups_stand_below_each_other_pixel_by_pixel():
    images = noise(6, 1, 9, 9)
    figure = pictures.compared({"these": images[:4], "those": images[4:]}, 2)
    shown = figure.axes[0].get_images()[0].get_array()
    height = 2 * 9 + 1 + 3 + 9  # two rows, the space between groups, one row
    zoom = len(shown) // height
    canvas = shown[::zoom, ::zoom]
    assert canvas.shape == (height, 19, 4)
    np.testing.assert_array_equal(canvas[22:, 10:, 0], np.rint(255 * images[5, 0]))
    assert [note.get_text() for note in figure.axes[0].texts] == ["these", "those"]


def test_compared_refuses_pictures_of_other_shapes():
    with pytest.raises(ValueError, match="of one shape"):
        pictures.compared({"a": noise(1, 1, 4, 4), "b": noise(1, 1, 4, 5)}, 2)
    with pytest.raises(ValueError, match="of one shape"):
        pictures.compared({}, 2)


def test_class_rows_stand_below_each_other_and_groups_side_by_side_pixel_by_pixel():
    images, labels = noise(8, 1, 8, 8), np.array([3, 3, 3, 5])
    groups = {"these": images[:4], "those": images[4:]}
    figure = pictures.class_rows(groups, labels, {3: "three", 5: "$5$ \x07"}, 4)
    shown = figure.axes[0].get_images()[0].get_array()
    # Of three pictures in two columns, two lines; then the space between classes and the line of the other.
    height, width = 8 + 1 + 8 + 2 + 8, 2 * (2 * 8 + 1) + 4
    zoom = len(shown) // height
    canvas = shown[::zoom, ::zoom]
    assert canvas.shape == (height, width, 4)
    for top, left, index in [(0, 0, 0), (0, 9, 1), (9, 0, 2), (19, 0, 3), (0, 21, 4), (19, 21, 7)]:
        np.testing.assert_array_equal(
            canvas[top : top + 8, left : left + 8, 0], np.rint(255 * images[index, 0])
        )
    assert not canvas[9:, 9:21].any()
    assert [note.get_text() for note in figure.axes[0].texts] == ["three", "$5$", "these", "those"]


def test_pictures_stand_apart_from_their_nearest_ones_pixel_by_pixel():
    images, nearest = noise(2, 1, 8, 8), noise(6, 1, 8, 8).reshape(2, 3, 1, 8, 8)
    figure = pictures.beside_their_nearest(images, nearest, ["three", "$5$"])
    shown = figure.axes[0].get_images()[0].get_array()
    zoom = len(shown) // 17
    canvas = shown[::zoom, ::zoom]
    assert canvas.shape == (17, 8 + 4 + 3 * 9 - 1, 4)
    np.testing.assert_array_equal(canvas[9:, :8, 0], np.rint(255 * images[1, 0]))
    np.testing.assert_array_equal(canvas[9:, 21:29, 0], np.rint(255 * nearest[1, 1, 0]))
    assert not canvas[:, 8:12].any()
    texts = [note.get_text() for note in figure.axes[0].texts]
    assert texts == ["three", "$5$", "code", "nearest codes, the nearest first"]
    with pytest.raises(ValueError, match="2 pictures, nearest ones of 2 and 1 names"):
        pictures.beside_their_nearest(images, nearest, ["a"])


def test_class_rows_of_one_group_need_no_title():
    figure = pictures.class_rows({"these": noise(2, 3, 4, 4)}, np.array([0, 1]), {0: "a", 1: "b"}, 8)
    assert [note.get_text() for note in figure.axes[0].texts] == ["a", "b"]


def test_class_rows_need_a_label_a_picture():
    for images, labels in [(noise(2, 1, 4, 4), [0]), (noise(1, 1, 4, 4), [0, 1])]:
        with pytest.raises(ValueError, match="one a label"):
            pictures.class_rows({"a": images}, np.array(labels), {0: "a"}, 8)
    with pytest.raises(ValueError, match="one a label"):
        pictures.class_rows({}, np.array([0]), {0: "a"}, 8)


@pytest.mark.parametrize("side", [8, 64])
def test_words_above_originals_are_whole(side):
    rng = np.random.default_rng(0)
    figure = pictures.filmstrips(
        rng.random((2, 11, 3, side, side)), ["AE", "VAE"], range(11), rng.random((2, 2, 3, side, side))
    )
    figure.canvas.draw()
    words = [text for text in figure.axes[0].texts if text.get_text() == "original"]
    assert len(words) == 2
    assert all(word.get_window_extent().x1 <= figure.bbox.x1 for word in words)
