"""Squared error, PSNR and SSIM against hand-worked values and scikit-image."""

import gzip
import math
import tracemalloc

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch.nn import functional

from zscape import measure
from zscape.measure import reconstruction
from zscape.model import feature_reader


def pair(seed=0, shape=(6, 1, 28, 28), noise=0.1):
    random = np.random.default_rng(seed)
    x = random.random(shape)
    return x, np.clip(x + noise * random.standard_normal(shape), 0, 1)


def test_squared_error_sums_over_features_and_averages_over_samples():
    result = measure.squared_error(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[0.0, 4.0], [1.0, 0.0]]))
    assert result.value == pytest.approx(3.0)
    # Values 5 and 1: standard error sqrt(8) / sqrt(2) = 2.
    assert (result.low, result.high) == pytest.approx((3 - 1.96 * 2, 3 + 1.96 * 2), abs=1e-3)
    assert (result.n, result.name, result.seed) == (2, "squared_error", None)


def test_one_sample_has_no_interval():
    result = measure.squared_error(np.ones((1, 3)), np.zeros((1, 3)))
    assert (result.value, result.low, result.high) == (3.0, None, None)


def test_squared_error_is_exact_for_bytes():
    x, xhat = np.zeros((1, 2), np.uint8), np.full((1, 2), 255, np.uint8)
    assert measure.squared_error_per_image(x, xhat) == 2 * 255**2


@pytest.mark.parametrize("rows", [1, 7])
def test_blocks_do_not_change_the_values(monkeypatch, rows):
    x, xhat = pair(shape=(20, 3, 16, 16))
    whole = measure.squared_error_per_image(x, xhat), measure.ssim_per_image(x, xhat, data_range=1.0)
    monkeypatch.setattr(reconstruction, "_BLOCK", rows * 3 * 16 * 16)
    assert np.allclose(measure.squared_error_per_image(x, xhat), whole[0], rtol=1e-14)
    assert np.allclose(measure.ssim_per_image(x, xhat, data_range=1.0), whole[1], rtol=1e-12)


def test_psnr_is_that_of_scikit_image():
    x, xhat = pair(shape=(5, 3, 12, 9))
    expected = [peak_signal_noise_ratio(a, b, data_range=1.0) for a, b in zip(x, xhat, strict=True)]
    assert np.allclose(measure.psnr_per_image(x, xhat, data_range=1.0), expected, rtol=1e-12)
    assert measure.psnr(x, xhat, data_range=1.0).value == pytest.approx(np.mean(expected))


def test_psnr_averages_decibels_and_not_errors():
    x = np.zeros((2, 1, 4, 4))
    xhat = np.stack([np.full((1, 4, 4), 0.1), np.full((1, 4, 4), 0.001)])
    assert measure.psnr(x, xhat, data_range=1.0).value == pytest.approx((20 + 60) / 2)


def test_the_published_64_decibels_are_16_with_the_range_that_images_in_0_to_1_have():
    """The table of the published sparse-disentanglement system has a PSNR of 64.25 dB on dSprites and 58.40
    on CelebA, more than 8 bits can hold without being exact: rounding to bytes alone leaves 58.9 dB. Our
    reading, which its text neither confirms nor denies, is that the peak of bytes, 255, was put over the
    squared error of images in [0, 1]. That adds 20 log10 255 = 48.13 dB whatever the images are, so that the
    table would mean 16.12 and 10.27 dB. Here such images are made, with an error of 16.12 dB, and the slip
    is made on purpose.
    """
    random = np.random.default_rng(0)
    x = (random.random((20, 1, 64, 64)) < 0.04).astype(np.float64)
    noise = random.standard_normal(x.shape)
    noise *= 10 ** (-16.12 / 20) / np.sqrt((noise**2).mean(axis=(1, 2, 3), keepdims=True))
    stated = measure.psnr(x, x + noise, data_range=1.0)
    slipped = measure.psnr(x, x + noise, data_range=255.0)
    assert stated.value == pytest.approx(16.12, abs=1e-9)
    assert slipped.value == pytest.approx(64.25, abs=0.005)
    assert slipped.value - stated.value == pytest.approx(20 * np.log10(255))
    # Of CelebA, 58.40 - 48.13.
    assert 58.40 - 20 * np.log10(255) == pytest.approx(10.27, abs=0.005)
    # The range that was used is part of what a result says.
    assert "range 1," in stated.definition
    assert "range 255," in slipped.definition


def test_exact_reconstructions_are_left_out_of_psnr_and_counted():
    x, xhat = pair()
    expected = measure.psnr(x[2:], xhat[2:], data_range=1.0)
    xhat[:2] = x[:2]
    assert np.isposinf(measure.psnr_per_image(x, xhat, data_range=1.0)[:2]).all()
    result = measure.psnr(x, xhat, data_range=1.0)
    assert (result.value, result.low, result.n) == (expected.value, expected.low, 4)
    assert "2 exact reconstructions" in result.definition


def test_psnr_refuses_when_every_reconstruction_is_exact():
    x, _ = pair()
    with pytest.raises(ValueError, match="all 6 are equal to theirs"):
        measure.psnr(x, x, data_range=1.0)


@pytest.mark.parametrize("shape", [(4, 1, 28, 28), (3, 3, 40, 17), (2, 1, 11, 11), (2, 2, 64, 64)])
@pytest.mark.parametrize("data_range", [1.0, 3.7])
def test_ssim_is_that_of_scikit_image(shape, data_range):
    x, xhat = pair(shape=shape)
    expected = [skimage_ssim(a, b, data_range, 1.5) for a, b in zip(x, xhat, strict=True)]
    assert np.allclose(measure.ssim_per_image(x, xhat, data_range=data_range), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.3, 0.857, 2.5])
def test_ssim_of_other_windows_is_that_of_scikit_image(sigma):
    x, xhat = pair(shape=(3, 1, 20, 24))
    expected = [skimage_ssim(a, b, 1.0, sigma) for a, b in zip(x, xhat, strict=True)]
    assert np.allclose(measure.ssim_per_image(x, xhat, data_range=1.0, sigma=sigma), expected, atol=1e-12)


def test_ssim_of_float32_flat_images_is_not_spoiled_by_rounding():
    random = np.random.default_rng(0)
    x = (0.9 + 1e-3 * random.random((2, 1, 28, 28))).astype(np.float32)
    xhat = (0.9 + 1e-3 * random.random((2, 1, 28, 28))).astype(np.float32)
    expected = [
        skimage_ssim(*both, 1.0, 1.5) for both in zip(x.astype(float), xhat.astype(float), strict=True)
    ]
    assert np.allclose(measure.ssim_per_image(x, xhat, data_range=1.0), expected, atol=1e-10)


def test_ssim_is_1_for_equal_images_and_symmetric():
    x, xhat = pair()
    assert np.allclose(measure.ssim_per_image(x, x, data_range=1.0), 1.0, atol=1e-14)
    forward, back = (measure.ssim_per_image(*both, data_range=1.0) for both in ((x, xhat), (xhat, x)))
    assert np.allclose(forward, back, atol=1e-14)
    assert (forward < 1).all()


def test_ssim_of_constant_images_is_the_luminance_term():
    result = measure.ssim(np.zeros((1, 1, 12, 12)), np.ones((1, 1, 12, 12)), data_range=1.0)
    assert result.value == pytest.approx(1e-4 / (1 + 1e-4))


SIZES = [((3, 3), 1 / 3.5), ((8, 8), 3 / 3.5), ((8, 100), 3 / 3.5), ((11, 11), 1.5)]


@pytest.mark.parametrize(("size", "sigma"), SIZES)
def test_fitting_sigma_fits_and_hardly_more_would(size, sigma):
    assert measure.fitting_sigma(*size) == pytest.approx(sigma)
    x, xhat = pair(shape=(1, 1, *size))
    expected = skimage_ssim(x[0], xhat[0], 1.0, sigma)
    assert measure.ssim(x, xhat, data_range=1.0, sigma=sigma).value == pytest.approx(expected, abs=1e-12)
    too_large = (min(size) // 2 + 0.5) / 3.5 + 1e-6 if min(size) % 2 else (min(size) / 2 - 0.5) / 3.5 + 1e-6
    with pytest.raises(ValueError, match="use sigma="):
        measure.ssim(x, xhat, data_range=1.0, sigma=too_large)


def test_ssim_of_ten_thousand_digits_takes_bounded_memory():
    x = np.random.default_rng(0).random((10_000, 1, 28, 28), dtype=np.float32)
    xhat = 1 - x
    tracemalloc.start()
    measure.ssim(x, xhat, data_range=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6


@pytest.mark.parametrize(
    "function", [measure.squared_error, lambda x, xhat: measure.ssim(x, xhat, data_range=1.0)]
)
def test_bad_pairs_are_refused(function):
    x, xhat = pair()
    with pytest.raises(ValueError, match=r"one shape, but got \(6, 1, 28, 28\) and \(5, 1, 28, 28\)"):
        function(x, xhat[:5])
    with pytest.raises(ValueError, match="at least one sample"):
        function(x[:0], xhat[:0])
    with pytest.raises(ValueError, match="finite"):
        function(x, np.where(np.arange(28) == 3, np.nan, xhat))


def test_bad_ranges_and_windows_are_refused():
    x, xhat = pair()
    for value in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            measure.psnr(x, xhat, data_range=value)
    with pytest.raises(ValueError, match="spread over"):
        measure.psnr(255 * x, 255 * xhat, data_range=1.0)
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        measure.ssim(x[:, 0], xhat[:, 0], data_range=1.0)
    with pytest.raises(ValueError, match=r"at least 11 by 11 pixels, but got 8 by 8; use sigma=0.8571"):
        measure.ssim(x[..., :8, :8], xhat[..., :8, :8], data_range=1.0)
    with pytest.raises(ValueError, match="at least 3 by 3"):
        measure.fitting_sigma(2, 9)
    for sigma in (0.0, -1.0, 0.1, math.nan):
        with pytest.raises(ValueError, match="sigma of at least"):
            measure.ssim(x, xhat, data_range=1.0, sigma=sigma)


def test_ssim_of_real_digits_is_that_of_scikit_image(shared_data):
    with gzip.open(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(16 + 50 * 784), np.uint8)[16:].reshape(50, 1, 28, 28)
    xhat = np.roll(x, 1, axis=-1)
    expected = [
        skimage_ssim(*both, 255, 1.5) for both in zip(x.astype(float), xhat.astype(float), strict=True)
    ]
    assert np.allclose(measure.ssim_per_image(x, xhat, data_range=255.0), expected, atol=1e-12)


def skimage_ssim(a, b, data_range, sigma):
    return structural_similarity(
        a,
        b,
        data_range=data_range,
        gaussian_weights=True,
        sigma=sigma,
        use_sample_covariance=False,
        channel_axis=0,
    )


@pytest.fixture(scope="module")
def reader():
    return feature_reader("vgg16", weights="random", layers=["relu1_1", "pool1"])


def by_hand(x, reader):
    """Features of a first block of VGG by functions on plain weights."""
    weights = {name: torch.from_numpy(each.numpy()) for name, each in reader.network.state_dict().items()}
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    at = (torch.from_numpy(x).float() - mean) / std
    first = functional.conv2d(at, weights["features.0.weight"], weights["features.0.bias"], padding=1).relu()
    second = functional.conv2d(first, weights["features.2.weight"], weights["features.2.bias"], padding=1)
    return [first, functional.max_pool2d(second.relu(), 2)]


@pytest.mark.parametrize("relative", [True, False])
def test_feature_distance_is_the_formula_worked_out_by_hand(reader, relative):
    x, xhat = pair(shape=(5, 3, 12, 10))
    expected = np.zeros(5)
    for weight, a, b in zip((0.25, 3.0), by_hand(x, reader), by_hand(xhat, reader), strict=True):
        error = (a - b).square().mean((1, 2, 3))
        scale = a.square().mean((1, 2, 3)) + 1e-6 if relative else torch.ones(5)
        expected += weight * (error / scale).double().numpy()
    settings = {"layer_weights": [0.25, 3.0], "relative": relative}
    found = measure.feature_distance_per_image(x, xhat, reader, **settings)
    assert np.allclose(found, expected, rtol=1e-4)
    result = measure.feature_distance(x, xhat, reader, **settings)
    assert result.value == pytest.approx(expected.mean(), rel=1e-4)
    assert result.low < result.value < result.high
    assert result.n == 5
    assert result.unit == ("" if relative else "squared feature units")
    for part in ("relu1_1, pool1 of vgg16", "random weights", "torchvision", "12 by 10"):
        assert part in result.definition


def test_feature_distance_is_0_of_equal_images_and_grey_counts_as_rgb(reader):
    x, xhat = pair(shape=(70, 1, 9, 9))
    assert measure.feature_distance(x, x, reader).value == 0
    grey = measure.feature_distance_per_image(x, xhat, reader)
    colour = measure.feature_distance_per_image(*(np.repeat(a, 3, axis=1) for a in (x, xhat)), reader)
    assert np.allclose(grey, colour, rtol=1e-5)
    # No image depends on the others, nor on the block it is in.
    assert np.array_equal(measure.feature_distance_per_image(x[60:], xhat[60:], reader), grey[60:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x * 2, r"within \[0, 1\], as the network takes them"),
        (lambda x: np.full_like(x, np.nan), "within"),
        (lambda x: x[:, :, :4], "one shape"),
        (lambda x: x[:0], "one shape"),
    ],
)
def test_feature_distance_refuses_what_is_no_pair_of_pictures(reader, change, message):
    x, xhat = pair(shape=(3, 1, 9, 9))
    with pytest.raises(ValueError, match=message):
        measure.feature_distance(x, change(xhat), reader)


def test_feature_distance_on_trained_features_sees_shape_where_pixels_see_none(shared_data):
    """A sprite moved by a pixel and one blurred: the blurred one is nearer in pixels, the moved one in
    features.
    """
    reader = feature_reader("vgg19", weights=shared_data / "networks" / "vgg19_conv1_1_to_conv3_4_fp16.npz")
    with np.load(shared_data / "dsprites" / "dsprites_subset.npz") as archive:
        x = archive["imgs"][:24, None].astype(np.float32)
    moved = np.roll(x, 1, axis=3)
    blurred = sum(np.roll(x, (i, j), axis=(2, 3)) for i in range(-2, 3) for j in range(-2, 3)) / 25
    assert measure.squared_error(x, blurred).value < measure.squared_error(x, moved).value
    near, far = (measure.feature_distance(x, each, reader) for each in (moved, blurred))
    assert near.high < far.low
