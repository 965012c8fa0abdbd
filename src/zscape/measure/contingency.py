"""What clusters are made of: classes in clusters, counted, and how well the two agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zscape.base import Codes, Result
from zscape.checks import check_whole
from zscape.measure._labels import check_labels


@dataclass(frozen=True, slots=True, eq=False)
class Composition:
    """How many codes of each class lie in each cluster.

    Attributes:
        clusters: (K,) the clusters, ascending.
        classes: (C,) the classes, ascending.
        counts: (K, C) codes.
    """

    clusters: Int[np.ndarray, "K"]
    classes: Int[np.ndarray, "C"]
    counts: Int[np.ndarray, "K C"]

    @property
    def shares(self) -> Float[np.ndarray, "K C"]:
        """Counts over those of the cluster: what each cluster is made of."""
        return self.counts / self.counts.sum(axis=1, keepdims=True)

    @property
    def purity(self) -> float:
        """Share of codes that are of the commonest class of their cluster."""
        return float(self.counts.max(axis=1).sum() / self.counts.sum())


def composition(clusters: Int[np.ndarray, "N"], labels: Int[np.ndarray, "N"] | Codes) -> Composition:
    """Count the codes of each class in each cluster.

    >>> composition(np.array([0, 0, 1]), np.array([7, 8, 8])).counts
    array([[1, 1],
           [0, 1]])

    Args:
        clusters: Of each code, as from `cluster`.
        labels: Class of each code, or the table of the codes, which has labels.

    Raises:
        ValueError: If they are not whole numbers, equally many, one or more.
    """
    clusters = check_labels(clusters, None, "composition")
    labels = check_labels(labels, len(clusters), "composition")
    if not len(labels):
        raise ValueError("composition needs one code or more, but got none")
    numbers, i = np.unique(clusters, return_inverse=True)
    classes, j = np.unique(labels, return_inverse=True)
    counts = np.bincount(i * len(classes) + j, minlength=len(numbers) * len(classes))
    return Composition(numbers, classes, counts.reshape(len(numbers), len(classes)))


def cluster_agreement(
    clusters: Int[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"] | Codes,
    *,
    resamples: int = 200,
    seed: int = 0,
) -> list[Result]:
    """How well clusters are the classes: `cluster_purity`, `cluster_nmi` and `cluster_ari`.

    - purity: share of codes that are of the commonest class of their cluster. Null: the share of the
      commonest class, or above; grows with the number of clusters, to 1 for one a code.
    - nmi: mutual information over the mean of both entropies. Null: 0 in the limit; with few codes above.
    - ari: agreement of pairs, less what chance would bring, as a share of the most possible. Null: 0.

    All are 1 where each cluster is a class, and unchanged by other numbers for the same groups. Intervals are
    by the bootstrap over codes, the clusters given, moved so that they lie about the value.
    Cost: O(N + resamples K C).

    Args:
        clusters: Of each code, as from `cluster`.
        labels: Class of each code, or the table of the codes, which has labels.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        TypeError: If a number is not whole.
        ValueError: As `composition`, or if resamples < 2.

    References:
        Hubert and Arabie, Comparing partitions, 1985 (ARI). Vinh et al., JMLR 2010 (NMI).
    """
    check_whole("resamples", resamples, least=2)
    check_whole("seed", seed)
    table = composition(clusters, labels)
    count = int(table.counts.sum())
    cells = table.counts.ravel()
    drawn = np.random.default_rng(seed).multinomial(count, cells / count, resamples)
    values = _agreements(table.counts)
    draws = np.array([_agreements(each.reshape(table.counts.shape)) for each in drawn])
    lows, highs = np.quantile(draws - draws.mean(axis=0) + values, [0.025, 0.975], axis=0)
    least = np.array([0.0, 0.0, -1.0])
    between = f"of {len(table.clusters)} clusters and {len(table.classes)} classes"
    commonest = table.counts.sum(axis=0).max() / count
    definitions = (
        f"share of codes that are of the commonest class of their cluster, {between}; the commonest class is "
        f"{commonest:.3g} of all",
        f"mutual information over the mean of both entropies, {between}",
        f"adjusted Rand index {between}",
    )
    return [
        Result(
            name=f"cluster_{name}",
            value=float(value),
            low=float(np.clip(low, bottom, value)),
            high=float(np.clip(high, value, 1.0)),
            n=count,
            unit="",
            definition=definition,
            seed=seed,
        )
        for name, value, low, high, bottom, definition in zip(
            ("purity", "nmi", "ari"), values, lows, highs, least, definitions, strict=True
        )
    ]


def _agreements(counts: Int[np.ndarray, "K C"]) -> Float[np.ndarray, "3"]:
    """Purity, NMI and ARI of a table of counts."""
    total = counts.sum()
    cells, sides = counts[counts > 0] / total, (counts.sum(axis=1), counts.sum(axis=0))
    entropies = [_entropy(side[side > 0] / total) for side in sides]
    information = max(sum(entropies) - _entropy(cells), 0.0)
    # One cluster and one class agree.
    nmi = 2 * information / sum(entropies) if sum(entropies) > 0 else 1.0
    pairs, whole = _pairs(counts), math.comb(int(total), 2)
    rows, columns = (_pairs(side) for side in sides)
    chance = rows * columns / whole if whole else 0.0
    most = (rows + columns) / 2
    ari = (pairs - chance) / (most - chance) if most != chance else 1.0
    return np.array([counts.max(axis=1).sum() / total, nmi, ari])


def _entropy(shares: np.ndarray) -> float:
    return float(-(shares * np.log(shares)).sum())


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1.0) / 2).sum())
