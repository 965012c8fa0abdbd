"""Angles between the directions in which classes extend, and those of random directions beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh, subspace_angles
from scipy.stats import beta

from zscape.base import CodesLike, code_arrays
from zscape.checks import check_whole
from zscape.measure._labels import class_rows, labels_of

# A component of a smaller share of the first one's variance is rounding.
_LEAST_SHARE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ComponentAngles:
    """Angles between the first principal components of K classes.

    Attributes:
        labels: (K,) the classes, ascending.
        degrees: (K, K) angles between 0 and 90; 0 on the diagonal.
        null_median: Median angle of two random directions.
        null_low: Angle that one in twenty pairs of random directions is under.
    """

    labels: Int[np.ndarray, "K"]
    degrees: Float[np.ndarray, "K K"]
    null_median: float
    null_low: float


def component_angles(codes: CodesLike, labels: Int[np.ndarray, "N"] | None = None) -> ComponentAngles:
    """Angle between the first principal components of each two classes, folded to [0, 90] degrees.

    A component has no sign, so that 169 degrees between two eigenvectors are 11 between the directions.

    Null: random directions in D dimensions, whose squared cosine is Beta(1/2, (D - 1)/2): for D = 4,096 half
    of them are within 0.6 degrees of 90. Bias: towards the null, for a component of few codes, or one whose
    variance is hardly above the next one's, is partly random. Unchanged by shifts, scale and rotation of all
    codes.
    Cost: O(N D min(N, D)) time, by the smaller side of each class.

    Args:
        codes: A table, an array (N, D) with D >= 2, or a pair (mean, logvar); only means are read.
        labels: Class of each row; of a table its own if not given.

    Raises:
        ValueError: If codes or labels are malformed or missing, D = 1, or a class does not vary.
    """
    points, _ = code_arrays(codes, rows=2)
    labels = labels_of(codes, labels, len(points), "component_angles")
    latents = points.shape[1]
    if latents < 2:
        raise ValueError("component_angles needs two latents or more: in one, all directions are the same")
    classes = np.unique(labels)
    first = np.stack([_leading(points[class_rows(labels, which)], 1)[:, 0] for which in classes.tolist()])
    sines = np.stack([_sines(first, each) for each in first])
    degrees = np.degrees(np.arctan2(sines, np.abs(first @ first.T)))
    np.fill_diagonal(degrees, 0.0)
    squares = beta.ppf([0.5, 0.95], 0.5, (latents - 1) / 2)
    median, low = np.degrees(np.arccos(np.sqrt(squares))).tolist()
    return ComponentAngles(classes, (degrees + degrees.T) / 2, median, low)


def principal_angles(codes: CodesLike, others: CodesLike, *, k: int) -> Float[np.ndarray, "k"]:
    """Angles between the spans of the first k principal components of two sets of codes, ascending.

    The first is the least angle between a direction of one and a direction of the other, and so on
    orthogonally; 0 to 90 degrees. Where all are 0, the spans are the same.

    Null: `random_angles`; where 2 k > D some are 0 by necessity. Bias: towards the null, as in
    `component_angles`. Unchanged by shifts and scale of either set, and by rotation of both.
    Cost: O(N D min(N, D)) time.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar); only means are read.
        others: Another set in the same D.
        k: Components of each.

    Raises:
        TypeError: If k is no whole number.
        ValueError: If k < 1, the sets have different latents, or one varies in fewer than k directions.

    References:
        Björck and Golub, Numerical methods for computing angles between linear subspaces, 1973.
    """
    check_whole("k", k, least=1)
    (first, _), (second, _) = code_arrays(codes, rows=2), code_arrays(others, rows=2)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"principal_angles needs sets of the same latents, but got {first.shape[1]} and {second.shape[1]}"
        )
    return np.degrees(subspace_angles(_leading(first, k), _leading(second, k)))[::-1]


def random_angles(
    latents: int, k: int, *, draws: int = 1000, seed: int = 0
) -> Float[np.ndarray, "{draws} {k}"]:
    """Principal angles between two random k-dimensional subspaces, in degrees, ascending: a row a draw.

    Cost: O(draws D k^2) time.

    >>> random_angles(4096, 1).mean().round(0)
    np.float64(89.0)

    Args:
        latents: Dimensions of the space, D >= k.
        k: Dimensions of the subspaces.
        draws: How many pairs of subspaces.
        seed: Of the draws.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If k < 1, latents < k, draws < 1 or seed < 0.
    """
    check_whole("k", k, least=1)
    check_whole("latents", latents, least=k)
    check_whole("draws", draws, least=1)
    check_whole("seed", seed)
    rng = np.random.default_rng(seed)
    # One of the two may as well be spanned by the first axes.
    bases = (np.linalg.qr(rng.standard_normal((latents, k)))[0][:k] for _ in range(draws))
    cosines = np.array([np.linalg.svd(basis, compute_uv=False) for basis in bases])
    return np.degrees(np.arccos(np.clip(cosines, 0.0, 1.0)))


def _leading(points: Float[np.ndarray, "N D"], k: int) -> Float[np.ndarray, "D {k}"]:
    """First k principal components as orthonormal columns, by the smaller side of the codes."""
    centred = points - points.mean(axis=0)
    wide = len(points) < points.shape[1]
    products = centred @ centred.T if wide else centred.T @ centred
    size = len(products)
    if k <= size:
        values, columns = eigh(products, subset_by_index=(size - k, size - 1), overwrite_a=True)
    if k > size or not values[0] > _LEAST_SHARE * values[-1]:
        raise ValueError(
            f"{k} principal components need codes that vary in as many directions, but these {len(points)} "
            f"codes of {points.shape[1]} latents do not; take fewer components or more codes"
        )
    columns = columns[:, ::-1]
    return np.linalg.qr(centred.T @ columns)[0] if wide else columns


def _sines(directions: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Sine of the angle of each unit vector with one, accurate also where it is small."""
    return np.linalg.norm(directions - (directions @ one)[:, None] * one, axis=1)
