"""Maps: codes in two dimensions, by PCA, ICA, t-SNE and UMAP, and how far a map can be trusted."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from zscape.base import CodesLike, Result, code_arrays
from zscape.checks import check_number, check_whole
from zscape.estimates import bootstrap_result
from zscape.measure._rows import middle_of
from zscape.measure.spectrum import pca_spectrum

# Rows of one block of the ranks of all codes, 8 N bytes each.
_BLOCK = 1 << 22


def pca_map(codes: CodesLike) -> Float[np.ndarray, "N 2"]:
    """The first two principal components: the flat map that keeps most of the variance.

    Cost: O(N D min(N, D)).

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read. Where D is
            1, the second coordinate is 0.

    Raises:
        ValueError: If there are fewer than two rows, or they are malformed.
    """
    points, _ = code_arrays(codes, rows=2)
    return _two(pca_spectrum(points).project(points))


def ica_map(codes: CodesLike, *, seed: int = 0) -> Float[np.ndarray, "N 2"]:
    """The two independent components, of unit variance, of the plane of the first two principal components.

    Args:
        codes: A table, an array (N, D) with N >= 3 that vary in two directions, or a pair (mean, logvar);
            only means are read.
        seed: Of the start.

    Raises:
        TypeError: If the seed is no whole number.
        ValueError: If codes are malformed, fewer than three, or vary in fewer than two directions.

    References:
        Hyvärinen and Oja, Independent component analysis, 2000 (FastICA).
    """
    check_whole("seed", seed)
    points, _ = code_arrays(codes, rows=3)
    spectrum = pca_spectrum(points)
    if len(spectrum.variances) < 2 or not spectrum.variances[1] > 1e-12 * spectrum.variances[0]:
        raise ValueError("ica_map needs codes that vary in two directions or more; take pca_map")
    plane = spectrum.project(points)[:, :2] / np.sqrt(spectrum.variances[:2])
    with warnings.catch_warnings():
        # Of Gaussian codes any rotation is as independent as any other, and it goes on to the end.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(FastICA(2, whiten="unit-variance", random_state=seed).fit_transform(plane))


def tsne_map(codes: CodesLike, *, perplexity: float = 30.0, seed: int = 0) -> Float[np.ndarray, "N 2"]:
    """t-SNE: neighbours stay together; distances between groups, their sizes and the axes have no meaning.

    On one thread, so that the same seed gives the same map.
    Cost: O(N log N) a step, a minute for 10,000 codes.

    Args:
        codes: A table, an array (N, D) with N >= 4, or a pair (mean, logvar); only means are read.
        perplexity: Neighbours that a code is to keep, about; at most (N - 1) / 3 are taken.
        seed: Of the start.

    Raises:
        TypeError: If the seed is no whole number, or perplexity no number.
        ValueError: If codes are malformed or fewer than four, or perplexity < 1.

    References:
        Van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 2008.
    """
    check_whole("seed", seed)
    check_number("perplexity", perplexity, least=1)
    points, _ = code_arrays(codes, rows=4)
    kept = min(float(perplexity), (len(points) - 1) / 3)
    with threadpool_limits(1):
        found = TSNE(perplexity=kept, init="random", random_state=seed).fit_transform(points)
    return np.asarray(found, dtype=np.float64)


def umap_map(
    codes: CodesLike, *, neighbours: int = 15, min_distance: float = 0.1, seed: int = 0
) -> Float[np.ndarray, "N 2"]:
    """UMAP, of the package umap-learn (the extra `project`): as t-SNE, with more of the global order kept.

    Cost: some ten seconds for 10,000 codes, and as much for compiling once in a process.

    Args:
        codes: A table, an array (N, D) with N >= 4, or a pair (mean, logvar); only means are read.
        neighbours: Neighbours that make the graph; at most N - 1 are taken.
        min_distance: How near dots may lie.
        seed: Of the start and of its descent.

    Raises:
        ImportError: If umap-learn is not installed; the message says how to.
        TypeError: If neighbours or the seed is no whole number, or min_distance no number.
        ValueError: If codes are malformed or fewer than four, neighbours < 2 or min_distance < 0.

    References:
        McInnes, Healy and Melville, UMAP, 2018.
    """
    check_whole("neighbours", neighbours, least=2)
    check_whole("seed", seed)
    check_number("min_distance", min_distance, least=0)
    points, _ = code_arrays(codes, rows=4)
    try:
        umap = importlib.import_module("umap")
    except ImportError as error:
        raise ImportError("umap_map needs umap-learn: pip install 'zscape[project]'") from error
    settings = {"n_neighbors": min(neighbours, len(points) - 1), "min_dist": min_distance}
    with warnings.catch_warnings():
        # A fixed seed keeps it to one thread, of which it warns.
        warnings.simplefilter("ignore")
        return np.asarray(umap.UMAP(**settings, random_state=seed).fit_transform(points), dtype=np.float64)


def trustworthiness(
    codes: CodesLike, points: Float[np.ndarray, "N M"], *, k: int = 5, limit: int = 5000, seed: int = 0
) -> Result:
    r"""Whether neighbours on a map are neighbours in the latent space: 1 less a penalty by their ranks there.

    .. math:: 1 - \frac{2}{N k (2N - 3k - 1)} \sum_i \sum_{j \in U_k(i)} \max(0, r(i, j) - k)

    with U the k nearest of i on the map and r the rank of j among the neighbours of i in the latent space.
    Ranks are among all codes; of more than `limit`, the sum is over that many chosen at random. The interval
    is by the bootstrap over codes, the map given.

    Null: 1 where the k nearest are the same; about 0.5 for a random map. Bias: none.
    Cost: O(min(N, limit) N D) time; blocks of 32 MB.

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        points: The map of the same rows, of any dimensions.
        k: Neighbours, below N / 2.
        limit: Codes whose neighbours are looked at.
        seed: Of their choice, and of the bootstrap.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If the rows are not as many or malformed, k < 1 or k >= N / 2, or limit < 2.

    References:
        Venna and Kaski, Neighborhood preservation in nonlinear projection methods, 2001. Differs in: of codes
        at equal distances the one of the smaller row number comes first.
    """
    check_whole("k", k, least=1)
    check_whole("limit", limit, least=2)
    check_whole("seed", seed)
    z, _ = code_arrays(codes, rows=3)
    mapped, _ = code_arrays(points, rows=3)
    count = len(z)
    if len(mapped) != count or not 2 * k < count:
        raise ValueError(
            f"trustworthiness needs a map of the same rows and k under half of them, but got {count} codes, "
            f"{len(mapped)} points and k = {k}"
        )
    rows = np.arange(count)
    if count > limit:
        rows = np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))
    # Digits go with the distance from the origin; a mean would follow a code that lies very far out.
    z, mapped = z - middle_of(z), mapped - middle_of(mapped)
    penalties = np.empty(len(rows))
    step = max(1, _BLOCK // count)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        near = np.argsort(_apart(mapped, some), axis=1, kind="stable")[:, :k]
        ranks = np.empty((len(some), count), dtype=np.int64)
        order = np.argsort(_apart(z, some), axis=1, kind="stable")
        np.put_along_axis(ranks, order, np.arange(1, count + 1)[None], axis=1)
        above = np.take_along_axis(ranks, near, axis=1) - k
        penalties[start : start + step] = np.maximum(above, 0).sum(axis=1)
    values = 1 - penalties * (2 / (k * (2 * count - 3 * k - 1)))
    chosen = f", mean over {limit:,} of them chosen at random" if count > limit else ""
    return bootstrap_result(
        f"trustworthiness_{k}",
        values,
        unit="",
        definition=f"1 less the penalty by latent rank of the {k} nearest on the map, of {count:,} codes"
        + chosen,
        seed=seed,
    )


def _two(coordinates: np.ndarray) -> np.ndarray:
    return np.pad(coordinates[:, :2], ((0, 0), (0, max(0, 2 - coordinates.shape[1]))))


def _apart(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Squared distance of chosen rows to all, less what is the same for a row; a row itself is last."""
    squares = np.einsum("nd,nd->n", points, points) - 2 * points[rows] @ points.T
    squares[np.arange(len(rows)), rows] = np.inf
    return squares
