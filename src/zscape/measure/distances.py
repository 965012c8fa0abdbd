"""Distances between the samples of a set, in blocks: no N by N matrix is ever held."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from zscape.base import Codes, CodesLike, Result
from zscape.checks import check_whole
from zscape.energy import Cloud, normal_spread
from zscape.estimates import around, standard_error
from zscape.measure._kernels import bandwidth_of
from zscape.measure._rows import rows_of


def mean_distances(generated: CodesLike) -> Float[np.ndarray, "N"]:
    """Mean Euclidean distance of each sample to all the others, exact.

    Cost: O(N^2 F) time, O(N F) memory for F features.

    >>> mean_distances(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]))
    array([4. , 3.5, 4.5])

    Args:
        generated: Array (N, *shape) with N >= 2, or codes.

    Raises:
        ValueError: If there are fewer than two samples, or they are malformed.
    """
    points = rows_of(generated, "generated", least=2).astype(np.float64, copy=False)
    # A mean over all samples holds the distance 0 of each to itself.
    return Cloud(points).own_potential() * (len(points) / (len(points) - 1))


def mean_pairwise_distance(generated: CodesLike, *, limit: int = 10_000, seed: int = 0) -> Result:
    """Mean Euclidean distance over all pairs of different samples.

    Exact up to `limit` samples; of more, a random choice of `limit` is taken, and n and definition say so.
    The interval is that of a U-statistic, from the mean distance of each sample to the others; of few samples
    it is too narrow (it covers 87 % for 10, 95 % from 50), and of two there is none.

    Null: 0 when all samples are equal; for codes the definition gives the value for draws from N(0, I). Bias:
    none. Unchanged by permutation, rotation and shift; in proportion to scale.
    Cost: O(M^2 F) time and O(M F) memory for M = min(N, limit) samples of F features.

    Args:
        generated: Array (N, *shape) with N >= 2, such as pictures, or codes: a table, an array (N, D), or a
            pair (mean, logvar), of which only means are read.
        limit: Largest number of samples that are all compared. Must be >= 2.
        seed: Of the random choice.

    Raises:
        TypeError: If limit or seed is no whole number.
        ValueError: If there are fewer than two samples, they are malformed, limit < 2 or seed < 0.
    """
    check_whole("limit", limit, least=2)
    check_whole("seed", seed)
    rows = rows_of(generated, "generated", least=2)
    count, features = rows.shape
    if count > limit:
        rows = rows[np.random.default_rng(seed).choice(count, limit, replace=False)]
    means = mean_distances(rows)
    # Two samples have one distance, which says nothing of its spread.
    error = standard_error(means) if len(rows) > 2 else None
    codes = isinstance(generated, Codes | tuple) or np.ndim(generated) == 2
    result = around(
        "mean_pairwise_distance",
        float(means.mean()),
        None if error is None else 2 * error,
        n=len(rows),
        within=(0.0, math.inf),
        unit="latent units" if codes else "data units",
        definition="mean Euclidean distance between "
        + ("posterior means" if codes else f"samples as rows of {features} features")
        + " over all pairs of "
        + (f"{limit} samples chosen at random from {count}" if count > limit else "samples")
        + (f" (draws from N(0, I) would score {normal_spread(features):.4g})" if codes else ""),
    )
    return replace(result, seed=seed) if count > limit else result


def median_distance(real: CodesLike, *, seed: int = 0) -> float:
    """Median Euclidean distance between samples that differ: one bandwidth for all sets that are compared.

    A bandwidth "median" follows the sets at hand, so each comparison would have a kernel of its own. Take
    this of the real samples, and pass the number to every `mmd`, `rke` and Gaussian `vendi_score`.

    Exact up to 2,000 samples; of more, that many are chosen at random. Where none differ, every bandwidth
    gives the same kernel, and it is 1. Cost: two million distances of F features at most.

    >>> median_distance(np.array([[0.0], [1.0], [3.0]]))
    2.0

    Args:
        real: Array (N, *shape) with N >= 2, or codes.
        seed: Of the random choice.

    Raises:
        TypeError: If the seed is no whole number.
        ValueError: If there are fewer than two samples, they are malformed, or seed < 0.
    """
    return bandwidth_of("median", rows_of(real, "real", least=2), seed=seed)
