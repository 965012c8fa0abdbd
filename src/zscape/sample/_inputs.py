"""Checks and conversions that the densities share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from zscape.base import Codes, CodesLike, code_arrays

# Said wherever labels are not numbers.
_NUMBER_THEM = "number them first: names, labels = np.unique(labels, return_inverse=True)"


def checked_count(count: object, owner: str = "sample") -> int:
    """The count itself, checked.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is below 1.
    """
    if not isinstance(count, int | np.integer):
        raise TypeError(f"{owner} needs a whole number for count, but got {count!r}")
    if count < 1:
        raise ValueError(f"{owner} needs count >= 1, but got {count}")
    return int(count)


def checked_seed(seed: object) -> int:
    """The seed itself, checked.

    Raises:
        TypeError: If it is not a whole number.
        ValueError: If it is below 0.
    """
    if not isinstance(seed, int | np.integer):
        raise TypeError(f"seed needs to be a whole number, but got {seed!r}")
    if seed < 0:
        raise ValueError(f"seed needs to be >= 0, but got {seed}")
    return int(seed)


def checked_codes(z: np.ndarray, dimension: int) -> Float[np.ndarray, "N D"]:
    """Codes as float64, checked.

    Raises:
        ValueError: If they do not have the dimension of the density, or are not a finite array (N, D).
    """
    points, _ = code_arrays(z)
    if points.shape[1] != dimension:
        raise ValueError(f"log_prob needs codes of {dimension} latents, but got {points.shape[1]}")
    return points


def centred(points: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    """Rows less their mean, exactly 0 in a latent that is constant: the mean of 0.1, 0.1, 0.1 is not 0.1."""
    moved = points - points.mean(axis=0)
    moved[:, np.ptp(points, axis=0) == 0] = 0.0
    return moved


def labelled(
    codes: CodesLike, labels: np.ndarray | None
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N D"] | None, Int[np.ndarray, "N"]]:
    """Means, log variances if there are any, and labels, checked; labels are those of the table if not given.

    Raises:
        ValueError: If codes or labels cannot be, or there are none.
    """
    if isinstance(codes, tuple) and len(codes) == 2 and np.ndim(codes[1]) == 1:
        raise ValueError(
            f"a pair of codes needs (mean, logvar), but the second has shape {np.shape(codes[1])}, as labels "
            "have; labels go in labels="
        )
    mean, logvar = code_arrays(codes)
    found = codes.label if labels is None and isinstance(codes, Codes) else labels
    return mean, logvar, checked_labels(found, mean)


def checked_labels(labels: np.ndarray | None, mean: np.ndarray) -> np.ndarray:
    """Labels as int64, checked.

    Raises:
        ValueError: If there are none, or not one whole number a code.
    """
    if labels is None:
        raise ValueError("labels are needed, but the codes have none; pass labels=")
    labels = np.asarray(labels)
    if labels.shape != (len(mean),):
        raise ValueError(f"codes need one label each, ({len(mean)},), but got shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        first = f", such as {labels[0].item()!r}" if len(labels) else ""
        raise ValueError(f"labels need to be whole numbers, but are {labels.dtype}{first}; {_NUMBER_THEM}")
    if len(labels) and labels.max() > np.iinfo(np.int64).max:
        raise ValueError(f"labels need to be below 2^63, but the largest is {labels.max()}; {_NUMBER_THEM}")
    return labels.astype(np.int64)
