"""Drawings that draw themselves, line after line as the pen went, over and over."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Num
from PIL import Image

from zscape.drawing._fitted import Fitted, fitted
from zscape.drawing.sheet import Sheet, outline

# Of each round, the drawings take this share and then stand still.
_MOVING = 0.75
_FRAMES = 40  # that a GIF moves in
_GREYS = 16
_DOTS = 108 / 72  # a point


def animation(
    x: Num[np.ndarray, "N T 5"],
    columns: int,
    *,
    captions: Sequence[str] = (),
    rows: Sequence[str] = (),
    side: float = 72.0,
    seconds: float = 6.0,
) -> str:
    """A sheet of drawings as an SVG file in which each is drawn, in the order and direction of its pen.

    All begin together and end together: each pen has a speed of its own, which it keeps, up or down. Then the
    drawings stand for a quarter of the time, and it begins again. On paper, and for readers who asked for
    less motion, the drawings stand whole. No script; works in a browser without a network.

    Args:
        x: Stroke-5, one or more.
        columns: Drawings in a row.
        captions: A line below each drawing, or none at all.
        rows: A name beside each row, or none at all.
        side: Height and width of each drawing, in points.
        seconds: From one beginning to the next.

    Raises:
        ValueError: As `grid_svg`, or if seconds is not above 0.
    """
    _check_seconds(seconds)
    sheet = Sheet(fitted(x), columns, tuple(captions), tuple(rows), side)
    clock = _MOVING * sheet.drawings.clock
    text = sheet.document(
        _moving(sheet.drawings, index, clock[index], side, seconds) for index in range(len(x))
    )
    still = ".lines path{stroke-dasharray:none!important;opacity:1!important}"
    style = f"<style>@media print,(prefers-reduced-motion:reduce){{{still}}}</style>\n"
    head, mark, rest = text.partition("<rect")
    return head + style + mark + rest


def gif(
    x: Num[np.ndarray, "N T 5"],
    columns: int,
    *,
    captions: Sequence[str] = (),
    rows: Sequence[str] = (),
    side: float = 72.0,
    seconds: float = 6.0,
) -> bytes:
    """The same as a GIF of 41 frames and 16 greys at 108 dots an inch, for where no SVG can be shown.

    Args:
        x: Stroke-5, one or more.
        columns: Drawings in a row.
        captions: A line below each drawing, or none at all.
        rows: A name beside each row, or none at all.
        side: Height and width of each drawing, in points.
        seconds: From one beginning to the next; longer where a frame would be shown for less than 0.02, below
            about 1.1.

    Raises:
        ValueError: As `grid_svg`, or if seconds is not above 0.
    """
    _check_seconds(seconds)
    sheet = Sheet(fitted(x), columns, tuple(captions), tuple(rows), side, _DOTS)
    canvas = sheet.canvas()
    times = np.linspace(0, 1, _FRAMES + 1)
    frames = []
    for since, until in zip([0, *times], times, strict=False):
        canvas.draw(sheet.drawings, np.full(len(x), since), np.full(len(x), until))
        frames.append(sheet.painted(canvas))
    # Of the last frame, which holds every grey there is.
    colours = frames[-1].quantize(_GREYS, dither=Image.Dither.NONE)
    first, *others = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    # A GIF counts in hundredths of a second, and browsers take less than two of them for ten.
    ends = np.rint(100 * seconds * np.append(_MOVING * times, 1))
    durations = [10 * max(int(span), 2) for span in np.diff(ends)]
    buffer = io.BytesIO()
    first.save(
        buffer, format="GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False
    )
    return buffer.getvalue()


def _moving(drawings: Fitted, index: int, clock: np.ndarray, side: float, seconds: float) -> str:
    """The lines of one drawing, each with the times between which it is drawn."""
    points = side * drawings.points[index]
    return "".join(
        _path(outline(points[line]), clock[line][0], clock[line][-1], seconds)
        for line in drawings.lines(index)
    )


def _path(data: str, start: float, end: float, seconds: float) -> str:
    every = f'dur="{seconds:g}s" repeatCount="indefinite"'
    start_text, end_text = f"{start:.4f}", f"{end:.4f}"
    if data.endswith("h0"):
        # A dot has no length that could be drawn bit by bit.
        change = f'attributeName="opacity" calcMode="discrete" values="0;1" keyTimes="0;{start_text}"'
        return f'<path d="{data}"><animate {change} {every}/></path>'
    # Two lengths away there is no ink; one length away a round end would show as a dot where the line begins.
    change = (
        'attributeName="stroke-dashoffset" values="2;2;1;0;0" '
        f'keyTimes="0;{start_text};{start_text};{end_text};1"'
    )
    return f'<path d="{data}" pathLength="1" stroke-dasharray="1 3"><animate {change} {every}/></path>'


def _check_seconds(seconds: float) -> None:
    if not 0 < seconds < float("inf"):
        raise ValueError(f"an animation needs seconds above 0, but got {seconds}")
