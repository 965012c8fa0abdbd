r"""Other ways to draw a set of points: what quantization is compared with.

Each takes codes (N, D), or a number of latents D that stands for N(0, I), a count and a seed, and returns
points (count, D). Where a way needs a sample of N(0, I), it has 10,000 draws, or 20 `count` if that is more.
A1 and A2 by stochastic gradients are `zscape.sample.quantize` with method "adam".

Squared energy distance over the least that is known, median of ten seeds:

=================  ==========  ===========  ============
of N(0, I)         10 in D=2   100 in D=2   100 in D=20
=================  ==========  ===========  ============
i.i.d.             7.6         14           3.6
k-means centres    1.29        46           19
scrambled Sobol    2.0         2.0          1.41
farthest point     25          320          14
kernel herding     1.45        1.40         1.26
support points     1.01        1.15         1.07
=================  ==========  ===========  ============

K-means and farthest points do not follow the density, so more of them are no closer. Herding and support
points end near the optimum for their sample, not for N(0, I) itself.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.special import ndtri
from sklearn.cluster import KMeans
from torch.quasirandom import SobolEngine

from zscape.base import code_arrays
from zscape.energy import Cloud, normal_potential

Target = Float[np.ndarray, "N D"] | int
"""Codes, or a number of latents that stands for N(0, I)."""
Baseline = Callable[..., Float[np.ndarray, "J D"]]
"""A function of (target, count, *, seed)."""

_SAMPLE = 10_000
_STEPS = 500
# A block of distances to codes is at most this many numbers, 8 MB.
_BLOCK = 2**20


def independent(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    """Independent draws: what a sampler does that takes one code at a time.

    Of codes, rows with replacement. The expected distance is the spread of the target over 2 `count`.

    Args:
        target: Codes, or D for N(0, I).
        count: Points, at least 1.
        seed: Of the draws.

    Raises:
        ValueError: If the target is not codes or D >= 1, or count < 1.
    """
    random, count = np.random.default_rng(seed), _checked(count)
    if isinstance(target, int):
        return random.standard_normal((count, _checked(target)))
    points, _ = code_arrays(target)
    return points[random.integers(len(points), size=count)]


def k_means(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    """Centres of k-means: they minimise the mean squared distance of codes to the nearest point.

    Each stands for as many codes as its cell holds, so taken with equal weights they spread too far.

    Args:
        target: Codes with at least `count` different rows, or D for N(0, I).
        count: Points, at least 1.
        seed: Of the start by k-means++, and of the sample of N(0, I).

    Raises:
        ValueError: If the target is not codes or D >= 1, or there are not `count` different codes.
    """
    points = _different(target, count, seed)
    return KMeans(count, n_init="auto", random_state=seed).fit(points).cluster_centers_


def sobol(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    """Scrambled Sobol points through the inverse normal distribution function.

    For codes they are carried on to the mean and covariance of those, as if the codes were Gaussian.

    Args:
        target: Codes, or D for N(0, I).
        count: Points, at least 1; powers of 2 fill their strata evenly.
        seed: Of the scrambling.

    Raises:
        ValueError: If the target is not codes or D >= 1, or count < 1.
    """
    latents = _checked(target) if isinstance(target, int) else code_arrays(target)[0].shape[1]
    engine = SobolEngine(latents, scramble=True, seed=seed)
    uniform = engine.draw(_checked(count), dtype=torch.float64).numpy()
    # Half a step of its grid away from 0, which has no quantile.
    normal = np.asarray(ndtri(uniform + 0.5**31))
    if isinstance(target, int):
        return normal
    points, _ = code_arrays(target)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(points, rowvar=False, bias=True)))
    return points.mean(axis=0) + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def farthest_points(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    """Codes one after the other, each the farthest from all before it: O(N count D).

    They spread to the edge of the codes, outliers first, and pay no heed to where the codes are dense.

    Args:
        target: Codes with at least `count` different rows, or D for N(0, I).
        count: Points, at least 1.
        seed: Of the first point, and of the sample of N(0, I).

    Raises:
        ValueError: If the target is not codes or D >= 1, or there are not `count` different codes.
    """
    points = _different(target, count, seed)
    rows = [int(np.random.default_rng(seed).integers(len(points)))]
    nearest = np.full(len(points), np.inf)
    while len(rows) < count:
        nearest = np.minimum(nearest, np.linalg.norm(points - points[rows[-1]], axis=1))
        rows.append(int(nearest.argmax()))
    return points[rows]


def herding(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    """Kernel herding with the energy kernel: codes one after the other, each the best addition to the set.

    At most 10,000 codes (or 20 `count`) chosen at random are candidates; their potential is exact.

    Args:
        target: Codes, or D for N(0, I).
        count: Points, at least 1. A code may be taken more than once.
        seed: Of the candidates.

    Raises:
        ValueError: If the target is not codes or D >= 1, or count < 1.

    References:
        Chen, Welling and Smola, Super-samples from kernel herding, 2010. Differs in: the kernel.
    """
    points = _sample(target, count, seed)
    if isinstance(target, int):
        potential = normal_potential(np.einsum("nd,nd->n", points, points), target)
    else:
        potential = Cloud(target).potential(points)
    rows, near = [], np.zeros(len(points))
    for size in range(1, count + 1):
        rows.append(int((size * potential - near).argmin()))
        near += np.linalg.norm(points - points[rows[-1]], axis=1)
    return points[rows]


def support_points(target: Target, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
    r"""Support points: the energy distance, lowered by a fixed-point iteration.

    .. math:: x_i \leftarrow \Big(\frac1N \sum_m \frac{y_m}{|x_i - y_m|}
              + \frac1J \sum_j \frac{x_i - x_j}{|x_i - x_j|}\Big) \Big/ \frac1N \sum_m \frac1{|x_i - y_m|}

    It lowers an upper bound of the distance at every step, at most 500 of O(J N D), and ends when no point
    moves by 1e-4 of the codes' standard deviation, before the bound is tight.

    Args:
        target: Codes, or D for N(0, I), of which a sample is taken.
        count: Points, at least 1.
        seed: Of the start, a random choice of codes moved a little, and of the sample of N(0, I).

    Raises:
        ValueError: If the target is not codes or D >= 1, or count < 1.

    References:
        Mak and Joseph, Support points, 2018, algorithm sp.ccp.
    """
    codes = _sample(target, count, seed) if isinstance(target, int) else code_arrays(target)[0]
    random = np.random.default_rng(seed)
    scale = float(codes.std(axis=0).max()) or 1.0
    # At a code itself the iteration would stay for ever.
    points = codes[random.integers(len(codes), size=_checked(count))]
    points = points + 1e-3 * scale * random.standard_normal(points.shape)
    for _ in range(_STEPS):
        pull, weight = _pull(points, codes)
        inverse = _inverse_distances(points, points)
        push = points * inverse.sum(axis=1, keepdims=True) - inverse @ points
        moved = (pull + push / count) / weight
        step = float(np.linalg.norm(moved - points, axis=1).max())
        points = moved
        if step < 1e-4 * scale:
            break
    return points


BASELINES: dict[str, Baseline] = {
    "i.i.d.": independent,
    "k-means centres": k_means,
    "scrambled Sobol": sobol,
    "farthest point": farthest_points,
    "kernel herding": herding,
    "support points": support_points,
}
"""Every baseline by the name that tables give it."""


def _pull(points: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over the codes y of y / |x - y| (J, D) and of 1 / |x - y| (J, 1), in blocks of codes."""
    pull, weight = np.zeros_like(points), np.zeros((len(points), 1))
    rows = max(1, _BLOCK // len(points))
    for first in range(0, len(codes), rows):
        block = codes[first : first + rows]
        inverse = _inverse_distances(points, block)
        pull += inverse @ block
        weight += inverse.sum(axis=1, keepdims=True)
    return pull / len(codes), weight / len(codes)


def _inverse_distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """1 / |x - y| of every pair; 0 for equal ones, which neither pull nor push."""
    distances = cdist(points, others)
    return np.divide(1.0, distances, out=np.zeros_like(distances), where=distances > 0)


def _checked(count: int) -> int:
    if count < 1:
        raise ValueError(f"a baseline needs at least 1 point and 1 latent, but got {count}")
    return count


def _sample(target: Target, count: int, seed: int) -> np.ndarray:
    """Draws from N(0, I), or as many codes at random, all of them where there are no more."""
    random, rows = np.random.default_rng(seed), max(_SAMPLE, 20 * _checked(count))
    if isinstance(target, int):
        return random.standard_normal((rows, _checked(target)))
    points, _ = code_arrays(target)
    return points if len(points) <= rows else points[np.sort(random.choice(len(points), rows, replace=False))]


def _different(target: Target, count: int, seed: int) -> np.ndarray:
    """All codes, or draws from N(0, I), of which at least `count` are different."""
    points = _sample(target, count, seed) if isinstance(target, int) else code_arrays(target)[0]
    different = len(np.unique(points, axis=0))
    if _checked(count) > different:
        raise ValueError(f"this baseline needs {count} different codes, but got {different}; ask for fewer")
    return points
