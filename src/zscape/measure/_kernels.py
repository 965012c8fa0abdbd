"""Sums of a Gaussian kernel over pairs of rows, in blocks, and the bandwidth by name."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float, Num
from scipy.spatial.distance import cdist, pdist

from zscape.checks import check_whole
from zscape.measure._rows import float_blocks, middle_of

Bandwidth = float | Literal["median", "dimension"]
# Rows of one block; a block of kernel values is the square of this, 2 MB.
_ROWS = 512
# Rows whose distances give the median bandwidth: two million pairs.
_MEDIAN_ROWS = 2000
# Squares of larger quotients of a sample and the bandwidth could leave float64.
_LARGEST = 1e100
# Rows this many bandwidths from the middle are far. Products of nearer ones leave an exponent off by 1e-9,
# the float64 rounding of the square; farther out that would drown the differences between neighbours.
_FAR = 2000.0


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
    # A product with a number of float32 would overflow.
    bandwidth = float(bandwidth)
    largest = max(float(np.abs(block).max()) for rows in sets for _, block in float_blocks(rows))
    if largest > _LARGEST * bandwidth:
        raise ValueError(
            f"the bandwidth needs to be of the order of the distances, but is {bandwidth!r} for samples of "
            f"size {largest:.3g}; give it in the units of the data"
        )
    return bandwidth


def seed_of(bandwidth: Bandwidth, count: int, seed: int) -> int | None:
    """The seed where the bandwidth rests on a choice among `count` rows, else None."""
    return seed if bandwidth == "median" and count > _MEDIAN_ROWS else None


def named(bandwidth: Bandwidth, value: float) -> str:
    """The bandwidth as definitions name it."""
    return f"bandwidth {value:.6g}" + (f" ({bandwidth})" if isinstance(bandwidth, str) else "")


def own_means(rows: Num[np.ndarray, "N F"], bandwidth: float) -> Float[np.ndarray, "N"]:
    """Mean kernel of each row with all the others, itself left out."""
    middle, totals = middle_of(rows), np.zeros(len(rows))
    for here in _blocks(len(rows)):
        points = rows[here].astype(np.float64, copy=False)
        for there in _blocks(len(rows), start=here.start):
            kernel = gaussian(points, rows[there].astype(np.float64, copy=False), bandwidth, middle)
            if here == there:
                np.fill_diagonal(kernel, 0.0)
            else:
                totals[there] += kernel.sum(axis=0)
            totals[here] += kernel.sum(axis=1)
    return totals / (len(rows) - 1)


def cross_means(
    rows: Num[np.ndarray, "N F"], others: Num[np.ndarray, "M F"], bandwidth: float
) -> tuple[Float[np.ndarray, "N"], Float[np.ndarray, "M"]]:
    """Mean kernel of each row with all others, and of each other with all rows."""
    middle = middle_of(rows)
    of_rows, of_others = np.zeros(len(rows)), np.zeros(len(others))
    for here in _blocks(len(rows)):
        points = rows[here].astype(np.float64, copy=False)
        for there in _blocks(len(others)):
            kernel = gaussian(points, others[there].astype(np.float64, copy=False), bandwidth, middle)
            of_rows[here] += kernel.sum(axis=1)
            of_others[there] += kernel.sum(axis=0)
    return of_rows / len(others), of_others / len(rows)


def gaussian(
    a: Float[np.ndarray, "N F"],
    b: Float[np.ndarray, "M F"],
    bandwidth: float,
    middle: Float[np.ndarray, "F"],
) -> Float[np.ndarray, "N M"]:
    """exp(-|a - b|^2 / 2 s^2) for all pairs: by products about the middle, by differences for far rows."""
    near, squares, far = _scaled(a, bandwidth, middle)
    others, other_squares, others_far = _scaled(b, bandwidth, middle)
    exponents = near @ others.T
    exponents -= squares[:, None] / 2
    exponents -= other_squares / 2
    # Rounding leaves equal rows a little apart, on either side of 0.
    np.minimum(exponents, 0.0, out=exponents)
    kernel = np.exp(exponents, out=exponents)
    for rows in _chunks(np.flatnonzero(far)):
        kernel[rows] = _exact(a[rows], b, bandwidth)
    for columns in _chunks(np.flatnonzero(others_far)):
        kernel[np.ix_(~far, columns)] = _exact(a[~far], b[columns], bandwidth)
    return kernel


def _scaled(
    rows: np.ndarray, bandwidth: float, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows about the middle in bandwidths and their squares, 0 for far ones, and which these are."""
    scaled = rows - middle
    scaled /= bandwidth
    # einsum does not warn where squares leave float64; infinite is far.
    squares = np.einsum("nf,nf->n", scaled, scaled)
    far = squares > _FAR**2
    scaled[far], squares[far] = 0.0, 0.0
    return scaled, squares, far


def _exact(a: np.ndarray, b: np.ndarray, bandwidth: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.exp(-np.square(cdist(a, b) / bandwidth) / 2)


def _chunks(positions: np.ndarray) -> Iterator[np.ndarray]:
    return (positions[here] for here in _blocks(len(positions)))


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
