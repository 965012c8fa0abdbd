"""Walks that move: a GIF in which every way is gone there and back at once."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageColor, ImageDraw, ImageFont

from zscape.drawing import MUTED, PAPER

# In pixels.
_SIDE = 160  # of a picture, about: others are enlarged by the whole factor that comes nearest
_ACROSS = 6 * (_SIDE + 4)  # of all pictures in a row
_GAP = 4
_LETTERS = 12
_LINE = 15
_COLOURS = 64
_SEEN = 200_000  # pixels from which colours are chosen
_PAUSE = 5  # frames' time that both ends stay


def there_and_back(
    images: Float[np.ndarray, "L S C H W"],
    names: Sequence[str],
    *,
    seconds: float = 3.0,
    together: int = 1,
) -> bytes:
    """Pictures side by side, each with its name below, that go through their steps and back, over and over.

    Both ends stay for as long as five frames. 64 colours that all frames share, no dithering, so that the
    file stays small; grey pictures have 64 greys, so that none is tinted.

    Args:
        images: Grey or RGB pictures in [0, 1]: a row a way, with its two steps or more.
        names: One a way, of one line or more.
        seconds: That the steps there and back take, without the pauses; longer where a frame would be shown
            for less than 0.02.
        together: So many ways in a row stand beside each other, as far as a row has place for them.

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
    frames = _frames(levels, names, together)
    there = _in_greys(frames) if channels == 1 else _in_colours(frames, levels)
    first, *others = [*there, *there[-2:0:-1]]
    span = 10 * max(round(100 * seconds / (len(others) + 1)), 2)
    spans = [span * (_PAUSE if frame in (0, steps - 1) else 1) for frame in range(len(others) + 1)]
    buffer = io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=spans, loop=0, optimize=False
    )
    return buffer.getvalue()


def _levels(images: np.ndarray) -> np.ndarray:
    """(S, L, H, W, 3) bytes."""
    levels = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(1, 0, 3, 4, 2)
    return np.broadcast_to(levels, (*levels.shape[:-1], 3))


def _in_greys(frames: list[Image.Image]) -> list[Image.Image]:
    greys = np.rint(np.linspace(0, 255, _COLOURS)).astype(np.uint8)
    found = []
    for frame in frames:
        light = np.asarray(frame.convert("L"), dtype=np.float32)
        grey = Image.fromarray(np.rint(light * (_COLOURS - 1) / 255).astype(np.uint8))
        grey.putpalette(greys.repeat(3).tobytes())
        found.append(grey)
    return found


def _in_colours(frames: list[Image.Image], levels: np.ndarray) -> list[Image.Image]:
    """With colours of pixels of all steps, evenly chosen, and of a frame with what stands around them."""
    pixels = levels.reshape(-1, 3)
    some = pixels[:: max(len(pixels) // _SEEN, 1)]
    both = np.concatenate([some, np.asarray(frames[0]).reshape(-1, 3)])
    colours = Image.fromarray(both[None]).quantize(_COLOURS, dither=Image.Dither.NONE)
    return [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]


def _frames(levels: np.ndarray, names: Sequence[str], together: int) -> list[Image.Image]:
    zoom = max(round(_SIDE / levels.shape[3]), 1)
    levels = levels.repeat(zoom, axis=2).repeat(zoom, axis=3)
    steps, ways, tall, wide = levels.shape[:4]
    font = ImageFont.load_default(_LETTERS)
    lines = max(name.count("\n") + 1 for name in names)
    text = max(math.ceil(font.getlength(line)) for name in names for line in name.split("\n"))
    pitch, down = max(wide, text) + _GAP, tall + lines * _LINE + 2 * _GAP
    across = _across(ways, max(_ACROSS // pitch, 1), together)
    sheet = Image.new("RGB", (_GAP + across * pitch, _GAP + -(-ways // across) * down), PAPER)
    brush = ImageDraw.Draw(sheet)
    shift = (pitch - _GAP - wide) // 2
    corners = [(_GAP + way // across * down, _GAP + way % across * pitch + shift) for way in range(ways)]
    for name, (top, left) in zip(names, corners, strict=True):
        for row, line in enumerate(name.split("\n"), start=1):
            place = (left + wide / 2, top + tall + row * _LINE)
            brush.text(place, line, fill=ImageColor.getrgb(MUTED), font=font, anchor="ms")
    frames = []
    for step in range(steps):
        canvas = np.array(sheet)
        for picture, (top, left) in zip(levels[step], corners, strict=True):
            canvas[top : top + tall, left : left + wide] = picture
        frames.append(Image.fromarray(canvas))
    return frames


def _across(ways: int, most: int, together: int) -> int:
    """Ways in a row: as many rows as are needed, then as even as they can be."""
    sets, whole = -(-ways // together), most // together
    if not whole:
        return min(most, ways)
    return together * -(-sets // -(-sets // whole))
