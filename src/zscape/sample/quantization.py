"""What quantize returns: points with their distance to the target."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from zscape.energy import Cloud
from zscape.sample._targets import Target


@dataclass(frozen=True, eq=False, repr=False)
class Quantization:
    """Points that stand for a target as a set.

    Attributes:
        points: (count, D), ordered so that a prefix is itself well spread.
        weights: (count,) of sum 1.
        avoid: (K, D) points that were there already, or None.
        smoothing: a, with which distances are taken.
    """

    points: Float[np.ndarray, "J D"]
    weights: Float[np.ndarray, "J"]
    avoid: Float[np.ndarray, "K D"] | None
    smoothing: float
    _target: Target = field(repr=False)

    def __repr__(self) -> str:
        count, latents = self.points.shape
        words = [f"{count} points", f"D={latents}"]
        low, high = self.weights.min(), self.weights.max()
        words += [] if low == high else [f"weights {low:.2g} to {high:.2g}"]
        words += [] if self.avoid is None else [f"avoid {len(self.avoid)}"]
        # It may take seconds, so it is shown only where it is known.
        words += [f"distance {self.distance:.4g}"] if "distance" in vars(self) else []
        return f"Quantization({', '.join(words)})"

    @functools.cached_property
    def distance(self) -> float:
        """Squared energy distance to the target of the points, those avoided included; exact.

        Computed on first use. To N codes it costs O(N^2 D) once, some 10 s for 60,000, and is remembered with
        the content of the codes. To another density than N(0, I) it is an unbiased estimate on fresh draws,
        which can be negative.
        """
        points, weights = self._whole()
        own = Cloud(points, smoothing=self.smoothing, weights=weights).spread()
        return self._target.mean_potential(points, weights) - 0.5 * own - 0.5 * self._target.spread

    @functools.cached_property
    def expected_iid(self) -> float:
        r"""What the distance of independent draws is on average.

        .. math:: \frac{E\, h(Y - Y')}{2 (K + J)}

        for J new points and K avoided ones: the expectation for a set of K + J independent draws, none of
        them avoided, each with the same weight. So compare it with `distance`, which is of both as well.

        Null: a `distance` of this size says that the set is no better than draws. Bias: none for N(0, I),
        and for codes as drawn with replacement from themselves; for another density it is an unbiased
        estimate.
        """
        return 0.5 * self._target.spread / len(self._whole()[0])

    @functools.cached_property
    def radius(self) -> float:
        """Mean distance of the points from the centre of the target."""
        return float(self.weights @ np.linalg.norm(self.points - self._target.centre, axis=1))

    @property
    def typical_radius(self) -> float:
        """The same of draws from the target: a smaller radius lies inside the shell where draws are."""
        return self._target.typical_radius

    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        if self.avoid is None:
            return self.points, self.weights
        number = len(self.avoid) + len(self.points)
        weights = [np.full(len(self.avoid), 1 / number), self.weights * (len(self.points) / number)]
        return np.concatenate([self.avoid, self.points]), np.concatenate(weights)
