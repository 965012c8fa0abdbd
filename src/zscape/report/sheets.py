"""Figures made of drawings: what `pictures` makes of pictures, but of lines, which are crisp at any size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import norm

from zscape import drawing
from zscape.report.style import WIDTH, label

# In points.
_WIDEST = 84.0  # that one drawing may cover
_LETTER = 5.0  # of the name of a row


@dataclass(frozen=True)
class Drawn:
    """A figure that is files already.

    Attributes:
        svg: With colours that `style.inline` knows.
        png: The same; of an animation its end.
        gif: The same animation, or nothing for what does not move.
    """

    svg: str
    png: bytes
    gif: bytes = b""


def picture_grid(x: Float[np.ndarray, "N T 5"], columns: int) -> Drawn:
    """Drawings in rows of `columns`, in their order."""
    return _still([("", x)], columns)


def reconstructions(
    x: Float[np.ndarray, "N T 5"], xhat: Float[np.ndarray, "M S 5"], *, columns: int = 10
) -> Drawn:
    """Originals in a row of `columns`, and under each what was drawn from its code; then the next row.

    Raises:
        ValueError: If the two are not of one number.
    """
    return _still(_pairs(x, xhat, columns), columns)


def redrawn(x: Float[np.ndarray, "N T 5"], xhat: Float[np.ndarray, "M S 5"], *, columns: int = 10) -> Drawn:
    """As `reconstructions`, but all drawings draw themselves at once.

    Raises:
        ValueError: If the two are not of one number.
    """
    return _moving(_pairs(x, xhat, columns), columns)


def drawing_themselves(x: Float[np.ndarray, "N T 5"], columns: int) -> Drawn:
    """Drawings in rows of `columns` that draw themselves."""
    return _moving([("", x)], columns)


def compared(groups: Mapping[str, Float[np.ndarray, "..."]], columns: int) -> Drawn:
    """Groups of drawings one below the other, in rows of `columns`, each with its name.

    Raises:
        ValueError: If there are no groups.
    """
    return _still(groups.items(), columns)


def class_rows(
    groups: Mapping[str, Float[np.ndarray, "..."]],
    labels: Int[np.ndarray, "N"],
    names: Mapping[int, str],
    columns: int,
) -> Drawn:
    """A row a class, with its name on the left; several groups side by side, each with its name below.

    Args:
        groups: Drawings (N, T, 5) by the name of their group.
        labels: Class of each drawing, the same in all groups.
        names: Names of the classes, in the order of their rows.
        columns: Drawings across all groups; a class of more goes on in the line below.

    Raises:
        ValueError: If there are no groups, or one has not a label a drawing.
    """
    counts = sorted({len(x) for x in groups.values()})
    if counts != [len(labels)]:
        raise ValueError(
            f"class_rows needs groups with a label a drawing, but got {counts} drawings and {len(labels)} "
            "labels"
        )
    most = max(int((labels == which).sum()) for which in names)
    # As many lines as are needed, then as even as they can be.
    across = -(-most // -(-most // max(1, columns // len(groups))))
    lines: list[tuple[str, np.ndarray]] = []
    for which, name in names.items():
        members = [x[labels == which] for x in groups.values()]
        for start in range(0, max(len(members[0]), 1), across):
            parts = [_filled(x[start : start + across], across) for x in members]
            spaced = [part for each in parts for part in (each, _blank(1))][:-1]
            lines.append((name if not start else "", _together(spaced)))
    wide = len(lines[0][1])
    captions = [""] * (wide * len(lines))
    if len(groups) > 1:
        for place, name in enumerate(groups):
            captions[wide * (len(lines) - 1) + place * (across + 1)] = name
    return _still(lines, wide, captions)


def manifold(draw: Callable[[np.ndarray], np.ndarray], *, side: int = 20) -> Drawn:
    """Drawings at codes on a grid over a latent plane: equal shares of the prior lie between neighbours.

    The grid is z = Phi^-1((i + 1/2) / side) on both axes, with Phi the normal distribution function; z1 grows
    to the right and z2 upwards. The values stand below and beside.

    Args:
        draw: Codes (side^2, 2) to drawings (side^2, T, 5).
        side: Codes along each axis.
    """
    values = norm.ppf((np.arange(side) + 0.5) / side)
    x = draw(np.stack(np.meshgrid(values, values[::-1]), axis=-1).reshape(-1, 2))
    texts = [f"{value:.2f}".replace("-", "−") for value in values]
    rows = [(text, x[row * side : (row + 1) * side]) for row, text in enumerate(texts[::-1])]
    return _still(rows, side, [""] * (side * (side - 1)) + texts)


def traversals(
    x: Float[np.ndarray, "L S T 5"], names: Sequence[str], values: Sequence[Sequence[str]], gif: bytes
) -> Drawn:
    """A row a latent that moves, with its name beside it and its value below each drawing.

    Args:
        x: Drawings along each way.
        names: One a row.
        values: One a drawing.
        gif: The same walk as an animation.

    Raises:
        ValueError: If names or values are of another number.
    """
    steps = x.shape[1]
    captions = [value for row in values for value in row]
    rows = list(names)
    settings = {"captions": captions, "rows": rows, "side": _side(rows, steps)}
    flat = x.reshape(-1, *x.shape[2:])
    return Drawn(drawing.grid_svg(flat, steps, **settings), drawing.grid_png(flat, steps, **settings), gif)


def joined(parts: Sequence[Float[np.ndarray, "..."]]) -> Float[np.ndarray, "L S T 5"]:
    """Rows of drawings (L, S, T, 5) side by side, the shorter ones followed by more of their end."""
    flat = _together([part.reshape(-1, *part.shape[2:]) for part in parts])
    ends = np.cumsum([part.shape[0] * part.shape[1] for part in parts])[:-1]
    shaped = [each.reshape(*part.shape[:2], -1, 5)
              for each, part in zip(np.split(flat, ends), parts, strict=True)]  # fmt: skip
    return np.concatenate(shaped, axis=1)


def _pairs(x: np.ndarray, xhat: np.ndarray, columns: int) -> list[tuple[str, np.ndarray]]:
    if len(x) != len(xhat):
        raise ValueError(
            f"reconstructions need as many originals as drawings, but got {len(x)} and {len(xhat)}"
        )
    return [
        (kind, each[start : start + columns])
        for start in range(0, len(x), columns)
        for kind, each in (("original", x), ("drawn again", xhat))
    ]


def _still(
    blocks: Iterable[tuple[str, np.ndarray]], columns: int, captions: list[str] | None = None
) -> Drawn:
    x, rows = _lines(blocks, columns)
    settings = {"captions": captions or [], "rows": rows, "side": _side(rows, columns)}
    return Drawn(drawing.grid_svg(x, columns, **settings), drawing.grid_png(x, columns, **settings))


def _moving(blocks: Iterable[tuple[str, np.ndarray]], columns: int) -> Drawn:
    x, rows = _lines(blocks, columns)
    settings = {"rows": rows, "side": _side(rows, columns)}
    return Drawn(
        drawing.animation(x, columns, **settings),
        drawing.grid_png(x, columns, **settings),
        drawing.gif(x, columns, **settings),
    )


def _lines(blocks: Iterable[tuple[str, np.ndarray]], columns: int) -> tuple[np.ndarray, list[str]]:
    """Blocks of drawings, each filled up to whole rows, and the name of each row: of a block, its first."""
    parts, rows = [], []
    for name, x in blocks:
        lines = -(-len(x) // columns)
        parts.append(_filled(x, lines * columns))
        rows += [label(name), *[""] * (lines - 1)]
    if not parts:
        raise ValueError("a sheet needs one or more groups of drawings, but got none")
    return _together(parts), rows if any(rows) else []


def _filled(x: np.ndarray, count: int) -> np.ndarray:
    return _together([x, _blank(count - len(x))])


def _blank(count: int) -> np.ndarray:
    return np.tile(np.array([0, 0, 0, 0, 1], np.float32), (count, 1, 1))


def _together(parts: list[np.ndarray]) -> np.ndarray:
    """Batches of any lengths as one, the shorter ones followed by more of their end."""
    length = max(x.shape[1] for x in parts)
    ends = [np.tile(_blank(1), (len(x), length - x.shape[1], 1)) for x in parts]
    return np.concatenate([np.concatenate(pair, axis=1) for pair in zip(parts, ends, strict=True)])


def _side(rows: list[str], columns: int) -> float:
    """Points that a drawing has place for beside the names of rows."""
    names = max((len(row) for row in rows), default=0)
    return min((72 * WIDTH - 8 - _LETTER * names) / columns, _WIDEST)
