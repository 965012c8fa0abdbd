"""Gaussians fitted on codes: one with a full covariance, or a mixture of several."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from sklearn.base import BaseEstimator
from sklearn.mixture import GaussianMixture
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from zscape.base import CodesLike, code_arrays
from zscape.sample._archive import Fields
from zscape.sample._inputs import centred, checked_codes, checked_count, checked_seed

# Added to every variance, as a share of the largest, so that a latent that is constant over the data leaves a
# density.
FLOOR = 1e-10


class Gaussian(BaseEstimator):
    r"""A Gaussian with full covariance, fitted on codes.

    Mean and covariance are those of the aggregate posterior: Cov(mean) + diag(E var), or Cov(z) for points.
    So that few rows give a usable density also in many dimensions, correlations are shrunk towards 0,

    .. math:: r_{ij} \to (1 - s) r_{ij}, \quad
              s = \min\Big(1, \sum_{i \ne j} \widehat{Var}(r_{ij}) \Big/ \sum_{i \ne j} r_{ij}^2\Big)

    where s, kept as `shrinkage_`, is near 0 for many rows and near 1 for few; variances are not shrunk. 1e-10
    of the largest variance is added to each, so that a constant latent leaves a density.

    >>> codes = np.random.default_rng(0).standard_normal((500, 3)) + [5.0, 0.0, 0.0]
    >>> Gaussian().fit(codes).sample(2, seed=1).shape
    (2, 3)

    Attributes:
        mean_: (D,).
        covariance_: (D, D), positive definite.
        shrinkage_: Share taken off the correlations, in [0, 1].

    References:
        Schäfer and Strimmer, A shrinkage approach to large-scale covariance matrix estimation, 2005 (their
        target with unequal variances). Differs in: the added 1e-10.
    """

    # scikit-learn takes any argument that is not called X for one to be routed.
    __metadata_request__fit: ClassVar = {"z": UNUSED}
    mean_: np.ndarray
    covariance_: np.ndarray
    shrinkage_: float

    def fit(self, z: CodesLike, y: None = None) -> Gaussian:
        """Fit on codes; O(N D^2).

        Args:
            z: A table or a pair (mean, logvar), taken as its aggregate posterior, or an array (N, D) of
                points.
            y: Not used; there for scikit-learn.

        Returns:
            This density.

        Raises:
            ValueError: If there are fewer than two rows, or all rows are equal and without log variances.
        """
        mean, logvar = code_arrays(z, rows=2)
        covariance, self.shrinkage_ = _shrunk_covariance(mean)
        if logvar is not None:
            covariance += np.diag(np.exp(logvar).mean(axis=0))
        largest = covariance.diagonal().max()
        if not largest > 0:
            raise ValueError(f"Gaussian needs codes that differ, but all {len(mean)} rows are equal")
        self.mean_ = mean.mean(axis=0)
        self.covariance_ = covariance + FLOOR * largest * np.eye(len(covariance))
        return self

    def sample(self, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws; the same seed gives the same draws, and fewer are the first of more.

        Args:
            count: Draws, at least 1.
            seed: Of the random generator.

        Raises:
            ValueError: If count < 1 or seed < 0.
        """
        check_is_fitted(self)
        random = np.random.default_rng(checked_seed(seed))
        noise = random.standard_normal((checked_count(count), len(self.mean_)))
        return self.mean_ + noise @ np.linalg.cholesky(self.covariance_).T

    def log_prob(self, z: np.ndarray) -> Float[np.ndarray, "N"]:
        """Log density of each row of z (N, D), in nats; O(N D^2)."""
        check_is_fitted(self)
        points = checked_codes(z, len(self.mean_))
        return log_density(points - self.mean_, np.linalg.cholesky(self.covariance_))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes."""
        check_is_fitted(self)
        return {
            "mean": self.mean_,
            "covariance": self.covariance_,
            "shrinkage": np.array(self.shrinkage_),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Gaussian:
        """The density that `to_arrays` described.

        Raises:
            KeyError: If an array is missing.
            ValueError: If one cannot be of this density.
        """
        density, fields = cls(), Fields(arrays)
        density.mean_ = fields.numbers("mean", "D")
        density.covariance_ = fields.covariances("covariance", "D D")
        density.shrinkage_ = fields.number("shrinkage", least=0, most=1)
        return density


class Mixture(BaseEstimator):
    """A mixture of Gaussians with full covariances, fitted on codes by expectation maximisation.

    A table or a pair with log variances stands for its aggregate posterior: one draw per row, by `seed`, is
    what the mixture is fitted on. 1e-6 of the mean variance is added to each variance.

    >>> codes = np.concatenate([np.full((50, 1), -3.0), np.full((50, 1), 3.0)])
    >>> np.sort(Mixture(2).fit(codes).means_[:, 0]).round(6)
    array([-3.,  3.])

    Args:
        components: Number of Gaussians, K.
        seed: Of the k-means start and of the draws that are fitted on.

    Attributes:
        weights_: (K,), which sum to 1.
        means_: (K, D).
        covariances_: (K, D, D), positive definite.
    """

    # scikit-learn takes any argument that is not called X for one to be routed.
    __metadata_request__fit: ClassVar = {"z": UNUSED}
    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray

    def __init__(self, components: int = 10, *, seed: int = 0) -> None:
        self.components = components
        self.seed = seed

    def fit(self, z: CodesLike, y: None = None) -> Mixture:
        """Fit on codes; O(N K D^2) an iteration, at most 200 iterations.

        Args:
            z: A table or a pair (mean, logvar), taken as its aggregate posterior, or an array (N, D) of
                points.
            y: Not used; there for scikit-learn.

        Returns:
            This density.

        Raises:
            ValueError: If components < 1, there are fewer different rows than components, or all rows are
                equal.
        """
        if self.components < 1:
            raise ValueError(f"Mixture needs components >= 1, but got {self.components}")
        seed = checked_seed(self.seed)
        points, logvar = code_arrays(z, rows=2)
        if logvar is not None:
            noise = np.random.default_rng(seed).standard_normal(points.shape)
            points = points + np.exp(0.5 * logvar) * noise
        different, least = len(np.unique(points, axis=0)), max(2, self.components)
        if different < least:
            raise ValueError(
                f"Mixture with {self.components} components needs at least {least} different codes, but got "
                f"{different}; use fewer components or more codes"
            )
        fitted = GaussianMixture(
            self.components,
            reg_covar=1e-6 * float(points.var(axis=0).mean()),
            max_iter=200,
            random_state=seed,
        ).fit(points)
        # scikit-learn's weights sum to 1 only within rounding that numpy's choice may refuse.
        weights = np.asarray(fitted.weights_)
        self.weights_ = weights / weights.sum()
        self.means_, self.covariances_ = np.asarray(fitted.means_), np.asarray(fitted.covariances_)
        return self

    def sample(self, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws; the same seed gives the same draws.

        Args:
            count: Draws, at least 1.
            seed: Of the random generator.

        Raises:
            ValueError: If count < 1 or seed < 0.
        """
        check_is_fitted(self)
        random = np.random.default_rng(checked_seed(seed))
        drawn = random.choice(len(self.weights_), size=checked_count(count), p=self.weights_)
        z = random.standard_normal((count, self.means_.shape[1]))
        for component in np.unique(drawn):
            rows = drawn == component
            factor = np.linalg.cholesky(self.covariances_[component])
            z[rows] = self.means_[component] + z[rows] @ factor.T
        return z

    def log_prob(self, z: np.ndarray) -> Float[np.ndarray, "N"]:
        """Log density of each row of z (N, D), in nats; O(N K D^2)."""
        check_is_fitted(self)
        points = checked_codes(z, self.means_.shape[1])
        factors = np.linalg.cholesky(self.covariances_)
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights_)
        parts = [
            log_weight + log_density(points - mean, factor)
            for log_weight, mean, factor in zip(log_weights, self.means_, factors, strict=True)
        ]
        return np.asarray(logsumexp(parts, axis=0))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes."""
        check_is_fitted(self)
        return {
            "weights": self.weights_,
            "means": self.means_,
            "covariances": self.covariances_,
            "seed": np.array(self.seed),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Mixture:
        """The density that `to_arrays` described.

        Raises:
            KeyError: If an array is missing.
            ValueError: If one cannot be of this density.
        """
        fields = Fields(arrays)
        weights = fields.shares("weights", "K")
        density = cls(len(weights), seed=fields.whole("seed", least=0))
        density.weights_, density.means_ = weights, fields.numbers("means", "K D")
        density.covariances_ = fields.covariances("covariances", "K D D")
        return density


def log_density(points: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Log density of N(0, factor factor^T) at each row."""
    white = solve_triangular(factor, points.T, lower=True)
    log_volume = np.log(factor.diagonal()).sum() + 0.5 * len(factor) * math.log(2 * math.pi)
    return -0.5 * np.einsum("dn,dn->n", white, white) - log_volume


def _shrunk_covariance(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Sample covariance with its correlations shrunk, and by which share."""
    count, latents = points.shape
    moved = centred(points)
    std = np.sqrt((moved**2).sum(axis=0) / (count - 1))
    z = np.divide(moved, std, out=np.zeros_like(moved), where=std > 0)
    products = z.T @ z
    other = ~np.eye(latents, dtype=bool)
    correlation = products / (count - 1) * other
    # Sum over rows of (product - mean product)^2, for every pair at once.
    scatter = (z**2).T @ (z**2) - products**2 / count
    noise = float((scatter * other).sum()) * count / (count - 1) ** 3
    signal = float((correlation**2).sum())
    # Two rows correlate perfectly and show no noise at all, which says nothing.
    shrinkage = 1.0 if count == 2 or noise >= signal else max(0.0, noise / signal)
    return np.diag(std**2) + (1 - shrinkage) * correlation * np.outer(std, std), shrinkage
