"""Pairs of codes: the closest, the furthest and random ones, of all codes, within a class or between two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zscape.base import Codes, CodesLike
from zscape.checks import check_whole
from zscape.measure._extremes import Extreme, Ready
from zscape.measure._labels import check_labels, class_rows, labels_of
from zscape.measure._rows import means_of


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of rows with their distances.

    Attributes:
        rows: (P, 2) numbers of rows; the first is the smaller, or of the first of two classes.
        distances: (P,) Euclidean.
    """

    rows: Int[np.ndarray, "P 2"]
    distances: Float[np.ndarray, "P"]


def closest_pairs(
    codes: CodesLike,
    k: int = 1,
    *,
    labels: Int[np.ndarray, "N"] | None = None,
    within: int | None = None,
    between: tuple[int, int] | None = None,
) -> Pairs:
    """The k pairs of different rows that are closest, exact; the closest first, ties by row numbers.

    All pairs are multiplied in blocks, in bfloat16 where that is faster, and each that rounding leaves in
    doubt is computed again in float64 from the differences: the result does not depend on the processor. A
    pair stands once, rows may stand in several, and equal rows are at distance 0.

    Cost: O(N^2 D) time; N D numbers of two bytes (four without bfloat16) and blocks of 20 MB. Very many pairs
    at nearly the least distance take longer, up to a product of all pairs in float64.

    >>> closest_pairs(np.array([[0.0], [5.0], [6.0], [8.0]])).rows
    array([[1, 2]])

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read. An array of pictures
            wants a reshape first.
        k: Number of pairs.
        labels: Class of each row, for `within` and `between`; of a table its own if not given.
        within: Only pairs of this class.
        between: Only pairs of a row of the first class and one of the second.

    Raises:
        TypeError: If k is no whole number.
        ValueError: If there are fewer pairs than k, codes or labels are malformed, labels are needed and not
            given, no row has a class asked for, or within and between are both given.
    """
    return _search(codes, k, labels, within, between, (1,))[0]


def furthest_pairs(
    codes: CodesLike,
    k: int = 1,
    *,
    labels: Int[np.ndarray, "N"] | None = None,
    within: int | None = None,
    between: tuple[int, int] | None = None,
) -> Pairs:
    """The k pairs of rows that are furthest apart, exact; the furthest first, ties by row numbers.

    Otherwise as `closest_pairs`.

    >>> furthest_pairs(np.array([[0.0], [5.0], [6.0], [8.0]]), 2).distances
    array([8., 6.])

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        k: Number of pairs.
        labels: Class of each row, for `within` and `between`; of a table its own if not given.
        within: Only pairs of this class.
        between: Only pairs of a row of the first class and one of the second.

    Raises:
        TypeError: If k is no whole number.
        ValueError: As `closest_pairs`.
    """
    return _search(codes, k, labels, within, between, (-1,))[0]


def extreme_pairs(
    codes: CodesLike,
    k: int = 1,
    *,
    labels: Int[np.ndarray, "N"] | None = None,
    within: int | None = None,
    between: tuple[int, int] | None = None,
) -> tuple[Pairs, Pairs]:
    """`closest_pairs` and `furthest_pairs` from one pass over all pairs: half the time of both.

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        k: Number of pairs, of each.
        labels: Class of each row, for `within` and `between`; of a table its own if not given.
        within: Only pairs of this class.
        between: Only pairs of a row of the first class and one of the second.

    Raises:
        TypeError: If k is no whole number.
        ValueError: As `closest_pairs`.
    """
    closest, furthest = _search(codes, k, labels, within, between, (1, -1))
    return closest, furthest


def random_pairs(
    labels: Int[np.ndarray, "N"] | Codes,
    count: int,
    *,
    within: int | None = None,
    between: tuple[int, int] | None = None,
    seed: int = 0,
) -> Int[np.ndarray, "P 2"]:
    """Different pairs of different rows, each equally probable, without replacement.

    Rows may stand in several pairs; the first of a pair is the smaller, or of the first of two classes.

    >>> random_pairs(np.array([0, 1, 0, 1]), 1, within=1)
    array([[1, 3]])

    Args:
        labels: Class of each row, or a table with labels.
        count: Number of pairs.
        within: Only pairs of this class; of all rows if neither is given.
        between: Only pairs of a row of the first class and one of the second.
        seed: Of the choice.

    Raises:
        TypeError: If count or seed is no whole number.
        ValueError: If there are fewer pairs than `count`, labels are malformed, no row has a class asked for,
            or within and between are both given.
    """
    check_whole("count", count, least=1)
    check_whole("seed", seed)
    labels = check_labels(labels, None, "random_pairs")
    first, second = _sides(len(labels), labels, within, between)
    total = _number_of_pairs(first, second, count)
    places = np.random.default_rng(seed).choice(total, count, replace=False)
    if second is not None:
        i, j = np.divmod(places, len(second))
        return np.stack([first[i], second[j]], axis=1)
    i, j = _pair_at(places)
    return np.stack([first[i], first[j]], axis=1)


def pairs_of(extreme: Extreme) -> Pairs:
    """What a search found, as pairs with distances."""
    rows = np.stack([extreme.i, extreme.j], axis=1)
    return Pairs(rows, np.sqrt(np.abs(extreme.keys)))


def _search(
    codes: CodesLike,
    k: int,
    labels: np.ndarray | None,
    within: int | None,
    between: tuple[int, int] | None,
    signs: tuple[int, ...],
) -> list[Pairs]:
    check_whole("k", k, least=1)
    rows = means_of(codes, least=2)
    if within is not None or between is not None:
        labels = labels_of(codes, labels, len(rows), "a choice of classes")
    first, second = _sides(len(rows), labels, within, between)
    _number_of_pairs(first, second, k)
    here = slice(0, len(first))
    there = here if second is None else slice(len(first), len(first) + len(second))
    ready = Ready.of(rows, first if second is None else np.concatenate([first, second]))
    return [pairs_of(found) for found in ready.search(here, there, k=k, signs=signs)]


def _sides(
    count: int, labels: np.ndarray | None, within: int | None, between: tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows that may come first, and second; None for pairs of the same rows."""
    if within is not None and between is not None:
        raise ValueError(f"pairs are within a class or between two, but got {within=} and {between=}")
    if within is None and between is None:
        return np.arange(count), None
    labels = check_labels(labels, count, "a choice of classes")
    if within is not None:
        return class_rows(labels, within), None
    if np.shape(between) != (2,):  # type: ignore[arg-type] (given, as within is not)
        raise ValueError(f"pairs between classes need two classes, (first, second), but got {between!r}")
    one, other = between  # type: ignore[misc]
    if one == other:
        raise ValueError(f"pairs between classes need two classes, but got {one} twice; take within={one}")
    return class_rows(labels, one), class_rows(labels, other)


def _number_of_pairs(first: np.ndarray, second: np.ndarray | None, wanted: int) -> int:
    total = math.comb(len(first), 2) if second is None else len(first) * len(second)
    if total < wanted:
        rows = f"{len(first)}" if second is None else f"{len(first)} and {len(second)}"
        raise ValueError(f"{wanted} pairs were asked for, but {rows} rows have {total}; ask for fewer")
    return total


def _pair_at(places: Int[np.ndarray, "P"]) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"]]:
    """Pairs i < j numbered 0 for (0, 1), then 1 for (0, 2), 2 for (1, 2), and on."""
    j = np.floor((1 + np.sqrt(1 + 8.0 * places)) / 2).astype(np.int64)
    # The root of a large number may round to either side of a whole one.
    j -= (j * (j - 1)) // 2 > places
    j += (j * (j + 1)) // 2 <= places
    return places - (j * (j - 1)) // 2, j
