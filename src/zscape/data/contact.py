"""A contact sheet: pictures of a data set exactly as a model will see them."""

import math

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from zscape.data.images import Images

# Narrowest picture on a sheet, in pixels; smaller ones are enlarged by whole steps so that no value is
# invented.
_LEAST = 48
_GAP = 2
_BACKGROUND = 128
_NAMES_SHOWN = 20


def contact_sheet(data: Images, count: int = 64, *, seed: int = 0) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
    """A grid of pictures drawn evenly from the classes, in order of class, and a caption of what they are.

    The pictures come from `data.batch`, as those of a fit do; nothing is stretched to fill the range.

    Args:
        data: The data set.
        count: Number of pictures; all of them if there are fewer.
        seed: Of the draw.

    Returns:
        The sheet as uint8 RGB, and a caption: number, shape, range of values on the sheet, images in each
        class.

    Raises:
        ValueError: If count < 1.
    """
    if count < 1:
        raise ValueError(f"a contact sheet needs at least 1 picture, but got count {count}")
    rows = _drawn(data, count, seed)
    pictures = data.batch(torch.from_numpy(rows), "cpu")[0].numpy()
    return _grid(pictures), _caption(data, pictures)


def _drawn(data: Images, count: int, seed: int) -> np.ndarray:
    """Rows drawn at random, as many from each class as can be, sorted by class."""
    order = np.random.default_rng(seed).permutation(len(data))
    if data.labels is None:
        return order[:count]
    labels = data.labels[order]
    turn = np.empty(len(order), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn, kind="stable")][:count]
    return chosen[np.argsort(data.labels[chosen], kind="stable")]


def _grid(pictures: Float32[np.ndarray, "N C H W"]) -> np.ndarray:
    count, channels, height, width = pictures.shape
    zoom = math.ceil(_LEAST / min(height, width))
    tiles = np.rint(pictures * 255).astype(np.uint8).repeat(zoom, axis=2).repeat(zoom, axis=3)
    tiles = np.broadcast_to(tiles, (count, 3, *tiles.shape[2:])) if channels == 1 else tiles
    columns = math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    down, across = tiles.shape[2] + _GAP, tiles.shape[3] + _GAP
    sheet = np.full((lines * down + _GAP, columns * across + _GAP, 3), _BACKGROUND, dtype=np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * down + _GAP, number % columns * across + _GAP
        sheet[top : top + down - _GAP, left : left + across - _GAP] = np.moveaxis(tile, 0, 2)
    return sheet


def _caption(data: Images, pictures: Float32[np.ndarray, "N C H W"]) -> str:
    splits = ", ".join(f"{name} {len(rows):,}" for name, rows in data.splits.items())
    text = (
        f"{data.name}: {len(data):,} images of {' x '.join(map(str, data.shape))} ({splits}); "
        f"{len(pictures)} shown, values {pictures.min():.3g} to {pictures.max():.3g}, mean "
        f"{pictures.mean():.3g}"
    )
    if data.labels is None:
        return text + "; no labels"
    counts = np.bincount(data.labels, minlength=len(data.names))
    shown = [f"{name} {number:,}" for name, number in zip(data.names, counts, strict=True)][:_NAMES_SHOWN]
    more = f" and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    return f"{text}; classes: {', '.join(shown)}{more}"
