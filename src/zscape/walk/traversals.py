"""Traversals: one latent moves, all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from zscape.base import CodesLike, code_arrays
from zscape.walk.latents import aggregate_quantiles, checked_latents, ranked


@dataclass(frozen=True, eq=False)
class Traversals:
    """Codes on straight ways along the axes, a way a latent.

    Attributes:
        z: (L, S, D) codes; decode them as `z.reshape(-1, D)`.
        latents: (L,) the latent that each way moves, from 0.
        values: (L, S) its values on the way, rising in equal steps.
    """

    z: Float[np.ndarray, "L S D"]
    latents: Int[np.ndarray, "L"]
    values: Float[np.ndarray, "L S"]

    @property
    def steps(self) -> int:
        """Codes on each way, S."""
        return self.values.shape[1]

    def resampled(self, steps: int) -> Traversals:
        """The same ways in another number of equal steps.

        Raises:
            ValueError: If there are fewer than two steps.
        """
        if steps < 2:
            raise ValueError(f"a traversal needs steps >= 2, but got {steps}")
        return _along(self.z[:, 0], self.latents, self.values[:, [0, -1]], steps)


def traversals(
    codes: CodesLike,
    *,
    start: Float[np.ndarray, "D"],
    steps: int = 9,
    quantiles: tuple[float, float] = (0.025, 0.975),
    latents: Sequence[int] | np.ndarray | None = None,
) -> Traversals:
    """Move one latent at a time from quantile to quantile of its codes, so that the walk stays on the data.

    The other latents stay at `start`. Steps are equal in the value of the latent.

    Cost: that of `aggregate_quantiles`, and memory for L S D numbers.

    >>> walk = traversals(np.array([[-1.0, 5.0], [1.0, 6.0]]), start=np.zeros(2), steps=3, latents=[0])
    >>> walk.z.round(2).tolist()
    [[[-0.95, 0.0], [0.0, 0.0], [0.95, 0.0]]]

    Args:
        codes: What the ranges are of: a table, an array (N, D), or a pair (mean, logvar), whose quantiles are
            those of the aggregate posterior.
        start: Where the ways cross: `from_prior`, `from_posterior`, or the code of a picture.
        steps: Codes on each way, at least two.
        quantiles: Where each way begins and ends, of its latent.
        latents: Which to move, in this order, from 0; those in use, most important first, if not given, see
            `ranked`.

    Raises:
        ValueError: If the start is not a finite code of D latents, steps are too few, the quantiles do not
            rise, a latent is not there, or none is given and none is in use.
    """
    mean, _ = code_arrays(codes)
    start = np.asarray(start, dtype=np.float64)
    if start.shape != mean.shape[1:] or not np.isfinite(start).all():
        raise ValueError(f"traversals need a finite start of {mean.shape[1]} latents, but got {start}")
    if steps < 2:
        raise ValueError(f"a traversal needs steps >= 2, but got {steps}")
    if not quantiles[0] < quantiles[1]:
        raise ValueError(f"traversals need two quantiles, the lower first, but got {quantiles}")
    chosen = ranked(codes) if latents is None else checked_latents(latents, mean.shape[1])
    if not len(chosen):
        raise ValueError(
            f"none of the {mean.shape[1]} latents is in use; name the latents to move, or fit a model with a "
            "weaker pull to the prior"
        )
    ends = aggregate_quantiles(codes, quantiles, latents=chosen)
    return _along(np.broadcast_to(start, (len(chosen), len(start))), chosen, ends, steps)


def from_prior(latent: int, *, seed: int | None = None) -> Float[np.ndarray, "D"]:
    """A code to start from that owes nothing to data: the middle of N(0, I), or with a seed a draw from it.

    Args:
        latent: Number of latents, D.
        seed: Of the draw.
    """
    return np.zeros(latent) if seed is None else np.random.default_rng(seed).standard_normal(latent)


def from_posterior(codes: CodesLike, *, seed: int = 0) -> Float[np.ndarray, "D"]:
    """A code to start from where codes of the data lie: a draw from the aggregate posterior.

    One row is drawn, then a code from its posterior; points are taken as they are.

    Args:
        codes: A table, an array (N, D) of one row or more, or a pair (mean, logvar).
        seed: Of the draw.

    Raises:
        ValueError: If there are no rows.
    """
    mean, logvar = code_arrays(codes)
    rng = np.random.default_rng(seed)
    row = rng.integers(len(mean))
    if logvar is None:
        return mean[row].copy()
    return mean[row] + np.exp(0.5 * logvar[row]) * rng.standard_normal(mean.shape[1])


def _along(starts: np.ndarray, latents: np.ndarray, ends: np.ndarray, steps: int) -> Traversals:
    values = np.linspace(ends[:, 0], ends[:, -1], steps, axis=1)
    z = np.repeat(starts[:, None], steps, axis=1)
    z[np.arange(len(latents)), :, latents] = values
    return Traversals(z, latents, values)
