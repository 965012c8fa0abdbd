"""Checks and conversions that the densities share."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zscape.base import code_arrays


def checked_count(count: int) -> int:
    """The count itself, checked.

    Raises:
        ValueError: If it is below 1.
    """
    if count < 1:
        raise ValueError(f"sample needs count >= 1, but got {count}")
    return count


def checked_codes(z: np.ndarray, dimension: int) -> Float[np.ndarray, "N D"]:
    """Codes as float64, checked.

    Raises:
        ValueError: If they do not have the dimension of the density, or are not a finite array (N, D).
    """
    points, _ = code_arrays(z)
    if points.shape[1] != dimension:
        raise ValueError(f"log_prob needs codes of {dimension} latents, but got {points.shape[1]}")
    return points
