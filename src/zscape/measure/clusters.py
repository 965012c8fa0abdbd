"""Clusters of codes, found without labels: which codes belong together, and in how many groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import aslinearoperator, eigsh
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import silhouette_samples
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from zscape.base import CodesLike, Result
from zscape.checks import check_whole
from zscape.estimates import mean_result
from zscape.measure._labels import labels_of
from zscape.measure._rows import means_of, middle_of
from zscape.measure.neighbours import nearest_neighbours

Method = Literal["kmeans", "minibatch", "spectral", "mixture"]
# Starts of k-means and mixtures, of which the best is kept, and neighbours in the graph of spectral clusters.
_STARTS: Any = 10  # the stubs of k-means know of texts only
_NEIGHBOURS = 10
_BATCH = 1024  # rows of a step of mini-batch k-means
_FEW = 500  # nodes of a graph whose eigenvectors are all worked out


def cluster(
    codes: CodesLike, count: int, *, method: Method = "kmeans", seed: int = 0
) -> Int[np.ndarray, "N"]:
    """Divide codes into clusters 0, 1, ..., numbered by size, the largest first.

    The best of ten starts is kept (of spectral clusters, of ten starts in the embedding). The same seed gives
    the same clusters on any number of threads.

    Cost: O(N D count) a step and start for "kmeans" and "mixture"; less for "minibatch", which sees 1,024
    rows a step; O(N^2 D) for the neighbours of "spectral".

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        count: How many clusters.
        method: "kmeans"; "minibatch", the same on batches, for more than 1,024 rows; "spectral", normalised
            cuts of the graph of 10 nearest neighbours; "mixture", the likeliest component of a mixture of
            Gaussians with diagonal covariances.
        seed: Of the starts.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If there are fewer different codes than clusters, codes are malformed, or the method has
            no such name.

    References:
        Lloyd 1982; Sculley, Web-scale k-means clustering, 2010, both as in scikit-learn; Shi and Malik,
        Normalized Cuts and Image Segmentation, 2000 (the embedding; k-means divides it).
    """
    check_whole("count", count, least=1)
    check_whole("seed", seed)
    rows = means_of(codes)
    points = (rows - rows.mean(axis=0, dtype=np.float64)).astype(np.float64, copy=False)
    points /= float(np.abs(points).max()) or 1.0
    different = len(np.unique(points, axis=0)) if len(points) >= count else len(points)
    if different < count:
        raise ValueError(f"{count} clusters need as many codes that differ, but got {different}; take fewer")
    # With threads, sums depend on how rows are shared out among them.
    with threadpool_limits(1):
        found = _divided(points, count, method, seed)
    _, numbers, sizes = np.unique(found, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[numbers]


def silhouette(
    codes: CodesLike, clusters: Int[np.ndarray, "N"], *, limit: int = 10_000, seed: int = 0
) -> Result:
    r"""Mean silhouette: how much nearer codes are to their own cluster than to the next.

    .. math:: \frac{1}{N} \sum_i \frac{b_i - a_i}{\max(a_i, b_i)}

    with a the mean distance of a code to the others of its cluster, b the least mean distance to those of
    another; 0 for the only code of a cluster. Labels may stand in for clusters, to ask whether classes are
    clusters. The interval is normal over codes, the clusters given.

    Null: about 0, or below, for labels that say nothing of codes; clusters found in the same codes score
    above 0 also where there is no group, so compare with as many draws from one Gaussian. Bias: none.
    Unchanged by rotation, shift and scale.
    Cost: O(M^2 D) time, blocks of memory, for M = min(N, limit) codes.

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        clusters: Of each row a whole number; two different ones or more, and not one a row.
        limit: Codes that are looked at; of more, that many are chosen at random.
        seed: Of the choice.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If codes or clusters are malformed, or there are not 2 to M - 1 clusters among the M.

    References:
        Rousseeuw, Silhouettes, 1987.
    """
    check_whole("limit", limit, least=3)
    check_whole("seed", seed)
    rows = means_of(codes, least=3)
    clusters = labels_of(codes, clusters, len(rows), "silhouette")
    total = len(rows)
    if total > limit:
        some = np.random.default_rng(seed).choice(total, limit, replace=False)
        rows, clusters = rows[some], clusters[some]
    number = len(np.unique(clusters))
    if not 2 <= number < len(rows):
        raise ValueError(
            f"silhouette needs 2 to {len(rows) - 1} clusters of {len(rows)} codes, but got {number}"
        )
    points = rows.astype(np.float64)
    # Digits go with the distance from the origin; a mean would follow a code that lies very far out.
    points -= middle_of(points)
    # Equal codes in two clusters are 0 / 0, which is 0 by definition and NaN in scikit-learn's sum.
    values = np.nan_to_num(np.asarray(silhouette_samples(points, clusters)))
    chosen = f", of {limit:,} codes chosen at random from {total:,}" if total > limit else ""
    return mean_result(
        f"silhouette_{number}",
        values,
        unit="",
        definition=f"mean silhouette of codes in {number} clusters, Euclidean{chosen}",
        seed=seed if total > limit else None,
    )


def silhouettes(
    codes: CodesLike,
    counts: Iterable[int] = range(4, 9),
    *,
    method: Method = "kmeans",
    limit: int = 10_000,
    seed: int = 0,
) -> list[Result]:
    """`silhouette` of each number of clusters, by which a number may be chosen: the highest.

    Cost: that of `cluster` and of `silhouette` for each number.

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        counts: Numbers of clusters, each 2 or more.
        method: As in `cluster`.
        limit: Codes for the silhouettes; the clusters are found in all.
        seed: Of the clusters and of the choice of codes.

    Raises:
        TypeError: If a number is not whole, or counts is one number.
        ValueError: As `cluster` and `silhouette`.
    """
    if not isinstance(counts, Iterable):
        raise TypeError(
            f"counts need to be numbers of clusters, such as range(4, 9), but are {counts!r}; give one as "
            f"[{counts!r}]"
        )
    results = []
    for count in counts:
        check_whole("counts", count, least=2)
        found = silhouette(codes, cluster(codes, count, method=method, seed=seed), limit=limit, seed=seed)
        results.append(found)
    return results


def _divided(points: np.ndarray, count: int, method: str, seed: int) -> np.ndarray:
    if method in get_args(Method) and count in (1, len(points)):
        return np.arange(len(points)) if count > 1 else np.zeros(len(points), dtype=np.int64)
    if method == "minibatch" and len(points) <= _BATCH:
        # One batch would hold all, and clusters may be lost on the way.
        method = "kmeans"
    match method:
        case "kmeans":
            return KMeans(count, n_init=_STARTS, random_state=seed).fit_predict(points)
        case "minibatch":
            return MiniBatchKMeans(count, n_init=_STARTS, batch_size=_BATCH, random_state=seed).fit_predict(
                points
            )
        case "spectral":
            embedded = _embedded(_graph(points), count, seed)
            return KMeans(count, n_init=_STARTS, random_state=seed).fit_predict(embedded)
        case "mixture":
            # What keeps variances from 0 is small beside the spread of the codes.
            least = 1e-6 * float(points.var(axis=0).mean()) or 1e-6
            return GaussianMixture(
                count,
                covariance_type="diag",
                n_init=_STARTS,
                reg_covar=least,
                max_iter=1000,
                random_state=seed,
            ).fit_predict(points)
    raise ValueError(
        f'clusters are found by "kmeans", "minibatch", "spectral" or "mixture", but got {method!r}'
    )


def _embedded(graph: csr_matrix, count: int, seed: int) -> Float[np.ndarray, "N count"]:
    """Nodes in the eigenvectors of the random walk on a graph, of its largest eigenvalues.

    The largest, 1, stands for each part that no edge joins with the others. Its eigenvectors are known, and
    those of the largest parts are taken; the others are looked for beside them, by products with the graph
    alone, where an inverse would take hundreds of times as long at 8,000 nodes.
    """
    root = np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    walk = diags_array(1 / root) @ graph @ diags_array(1 / root)
    part = connected_components(graph, directed=False)[1]
    largest = np.argsort(-np.bincount(part, root**2), kind="stable")[:count]
    known = np.where(part[:, None] == largest, root[:, None], 0)
    known /= np.linalg.norm(known, axis=0)
    wanted = count - len(largest)
    if not wanted:
        return known / root[:, None]
    # What is known goes from 1 to -2, below all others.
    if len(root) <= _FEW:
        others = np.linalg.eigh(walk.toarray() - 3 * known @ known.T)[1][:, -wanted:]
    else:
        below = aslinearoperator(walk) - 3 * aslinearoperator(known) @ aslinearoperator(known.T)
        start = np.random.default_rng(seed).uniform(-1, 1, len(root))
        others = eigsh(below, k=wanted, which="LA", v0=start)[1]
    return np.concatenate([known, others], axis=1) / root[:, None]


def _graph(points: np.ndarray) -> csr_matrix:
    """Which codes are among the nearest neighbours of each other: 1 both ways, 0.5 one way."""
    count = len(points)
    k = min(_NEIGHBOURS, count - 1)
    if k == 0:
        return csr_matrix(np.ones((1, 1)))
    rows = nearest_neighbours(points, k).rows
    ends = np.arange(count + 1) * k
    edges = csr_matrix((np.ones(count * k), rows.ravel(), ends), shape=(count, count))
    return (edges + edges.T) / 2
