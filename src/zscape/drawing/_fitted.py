"""Drawings fitted to a square: where the pen goes, and what of it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zscape import strokes

# Shares of the side of the square.
LINE = 1 / 40
MARGIN = 1 / 16


@dataclass(frozen=True)
class Fitted:
    """Drawings in the unit square, y downwards.

    Attributes:
        points: (N, T + 1, 2) float64; the first is where the pen starts, those after the last repeat it.
        counts: (N,) points of each drawing without the first; 0 for one that is empty.
        drawn: (N, T) whether the pen is down on its way from point t to point t + 1.
    """

    points: np.ndarray
    counts: np.ndarray
    drawn: np.ndarray

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> Fitted:
        return Fitted(self.points[rows], self.counts[rows], self.drawn[rows])

    @property
    def dots(self) -> np.ndarray:
        """(N, T + 1) whether a point is touched by the pen, but no line comes to it or leaves it."""
        nothing = np.zeros((len(self), 1), bool)
        touched = np.arange(self.drawn.shape[1] + 1) <= self.counts[:, None]
        touched &= self.counts[:, None] > 0
        return touched & ~np.hstack([nothing, self.drawn]) & ~np.hstack([self.drawn, nothing])

    @property
    def clock(self) -> np.ndarray:
        """(N, T + 1) when the pen is at each point, from 0 to 1 at one speed, up or down."""
        ways = np.cumsum(np.linalg.norm(np.diff(self.points, axis=1), axis=2), axis=1)
        whole = ways[:, -1:] if ways.shape[1] else np.zeros((len(self), 1))
        return np.hstack([np.zeros((len(self), 1)), ways / np.where(whole > 0, whole, 1)])

    def lines(self, row: int) -> Iterator[slice]:
        """The points of each line of one drawing, in the order they are drawn."""
        count = int(self.counts[row])
        lifts = np.flatnonzero(~self.drawn[row, :count]) + 1
        ends = [*lifts.tolist(), count + 1] if count else []
        yield from (slice(start, end) for start, end in zip([0, *ends], ends, strict=False))


def fitted(x: np.ndarray) -> Fitted:
    """Drawings of stroke-5, each moved and scaled by one factor so that it fills the square but for a margin.

    Raises:
        ValueError: If x is not (N, T, 5) or an offset is not finite.
    """
    x = np.asarray(x)
    if x.ndim != 3 or x.shape[2] != 5:
        raise ValueError(
            f"drawings need stroke-5 of shape (N, T, 5), but got {x.shape}; "
            "make it from others with zscape.strokes.to_stroke5"
        )
    counts = strokes.lengths(x)
    held = np.arange(x.shape[1]) < counts[:, None]
    # In float64, and by their largest offset, so that no sum overflows and none is lost.
    offsets = np.where(held[..., None], x[..., :2], 0).astype(np.float64)
    bad = ~np.isfinite(offsets).all(axis=(1, 2))
    if bad.any():
        raise ValueError(
            f"drawings need finite offsets, but {bad.sum()} of {len(x)} hold NaN or infinity (first: "
            f"{bad.argmax()}); leave them out, or train again if a model drew them"
        )
    largest = np.abs(offsets).max(axis=(1, 2), initial=0)[:, None, None]
    paths = np.cumsum(offsets / np.where(largest > 0, largest, 1), axis=1)
    points = np.concatenate([np.zeros((len(x), 1, 2)), paths], axis=1)
    low, high = points.min(axis=1, keepdims=True), points.max(axis=1, keepdims=True)
    extent = (high - low).max(axis=2, keepdims=True)
    scale = (1 - 2 * MARGIN) / np.where(extent > 0, extent, 1)
    return Fitted(
        points=0.5 + scale * (points - (low + high) / 2),
        counts=counts,
        drawn=held & np.hstack([held[:, :1], x[:, :-1, 3] <= 0.5]),
    )
