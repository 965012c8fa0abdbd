"""Drawings on a sheet: rows of squares with captions below and names beside them, as SVG and as PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Num
from PIL import Image, ImageColor, ImageDraw, ImageFont

from zscape.drawing._fitted import LINE, Fitted, fitted
from zscape.drawing.raster import Canvas, bitmaps

INK = "#1b1e23"
MUTED = "#5b6470"
PAPER = "#fefefe"
# In points, as the side of a square is.
_LETTERS = 8.5
_LETTER = 0.56 * _LETTERS  # the mean width of a letter
_CAPTION = 13.0
_EDGE = 4.0
_SHADES = 64
_DOTS = 200 / 72  # a point, in a PNG of 200 dots an inch


def svg(drawing: Num[np.ndarray, "T 5"], *, side: float = 96.0) -> str:
    """One drawing as an SVG file: a path a line, in the order and direction in which they are drawn.

    Args:
        drawing: Stroke-5.
        side: Height and width, in points.

    Raises:
        ValueError: If the drawing is not (T, 5), an offset is not finite, or side is not above 0.
    """
    drawings = fitted(np.asarray(drawing)[None])
    _check_side(side)
    return document(side, side, paths(drawings, 0, side), line=LINE * side)


def png(drawing: Num[np.ndarray, "T 5"], *, side: int = 256) -> bytes:
    """One drawing as a PNG: that of `bitmaps`.

    Args:
        drawing: Stroke-5.
        side: Height and width in pixels, at least 8.

    Raises:
        ValueError: If the drawing is not (T, 5), an offset is not finite, or side is below 8.
    """
    grey = bitmaps(np.asarray(drawing)[None], side=side)[0, 0]
    buffer = io.BytesIO()
    Image.fromarray(np.rint(255 * grey).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def grid_svg(
    x: Num[np.ndarray, "N T 5"],
    columns: int,
    *,
    captions: Sequence[str] = (),
    rows: Sequence[str] = (),
    side: float = 72.0,
) -> str:
    """Drawings in rows as one SVG file.

    Args:
        x: Stroke-5, one or more.
        columns: Drawings in a row; the last row may be shorter.
        captions: A line below each drawing, or none at all; shortened to the width of its square.
        rows: A name beside each row, or none at all.
        side: Height and width of each drawing, in points.

    Raises:
        ValueError: If there are no drawings or they cannot be drawn, columns < 1, side is not above 0, or
            captions or rows are of another number.
    """
    sheet = Sheet(fitted(x), columns, tuple(captions), tuple(rows), side)
    return sheet.document(paths(sheet.drawings, index, side) for index in range(len(x)))


def grid_png(
    x: Num[np.ndarray, "N T 5"],
    columns: int,
    *,
    captions: Sequence[str] = (),
    rows: Sequence[str] = (),
    side: float = 72.0,
) -> bytes:
    """The same sheet as a PNG of 200 dots an inch; lines are drawn at that size.

    Args:
        x: Stroke-5, one or more.
        columns: Drawings in a row; the last row may be shorter.
        captions: A line below each drawing, or none at all; shortened to the width of its square. Letters
            that the font lacks are boxes.
        rows: A name beside each row, or none at all.
        side: Height and width of each drawing, in points.

    Raises:
        ValueError: As `grid_svg`.
    """
    sheet = Sheet(fitted(x), columns, tuple(captions), tuple(rows), side)
    canvas = sheet.canvas()
    canvas.draw(sheet.drawings, np.zeros(len(x)), np.ones(len(x)))
    buffer = io.BytesIO()
    # A drawing is one ink on one paper: a quarter of the bytes, and no eye sees the difference.
    picture = sheet.painted(canvas).quantize(_SHADES, dither=Image.Dither.NONE)
    picture.save(buffer, format="PNG", dpi=(200, 200))
    return buffer.getvalue()


@dataclass(frozen=True)
class Sheet:
    """Where everything stands on a sheet, in points from its upper left corner.

    Attributes:
        drawings: What is shown.
        columns: Drawings in a row.
        captions: One a drawing, or none.
        rows: One name a row, or none.
        side: Of the square of each drawing.
        dots: Pixels a point, when it is painted.
    """

    drawings: Fitted
    columns: int
    captions: tuple[str, ...]
    rows: tuple[str, ...]
    side: float
    dots: float = _DOTS

    def __post_init__(self) -> None:
        _check_side(self.side)
        count = len(self.drawings)
        if not count or self.columns < 1:
            raise ValueError(
                f"a sheet needs one or more drawings and columns >= 1, but got {count} and {self.columns}"
            )
        lines = -(-count // self.columns)
        for what, texts, needed in (("captions", self.captions, count), ("rows", self.rows, lines)):
            if texts and len(texts) != needed:
                raise ValueError(
                    f"a sheet of {count} drawings in {self.columns} columns needs {needed} {what} or none, "
                    f"but got {len(texts)}"
                )

    @property
    def corners(self) -> np.ndarray:
        """(N, 2) upper left corner of each square."""
        index = np.arange(len(self.drawings))
        line = index // self.columns
        left = max((len(_line(name, 60)) for name in self.rows), default=0) * _LETTER
        above = np.cumsum([0, *self._captioned])[line] * _CAPTION
        return np.column_stack(
            [_EDGE + left + index % self.columns * self.side, _EDGE + line * self.side + above]
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        right, bottom = self.corners.max(axis=0) + self.side + _EDGE
        return float(right), float(bottom + self._captioned[-1] * _CAPTION)

    @property
    def texts(self) -> Iterator[tuple[float, float, str, str]]:
        """Every text: where it is anchored, how ("middle" or "end"), and what it says."""
        corners = self.corners.tolist()
        limit = max(int(self.side / _LETTER), 3)
        for (left, top), caption in zip(corners, self.captions, strict=False):
            yield left + self.side / 2, top + self.side + _LETTERS * 0.9, "middle", _line(caption, limit)
        for (left, top), name in zip(corners[:: self.columns], self.rows, strict=False):
            yield left - 4, top + self.side / 2 + _LETTERS * 0.35, "end", _line(name, 60)

    def document(self, groups: Iterator[str]) -> str:
        """The SVG file with one group of paths a drawing."""
        placed = [
            f'<g transform="translate({_short(left)} {_short(top)})">{group}</g>'
            for (left, top), group in zip(self.corners.tolist(), groups, strict=True)
        ]
        texts = [
            f'<text x="{_short(across)}" y="{_short(down)}" text-anchor="{anchor}">{escape(text)}</text>'
            for across, down, anchor, text in self.texts
            if text
        ]
        return document(*self.size, "\n".join(placed), line=LINE * self.side, texts="\n".join(texts))

    def canvas(self) -> Canvas:
        """An empty canvas for the drawings at the size of the PNG."""
        return Canvas.empty(len(self.drawings), max(round(self.side * self.dots), 1))

    def painted(self, canvas: Canvas) -> Image.Image:
        """The sheet as a picture, with the drawings as far as they are on the canvas."""
        width, height = (round(self.dots * each) for each in self.size)
        light = np.ones((height, width), np.float32)
        corners = np.rint(self.dots * self.corners).astype(int).tolist()
        for (left, top), square in zip(corners, canvas.pictures()[:, 0], strict=True):
            light[top : top + canvas.side, left : left + canvas.side] = square
        paper, ink = (np.array(ImageColor.getrgb(colour), np.float32) for colour in (PAPER, INK))
        picture = Image.fromarray(np.rint(ink + (paper - ink) * light[..., None]).astype(np.uint8))
        brush = ImageDraw.Draw(picture)
        font = ImageFont.load_default(_LETTERS * self.dots)
        for across, down, anchor, text in self.texts:
            place = (self.dots * across, self.dots * down)
            # The font lacks the minus of other figures, and would show a box.
            text = text.replace("−", "-")
            brush.text(place, text, fill=MUTED, font=font, anchor="ms" if anchor == "middle" else "rs")
        return picture

    @property
    def _captioned(self) -> list[bool]:
        """Whether each row has a caption."""
        starts = range(0, len(self.drawings), self.columns)
        return [any(self.captions[start : start + self.columns]) for start in starts]


def paths(drawings: Fitted, index: int, side: float) -> str:
    """The lines of one drawing as path elements, in a square of that side."""
    points = side * drawings.points[index]
    return "".join(f'<path d="{outline(points[line])}"/>' for line in drawings.lines(index))


def outline(points: np.ndarray) -> str:
    """A line through points as the data of a path; of one point it is as long as nothing, and a dot.

    >>> outline(np.array([[1.0, 2.0], [3.456, 2.0]])), outline(np.array([[5.0, 5.0]]))
    ('M1 2L3.46 2', 'M5 5h0')
    """
    places = [f"{_short(across)} {_short(down)}" for across, down in points.tolist()]
    return "M" + "L".join(places) + ("h0" if len(set(places)) == 1 else "")


def document(width: float, height: float, content: str, *, line: float, texts: str = "") -> str:
    """An SVG file of that size in points: content in lines of ink on paper, then texts."""
    if texts:
        texts = f'<g fill="{MUTED}" font-size="{_LETTERS}" font-family="sans-serif">\n{texts}\n</g>\n'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_short(width)}pt" height="{_short(height)}pt" '
        f'viewBox="0 0 {_short(width)} {_short(height)}">\n'
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n'
        f'<g class="lines" fill="none" stroke="{INK}" stroke-width="{_short(line)}" '
        f'stroke-linecap="round" stroke-linejoin="round">\n{content}\n</g>\n{texts}</svg>\n'
    )


def _line(text: str, limit: int) -> str:
    """A user's text on one line, without what XML forbids, shortened."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _check_side(side: float) -> None:
    if not 0 < side < float("inf"):
        raise ValueError(f"the side of a drawing needs to be above 0, in points, but got {side}")
