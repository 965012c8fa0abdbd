"""Sammon's map: codes in two dimensions, at distances as near as can be to theirs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import pdist, squareform

from zscape.base import CodesLike, code_arrays
from zscape.checks import check_number, check_whole
from zscape.measure.maps import pca_map

_LIMIT = 5000
# Shares of their distance within which codes have one point of the start, and by which they are moved.
_CLOSE, _NUDGE = 1e-9, 1e-6


def sammon_map(codes: CodesLike, *, steps: int = 500, tolerance: float = 1e-6) -> Float[np.ndarray, "N 2"]:
    """Sammon's map, which keeps distances, the small ones above all.

    `sammon_stress` is lowered from that of the PCA map by majorisation: no step raises it. It ends at a local
    minimum, when a step lowers the stress by less than `tolerance` of itself, or after `steps`. Equal codes
    are one point of the map; other codes that the PCA map puts on one point are first moved apart, by a
    millionth of the distance to the nearest code and in directions that are always the same.
    Cost: O(N^3) once and O(N^2) a step for N different codes; 32 N^2 bytes.

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read. 5,000
            different codes at most.
        steps: At most.
        tolerance: Relative.

    Raises:
        TypeError: If a number is not one.
        ValueError: If codes are malformed, fewer than two or too many, steps < 1 or tolerance < 0.

    References:
        Sammon, A Nonlinear Mapping for Data Structure Analysis, 1969. De Leeuw, Applications of convex
        analysis to multidimensional scaling, 1977 (the steps). Differs in: Sammon's own steps may go up.
    """
    check_whole("steps", steps, least=1)
    check_number("tolerance", tolerance, least=0)
    points, _ = code_arrays(codes, rows=2)
    different, place = np.unique(points, axis=0, return_inverse=True)
    if len(different) > _LIMIT:
        raise ValueError(
            f"sammon_map holds all distances and takes {_LIMIT:,} codes at most, but got "
            f"{len(different):,}; choose some at random"
        )
    if len(different) == 1:
        return np.zeros((len(points), 2))
    distances = squareform(pdist(different))
    return _majorised(distances, _apart(pca_map(different), distances), steps, tolerance)[place.reshape(-1)]


def sammon_stress(codes: CodesLike, points: Float[np.ndarray, "N M"]) -> float:
    r"""Sammon's stress of a map: squared errors of distances over these distances, over their sum.

    .. math:: \frac{1}{\sum_{i<j} \delta_{ij}} \sum_{i<j} \frac{(\delta_{ij} - d_{ij})^2}{\delta_{ij}}

    Null: 0 where all distances are kept; 1 for a map of one point. Pairs of equal codes are left out.
    Cost: O(N^2 D) time, O(N^2) memory.

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        points: The map of the same rows.

    Raises:
        ValueError: If the rows are not as many, fewer than two, malformed, or all codes are equal.
    """
    z, _ = code_arrays(codes, rows=2)
    mapped, _ = code_arrays(points, rows=2)
    if len(z) != len(mapped):
        raise ValueError(f"sammon_stress needs a map of the {len(z)} codes, but got {len(mapped)} points")
    wanted, found = pdist(z), pdist(mapped)
    apart = wanted > 0
    if not apart.any():
        raise ValueError("sammon_stress needs codes that differ, but all are equal")
    return _stress(wanted[apart], found[apart])


def _apart(points: Float[np.ndarray, "N 2"], distances: Float[np.ndarray, "N N"]) -> Float[np.ndarray, "N 2"]:
    """A start at which no two codes have one point: such a pair has no direction to be moved apart in.

    How far they are apart does not matter, as the first step takes from them the direction alone.
    """
    close = squareform(pdist(points)) < _CLOSE * distances
    rows = np.flatnonzero(close.any(axis=1))
    nearest = np.partition(distances[rows], 1, axis=1)[:, 1:2]
    moved = points.copy()
    moved[rows] += _NUDGE * nearest * np.random.default_rng(0).standard_normal((len(rows), 2))
    return moved


def _majorised(
    distances: Float[np.ndarray, "N N"], start: Float[np.ndarray, "N 2"], steps: int, tolerance: float
) -> Float[np.ndarray, "N 2"]:
    """Lower Sammon's stress from a start, by Guttman's transform with weights 1 / distance."""
    # Weights of the nearest pairs are held down, which their stress is too small to show.
    floor = 1e-9 * distances.max()
    weights = 1 / np.maximum(distances, floor)
    np.fill_diagonal(weights, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    # It lacks the rank of a shift, which is added: maps stay centred.
    factor = cho_factor(laplacian + weights.mean(), overwrite_a=True)
    upper = np.triu_indices(len(distances), 1)
    wanted = distances[upper]
    points = start - start.mean(axis=0)
    before = _stress(wanted, pdist(points))
    for _ in range(steps):
        found = squareform(pdist(points))
        ratio = weights * np.divide(distances, found, out=np.zeros_like(found), where=found > 0)
        moved = np.asarray(cho_solve(factor, ratio.sum(axis=1)[:, None] * points - ratio @ points))
        after = _stress(wanted, pdist(moved))
        if after >= before * (1 - tolerance):
            return moved if after < before else points
        points, before = moved, after
    return points


def _stress(wanted: np.ndarray, found: np.ndarray) -> float:
    return float((np.square(wanted - found) / wanted).sum() / wanted.sum())
