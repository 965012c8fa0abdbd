"""Points that are there already: checked, and whether new ones can complement them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from zscape.base import Codes
from zscape.energy import distance, normal_spread, spread
from zscape.errors import ElsewhereWarning

Avoided = np.ndarray | Sequence | Codes

# Codes of the target that are looked at.
_ROWS = 2000
# In units of what independent draws have on average. Beyond the first are some 3 of 100 sets of draws in one
# latent, 1 in two, none in 1,000 in twenty. With the second there is a warning for 24 of all digits beside
# one, and none for 24 of one digit beside all where 100 new points make up for them.
_FAR, _TOGETHER = 3.0, 0.5


def checked_avoid(avoid: Avoided | None, latents: int) -> Float[np.ndarray, "K D"]:
    """A copy of the points to avoid, checked; (0, D) for none.

    Raises:
        ValueError: If they are not finite numbers (K, D).
    """
    points = np.asarray([] if avoid is None else avoid.mean if isinstance(avoid, Codes) else avoid)
    if points.shape in ((0,), (0, latents)):
        return np.empty((0, latents))
    if points.dtype.kind not in "fiu":
        raise ValueError(f"avoid needs points of real numbers, but got dtype {points.dtype}")
    if points.ndim == 1 and points.dtype.kind in "iu":
        raise ValueError(
            f"avoid needs points (K, {latents}), but got {len(points)} whole numbers; "
            "give codes[rows], not rows"
        )
    if points.ndim != 2:
        raise ValueError(
            f"avoid needs points (K, {latents}), but got shape {points.shape}; "
            "one point z is given as z[None]"
        )
    if points.shape[1] != latents:
        raise ValueError(f"avoid needs points of {latents} latents, but they have {points.shape[1]}")
    if not np.isfinite(points).all():
        raise ValueError("avoid needs finite points, but some hold NaN or infinity")
    return points.astype(np.float64)


def warn_of_elsewhere(
    avoid: Float[np.ndarray, "K D"], new: Float[np.ndarray, "J D"], target: np.ndarray | int, *, seed: int
) -> None:
    """Warn where the points to avoid stand for something else, so that new ones pay for it.

    That is: they are more than 3 times as far from the target as independent draws are on average, and
    together with the new ones still more than half as far. Of codes, 2,000 are looked at.

    Args:
        avoid: Points that stay.
        new: Points that were found beside them.
        target: Codes, or the number of latents of N(0, I).
        seed: Of the choice of 2,000.
    """
    whole, floor = normal_spread(target) if isinstance(target, int) else 0.0, 0.0
    if isinstance(target, np.ndarray):
        number = len(target)
        if number > _ROWS:
            target = target[np.random.default_rng(seed).choice(number, _ROWS, replace=False)]
        whole = spread(target)
        # The codes looked at are themselves about so far from all.
        floor = 0.5 * whole * (1 / len(target) - 1 / number)
    if whole == 0:
        return
    alone, together = (
        2 * len(points) / whole * (distance(points, target) - floor)
        for points in (avoid, np.concatenate([avoid, new]))
    )
    if alone > _FAR and together > _TOGETHER:
        found = (
            f"the {len(avoid)} points to avoid are {alone:.1f} times as far from the target as independent "
            f"draws of it, and with {len(new)} new ones still {together:.1f} times: they stand for something "
            "else, and the new ones are pushed out of place to make up for it"
        )
        remedy = (
            "give avoid only points of this target, such as those of the class asked for, ask for more new "
            "ones, or leave it out"
        )
        warnings.warn(ElsewhereWarning(found, remedy), stacklevel=3)
