"""Arrays of any usual kind to uint8 images (N, C, H, W), and their size and colour made as asked.

Chunks of a large set pass through here one at a time, so nothing looks at more than it is given.
"""

import numpy as np
import torch
from jaxtyping import UInt8
from torch.nn.functional import interpolate

from zscape.errors import DataError

CHANNELS = (1, 3)
# Longest side that images are scaled to or drawn at: one image in float32 then takes 0.75 GiB.
MOST_SIDE = 8192
# Luma of ITU-R BT.601, the weights Pillow's conversion to grey uses.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def image_shape(shape: tuple[int, ...], source: str) -> tuple[int, int, int, int]:
    """The (N, C, H, W) that an array of images will have once `to_images` has read it.

    Raises:
        DataError: If the shape is not (N, H, W), (N, C, H, W) or (N, H, W, C) with C of 1 or 3.
    """
    if len(shape) == 3:
        count, height, width = shape
        result = count, 1, height, width
    elif len(shape) == 4 and shape[1] in CHANNELS:
        result = shape[0], shape[1], shape[2], shape[3]
    elif len(shape) == 4 and shape[3] in CHANNELS:
        result = shape[0], shape[3], shape[1], shape[2]
    else:
        result = None
    if result is None or 0 in result[1:]:
        raise DataError(
            "images need shape (N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, "
            f"but {source} has {shape}; reshape the array"
        )
    return result


def check_dtype(dtype: np.dtype, source: str) -> None:
    """Refuse pixels that are neither uint8, bool nor floating.

    Raises:
        DataError: If so; the message names the source and the remedy.
    """
    if dtype.hasobject:
        raise DataError(
            f"{source} holds pickled Python objects, which zscape never runs; save plain arrays "
            "(np.savez with images of one size)"
        )
    if dtype != np.uint8 and dtype.kind not in "bf":
        raise DataError(
            f"images need to be uint8 in 0..255, bool, or float in [0, 1], but {source} is {dtype}; convert "
            "it"
        )


def check_levels(highest: int, source: str) -> None:
    """Refuse images whose highest byte is 1: they were meant as black and white, and would be black.

    Raises:
        DataError: If so.
    """
    if highest == 1:
        raise DataError(
            f"uint8 images need values in 0..255, but {source} holds only 0 and 1 and would be black; "
            "make it bool"
        )


def to_images(array: np.ndarray, source: str) -> UInt8[np.ndarray, "N C H W"]:
    """uint8 images (N, C, H, W) from uint8 0..255, bool, or float in [0, 1] rounded to 256 levels.

    Raises:
        DataError: If the type or shape is another, or a float is not finite or lies outside [0, 1].
    """
    check_dtype(array.dtype, source)
    shape = image_shape(array.shape, source)
    if array.ndim == 3:
        array = array[:, None]
    elif array.shape != shape:
        array = np.moveaxis(array, 3, 1)
    if array.dtype.kind == "f":
        array = _rounded(array, source)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    return np.ascontiguousarray(array)


def _rounded(array: np.ndarray, source: str) -> np.ndarray:
    if array.size == 0:
        return array.astype(np.uint8)
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError(
            f"{source} holds values that are not finite (NaN or infinity); replace them or drop those images"
        )
    if low < 0 or high > 1:
        raise DataError(
            f"float images need values in [0, 1], but {source} spans {low:g} to {high:g}; "
            "rescale it, or save it as uint8 in 0..255"
        )
    # Half precision cannot hold 254.5 exactly.
    return np.rint(array.astype(np.float32) * 255).astype(np.uint8)


def check_size(size: int | None) -> None:
    """Refuse a side that no image can be scaled to.

    Raises:
        ValueError: If size is not in 1..8192.
    """
    if size is None:
        return
    if size < 1:
        raise ValueError(f"size needs to be at least 1 pixel, but got {size}")
    if size > MOST_SIDE:
        raise ValueError(f"size needs to be at most {MOST_SIDE} pixels, but got {size}; choose a smaller one")


def fitted_shape(
    shape: tuple[int, int, int, int], size: int | None, grey: bool | None
) -> tuple[int, int, int, int]:
    """The (N, C, H, W) that images of `shape` have after `fitted`.

    Raises:
        ValueError: If size is not in 1..8192.
    """
    count, channels, height, width = shape
    check_size(size)
    if size is not None:
        height = width = size
    if grey is not None:
        channels = 1 if grey else 3
    return count, channels, height, width


def fitted(
    images: UInt8[np.ndarray, "N C H W"], size: int | None, grey: bool | None
) -> UInt8[np.ndarray, "N c h w"]:
    """Images with the shorter side scaled to `size` (bilinear, antialiased) and the centre cropped.

    Args:
        images: uint8 images.
        size: Side of the square wanted, in pixels; None keeps the size.
        grey: True for one channel (luma), False for three, None for what there is.
    """
    if grey and images.shape[1] == 3:
        luma = np.tensordot(_LUMA, images.astype(np.float32), axes=(0, 1))
        images = np.rint(luma).astype(np.uint8)[:, None]
    if size is not None and images.shape[2:] != (size, size):
        images = _resized(images, size)
    if grey is False and images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    return np.ascontiguousarray(images)


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.tensor(images[:, :, top : top + side, left : left + side], dtype=torch.float32)
    scaled = interpolate(square, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return scaled.round_().clamp_(0, 255).to(torch.uint8).numpy()
