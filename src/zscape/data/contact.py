"""A contact sheet: pictures of a data set exactly as a model will see them."""

import math

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from zscape.data.images import Images
from zscape.data.sketches import Strokes
from zscape.drawing import bitmaps

# Narrowest picture on a sheet, in pixels; smaller ones are enlarged by whole steps so that no value is
# invented.
_LEAST = 48
_GAP = 2
_BACKGROUND, _INK = 128, 255
# Height of the line of text below a picture.
_LINE = 12
_NAMES_SHOWN = 20
# Side of a drawing on a sheet, in pixels.
_DRAWN = 96


def contact_sheet(
    data: Images | Strokes, count: int = 64, *, seed: int = 0
) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
    """A grid of pictures drawn evenly from the classes, in order of class, and a caption of what they are.

    Below each stands its row in the data set. The pictures come from `data.batch`, as those of a fit do;
    nothing is stretched to fill the range. Drawings each fill their square, so that of their size nothing is
    seen.

    Args:
        data: The data set.
        count: Number of pictures; all of them if there are fewer.
        seed: Of the draw.

    Returns:
        The sheet as uint8 RGB, and a caption: number, shape, range of values on the sheet, images in each
        class, values of each factor; of drawings the numbers of points, and what was left out.

    Raises:
        ValueError: If count < 1.
    """
    if count < 1:
        raise ValueError(f"a contact sheet needs at least 1 picture, but got count {count}")
    rows = _drawn(data, count, seed)
    x = data.batch(torch.from_numpy(rows), "cpu")[0].numpy()
    if isinstance(data, Strokes):
        return _grid(bitmaps(x, side=_DRAWN), rows), f"{_described(data, len(rows))}; {_classes(data)}"
    values = f"values {x.min():.3g} to {x.max():.3g}, mean {x.mean():.3g}"
    about = f"{_counted(data)}; {len(rows)} shown, {values}; {_classes(data)}{_factors(data)}"
    return _grid(x, rows), about


def _drawn(data: Images | Strokes, count: int, seed: int) -> np.ndarray:
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


def _grid(pictures: Float32[np.ndarray, "N C H W"], rows: Int[np.ndarray, "N"]) -> np.ndarray:
    count, channels, height, width = pictures.shape
    zoom = math.ceil(_LEAST / min(height, width))
    tiles = np.rint(pictures * 255).astype(np.uint8).repeat(zoom, axis=2).repeat(zoom, axis=3)
    tiles = np.broadcast_to(tiles, (count, 3, *tiles.shape[2:])) if channels == 1 else tiles
    columns = math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    down, across = tiles.shape[2] + _LINE + _GAP, tiles.shape[3] + _GAP
    sheet = Image.new("RGB", (columns * across + _GAP, lines * down + _GAP), (_BACKGROUND,) * 3)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LINE - 2)
    for number, (tile, row) in enumerate(zip(tiles, rows.tolist(), strict=True)):
        top, left = number // columns * down + _GAP, number % columns * across + _GAP
        sheet.paste(Image.fromarray(np.moveaxis(tile, 0, 2)), (left, top))
        middle = (left + tile.shape[2] // 2, top + tile.shape[1])
        pen.text(middle, str(row), fill=(_INK,) * 3, font=font, anchor="ma")
    return np.asarray(sheet)


def _counted(data: Images) -> str:
    splits = ", ".join(f"{name} {len(rows):,}" for name, rows in data.splits.items())
    return f"{data.name}: {len(data):,} images of {' x '.join(map(str, data.shape))} ({splits})"


def _described(data: Strokes, shown: int) -> str:
    return f"{data.summary()}; {shown} shown, one unit of a batch is {data.scale:.4g} of the file"


def _factors(data: Images) -> str:
    if not data.factors:
        return ""
    shown = [f"{name} ({len(np.unique(column)):,})" for name, column in data.factors.items()][:_NAMES_SHOWN]
    more = f" and {len(data.factors) - len(shown)} more" if len(data.factors) > len(shown) else ""
    return f"; factors (values): {', '.join(shown)}{more}"


def _classes(data: Images | Strokes) -> str:
    if data.labels is None:
        return "no labels"
    counts = np.bincount(data.labels, minlength=len(data.names))
    shown = [f"{name} {number:,}" for name, number in zip(data.names, counts, strict=True)][:_NAMES_SHOWN]
    more = f" and {len(counts) - len(shown)} more" if len(counts) > len(shown) else ""
    return f"classes: {', '.join(shown)}{more}"
