"""Nearest neighbours of codes, exact, with their rows, so that what they stand for can be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zscape.base import CodesLike
from zscape.checks import check_whole
from zscape.measure._neighbours import nearest
from zscape.measure._rows import means_of


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The k nearest codes of each of N, the nearest first.

    Attributes:
        rows: (N, k) which they are; of those at one distance the smaller number first.
        distances: (N, k) Euclidean, ascending.
    """

    rows: Int[np.ndarray, "N k"]
    distances: Float[np.ndarray, "N k"]


def nearest_neighbours(codes: CodesLike, k: int = 5, *, others: CodesLike | None = None) -> Neighbours:
    """The k nearest codes of each code, exact, by distances in float64 where float32 leaves a doubt.

    Cost: O(N M D) time for M others; 4 M D bytes and blocks, never a matrix of all pairs.

    >>> nearest_neighbours(np.array([[0.0], [1.0], [5.0]]), 1).rows.ravel()
    array([1, 0, 1])

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar); only means are read.
        k: Neighbours of each.
        others: Codes among which they are sought; the codes themselves if not given, where none is its own
            neighbour.

    Raises:
        TypeError: If k is no whole number.
        ValueError: If there are fewer than k to choose from, or the sets have different latents.
    """
    check_whole("k", k, least=1)
    rows = means_of(codes)
    among = rows if others is None else means_of(others)
    if rows.shape[1] != among.shape[1]:
        raise ValueError(
            f"nearest_neighbours needs codes of the same latents, but got {rows.shape[1]} and "
            f"{among.shape[1]}"
        )
    own = others is None
    if len(among) < k + own:
        raise ValueError(
            f"{k} neighbours need {k + own} codes or more, but there are {len(among)}; ask for fewer"
        )
    squares, places = nearest(rows, among, k + own)
    if own:
        places, squares = _without_itself(places, squares)
    return Neighbours(places, np.sqrt(squares))


def _without_itself(places: np.ndarray, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One neighbour less: the row itself, or the last where equal rows before it took all places."""
    itself = places == np.arange(len(places))[:, None]
    itself[~itself.any(axis=1), -1] = True
    shape = len(places), places.shape[1] - 1
    return places[~itself].reshape(shape), squares[~itself].reshape(shape)
