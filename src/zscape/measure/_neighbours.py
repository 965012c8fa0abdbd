r"""Nearest neighbours and balls, exact, without an N by N matrix.

Products in float32 give a lower bound L of each squared distance: with unit roundoff u and F features, the
rounding of \|x\|^2 + \|y\|^2 - 2 x y, of its inputs and of the sum is below 2 (F + 8) u (\|x\|^2 + \|y\|^2).
What the bound does not settle is computed again in float64 from the differences, always by the same sum, so
that equal distances come out equal: ties and duplicates are those of the data.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from zscape.measure._rows import BLOCK, center_of, float_blocks

# Rows and columns of one block of bounds, 4 MB in float32.
_ROWS, _COLUMNS = 512, 2048
_ROUNDOFF = 2.0**-24
# Limits are rounded to float32 after a push upward that is well above that rounding.
_UPWARD = 1 + 2.0**-20


@dataclass(frozen=True, slots=True)
class Balls:
    """What lies in whose ball, for N real and M generated rows.

    Attributes:
        holding: (M,) number of balls around real rows that hold each generated row.
        covered: (N,) whether the ball around each real row holds a generated one.
        recalled: (N,) whether each real row lies in a ball around a generated one.
    """

    holding: Int[np.ndarray, "M"]
    covered: Bool[np.ndarray, "N"]
    recalled: Bool[np.ndarray, "N"]


def kth_squared_distances(
    rows: Num[np.ndarray, "N F"], others: Num[np.ndarray, "M F"], k: int
) -> Float[np.ndarray, "N"]:
    """Squared distance of each row to the k-th nearest of `others`; a row among them counts as its own first.

    Cost: O(N M F) time; memory for one float32 copy of `others` and blocks.
    """
    return nearest(rows, others, k)[0][:, -1]


def nearest(
    rows: Num[np.ndarray, "N F"], others: Num[np.ndarray, "M F"], k: int
) -> tuple[Float[np.ndarray, "N {k}"], Int[np.ndarray, "N {k}"]]:
    """Squared distances of each row to the k nearest of `others`, ascending, and which these are.

    Of others at one distance the first come first. Where there are fewer than k, the distances are infinite.
    Cost: O(N M F) time; memory for one float32 copy of `others` and blocks.
    """
    pairs = _Pairs.of(rows, others)
    squares, places = np.empty((len(rows), k)), np.empty((len(rows), k), dtype=np.int64)
    for here in pairs.row_blocks():
        best = np.full((here.stop - here.start, k), np.inf)
        which = np.zeros(best.shape, dtype=np.int64)
        for there, lower in pairs.lower_bounds(here):
            worst = best[:, -1]
            if there.start == 0:
                # Before anything is known, the k-th smallest bound, raised by what it may be off, will do.
                last = min(k, lower.shape[1]) - 1
                bound = np.partition(lower, last, axis=1)[:, last] + pairs.most_off(here, there)
                limit = bound if lower.shape[1] >= k else np.full(len(lower), np.inf)
            else:
                # Nothing is nearer than a distance of 0.
                limit = np.where(worst > 0, worst / pairs.scale**2, -1.0)
            i, j = _at_most(lower, _raised(limit)[:, None])
            _merge(best, which, i, there.start + j, pairs.exact(here.start + i, there.start + j))
        squares[here], places[here] = best, which
    return squares, places


def balls(
    real: Num[np.ndarray, "N F"],
    generated: Num[np.ndarray, "M F"],
    *,
    real_limits: Float[np.ndarray, "N"],
    generated_limits: Float[np.ndarray, "M"],
    closed: bool,
) -> Balls:
    """Which rows lie in balls of the given squared radii; on the boundary only if `closed`.

    Cost: O(N M F) time; memory for one float32 copy of `generated` and blocks.
    """
    pairs = _Pairs.of(real, generated)
    holding = np.zeros(len(generated), dtype=np.int64)
    covered, recalled = np.zeros((2, len(real)), dtype=bool)
    for here in pairs.row_blocks():
        for there, lower in pairs.lower_bounds(here):
            i, j = pairs.within(lower, here, there, real_limits[here, None], closed=closed)
            holding[there] += np.bincount(j, minlength=lower.shape[1])
            covered[here.start + i] = True
            i, _ = pairs.within(lower, here, there, generated_limits[None, there], closed=closed)
            recalled[here.start + i] = True
    return Balls(holding, covered, recalled)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """All pairs of a row and another, their bounds in units of `scale` squared."""

    rows: np.ndarray
    others: np.ndarray
    center: np.ndarray
    scale: float
    right: np.ndarray
    row_norms: np.ndarray
    other_norms: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, others: np.ndarray) -> _Pairs:
        center = center_of(others)
        row_norms, other_norms = _squared_norms(rows, center), _squared_norms(others, center)
        scale = float(np.sqrt(max(row_norms.max(), other_norms.max()))) or 1.0
        right = np.empty((len(others), others.shape[1] + 2), dtype=np.float32)
        for here, block in float_blocks(others):
            right[here, :-2] = (block - center) / scale
        row_norms, other_norms = row_norms / scale**2, other_norms / scale**2
        right[:, -2] = 1.0
        right[:, -1] = other_norms * (1 - _error(others))
        return cls(rows, others, center, scale, right, row_norms, other_norms)

    def row_blocks(self) -> Iterator[slice]:
        for start in range(0, len(self.rows), _ROWS):
            yield slice(start, min(start + _ROWS, len(self.rows)))

    def lower_bounds(self, here: slice) -> Iterator[tuple[slice, np.ndarray]]:
        """Bounds for some rows and all others, in blocks of columns, each written over the one before."""
        left = np.empty((here.stop - here.start, self.right.shape[1]), dtype=np.float32)
        left[:, :-2] = (self.rows[here].astype(np.float64) - self.center) * (-2 / self.scale)
        left[:, -2] = self.row_norms[here] * (1 - _error(self.rows))
        left[:, -1] = 1.0
        columns = min(_COLUMNS, len(self.others))
        room = np.empty(len(left) * columns, dtype=np.float32)
        for start in range(0, len(self.others), columns):
            there = slice(start, min(start + columns, len(self.others)))
            block = room[: len(left) * (there.stop - start)].reshape(len(left), -1)
            yield there, np.matmul(left, self.right[there].T, out=block)

    def most_off(self, here: slice, there: slice) -> np.ndarray:
        """How far each row's bounds in a block may lie below the squared distance."""
        return 2 * _error(self.rows) * (self.row_norms[here] + self.other_norms[there].max())

    def within(
        self, lower: np.ndarray, here: slice, there: slice, limits: np.ndarray, *, closed: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places in a block where the squared distance is under its limit, (rows, 1) or (1, columns)."""
        # An open ball of radius 0 is empty.
        scaled = limits / self.scale**2 if closed else np.where(limits > 0, limits / self.scale**2, -1.0)
        i, j = _at_most(lower, _raised(scaled))
        off = 2 * _error(self.rows) * (self.row_norms[here][i] + self.other_norms[there][j])
        scaled = np.broadcast_to(scaled, lower.shape)[i, j]
        inside = lower[i, j] + off < scaled / _UPWARD
        doubtful = np.flatnonzero(~inside)
        a, b = i[doubtful], j[doubtful]
        compare = operator.le if closed else operator.lt
        exact = self.exact(here.start + a, there.start + b)
        inside[doubtful] = compare(exact, np.broadcast_to(limits, lower.shape)[a, b])
        return i[inside], j[inside]

    def exact(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Squared distances of chosen pairs, in float64 from the differences."""
        return squares_between(self.rows, self.others, i, j)


def squares_between(
    rows: Num[np.ndarray, "N F"], others: Num[np.ndarray, "M F"], i: np.ndarray, j: np.ndarray
) -> Float[np.ndarray, "P"]:
    """Squared distance of rows[i] and others[j], pair by pair, in float64 from the differences.

    A pair comes out the same whatever other pairs are asked for with it, and either way round.
    """
    result = np.empty(len(i))
    step = max(1, BLOCK // rows.shape[1])
    for start in range(0, len(i), step):
        some = slice(start, start + step)
        difference = rows[i[some]].astype(np.float64) - others[j[some]].astype(np.float64)
        result[some] = np.square(difference, out=difference).sum(axis=1)
    return result


def _squared_norms(rows: np.ndarray, center: np.ndarray) -> np.ndarray:
    return np.concatenate([np.square(block - center).sum(axis=1) for _, block in float_blocks(rows)])


def _error(rows: np.ndarray) -> float:
    """Bound of the relative rounding of a product, with respect to the sum of both squared norms."""
    return 2 * (rows.shape[1] + 8) * _ROUNDOFF


def _raised(limits: np.ndarray) -> np.ndarray:
    return (limits * np.where(limits > 0, _UPWARD, 1.0)).astype(np.float32)


def _at_most(lower: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # The indices of a flat array are found several times faster than those of a matrix.
    places = np.flatnonzero(lower <= limits)
    return np.divmod(places, lower.shape[1])


def _merge(best: np.ndarray, which: np.ndarray, i: np.ndarray, j: np.ndarray, squared: np.ndarray) -> None:
    """Put squared distances of rows `i` to others `j` among the sorted smallest of each row."""
    order = np.lexsort((j, squared, i))
    i, j, squared = i[order], j[order], squared[order]
    rank = np.arange(len(i)) - np.searchsorted(i, i)
    kept = rank < best.shape[1]
    if not kept.any():
        return
    new, others = np.full_like(best, np.inf), np.zeros_like(which)
    new[i[kept], rank[kept]], others[i[kept], rank[kept]] = squared[kept], j[kept]
    both, names = np.concatenate([best, new], axis=1), np.concatenate([which, others], axis=1)
    # Stable, so that of equal distances those of earlier others stay first.
    order = np.argsort(both, axis=1, kind="stable")[:, : best.shape[1]]
    best[:], which[:] = np.take_along_axis(both, order, axis=1), np.take_along_axis(names, order, axis=1)
