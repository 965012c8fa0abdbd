"""Walks that move: a GIF in which every latent goes there and back at once."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageColor, ImageDraw, ImageFont

from zscape.drawing import MUTED, PAPER

# In pixels.
_SIDE = 96  # of a picture; smaller ones are enlarged by a whole factor up to it
_ACROSS = 8 * (_SIDE + 4)  # of all pictures in a row
_GAP = 4
_LETTERS = 11
_COLOURS = 64
_SEEN = 200_000  # pixels from which colours are chosen


def there_and_back(
    images: Float[np.ndarray, "L S C H W"], names: Sequence[str], *, seconds: float = 3.0
) -> bytes:
    """Pictures side by side, each with its name below, that go through their steps and back, over and over.

    64 colours that all frames share, no dithering, so that the file stays small.

    Args:
        images: Grey or RGB pictures in [0, 1]: a row a way, with its two steps or more.
        names: One a way.
        seconds: From one beginning to the next; longer where a frame would be shown for less than 0.02.

    Raises:
        ValueError: If there are fewer than two steps, or not a name a way.
    """
    ways, steps, channels = images.shape[:3]
    if steps < 2 or not ways or channels not in (1, 3) or len(names) != ways:
        raise ValueError(
            f"a walk needs ways of two or more grey or RGB pictures, each with a name, but got "
            f"{images.shape} and {len(names)} names"
        )
    levels = _levels(images)
    frames = _frames(levels, names)
    colours = _palette(levels, frames[0])
    there = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    first, *others = [*there, *there[-2:0:-1]]
    span = max(round(100 * seconds / (len(others) + 1)), 2)
    buffer = io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=10 * span, loop=0, optimize=False
    )
    return buffer.getvalue()


def _levels(images: np.ndarray) -> np.ndarray:
    """(S, L, H, W, 3) bytes."""
    levels = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(1, 0, 3, 4, 2)
    return np.broadcast_to(levels, (*levels.shape[:-1], 3))


def _palette(levels: np.ndarray, frame: Image.Image) -> Image.Image:
    """Colours of pixels of all steps, evenly chosen, and of a frame with what stands around the pictures."""
    pixels = levels.reshape(-1, 3)
    some = pixels[:: max(len(pixels) // _SEEN, 1)]
    together = np.concatenate([some, np.asarray(frame).reshape(-1, 3)])
    return Image.fromarray(together[None]).quantize(_COLOURS, dither=Image.Dither.NONE)


def _frames(levels: np.ndarray, names: Sequence[str]) -> list[Image.Image]:
    zoom = max(_SIDE // levels.shape[3], 1)
    levels = levels.repeat(zoom, axis=2).repeat(zoom, axis=3)
    steps, ways, tall, wide = levels.shape[:4]
    most = max(_ACROSS // (wide + _GAP), 1)
    # As many rows as are needed, then as even as they can be.
    across = -(-ways // -(-ways // most))
    down = tall + _LETTERS + 2 * _GAP
    size = (_GAP + across * (wide + _GAP), _GAP + -(-ways // across) * down)
    sheet = Image.new("RGB", size, PAPER)
    brush, font = ImageDraw.Draw(sheet), ImageFont.load_default(_LETTERS)
    corners = [(_GAP + way // across * down, _GAP + way % across * (wide + _GAP)) for way in range(ways)]
    for name, (top, left) in zip(names, corners, strict=True):
        place = (left + wide / 2, top + tall + _LETTERS)
        brush.text(place, name, fill=ImageColor.getrgb(MUTED), font=font, anchor="ms")
    frames = []
    for step in range(steps):
        canvas = np.array(sheet)
        for picture, (top, left) in zip(levels[step], corners, strict=True):
            canvas[top : top + tall, left : left + wide] = picture
        frames.append(Image.fromarray(canvas))
    return frames
