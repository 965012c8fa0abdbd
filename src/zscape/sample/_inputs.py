"""Checks and conversions that the densities share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zscape.base import code_arrays


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
