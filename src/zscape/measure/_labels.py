"""How measures of classes take their labels: as given, or those of a table."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from zscape.base import Codes, CodesLike


def labels_of(codes: CodesLike, labels: np.ndarray | None, count: int, owner: str) -> Int[np.ndarray, "N"]:
    """Labels as given, or of a table its own, checked.

    Args:
        codes: Codes, perhaps a table.
        labels: Labels, or None for those of the table.
        count: How many there must be.
        owner: What asks for them, in messages.

    Raises:
        ValueError: If there are none, or they are not `count` whole numbers.
    """
    return check_labels(codes if labels is None and isinstance(codes, Codes) else labels, count, owner)


def check_labels(labels: np.ndarray | Codes | None, count: int | None, owner: str) -> Int[np.ndarray, "N"]:
    """Labels, or those of a table, if they are one whole number a row.

    Args:
        labels: Labels, or a table that has some.
        count: How many there must be; None for any number.
        owner: What asks for them, in messages.

    Raises:
        ValueError: If they are not, or there are none.
    """
    if isinstance(labels, Codes):
        labels = labels.label
    if labels is None:
        raise ValueError(f"{owner} needs labels, but none were given and the codes have none")
    labels = np.asarray(labels)
    right = labels.ndim == 1 if count is None else labels.shape == (count,)
    if not right or labels.dtype.kind not in "iu":
        wanted = f"({'N' if count is None else count},)"
        raise ValueError(
            f"{owner} needs one whole number a row as its label, {wanted}, but got shape {labels.shape} of "
            f"{labels.dtype}; number what is text, np.unique(..., return_inverse=True)"
        )
    return labels


def class_rows(labels: Int[np.ndarray, "N"], which: int) -> Int[np.ndarray, "P"]:
    """Rows of one class, ascending.

    Raises:
        ValueError: If there is none.
    """
    rows = np.flatnonzero(labels == which)
    if not len(rows):
        present = ", ".join(map(str, np.unique(labels)[:20].tolist()))
        raise ValueError(f"the choice needs rows of class {which}, but the classes present are {present}")
    return rows
