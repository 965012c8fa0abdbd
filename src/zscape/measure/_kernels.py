"""Sums of a Gaussian kernel over pairs of rows, in blocks, and the bandwidth by name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float, Num
from scipy.spatial.distance import pdist

from zscape.measure._checks import check_whole
from zscape.measure._rows import center_of, float_blocks

Bandwidth = float | Literal["median", "dimension"]
# Rows of one block; a block of kernel values is the square of this, 2 MB.
_ROWS = 512
# Rows whose distances give the median bandwidth: two million pairs.
_MEDIAN_ROWS = 2000
# Squares of larger quotients of a sample and the bandwidth could leave float64.
_LARGEST = 1e100


def bandwidth_of(bandwidth: Bandwidth, *sets: Num[np.ndarray, "_ F"], seed: int) -> float:
    """Standard deviation of the kernel in numbers.

    "dimension" is the root of the number of features; "median" the median distance between rows that
    differ, of all sets together, over a random choice of 2,000 rows where there are more. Where none
    differ, every bandwidth gives the same kernel, and it is 1.

    Raises:
        TypeError: If it is neither a text nor a number, or the seed is no whole number.
        ValueError: If it is neither a name nor a finite number > 0, or so small that quotients overflow, or
            the seed is negative.
    """
    check_whole("seed", seed)
    wanted = f'the bandwidth needs to be "median", "dimension" or a finite number > 0, but is {bandwidth!r}'
    if not isinstance(bandwidth, str | numbers.Real) or isinstance(bandwidth, bool):
        raise TypeError(wanted)
    if bandwidth == "dimension":
        return math.sqrt(sets[0].shape[1])
    if bandwidth == "median":
        distances = pdist(_some_rows(sets, seed))
        distances = distances[distances > 0]
        return float(np.median(distances)) if len(distances) else 1.0
    if isinstance(bandwidth, str) or not 0 < bandwidth < math.inf:
        raise ValueError(wanted)
    largest = max(float(np.abs(block).max()) for rows in sets for _, block in float_blocks(rows))
    if largest > _LARGEST * bandwidth:
        raise ValueError(
            f"the bandwidth needs to be of the order of the distances, but is {bandwidth!r} for samples of "
            f"size {largest:.3g}; give it in the units of the data"
        )
    return float(bandwidth)


def seed_of(bandwidth: Bandwidth, count: int, seed: int) -> int | None:
    """The seed where the bandwidth rests on a choice among `count` rows, else None."""
    return seed if bandwidth == "median" and count > _MEDIAN_ROWS else None


def named(bandwidth: Bandwidth, value: float) -> str:
    """The bandwidth as definitions name it."""
    return f"bandwidth {value:.6g}" + (f" ({bandwidth})" if isinstance(bandwidth, str) else "")


def own_means(rows: Num[np.ndarray, "N F"], bandwidth: float) -> Float[np.ndarray, "N"]:
    """Mean kernel of each row with all the others, itself left out."""
    points = rows.astype(np.float64) - center_of(rows)
    totals = np.zeros(len(points))
    for here in _blocks(len(points)):
        for there in _blocks(len(points), start=here.start):
            kernel = gaussian(points[here], points[there], bandwidth)
            if here == there:
                np.fill_diagonal(kernel, 0.0)
            else:
                totals[there] += kernel.sum(axis=0)
            totals[here] += kernel.sum(axis=1)
    return totals / (len(points) - 1)


def cross_means(
    rows: Num[np.ndarray, "N F"], others: Num[np.ndarray, "M F"], bandwidth: float
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "M"]]:
    """Mean kernel of each row with all others, and of each other with all rows."""
    center = center_of(rows)
    of_rows, of_others = np.zeros(len(rows)), np.zeros(len(others))
    for here in _blocks(len(rows)):
        points = rows[here].astype(np.float64) - center
        for there in _blocks(len(others)):
            kernel = gaussian(points, others[there].astype(np.float64) - center, bandwidth)
            of_rows[here] += kernel.sum(axis=1)
            of_others[there] += kernel.sum(axis=0)
    return of_rows / len(others), of_others / len(rows)


def gaussian(
    a: Float[np.ndarray, "N F"], b: Float[np.ndarray, "M F"], bandwidth: float
) -> Float[np.ndarray, "N M"]:
    """exp(-|a - b|^2 / 2 s^2) for all pairs; rows should be centred, which keeps digits."""
    a, b = a / bandwidth, b / bandwidth
    exponents = a @ b.T
    exponents -= np.square(a).sum(axis=1)[:, None] / 2
    exponents -= np.square(b).sum(axis=1) / 2
    # Rounding leaves equal rows a little apart, on either side of 0.
    np.minimum(exponents, 0.0, out=exponents)
    return np.exp(exponents, out=exponents)


def _blocks(count: int, *, start: int = 0) -> Iterator[slice]:
    for begin in range(start, count, _ROWS):
        yield slice(begin, min(begin + _ROWS, count))


def _some_rows(sets: tuple[np.ndarray, ...], seed: int) -> np.ndarray:
    count = sum(map(len, sets))
    chosen = np.arange(count)
    if count > _MEDIAN_ROWS:
        chosen = np.random.default_rng(seed).choice(count, _MEDIAN_ROWS, replace=False)
    parts, start = [], 0
    for rows in sets:
        mine = chosen[(chosen >= start) & (chosen < start + len(rows))] - start
        parts.append(rows[mine].astype(np.float64))
        start += len(rows)
    return np.concatenate(parts)
