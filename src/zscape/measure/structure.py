"""The cloud of codes as a whole: units in use, the aggregate posterior, correlation of latents."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from zscape.base import CodesLike, Result, code_arrays
from zscape.estimates import Z95, around, mean_result, standard_error


def active_units(codes: CodesLike, *, threshold: float = 0.01) -> Result:
    """Latents whose mean varies over the data: the number of d with Var_x(E[z_d | x]) > threshold.

    The interval counts the latents whose lower and upper 95 % limit of that variance lies above the
    threshold; the limits are normal for the logarithm of the variance, with its standard error from the
    fourth moment.

    Null: 0 when every posterior mean is the same. Bias: none in the limit. Cost: O(N D).

    >>> active_units(np.array([[1.0, 0.0], [-1.0, 0.001], [1.0, 0.0]])).value
    1.0

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.
        threshold: In squared latent units. Must be >= 0.

    Raises:
        ValueError: If there are fewer than two rows or the threshold is negative.

    References:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016. Differs in: the interval is ours.
    """
    if not threshold >= 0:
        raise ValueError(f"active_units needs threshold >= 0, but got {threshold}")
    mean, _ = code_arrays(codes, rows=2)
    squares = (mean - mean.mean(axis=0)) ** 2
    variance = squares.sum(axis=0) / (len(mean) - 1)
    error = squares.std(axis=0, ddof=1) / math.sqrt(len(mean))
    spread = np.exp(Z95 * np.divide(error, variance, out=np.zeros_like(variance), where=variance > 0))
    return Result(
        name="active_units",
        value=_count(variance > threshold),
        low=_count(variance / spread > threshold),
        high=_count(variance * spread > threshold),
        n=len(mean),
        unit="latents",
        definition=f"number of the {mean.shape[1]} latents whose posterior mean has variance above "
        f"{threshold:g} over the samples",
    )


def aggregate_covariance(codes: CodesLike) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D D"]]:
    """Mean and covariance of the aggregate posterior, the mean over samples of q(z|x).

    By the law of total covariance: Cov(mean) + diag(E var). Codes without log variances are points, and the
    second part is 0. Cost: O(N D^2) time.

    Raises:
        ValueError: If there are fewer than two rows.
    """
    mean, logvar = code_arrays(codes, rows=2)
    covariance = np.atleast_2d(np.cov(mean, rowvar=False))
    if logvar is not None:
        covariance = covariance + np.diag(np.exp(logvar).mean(axis=0))
    return mean.mean(axis=0), covariance


def aggregate_moments(codes: CodesLike) -> list[Result]:
    """How far the aggregate posterior is from the prior N(0, I), by its first two moments.

    - `aggregate_mean_norm`: length of its mean m. The sampling noise of the estimate, tr Cov(mean) / N, is
      taken off the square of the length. Null: 0. Bias: none in the square.
    - `aggregate_variance`: its variance, averaged over latents. Null: 1. Bias: none.
    - `aggregate_wasserstein`: the 2-Wasserstein distance between N(m, C) and N(0, I). Null: 0. Bias: high;
      the definition gives what as many draws from N(0, I) would score, and there is no interval.

    Cost: O(N D^2 + D^3) time.

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar). Without log variances codes are
            points.

    Raises:
        ValueError: If there are fewer than two rows.
    """
    return [_aggregate_mean_norm(codes), _aggregate_variance(codes), _aggregate_wasserstein(codes)]


def offdiagonal_correlation(codes: CodesLike) -> Result:
    r"""Mean squared Pearson correlation between different latents, less what independent latents would show.

    .. math:: \frac{1}{D(D-1)} \sum_{i \ne j} r_{ij}^2 - \frac{1}{N-1}

    Latents that are constant over the samples have no correlation and are left out. All others count alike,
    however little they vary, so read it beside `active_units`. The interval is by the delta method.

    Null: expectation 0 for independent latents, exactly, so it can be negative. Bias: none at the null,
    O(1/N) elsewhere. Unchanged by permuting latents or rows and by scaling or shifting a latent; not by
    rotation.
    Cost: O(N D^2) time.

    >>> draws = np.random.default_rng(0).standard_normal((1000, 8))
    >>> result = offdiagonal_correlation(draws)
    >>> result.low < 0 < result.high
    True

    Args:
        codes: A table, an array (N, D) with N >= 3, or a pair (mean, logvar); only means are read.

    Raises:
        ValueError: If there are fewer than three rows, or fewer than two latents that vary.
    """
    mean, _ = code_arrays(codes, rows=3)
    used = mean[:, varying(mean)]
    count, latents = used.shape
    if latents < 2:
        raise ValueError(
            f"offdiagonal_correlation needs two latents that vary, but got {latents} of {mean.shape[1]}"
        )
    z = used - used.mean(axis=0)
    z /= np.sqrt((z**2).mean(axis=0))
    correlation = z.T @ z / count
    np.fill_diagonal(correlation, 0.0)
    pairs = latents * (latents - 1)
    # Derivative of the mean of r^2 with respect to the weight of each row.
    influence = 2 * (((z @ correlation) * z).sum(axis=1) - z**2 @ (correlation**2).sum(axis=1)) / pairs
    omitted = mean.shape[1] - latents
    return around(
        "offdiagonal_correlation",
        float((correlation**2).sum()) / pairs - 1 / (count - 1),
        standard_error(influence),
        within=(-1 / (count - 1), 1.0),
        n=count,
        unit="",
        definition="mean over pairs of latents of the squared correlation of posterior means, less its "
        f"expectation {1 / (count - 1):.3g} for independent latents"
        + (f", {omitted} constant latents left out" if omitted else ""),
    )


def varying(mean: Float[np.ndarray, "N D"]) -> np.ndarray:
    """Which latents take more than one value, (D,) booleans."""
    return np.ptp(mean, axis=0) > 0


def _aggregate_mean_norm(codes: CodesLike) -> Result:
    points, _ = code_arrays(codes, rows=2)
    count = len(points)
    center = points.mean(axis=0)
    covariance = np.atleast_2d(np.cov(points, rowvar=False))
    square = float(center @ center - np.trace(covariance) / count)
    # Variance of the squared length as a U-statistic; the first part alone would vanish where the mean does.
    noise = 2 * float((covariance**2).sum()) / count**2
    error = math.sqrt(max(4 * float(center @ covariance @ center) / count - noise, noise))
    value, low, high = (math.sqrt(max(0.0, square + shift * error)) for shift in (0, -Z95, Z95))
    return Result(
        name="aggregate_mean_norm",
        value=value,
        low=low,
        high=high,
        n=count,
        unit="latent units",
        definition="Euclidean norm of the mean of the aggregate posterior, the sampling noise taken off its "
        "square (0 where that is negative)",
    )


def _aggregate_variance(codes: CodesLike) -> Result:
    mean, logvar = code_arrays(codes, rows=2)
    values = (mean - mean.mean(axis=0)) ** 2 * (len(mean) / (len(mean) - 1))
    if logvar is not None:
        values += np.exp(logvar)
    return mean_result(
        "aggregate_variance",
        values.mean(axis=1),
        unit="squared latent units",
        definition=f"variance of the {_kind(logvar)}, averaged over latents",
    )


def _aggregate_wasserstein(codes: CodesLike) -> Result:
    mean, logvar = code_arrays(codes, rows=2)
    count, latents = mean.shape
    center, covariance = aggregate_covariance(codes)
    # A covariance of rank below D has eigenvalues that rounding may put under 0.
    std = np.sqrt(np.clip(np.linalg.eigvalsh(covariance), 0.0, None))
    floor = math.sqrt((latents + latents * (latents + 1) / 4) / count)
    return Result(
        name="aggregate_wasserstein",
        value=math.sqrt(float(center @ center + ((std - 1) ** 2).sum())),
        low=None,
        high=None,
        n=count,
        unit="latent units",
        definition=f"2-Wasserstein distance between N(0, I) and the Gaussian with mean and covariance of the "
        f"{_kind(logvar)} (as many draws from N(0, I) would score about {floor:.3g})",
    )


def _kind(logvar: np.ndarray | None) -> str:
    return "codes as points" if logvar is None else "aggregate posterior, Cov(mean) + diag(E var)"


def _count(selected: np.ndarray) -> float:
    return float(np.count_nonzero(selected))
