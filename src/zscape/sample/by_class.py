"""Codes of a class asked for, from statistics of the codes of each class: no model is trained again."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from zscape.base import CodesLike, Density
from zscape.errors import nearest
from zscape.sample._archive import Fields
from zscape.sample._inputs import centred, checked_codes, checked_count, checked_seed, labelled
from zscape.sample.gaussian import FLOOR, Gaussian, Mixture, log_density

_STATISTICS = ("diagonal", "full", "mixture")


class ByClass(BaseEstimator):
    r"""Codes by label: a centre and a spread for each class, the spread scaled by theta.

    A draw of class y is

    .. math:: z = c + \theta_y \odot \frac{1}{n} \sum_{i=1}^{n} L \varepsilon_i, \quad
              \varepsilon_i \sim \mathcal{N}(0, I)

    where, by `statistics`,

    - "diagonal": c is the mean of the class, L the diagonal of its standard deviations. This is the published
      mean of n draws of N(mu_y, theta sigma_y), with theta read as a factor on the standard deviation; the
      paper does not say whether it means that or the variance.
    - "full": c is the mean, L L^T the covariance of the class, shrunk as in `Gaussian`; the covariance of a
      draw is diag(theta) L L^T diag(theta) / n.
    - "mixture": a component of a mixture fitted on the class is drawn first; c is its mean, L L^T its
      covariance, and theta acts about the centre of the component.

    theta and n act through theta / sqrt(n) alone: n is there for the published grid. A table of codes or a
    pair stands for its aggregate posterior, whose variance is that of the means plus the mean of the
    posterior variances; an array stands for points.

    Null: with theta = 0 all draws of a class are its centre (of a mixture: one of its centres).

    >>> codes = np.array([[0.0, 0.0], [2.0, 2.0], [9.0, 9.0], [9.0, 7.0]])
    >>> density = ByClass(theta=0.0).fit(codes, np.array([3, 3, 5, 5]))
    >>> density.sample(1, 5)
    array([[9., 8.]])

    Args:
        statistics: What is known of a class: "diagonal", "full" or "mixture".
        theta: Factor on the spread, >= 0: a number, one for each latent (D,), or one for each class and
            latent (C, D), rows in the order of `classes_`.
        draws: Draws averaged into one, n.
        components: Gaussians of a class; read by "mixture" alone.
        seed: Of the fit of the mixtures.

    Attributes:
        classes_: (C,) int64 labels, sorted.
        weights_: (C, K) of the components, each row of sum 1; K is 1 but for mixtures.
        means_: (C, K, D).
        covariances_: (C, K, D) variances for "diagonal", otherwise (C, K, D, D).
    """

    # scikit-learn takes any argument that is not called X for one to be routed.
    __metadata_request__fit: ClassVar = {"codes": UNUSED, "labels": UNUSED}
    classes_: np.ndarray
    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray

    def __init__(
        self,
        statistics: str = "diagonal",
        *,
        theta: ArrayLike = 1.0,
        draws: int = 1,
        components: int = 4,
        seed: int = 0,
    ) -> None:
        self.statistics = statistics
        self.theta = theta
        self.draws = draws
        self.components = components
        self.seed = seed

    def fit(self, codes: CodesLike, labels: np.ndarray | None = None) -> ByClass:
        """Fit on labelled codes; O(N D), O(N D^2) for "full", O(N K D^2) an iteration for "mixture".

        Args:
            codes: A table or a pair (mean, logvar), taken as its aggregate posterior, or an array (N, D) of
                points.
            labels: (N,) whole numbers; those of the table if not given.

        Returns:
            This density.

        Raises:
            ValueError: If there are no labels or not one a code, a class has fewer than two codes, or fewer
                different ones than components, or all its codes are equal, or a setting is out of range.
        """
        _check_statistics(self.statistics)
        mean, logvar, labels = labelled(codes, labels)
        self.classes_, counts = np.unique(labels, return_counts=True)
        if counts.min() < 2:
            raise ValueError(
                f"ByClass needs at least 2 codes of every class, but class {self.classes_[counts.argmin()]} "
                "has 1; leave it out"
            )
        self._scales(mean.shape[1])
        parts = []
        for label in self.classes_:
            rows = labels == label
            parts.append(self._fitted(mean[rows], None if logvar is None else logvar[rows]))
        self.weights_, self.means_, self.covariances_ = (np.stack(each) for each in zip(*parts, strict=True))
        return self

    def sample(self, count: int, label: int | np.integer, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws of one class; the same seed gives the same draws.

        Fewer draws are the first of more. Classes have streams of their own: draws of different labels are
        independent under one seed.

        Args:
            count: Draws, at least 1.
            label: One of `classes_`.
            seed: Of the random generator.

        Raises:
            ValueError: If count < 1, seed < 0, the label is unknown, or theta or draws have become invalid.
        """
        centre, deviation = self.parts(count, label, seed=seed)
        return centre + self._scales(centre.shape[1])[self._row(label)] * deviation

    def parts(
        self, count: int, label: int | np.integer, *, seed: int = 0
    ) -> tuple[Float[np.ndarray, "{count} D"], Float[np.ndarray, "{count} D"]]:
        """Centres and deviations of the draws: `sample` is centre + theta * deviation, with the same seed.

        Neither depends on theta, so settings of theta compare on the same random numbers.

        Args:
            count: Draws, at least 1.
            label: One of `classes_`.
            seed: Of the random generator.

        Raises:
            ValueError: If count < 1, seed < 0 or the label is unknown.
        """
        check_is_fitted(self)
        row, latents = self._row(label), self.means_.shape[2]
        chosen, noise = (np.random.default_rng([checked_seed(seed), row, stream]) for stream in (0, 1))
        drawn = chosen.choice(self.weights_.shape[1], size=checked_count(count), p=self.weights_[row])
        epsilon = noise.standard_normal((count, self.draws, latents)).mean(axis=1)
        for component in np.unique(drawn):
            rows, covariance = drawn == component, self.covariances_[row, component]
            if covariance.ndim == 1:
                epsilon[rows] *= np.sqrt(covariance)
            else:
                epsilon[rows] = epsilon[rows] @ np.linalg.cholesky(covariance).T
        return self.means_[row, drawn], epsilon

    def log_prob(self, z: np.ndarray, label: int | np.integer) -> Float[np.ndarray, "N"]:
        """Log density of each row of z (N, D) among the draws of a class, in nats; O(N K D^2).

        Args:
            z: Codes.
            label: One of `classes_`.

        Raises:
            ValueError: If the label is unknown, or a theta of it is 0: then draws have no density.
        """
        check_is_fitted(self)
        row, latents = self._row(label), self.means_.shape[2]
        points, scale = checked_codes(z, latents), self._scales(latents)[row] / math.sqrt(self.draws)
        if not scale.all():
            raise ValueError(
                f"log_prob needs theta > 0, but that of class {label} is 0 in "
                f"{(scale == 0).sum()} of {latents} latents"
            )
        logs = []
        for weight, mean, covariance in zip(
            self.weights_[row], self.means_[row], self.covariances_[row], strict=True
        ):
            factor = np.diag(np.sqrt(covariance)) if covariance.ndim == 1 else np.linalg.cholesky(covariance)
            logs.append(math.log(weight) + log_density(points - mean, scale[:, None] * factor))
        return np.asarray(logsumexp(logs, axis=0))

    def of(self, label: int | np.integer) -> Density:
        """One class as a density of its own, with `sample(count, seed=)` and `log_prob(z)`.

        So that a class can be what a set stands for: `quantize(density.of(3), 12)`.

        Args:
            label: One of `classes_`.

        Raises:
            ValueError: If the label is unknown.
        """
        check_is_fitted(self)
        self._row(label)
        return _OfClass(self, int(label))

    def scaled(self, theta: ArrayLike, *, draws: int = 1) -> ByClass:
        """The same fitted density with another theta; what was fitted is shared, not copied.

        Args:
            theta: A number, (D,) or (C, D), >= 0.
            draws: Draws averaged into one.

        Raises:
            ValueError: If theta or draws is out of range or has another shape.
        """
        check_is_fitted(self)
        other = copy.copy(self)
        other.theta, other.draws = theta, draws
        other._scales(self.means_.shape[2])
        return other

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What `save` writes."""
        check_is_fitted(self)
        return {
            "statistics": np.array(self.statistics),
            "theta": np.asarray(self.theta, dtype=np.float64),
            "draws": np.array(self.draws),
            "components": np.array(self.components),
            "seed": np.array(self.seed),
            "classes": self.classes_,
            "weights": self.weights_,
            "means": self.means_,
            "covariances": self.covariances_,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> ByClass:
        """The density that `to_arrays` described.

        Raises:
            KeyError: If an array is missing.
            ValueError: If one cannot be of this density.
        """
        fields = Fields(arrays)
        statistics = fields.text("statistics")
        _check_statistics(statistics)
        classes = fields.wholes("classes", "C")
        if not (np.diff(classes) > 0).all():
            raise ValueError(f"'classes' needs different labels in rising order, but has {classes.tolist()}")
        weights, means = fields.shares("weights", "C K"), fields.numbers("means", "C K D")
        if statistics == "diagonal":
            covariances = fields.numbers("covariances", "C K D", least=np.finfo(np.float64).tiny)
        else:
            covariances = fields.covariances("covariances", "C K D D")
        if statistics != "mixture" and weights.shape[1] > 1:
            raise ValueError(f"'weights' needs one component for {statistics!r}, but has {weights.shape[1]}")
        theta = fields.numbers("theta", ("", "D", "C D")[min(arrays["theta"].ndim, 2)], least=0)
        density = cls(
            statistics,
            theta=theta if theta.ndim else float(theta),
            draws=fields.whole("draws", least=1),
            components=fields.whole("components"),
            seed=fields.whole("seed"),
        )
        density.classes_, density.weights_ = classes, weights
        density.means_, density.covariances_ = means, covariances
        return density

    def _fitted(
        self, mean: np.ndarray, logvar: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, means and covariances of one class."""
        codes = mean if logvar is None else (mean, logvar)
        if self.statistics == "mixture":
            mixture = Mixture(self.components, seed=self.seed).fit(codes)
            return mixture.weights_, mixture.means_, mixture.covariances_
        if self.statistics == "full":
            gaussian = Gaussian().fit(codes)
            return np.ones(1), gaussian.mean_[None], gaussian.covariance_[None]
        variance = (centred(mean) ** 2).sum(axis=0) / (len(mean) - 1)
        if logvar is not None:
            variance = variance + np.exp(logvar).mean(axis=0)
        if not variance.max() > 0:
            raise ValueError(f"ByClass needs codes that differ, but all {len(mean)} of a class are equal")
        return np.ones(1), mean.mean(axis=0)[None], (variance + FLOOR * variance.max())[None]

    def _scales(self, latents: int) -> Float[np.ndarray, "C D"]:
        """Theta of every class and latent, checked."""
        theta, shape = np.asarray(self.theta, dtype=np.float64), (len(self.classes_), latents)
        if theta.shape not in ((), shape[1:], shape):
            raise ValueError(
                f"ByClass needs theta to be a number, ({latents},) or {shape}, but got shape {theta.shape}"
            )
        if not (np.isfinite(theta).all() and (theta >= 0).all()):
            raise ValueError(f"ByClass needs finite theta >= 0, but got {self.theta}")
        if not isinstance(self.draws, int | np.integer) or self.draws < 1:
            raise ValueError(f"ByClass needs a whole number of draws >= 1, but got {self.draws!r}")
        return np.broadcast_to(theta, shape)

    def _row(self, label: object) -> int:
        """Place of a label among the classes."""
        # Equality with a string would be asked of the array as a whole.
        found = np.flatnonzero(self.classes_ == label) if isinstance(label, int | np.integer) else ()
        if len(found) == 0:
            known = ", ".join(map(str, self.classes_.tolist()))
            raise ValueError(f"ByClass was not fitted on a class {label!r}; its classes are {known}")
        return int(found[0])


@dataclass(frozen=True)
class _OfClass:
    """One class of a density by class, as a density."""

    density: ByClass
    label: int

    def sample(self, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws, those of `ByClass.sample`."""
        return self.density.sample(count, self.label, seed=seed)

    def log_prob(self, z: np.ndarray) -> Float[np.ndarray, "N"]:
        """Log density of each row of z (N, D), in nats."""
        return self.density.log_prob(z, self.label)


def _check_statistics(statistics: str) -> None:
    if statistics not in _STATISTICS:
        raise ValueError(f"ByClass has no statistics {statistics!r}: {nearest(statistics, _STATISTICS)}")
