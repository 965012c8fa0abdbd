import numpy as np
import pytest
from PIL import Image

from zscape.data.pixels import fitted, fitted_shape, image_shape, to_images
from zscape.errors import DataError


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 6), (5, 1, 8, 6)),
        ((5, 1, 8, 6), (5, 1, 8, 6)),
        ((5, 3, 8, 6), (5, 3, 8, 6)),
        ((5, 8, 6, 3), (5, 3, 8, 6)),
        ((5, 8, 6, 1), (5, 1, 8, 6)),
    ],
)
def test_layouts(shape, expected):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images = to_images(array, "here")
    assert images.shape == image_shape(shape, "here") == expected
    assert images.flags.c_contiguous
    if shape[-1] == 3:
        np.testing.assert_array_equal(images[2, 1], array[2, :, :, 1])


@pytest.mark.parametrize("shape", [(5,), (5, 8), (5, 8, 6, 4), (5, 2, 8, 6), (5, 0, 6), (5, 1, 2, 3, 4)])
def test_other_layouts_are_refused(shape):
    with pytest.raises(DataError, match=r"file\.npz has \(5.*reshape"):
        to_images(np.zeros(shape, dtype=np.uint8), "file.npz")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_rounded_to_256_levels(dtype):
    levels = (np.arange(256) / 255).astype(dtype).reshape(1, 16, 16)
    np.testing.assert_array_equal(to_images(levels, "here").ravel(), np.arange(256))


def test_bools_become_black_and_white():
    images = to_images(np.array([[[True, False]]]), "here")
    np.testing.assert_array_equal(images, [[[[255, 0]]]])


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0])
def test_floats_outside_the_unit_range_are_refused(value):
    array = np.full((2, 4, 4), 0.5)
    array[1, 2, 3] = value
    with pytest.raises(
        DataError, match=r"values in \[0, 1\], but file\.npz spans .*; rescale it, or save it as uint8"
    ):
        to_images(array, "file.npz")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    array = np.full((2, 4, 4), 0.5)
    array[1, 2, 3] = value
    with pytest.raises(DataError, match=r"file\.npz holds values that are not finite.*replace them or drop"):
        to_images(array, "file.npz")


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.complex64])
def test_other_types_are_refused(dtype):
    with pytest.raises(DataError, match=r"uint8 in 0\.\.255, bool, or float.*file\.npz is .*; convert it"):
        to_images(np.zeros((2, 4, 4), dtype=dtype), "file.npz")


def test_grey_is_pillows_luma_and_rgb_repeats():
    colours = np.random.default_rng(0).integers(0, 256, (4, 3, 9, 7), dtype=np.uint8)
    grey = fitted(colours, None, True)
    for picture, colour in zip(grey, colours, strict=True):
        pillow = np.asarray(Image.fromarray(np.moveaxis(colour, 0, 2)).convert("L")).astype(int)
        assert np.abs(picture[0].astype(int) - pillow).max() <= 1
    np.testing.assert_array_equal(fitted(grey, None, False), np.repeat(grey, 3, axis=1))
    assert fitted(colours, None, None) is not None
    np.testing.assert_array_equal(fitted(colours, None, None), colours)


@pytest.mark.parametrize(("height", "width", "size"), [(40, 40, 16), (40, 60, 16), (61, 40, 13), (8, 8, 32)])
def test_scaling_agrees_with_pillow(height, width, size):
    images = np.random.default_rng(0).integers(0, 256, (2, 3, height, width), dtype=np.uint8)
    scaled = fitted(images, size, None)
    assert scaled.shape == fitted_shape(images.shape, size, None) == (2, 3, size, size)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    for picture, image in zip(scaled, images, strict=True):
        square = np.moveaxis(image[:, top : top + side, left : left + side], 0, 2)
        pillow = np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR)).astype(
            int
        )
        assert np.abs(np.moveaxis(picture, 0, 2).astype(int) - pillow).max() <= 1


def test_scaling_down_is_antialiased():
    stripes = np.zeros((1, 1, 64, 64), dtype=np.uint8)
    stripes[..., ::2] = 255
    # Without antialiasing every second pixel would be picked and the picture be all black or all white.
    assert np.ptp(fitted(stripes, 8, None)[..., 1:-1]) <= 1
    assert 120 <= fitted(stripes, 8, None).mean() <= 135


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="size needs to be at least 1 pixel, but got 0"):
        fitted_shape((1, 1, 8, 8), 0, None)
