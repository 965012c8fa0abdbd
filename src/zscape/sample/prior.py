"""The prior: the distribution of codes that a variational autoencoder is trained towards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zscape.sample._archive import Fields
from zscape.sample._inputs import checked_codes, checked_count, checked_seed


@dataclass(frozen=True)
class StandardNormal:
    """The distribution N(0, I).

    >>> StandardNormal(2).sample(3, seed=0).shape
    (3, 2)

    Args:
        dimension: Number of latents, D.

    Raises:
        ValueError: If dimension < 1.
    """

    dimension: int

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise ValueError(f"StandardNormal needs dimension >= 1, but got {self.dimension}")

    def sample(self, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws; the same seed gives the same draws, and fewer are the first of more.

        Args:
            count: Draws, at least 1.
            seed: Of the random generator.

        Raises:
            ValueError: If count < 1 or seed < 0.
        """
        random = np.random.default_rng(checked_seed(seed))
        return random.standard_normal((checked_count(count), self.dimension))

    def log_prob(self, z: np.ndarray) -> Float[np.ndarray, "N"]:
        """Log density of each row of z (N, D), in nats."""
        points = checked_codes(z, self.dimension)
        return -0.5 * ((points**2).sum(axis=1) + self.dimension * math.log(2 * math.pi))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes."""
        return {"dimension": np.array(self.dimension)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> StandardNormal:
        """The density that `to_arrays` described.

        Raises:
            KeyError: If an array is missing.
            ValueError: If one cannot be of this density.
        """
        return cls(Fields(arrays).whole("dimension", least=1))
