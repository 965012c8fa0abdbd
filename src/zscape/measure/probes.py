"""What can be read of classes from codes: linear probe and nearest neighbours, on rows not learned from."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from sklearn.linear_model import LogisticRegression

from zscape.base import CodesLike, Result
from zscape.checks import check_whole
from zscape.measure._factors import accuracy_interval, check_taught, points_of, split_rows, standardised
from zscape.measure._labels import labels_of
from zscape.measure._neighbours import nearest


def linear_probe(
    codes: CodesLike,
    labels: Int[np.ndarray, "N"] | None = None,
    *,
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> Result:
    """Accuracy of a logistic regression that reads the class from all latents, on rows it did not learn from.

    Multinomial, L2 with C = 1, on codes standardised by the training rows.

    Null: the share of the commonest class, which the definition gives. Bias: low, for it learns from finitely
    many rows; with D above the training rows it fits these whatever they say, and the test tells.
    The interval is Wilson's, over test rows. Cost: O(train D K) a step, some hundred steps.

    Args:
        codes: A table, an array (N, D) with N >= 12, or a pair (mean, logvar); only means are read.
        labels: Class of each row; of a table its own if not given.
        train: Rows to learn from; with fewer than train + test rows, two thirds of all.
        test: Rows to test on.
        seed: Of the split.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If codes or labels are malformed or missing, or one class is all there is to learn from or
            to test on.

    References:
        Alain and Bengio, Understanding intermediate layers using linear classifier probes, 2016.
    """
    z, labels, rows, others = _shared_out(codes, labels, train, test, seed, "linear_probe")
    scaled = standardised(z, rows)
    # More steps than are needed for codes of scale 1.
    model = LogisticRegression(max_iter=5000).fit(scaled[rows], labels[rows])
    right = model.predict(scaled[others]) == labels[others]
    how = "a multinomial logistic regression (C = 1) on standardised codes"
    return _accuracy("linear_probe_accuracy", right, how, labels, rows, others, seed)


def neighbour_accuracy(
    codes: CodesLike,
    labels: Int[np.ndarray, "N"] | None = None,
    *,
    k: int = 5,
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> Result:
    """Accuracy of naming the commonest class among the k nearest training rows, on other rows.

    Of classes that are equally common, that of the nearest code among them is named.

    Null: about the sum of squared shares of the classes for k = 1, more for larger k, up to the share of the
    commonest. Bias: low for few training rows. Unchanged by rotation, shift
    and common scale. The interval is Wilson's, over test rows. Cost: O(train test D).

    Args:
        codes: A table, an array (N, D) with N >= 12, or a pair (mean, logvar); only means are read.
        labels: Class of each row; of a table its own if not given.
        k: Neighbours that are asked.
        train: Rows among which neighbours are sought; with fewer than train + test rows, two thirds of all.
        test: Rows to test on.
        seed: Of the split.

    Raises:
        TypeError: If a number is not whole.
        ValueError: As `linear_probe`, or if k is < 1 or above the training rows.
    """
    check_whole("k", k, least=1)
    z, labels, rows, others = _shared_out(codes, labels, train, test, seed, "neighbour_accuracy")
    if k > len(rows):
        raise ValueError(f"neighbour_accuracy needs k <= {len(rows)}, the training rows, but got {k}")
    classes, numbers = np.unique(labels, return_inverse=True)
    votes = numbers[rows][nearest(z[others], z[rows], k)[1]]
    right = _most_voted(votes, len(classes)) == numbers[others]
    how = f"the commonest class among the {k} nearest codes (Euclidean)"
    return _accuracy(f"neighbour_accuracy_{k}", right, how, labels, rows, others, seed)


def _most_voted(votes: Int[np.ndarray, "N k"], classes: int) -> Int[np.ndarray, "N"]:
    """Commonest of each row; of equally common ones that which stands first in the row."""
    counts = np.zeros((len(votes), classes), dtype=np.int64)
    for column in votes.T:
        counts[np.arange(len(votes)), column] += 1
    standing = np.take_along_axis(counts, votes, axis=1)
    return np.take_along_axis(votes, standing.argmax(axis=1)[:, None], axis=1)[:, 0]


def _shared_out(
    codes: CodesLike, labels: np.ndarray | None, train: int, test: int, seed: int, owner: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Codes, labels, rows to learn from and rows to test on."""
    z = points_of(codes)
    labels = labels_of(codes, labels, len(z), owner)
    rows, others = split_rows(len(z), train, test, seed)
    for each in (rows, others):
        check_taught({"label": labels}, each, owner)
    return z, labels, rows, others


def _accuracy(
    name: str,
    right: np.ndarray,
    how: str,
    labels: np.ndarray,
    rows: np.ndarray,
    others: np.ndarray,
    seed: int,
) -> Result:
    classes, counts = np.unique(labels[rows], return_counts=True)
    commonest = float((labels[others] == classes[counts.argmax()]).mean())
    return Result(
        name,
        float(right.mean()),
        *accuracy_interval(right),
        n=len(others),
        unit="",
        definition=f"share of {len(others):,} test rows whose class is named right by {how}, {len(rows):,} "
        f"training rows, {len(classes)} classes; the commonest alone scores {commonest:.3g}",
        seed=seed,
    )
