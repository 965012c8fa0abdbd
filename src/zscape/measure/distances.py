"""Distances between codes, in blocks: no N by N matrix is ever held."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from zscape.base import CodesLike, Result, code_arrays
from zscape.measure._estimate import around, standard_error

# Rows of one block; a block of distances is the square of this, 8 MB.
_ROWS = 1024


def mean_distances(codes: CodesLike) -> Float[np.ndarray, "N"]:
    """Mean Euclidean distance of each code to all the others, exact.

    Cost: O(N^2 D) time, O(N D) memory.

    >>> mean_distances(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]))
    array([4. , 3.5, 4.5])

    Raises:
        ValueError: If there are fewer than two rows.
    """
    points, _ = code_arrays(codes, rows=2)
    # Distances do not change; squares of centred codes lose fewer digits below.
    points = points - points.mean(axis=0)
    squares = np.einsum("nd,nd->n", points, points)
    totals = np.zeros(len(points))
    for start in range(0, len(points), _ROWS):
        here = slice(start, start + _ROWS)
        for other in range(start, len(points), _ROWS):
            there = slice(other, other + _ROWS)
            distance = squares[here, None] + squares[there] - 2 * points[here] @ points[there].T
            # Rounding leaves equal codes a little apart, on either side of 0.
            np.sqrt(np.clip(distance, 0.0, None, out=distance), out=distance)
            if start == other:
                np.fill_diagonal(distance, 0.0)
            else:
                totals[there] += distance.sum(axis=0)
            totals[here] += distance.sum(axis=1)
    return totals / (len(points) - 1)


def mean_pairwise_distance(codes: CodesLike, *, limit: int = 10_000, seed: int = 0) -> Result:
    """Mean Euclidean distance over all pairs of different codes.

    Exact up to `limit` codes; of more, a random choice of `limit` is taken, and n and definition say so. The
    interval is that of a U-statistic, from the mean distance of each code to the others.

    Null: 0 when all codes are equal; the definition gives the value for draws from N(0, I). Bias: none.
    Unchanged by permutation, rotation and shift. Cost: O(M^2 D) time and O(M D) memory for M = min(N, limit).

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.
        limit: Largest number of codes that are all compared. Must be >= 2.
        seed: Of the random choice.

    Raises:
        ValueError: If there are fewer than two rows or limit < 2.
    """
    if limit < 2:
        raise ValueError(f"mean_pairwise_distance needs limit >= 2, but got {limit}")
    points, _ = code_arrays(codes, rows=2)
    count, latents = points.shape
    if count > limit:
        points = points[np.random.default_rng(seed).choice(count, limit, replace=False)]
    means = mean_distances(points)
    error = standard_error(means)
    result = around(
        "mean_pairwise_distance",
        float(means.mean()),
        None if error is None else 2 * error,
        n=len(points),
        unit="latent units",
        definition="mean Euclidean distance between posterior means over all pairs of "
        + (f"{limit} samples chosen at random from {count}" if count > limit else "samples")
        + f" (draws from N(0, I) would score {prior_distance(latents):.4g})",
    )
    return replace(result, seed=seed) if count > limit else result


def prior_distance(latent: int) -> float:
    """Mean Euclidean distance between two draws from N(0, I): 2 Gamma((D + 1) / 2) / Gamma(D / 2).

    >>> round(prior_distance(2) ** 2, 12) == round(math.pi, 12)
    True
    """
    return 2 * math.exp(float(gammaln((latent + 1) / 2) - gammaln(latent / 2)))
