"""Train, validation and test rows: stratified by label, fixed by a seed, disjoint, together the whole set."""

from collections.abc import Mapping, Sequence

import numpy as np

from zscape.base import SPLITS
from zscape.errors import DataError

FRACTIONS = (0.8, 0.1, 0.1)


def rows_in_batches(splits: Mapping[str, np.ndarray], split: str, size: int) -> np.ndarray:
    """The rows of a split that batches of `size` are asked of.

    Raises:
        ValueError: If the split is unknown, or size < 1.
    """
    if split not in splits:
        raise ValueError(f"split needs to be one of {', '.join(splits)}, but got {split!r}")
    if size < 1:
        raise ValueError(f"batch size needs to be at least 1, but got {size}")
    return splits[split]


def split_rows(
    count: int,
    labels: np.ndarray | None = None,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    fixed: Mapping[str, np.ndarray] | None = None,
    source: str = "the data set",
) -> dict[str, np.ndarray]:
    """Cut the rows 0..count-1 into train, validation and test.

    The rows of each class are shuffled and spread evenly over [0, 1) from a random start; the whole set, in
    that order, is then cut at the wanted sizes. So sizes are exact to rounding, and each class has its share
    of each split to within two rows.

    Args:
        count: Number of images, N.
        labels: (N,) classes, or None for a plain random split.
        fractions: Shares of train, validation and test; positive, with sum 1.
        seed: The same seed gives the same rows.
        fixed: Splits that the data set itself prescribes, such as the published test images. The rest is cut
            in the ratio of the remaining fractions.
        source: Named in error messages.

    Returns:
        Split name to sorted int64 rows.

    Raises:
        ValueError: If fractions are not three positive numbers with sum 1, or seed < 0.
        DataError: If there are too few images for every split to have one.
    """
    shares = _shares(fractions)
    if seed < 0:
        raise ValueError(f"seed needs to be at least 0, but got {seed}")
    fixed = {name: np.sort(np.asarray(rows, dtype=np.int64)) for name, rows in (fixed or {}).items()}
    if count < len(SPLITS):
        raise DataError(
            f"a data set needs at least 3 images, one each to train, validate and test, but {source} holds "
            f"{count}; add images"
        )
    free = np.setdiff1d(
        np.arange(count, dtype=np.int64), np.concatenate([[], *fixed.values()]).astype(np.int64)
    )
    wanted = [name for name in SPLITS if name not in fixed]
    if len(free) < len(wanted):
        raise DataError(
            f"{source} leaves {len(free)} images for {' and '.join(wanted)}, and each needs one; add images"
        )
    if not wanted:
        return {name: fixed[name] for name in SPLITS}
    sizes = _sizes(len(free), np.array([shares[name] for name in wanted]))
    ordered = _spread(free, None if labels is None else labels[free], np.random.default_rng(seed))
    pieces = np.split(ordered, np.cumsum(sizes)[:-1])
    cut = {name: np.sort(piece) for name, piece in zip(wanted, pieces, strict=True)}
    return {name: fixed[name] if name in fixed else cut[name] for name in SPLITS}


def _shares(fractions: Sequence[float]) -> dict[str, float]:
    values = [float(fraction) for fraction in fractions]
    if len(values) != len(SPLITS) or not all(value > 0 for value in values) or abs(sum(values) - 1) > 1e-6:
        raise ValueError(
            "fractions need three positive numbers with sum 1 (train, validation, test), for example 0.8 0.1 "
            f"0.1, but got {tuple(values)}"
        )
    return dict(zip(SPLITS, values, strict=True))


def _sizes(count: int, shares: np.ndarray) -> np.ndarray:
    """Whole sizes with sum `count`, in proportion to `shares` by largest remainder, none of them 0."""
    exact = count * shares / shares.sum()
    sizes = np.maximum(np.floor(exact).astype(np.int64), 1)
    while sizes.sum() < count:
        sizes[np.argmax(exact - sizes)] += 1
    while sizes.sum() > count:
        sizes[np.argmax(sizes - exact + np.where(sizes > 1, 0, -np.inf))] -= 1
    return sizes


def _spread(rows: np.ndarray, labels: np.ndarray | None, generator: np.random.Generator) -> np.ndarray:
    """Rows shuffled so that every stretch holds each class in about its share (systematic sampling)."""
    if labels is None:
        return generator.permutation(rows)
    place = np.empty(len(rows))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return rows[np.argsort(place, kind="stable")]
