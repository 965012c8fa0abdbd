"""Joint counts of cells of latents and classes of factors, in one pass over many rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from zscape.base import CodesLike, code_arrays
from zscape.measure._factors import check_column, check_named, classes_of, varying_factors

# Rows at a time; what is worked out on the way then stays in the second-level cache.
BLOCK = 1 << 15
# Factors are counted together while their table has at most this many cells.
_TABLE = 1 << 15
# Of numbers whose span is at most this, a table tells which occur; others are sorted.
_SPAN = 1 << 16


@dataclass(frozen=True, slots=True)
class Rows:
    """Codes with the factors that vary, as every estimator of information takes them.

    Attributes:
        mean: (N, D).
        logvar: (N, D), or None.
        factors: Classes 0, 1, ... by name, each (N,) int32.
        sizes: Number of classes of each factor.
        weights: (N,) positive, with mean 1, or None.
    """

    mean: Float[np.ndarray, "N D"]
    logvar: Float[np.ndarray, "N D"] | None
    factors: dict[str, np.ndarray]
    sizes: tuple[int, ...]
    weights: np.ndarray | None

    @property
    def effective(self) -> float:
        """Rows of equal weight that would say as much: (sum w)^2 / sum w^2."""
        if self.weights is None:
            return float(len(self.mean))
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())


def rows_of(
    codes: CodesLike, factors: Mapping[str, np.ndarray], weights: np.ndarray | None, owner: str
) -> Rows:
    """Codes, factors and weights, checked; constant factors are left out with a warning.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar).
        factors: Whole numbers, each (N,).
        weights: (N,) numbers >= 0, not all 0; rows of weight 0 are left out.
        owner: What asks for them, in messages.

    Raises:
        TypeError: If factors have no names.
        ValueError: If they are not as described, or no factor varies.
    """
    mean, logvar = code_arrays(codes, rows=2)
    check_named(factors, owner)
    columns = {name: check_column(name, values, len(mean), owner) for name, values in factors.items()}
    if weights is not None:
        weights = _checked_weights(weights, len(mean), owner)
        used = weights > 0
        mean, weights = mean[used], weights[used]
        logvar = None if logvar is None else logvar[used]
        columns = {name: values[used] for name, values in columns.items()}
        weights = weights / weights.mean()
    classes = {name: _numbered(name, values, owner) for name, values in columns.items()}
    kept = varying_factors(classes, owner)
    sizes = tuple(int(column.max()) + 1 for column in kept.values())
    return Rows(mean, logvar, kept, sizes, weights)


def ends(points: Float[np.ndarray, "N D"]) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Least and greatest value of each latent."""
    # Latents as rows, block by block: the least of each column of a table of ten takes eight times as long.
    low, high = points[0].copy(), points[0].copy()
    for start in range(0, len(points), BLOCK):
        block = np.ascontiguousarray(points[start : start + BLOCK].T)
        np.minimum(low, block.min(axis=1), out=low)
        np.maximum(high, block.max(axis=1), out=high)
    return low, high


def equal_bins(points: Float[np.ndarray, "N D"], bins: int) -> Iterator[tuple[slice, Int[np.ndarray, "D B"]]]:
    """Equal-width bins of each latent between its least and greatest value, block by block.

    Edges are those of numpy.histogram in float64, the last bin with its right edge. A constant latent has
    all its rows in one bin.

    Raises:
        ValueError: If a latent spans less than float64 can tell apart in bins.
    """
    low, high = ends(points)
    span = high - low
    if not (span[span > 0] > 1e-290).all():
        raise ValueError("equal bins need latents that span 1e-290 or more, but one spans less; rescale it")
    edges = np.stack([np.linspace(*ends, bins + 1) for ends in zip(low, high, strict=True)], axis=1)
    scale = np.divide(bins, span, out=np.zeros_like(span), where=span > 0)
    # Nearer to an edge than rounding can tell, the edges themselves decide.
    unsure = 1e-9 + 8 * np.finfo(float).eps * np.maximum(np.abs(low), np.abs(high)) * scale
    for start in range(0, len(points), BLOCK):
        block = np.ascontiguousarray(points[start : start + BLOCK].T)
        place = block - low[:, None]
        place *= scale[:, None]
        cells = place.astype(np.int32)
        place -= cells
        place -= 0.5
        np.abs(place, out=place)
        close = place > 0.5 - unsure[:, None]
        for latent in np.flatnonzero(close.any(axis=1)):
            at = close[latent]
            cells[latent, at] = np.searchsorted(edges[1:-1, latent], block[latent, at], side="right")
        yield slice(start, start + block.shape[1]), np.minimum(cells, bins - 1, out=cells)


@dataclass(frozen=True, slots=True)
class Group:
    """Factors that are counted together, as one of many classes.

    Attributes:
        members: Which factors.
        sizes: Number of classes of each.
        first: (N,) first cell of the table that each row's classes have.
    """

    members: tuple[int, ...]
    sizes: tuple[int, ...]
    first: Int[np.ndarray, "N"]


def groups_of(rows: Rows, cells: int) -> list[Group]:
    """Factors joined, those of few classes first, while a table with `cells` for each class stays small."""
    members: list[list[int]] = []
    for factor in np.argsort(rows.sizes, kind="stable").tolist():
        together = [*members[-1], factor] if members else []
        if together and math.prod(rows.sizes[each] for each in together) * cells <= _TABLE:
            members[-1] = together
        else:
            members.append([factor])
    columns = list(rows.factors.values())
    groups = []
    for each in members:
        sizes = tuple(rows.sizes[factor] for factor in each)
        groups.append(
            Group(tuple(each), sizes, _first_cells([columns[factor] for factor in each], sizes, cells))
        )
    return groups


class Tables:
    """Counts of (class, cell) for every factor, added up block by block for one latent.

    Args:
        groups: Of `groups_of` with the same `cells`.
        cells: Number of cells of the latent.
        weights: Of the rows, or None.
    """

    def __init__(self, groups: list[Group], cells: int, weights: np.ndarray | None) -> None:
        self._groups, self._cells, self._weights = groups, cells, weights
        dtype = np.int64 if weights is None else np.float64
        self._counts = [np.zeros(math.prod(group.sizes) * cells, dtype) for group in groups]

    def add(self, block: slice, cells: Int[np.ndarray, "B"]) -> None:
        """Count rows `block`, which lie in `cells`."""
        weights = None if self._weights is None else self._weights[block]
        for group, counts in zip(self._groups, self._counts, strict=True):
            np.add(counts, np.bincount(group.first[block] + cells, weights, len(counts)), out=counts)

    def of_factors(self) -> list[Num[np.ndarray, "K C"]]:
        """The table of each factor, in order."""
        found = {}
        for group, counts in zip(self._groups, self._counts, strict=True):
            whole = counts.reshape(*group.sizes, self._cells)
            for axis, member in enumerate(group.members):
                others = tuple(other for other in range(len(group.sizes)) if other != axis)
                found[member] = whole.sum(axis=others)
        return [found[member] for member in range(len(found))]


def information_of(table: Num[np.ndarray, "K C"], *, effective: float | None) -> float:
    """Mutual information of a table of counts, in nats; with `effective` rows, corrected by Miller and Madow.

    The correction adds (rows + columns - cells - 1) / (2 N), of those with a count, to the plug-in value.
    """
    total = table.sum()
    across, down = table.sum(axis=0), table.sum(axis=1)
    value = float(entropy(across / total) + entropy(down / total) - entropy(table / total))
    if effective is None:
        return value
    occupied = np.count_nonzero(across) + np.count_nonzero(down) - np.count_nonzero(table) - 1
    return value + occupied / (2 * effective)


def entropy(shares: Float[np.ndarray, "..."]) -> float:
    """Entropy of shares that add up to 1, in nats."""
    used = shares[shares > 0]
    return float(-(used @ np.log(used)))


def _first_cells(columns: list[np.ndarray], sizes: tuple[int, ...], cells: int) -> np.ndarray:
    dtype = np.int32 if math.prod(sizes) * cells < 1 << 31 else np.int64
    first = columns[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        first = first * dtype(size) + column
    return first * dtype(cells)


def _numbered(name: str, values: np.ndarray, owner: str) -> Int[np.ndarray, "N"]:
    """A factor as classes 0, 1, ... that all occur; without sorting where its numbers lie close."""
    if values.dtype.kind not in "iu" or int(values.max()) - int(values.min()) > _SPAN:
        return classes_of(name, values, len(values), owner).astype(np.int32)
    # In int64, for a difference of small integers may leave their type.
    wide = values if values.dtype.kind == "u" else values.astype(np.int64)
    shifted = (wide - wide.min()).astype(np.int32)
    occurs = np.bincount(shifted) > 0
    return shifted if occurs.all() else (np.cumsum(occurs, dtype=np.int32) - 1)[shifted]


def _checked_weights(weights: np.ndarray, count: int, owner: str) -> np.ndarray:
    weights = np.asarray(weights)
    if weights.shape != (count,) or weights.dtype.kind not in "fiub":
        raise ValueError(
            f"{owner} needs one weight a row, ({count},) numbers, but got shape {weights.shape} and "
            f"{weights.dtype}; give an array of numbers >= 0"
        )
    weights = weights.astype(np.float64)
    if not np.isfinite(weights).all() or (weights < 0).any() or np.count_nonzero(weights) < 2:
        raise ValueError(f"{owner} needs finite weights >= 0, two or more of them > 0; mend the weights")
    # Their sum may be more than float64 holds.
    return weights / weights.max()
