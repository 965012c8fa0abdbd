"""What every reader of drawings gives: stroke-3 arrays, each with a category and a split if there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zscape.errors import DataError
from zscape.strokes import BOX, joined, simplify_raw

# Sums of offsets are taken in float32 on the way to a picture; further out nothing is a drawing.
FURTHEST = 1e6
# Points one unit apart, in a box of side 255, that a raw drawing may have before it is simplified. A line to
# and fro needs a few bytes for hundreds.
_MOST_POINTS = 2**22


@dataclass(frozen=True)
class Drawings:
    """Drawings as a file holds them, all of them.

    Attributes:
        sketches: Stroke-3, (n, 3) each, in the file's units.
        root: The file or folder that was opened.
        files: All files that were read.
        category: (N,) strings, or None.
        split: (N,) strings: "train", "validation" or "test" where the file prescribes it, else "".
    """

    sketches: Sequence[np.ndarray]
    root: Path
    files: tuple[Path, ...]
    category: np.ndarray | None = None
    split: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.sketches)


def checked(sketches: Sequence[np.ndarray], title: str) -> Sequence[np.ndarray]:
    """The drawings themselves, once each is known to be stroke-3.

    Raises:
        DataError: If one is not (n, 3), has offsets that are not finite, or a pen that is neither 0 nor 1.
    """
    for number, each in enumerate(sketches):
        if each.ndim != 2 or each.shape[1] != 3 or each.dtype.kind not in "iuf":
            raise DataError(
                f"drawings need shape (n, 3), offsets and lift, but number {number} of {title} is "
                f"{each.dtype} of shape {each.shape}"
            )
    flat, counts = joined(sketches)
    wrong = ~(np.abs(flat[:, :2].astype(np.float64)) < FURTHEST).all(axis=1)
    wrong |= (flat[:, 2] != 0) & (flat[:, 2] != 1)
    if wrong.any():
        row = int(wrong.argmax())
        number = int(np.searchsorted(np.cumsum(counts), row, side="right"))
        raise DataError(
            f"drawings need offsets below {FURTHEST:.0e} and a lift of 0 or 1, but number {number} of "
            f"{title} has a point {flat[row].tolist()}; correct it or leave it out"
        )
    return sketches


def simplified_raw(drawings: Sequence[Sequence[np.ndarray]], titles: Sequence[str]) -> list[list[np.ndarray]]:
    """Lines of raw drawings as `zscape.strokes.simplify_raw` makes them.

    Raises:
        DataError: If one is so long in relation to its size that it would fill the memory; names its title.
    """
    for lines, title in zip(drawings, titles, strict=True):
        points = np.concatenate([np.zeros((0, 2)), *lines])
        side = np.ptp(points, axis=0).max() if len(points) else 0.0
        way = sum(float(np.hypot(*np.diff(line, axis=0).T).sum()) for line in lines)
        if way * BOX > _MOST_POINTS * side:
            raise DataError(
                f"{title} has lines that are {way / side:.3g} times as long as it is wide or high, where "
                f"{_MOST_POINTS / BOX:.3g} is the most; split it or leave it out"
            )
    return simplify_raw(drawings)


def together(parts: Sequence[Drawings], root: Path) -> Drawings:
    """Several files as one data set.

    Raises:
        DataError: If some have categories and some have none.
    """
    named = [part.category is not None for part in parts]
    if any(named) and not all(named):
        bare = parts[named.index(False)].root
        raise DataError(
            f"drawings need a category each or none, but those of {bare} have none; name them all"
        )
    columns = [part.category for part in parts if part.category is not None]
    splits = [np.full(len(part), "") if part.split is None else part.split for part in parts]
    return Drawings(
        sketches=[sketch for part in parts for sketch in part.sketches],
        root=root,
        files=tuple(file for part in parts for file in part.files),
        category=np.concatenate(columns) if columns else None,
        split=np.concatenate(splits) if splits else None,
    )
