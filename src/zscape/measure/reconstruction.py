"""How near a reconstruction comes to its picture: squared error, PSNR, SSIM, distance of features.

The `_per_image` functions return one number per sample; the others their mean over samples as a Result, whose
interval is normal and covers the choice of the samples. All of them read data in blocks: memory beyond the
arguments is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float

from zscape.base import Result
from zscape.estimates import mean_result
from zscape.model import FeatureReader, feature_errors

# Float64 numbers of one array held at once while a data set is read in blocks.
_BLOCK = 1 << 20
# Pictures that a feature network reads at a time, with gradients of none of them.
_PICTURES = 64
# scipy and scikit-image cut the Gaussian window at this many standard deviations.
_TRUNCATE = 3.5


def squared_error_per_image(x: np.ndarray, xhat: np.ndarray) -> Float[np.ndarray, "N"]:
    """Squared error of each sample, summed over its features, in float64.

    Null: 0 where x equals xhat. Cost: O(N * features) time, bounded memory.

    >>> squared_error_per_image(np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]]))
    array([5.])

    Args:
        x: Data, (N, *shape).
        xhat: Reconstructions, of the same shape.

    Raises:
        ValueError: If the shapes differ, there is no sample, or a value is not finite.
    """
    _check_pair(x, xhat)
    errors = np.empty(len(x))
    for rows in _blocks(x):
        difference = _flat(x[rows]) - _flat(xhat[rows])
        errors[rows] = np.einsum("nf,nf->n", difference, difference)
    if not np.isfinite(errors).all():
        first = int(np.flatnonzero(~np.isfinite(errors))[0])
        raise ValueError(
            f"x and xhat need finite numbers, but sample {first} of one of them holds NaN or infinity"
        )
    return errors


def squared_error(x: np.ndarray, xhat: np.ndarray) -> Result:
    """Squared error, summed over features and averaged over samples.

    Null: 0 where x equals xhat. Bias: none. Cost: O(N * features) time, bounded memory.

    Args:
        x: Data, (N, *shape).
        xhat: Reconstructions, of the same shape.

    Raises:
        ValueError: As `squared_error_per_image`.
    """
    return mean_result(
        "squared_error",
        squared_error_per_image(x, xhat),
        unit="squared data units",
        definition="sum over features of (x - xhat)^2, mean over samples",
    )


def psnr_per_image(x: np.ndarray, xhat: np.ndarray, *, data_range: float) -> Float[np.ndarray, "N"]:
    """Peak signal-to-noise ratio of each image, 10 log10(data_range^2 / mean squared error), in dB.

    Infinite for an image equal to its reconstruction. Cost: O(N * features) time, bounded memory.

    >>> psnr_per_image(np.zeros((1, 4)), np.full((1, 4), 0.1), data_range=1.0).round(6)
    array([20.])

    Args:
        x: Data, (N, *shape).
        xhat: Reconstructions, of the same shape.
        data_range: Largest minus smallest value an image can have: 1 for images in [0, 1]. A range of 255 on
            such images adds 48.13 dB, so there is no default.

    Raises:
        ValueError: If data_range is not positive or below the spread of x, or as `squared_error_per_image`.
    """
    _check_range(x, data_range)
    mean_error = squared_error_per_image(x, xhat) * (len(x) / x.size)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(data_range**2 / mean_error)


def psnr(x: np.ndarray, xhat: np.ndarray, *, data_range: float) -> Result:
    """Mean over images of the peak signal-to-noise ratio, in dB.

    The ratio of an image equal to its reconstruction is infinite. Such images are left out of the mean, of
    `n` and of the interval, and `definition` says how many they were.

    Bias: none for the images that remain. Cost: O(N * features) time, bounded memory.

    Args:
        x: Data, (N, *shape).
        xhat: Reconstructions, of the same shape.
        data_range: Largest minus smallest value an image can have: 1 for images in [0, 1].

    Raises:
        ValueError: If every image equals its reconstruction, or as `psnr_per_image`.
    """
    ratios = psnr_per_image(x, xhat, data_range=data_range)
    finite = ratios[np.isfinite(ratios)]
    if not len(finite):
        raise ValueError(
            f"psnr needs an image that differs from its reconstruction, but all {len(x)} are equal to "
            "theirs, so the ratio is infinite; report squared_error"
        )
    exact = len(ratios) - len(finite)
    omitted = f", {exact} exact reconstructions of infinite ratio left out" if exact else ""
    return mean_result(
        "psnr",
        finite,
        unit="dB",
        definition=f"10 log10(range^2 / mean squared error) of each image, range {data_range:g}, mean over "
        "images" + omitted,
    )


def ssim_per_image(
    x: np.ndarray, xhat: np.ndarray, *, data_range: float, sigma: float = 1.5
) -> Float[np.ndarray, "N"]:
    r"""Structural similarity of each image, with a Gaussian window.

    .. math:: \frac{(2 m m' + c_1)(2 c + c_2)}{(m^2 + m'^2 + c_1)(v + v' + c_2)}, \quad
              c_1 = (0.01 \cdot range)^2,\; c_2 = (0.03 \cdot range)^2

    with means m, m', variances v, v' and covariance c under the window around a pixel; the mean over all
    pixels whose window lies inside the image, then over channels. 1 for identical images.
    Cost: O(N C H W (H + W)) multiplications, done as matrix products, which up to 1024 pixels a side is
    faster than a convolution; bounded memory.

    Args:
        x: Images, (N, C, H, W).
        xhat: Reconstructions, of the same shape.
        data_range: Largest minus smallest value an image can have: 1 for images in [0, 1].
        sigma: Standard deviation of the window, in pixels; it is cut at 3.5 sigma, so 1.5 is 11 pixels wide.

    Raises:
        ValueError: If the arrays are not (N, C, H, W), the window is larger than the images (the message says
            which sigma fits), data_range is not positive or below the spread of x, or a value is not finite.

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004. Differs in: no downsampling before, channels
        averaged.
    """
    _check_pair(x, xhat)
    _check_range(x, data_range)
    height, width = _image_size(x)
    _check_window(sigma, height, width)
    down, across = _window_matrix(height, sigma).T, _window_matrix(width, sigma)
    similarity = np.empty(len(x))
    for rows in _blocks(x):
        a, b = np.asarray(x[rows], dtype=np.float64), np.asarray(xhat[rows], dtype=np.float64)
        similarity[rows] = _ssim_map(a, b, down, across, data_range).mean(axis=(1, 2, 3))
    if not np.isfinite(similarity).all():
        raise ValueError("x and xhat need finite numbers, but one of them holds NaN or infinity")
    return similarity


def ssim(x: np.ndarray, xhat: np.ndarray, *, data_range: float, sigma: float = 1.5) -> Result:
    """Mean over images of the structural similarity with a Gaussian window.

    Null: 1 where x equals xhat. Bias: none. Cost: see `ssim_per_image`.

    Args:
        x: Images, (N, C, H, W).
        xhat: Reconstructions, of the same shape.
        data_range: Largest minus smallest value an image can have: 1 for images in [0, 1].
        sigma: Standard deviation of the window, in pixels; `fitting_sigma` gives one for small images.

    Raises:
        ValueError: As `ssim_per_image`.
    """
    return mean_result(
        "ssim",
        ssim_per_image(x, xhat, data_range=data_range, sigma=sigma),
        unit="",
        definition=f"structural similarity (Wang 2004), Gaussian window of sigma {sigma:.4g} pixels cut at "
        f"3.5 sigma, range {data_range:g}, borders left out, mean over pixels, channels and images",
    )


def feature_distance_per_image(
    x: np.ndarray,
    xhat: np.ndarray,
    reader: FeatureReader,
    *,
    layer_weights: Sequence[float] | None = None,
    relative: bool = True,
) -> Float[np.ndarray, "N"]:
    """Squared difference between features of each image and of its reconstruction, see `feature_errors`.

    Null: 0 where x equals xhat. It is no metric: the square of one, divided by what belongs to x. Cost: two
    passes through the network an image.

    >>> from zscape import model
    >>> reader = model.feature_reader("vgg16", weights="random", layers=["relu1_1"])
    >>> feature_distance_per_image(np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 8)), reader)
    array([0.])

    Args:
        x: Images in [0, 1], (N, C, H, W) of one or three channels.
        xhat: Reconstructions, of the same shape.
        reader: The network, from `zscape.model.feature_reader`.
        layer_weights: One a layer; None for equal weights of sum 1.
        relative: Whether to divide by the mean square of the features of x.

    Raises:
        ValueError: If the shapes differ, images are not within [0, 1] or too small for the network, there are
            not as many weights as layers, or a value is not finite.
    """
    _check_pair(x, xhat)
    for images in (x, xhat):
        low, high = float(images.min()), float(images.max())
        # NaN is not within any bounds.
        if not (low >= 0 and high <= 1):
            raise ValueError(
                "feature_distance needs images within [0, 1], as the network takes them, but these lie "
                f"within [{low:g}, {high:g}]; scale or clip them"
            )
    parts = []
    for start in range(0, len(x), _PICTURES):
        a, b = (
            torch.from_numpy(np.ascontiguousarray(images[start : start + _PICTURES], dtype=np.float32))
            for images in (x, xhat)
        )
        wanted, found = reader.read_alone(a), reader.read_alone(b)
        parts.append(feature_errors(wanted, found, layer_weights=layer_weights, relative=relative))
    return torch.cat(parts).double().numpy()


def feature_distance(
    x: np.ndarray,
    xhat: np.ndarray,
    reader: FeatureReader,
    *,
    layer_weights: Sequence[float] | None = None,
    relative: bool = True,
) -> Result:
    """Mean over images of the squared difference of features, on the network given.

    Values are comparable where network, weights, layers, preprocessing and size of the images are the same;
    the definition names them.

    Null: 0 where x equals xhat. Bias: none. Cost: two passes through the network an image.

    Args:
        x: Images in [0, 1], (N, C, H, W) of one or three channels.
        xhat: Reconstructions, of the same shape.
        reader: The network, from `zscape.model.feature_reader`.
        layer_weights: One a layer; None for equal weights of sum 1.
        relative: Whether to divide by the mean square of the features of x: then 1 is the error of features
            that are all zero.

    Raises:
        ValueError: As `feature_distance_per_image`.
    """
    errors = feature_distance_per_image(x, xhat, reader, layer_weights=layer_weights, relative=relative)
    over = ", over that of x" if relative else ""
    weights = "equal layers" if layer_weights is None else f"layers weighted {list(layer_weights)}"
    return mean_result(
        "feature_distance",
        errors,
        unit="" if relative else "squared feature units",
        definition=f"mean square of the difference between features of x and xhat{over}; "
        f"{reader.description}; {weights}, mean over images of {x.shape[2]} by {x.shape[3]} pixels",
    )


def fitting_sigma(height: int, width: int) -> float:
    """The sigma for SSIM on images of this size: 1.5, or on small ones that whose window just fits.

    >>> fitting_sigma(28, 28), round(fitting_sigma(8, 8), 3)
    (1.5, 0.857)

    Args:
        height: Of the images, in pixels.
        width: Likewise.

    Raises:
        ValueError: If a side is below 3 pixels, where no window fits.
    """
    radius = (min(height, width) - 1) // 2
    if radius < 1:
        raise ValueError(f"ssim needs images of at least 3 by 3 pixels, but got {height} by {width}")
    return 1.5 if _radius(1.5) <= radius else radius / _TRUNCATE


def _ssim_map(
    a: np.ndarray, b: np.ndarray, down: np.ndarray, across: np.ndarray, data_range: float
) -> np.ndarray:
    def local(values: np.ndarray) -> np.ndarray:
        return down @ (values @ across)

    mean_a, mean_b = local(a), local(b)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance = local(a * b) - product
    variances = local(a * a + b * b) - squares
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    return (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))


def _window_matrix(size: int, sigma: float) -> np.ndarray:
    """(size, size - 2 radius): column j holds the window centred on pixel j + radius."""
    radius = _radius(sigma)
    window = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    matrix = np.zeros((size, size - 2 * radius))
    for offset, weight in enumerate(window / window.sum()):
        np.fill_diagonal(matrix[offset:], weight)
    return matrix


def _radius(sigma: float) -> int:
    return int(_TRUNCATE * sigma + 0.5)


def _check_window(sigma: float, height: int, width: int) -> None:
    if not (np.isfinite(sigma) and _radius(sigma) >= 1):
        raise ValueError(f"ssim needs sigma of at least {0.5 / _TRUNCATE:.3f} pixels, but got {sigma}")
    window = 2 * _radius(sigma) + 1
    if window > min(height, width):
        raise ValueError(
            f"ssim with sigma={sigma:g} needs images of at least {window} by {window} pixels, but got "
            f"{height} by {width}; use sigma={fitting_sigma(height, width):.4g} or less (fitting_sigma "
            "gives it)"
        )


def _image_size(x: np.ndarray) -> tuple[int, int]:
    if x.ndim != 4:
        raise ValueError(f"ssim needs images of shape (N, C, H, W), but got shape {x.shape}")
    return x.shape[2], x.shape[3]


def _check_pair(x: np.ndarray, xhat: np.ndarray) -> None:
    if x.shape != xhat.shape:
        raise ValueError(f"x and xhat need one shape, but got {x.shape} and {xhat.shape}")
    if x.ndim < 2 or x.size == 0:
        raise ValueError(
            f"x and xhat need at least one sample of at least one feature, but got shape {x.shape}"
        )


def _check_range(x: np.ndarray, data_range: float) -> None:
    if not (np.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data_range needs a positive number, but got {data_range}")
    spread = float(x.max()) - float(x.min()) if x.size else 0.0
    # A reconstruction may overshoot; the data cannot spread further than the range they are said to have.
    if spread > data_range * (1 + 1e-6):
        raise ValueError(
            "data_range needs to be the largest minus the smallest value an image can have, but got "
            f"{data_range:g} for data that spread over {spread:g}; 1 goes with images in [0, 1], 255 with 0 "
            "to 255"
        )


def _blocks(x: np.ndarray) -> Iterator[slice]:
    rows = max(1, _BLOCK * len(x) // x.size)
    return (slice(start, start + rows) for start in range(0, len(x), rows))


def _flat(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, dtype=np.float64).reshape(len(x), -1)
