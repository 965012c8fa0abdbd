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
    return check_labels(codes.label if labels is None and isinstance(codes, Codes) else labels, count, owner)


def check_labels(labels: np.ndarray | None, count: int, owner: str) -> Int[np.ndarray, "N"]:
    """Labels, if they are one whole number a row.

    Raises:
        ValueError: If they are not, or there are none.
    """
    if labels is None:
        raise ValueError(f"{owner} needs labels, but none were given and the codes have none")
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{owner} needs one whole number a row as its label, ({count},), but got shape {labels.shape} of "
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
