"""Principal components of codes: the directions in which the cloud extends, and how many it needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from zscape.base import CodesLike, Result, code_arrays
from zscape.estimates import around, standard_error


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Principal components of N codes in D dimensions; R = min(N, D) of them.

    Attributes:
        mean: (D,) centre of the codes.
        variances: (R,) along each component, descending, with divisor N - 1.
        components: (R, D) orthonormal rows; the entry of each row that is largest in size is positive.
    """

    mean: Float[np.ndarray, "D"]
    variances: Float[np.ndarray, "R"]
    components: Float[np.ndarray, "R D"]

    @property
    def ratios(self) -> Float[np.ndarray, "R"]:
        """Share of each component in the total variance; zeros where nothing varies."""
        total = self.variances.sum()
        return self.variances / total if total > 0 else np.zeros_like(self.variances)

    @property
    def participation_ratio(self) -> float:
        """(sum of variances)^2 / sum of squares: D when all are equal, 1 when one is left, 0 for none."""
        squares = float((self.ratios**2).sum())
        return 1 / squares if squares > 0 else 0.0

    @property
    def effective_rank(self) -> float:
        """Exponential of the entropy of the ratios: D when all are equal, 1 when one is left, 0 for none."""
        ratios = self.ratios[self.ratios > 0]
        return float(np.exp(-(ratios * np.log(ratios)).sum())) if len(ratios) else 0.0

    def project(self, z: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N R"]:
        """Coordinates of codes along the components."""
        return (z - self.mean) @ self.components.T


def pca_spectrum(codes: CodesLike) -> Spectrum:
    """Principal components of codes, exact.

    Null: all ratios 1/D for an isotropic cloud of many codes. Bias: with N not much above D the first ratios
    are high and the last low, also for isotropic codes. Unchanged by shifting; components turn with a
    rotation.
    Cost: O(N D min(N, D)) time, O(N D + D^2) memory; O(N D) for N < D.

    >>> pca_spectrum(np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])).ratios
    array([0.9, 0.1])

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.

    Raises:
        ValueError: If there are fewer than two rows.
    """
    points, _ = code_arrays(codes, rows=2)
    center = points.mean(axis=0)
    centred = points - center
    if len(points) < points.shape[1]:
        _, lengths, components = np.linalg.svd(centred, full_matrices=False)
        variances = lengths**2 / (len(points) - 1)
    else:
        variances, columns = np.linalg.eigh(centred.T @ centred / (len(points) - 1))
        # eigh sorts ascending, and rounding may put a variance of 0 just below it.
        variances, components = np.clip(variances[::-1], 0.0, None), columns[:, ::-1].T
    return Spectrum(center, variances, _signed(components))


def pca_results(codes: CodesLike) -> list[Result]:
    """How many directions the codes need: `pca_first_share`, `participation_ratio`, `effective_rank`.

    The intervals are by the delta method: they cover the choice of samples, not the bias of a small sample.

    Null: 1/D, D and D for an isotropic cloud of many codes. Bias: the share is high and the ranks low by O(D
    / N), so a small sample never has full rank; the definition of the effective rank gives what as many draws
    from N(0, I) would score. Unchanged by rotation, shift and common scale. Cost: O(N D min(N, D)) time, O(N
    D) memory.

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.

    Raises:
        ValueError: If there are fewer than two rows.

    References:
        Roy and Vetterli, The effective rank, EUSIPCO 2007. Differs in: variances in place of singular values.
        Page, Average entropy of a subsystem, Physical Review Letters 1993 (the value for N(0, I)).
    """
    points, _ = code_arrays(codes, rows=2)
    spectrum = pca_spectrum(points)
    shares, participation, rank = spectrum.ratios, spectrum.participation_ratio, spectrum.effective_rank
    change = _share_changes(spectrum, points)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    latents, isotropic = points.shape[1], _isotropic_rank(*points.shape)

    def result(name: str, value: float, influence: np.ndarray, unit: str, definition: str) -> Result:
        error = standard_error(influence)
        within = (0.0, float(latents) if unit else 1.0)
        return around(name, value, error, n=len(points), unit=unit, definition=definition, within=within)

    return [
        result(
            "pca_first_share",
            float(shares[0]),
            change[:, 0],
            "",
            "share of the first principal component in the variance of posterior means",
        ),
        result(
            "participation_ratio",
            participation,
            -2 * participation**2 * (change @ shares),
            "dimensions",
            "(sum of principal variances)^2 / sum of their squares, of posterior means with "
            f"{latents} latents",
        ),
        result(
            "effective_rank",
            rank,
            -rank * (change @ logs),
            "dimensions",
            "exponential of the entropy of the shares of the principal components, of posterior means with "
            f"{latents} latents (as many draws from N(0, I) would score about {isotropic:.4g})",
        ),
    ]


def _isotropic_rank(count: int, latents: int) -> float:
    """Effective rank of that many draws from N(0, I), to first order in the ratio of the two.

    Page's mean entropy of a random state, log m - m / 2n, with the m + 1 of real numbers for his m: within
    1 % from 20 rows and latents on, where simulated.
    """
    fewer, more = sorted((count - 1, latents))
    return fewer * float(np.exp(-(fewer + 1) / (2 * more)))


def _share_changes(spectrum: Spectrum, points: np.ndarray) -> np.ndarray:
    """(N, R): derivative of each share with respect to the weight of each row."""
    squares = spectrum.project(points) ** 2
    total = spectrum.variances.sum()
    if total > 0:
        squares /= total
    return squares - spectrum.ratios * squares.sum(axis=1, keepdims=True)


def _signed(components: np.ndarray) -> np.ndarray:
    largest = np.abs(components).argmax(axis=1)
    return components * np.where(components[np.arange(len(components)), largest] < 0, -1.0, 1.0)[:, None]
