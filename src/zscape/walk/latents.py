"""Latents one by one: which are in use, how much they carry, and where their codes lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Num
from scipy.optimize import root_scalar
from scipy.special import ndtr, ndtri

from zscape.base import CodesLike, code_arrays

# Of the range in which a quantile is looked for: no picture shows less.
_FINEST = 1e-9
# Numbers worked on in one go, so that memory does not grow with the rows.
_AT_ONCE = 1 << 20


def latent_name(latent: int) -> str:
    """What a latent is called in figures and files, from z1 on.

    >>> latent_name(0)
    'z1'
    """
    return f"z{latent + 1}"


def latent_kl(codes: CodesLike) -> Float[np.ndarray, "D"]:
    r"""What each latent carries, in nats: its KL to the prior, a mean over samples.

    .. math:: \frac{1}{N} \sum_n \tfrac{1}{2} (\mu_{nd}^2 + \sigma_{nd}^2 - 1 - \log \sigma_{nd}^2)

    The sum over latents is the KL of the objective.

    Null: 0 for a latent whose posterior is always N(0, 1). Bias: none. Cost: O(N D).

    >>> latent_kl((np.array([[0.0, 2.0]]), np.zeros((1, 2))))
    array([0., 2.])

    Args:
        codes: A table of a stochastic encoder, or a pair (mean, logvar) of one row or more.

    Raises:
        ValueError: If the codes have no log variances.
    """
    mean, logvar = code_arrays(codes)
    if logvar is None:
        raise ValueError(
            "latent_kl needs codes with log variances, but these are points; order points by their variance, "
            "as ranked does"
        )
    total = np.zeros(mean.shape[1])
    step = max(_AT_ONCE // len(total), 1)
    for first in range(0, len(mean), step):
        some, log = mean[first : first + step], logvar[first : first + step]
        total += (some**2 + _variances(log) - 1 - log).sum(axis=0)
    return 0.5 * total / len(mean)


def active(codes: CodesLike, *, threshold: float = 0.01) -> Bool[np.ndarray, "D"]:
    """Which latents are in use: those whose mean has a variance above the threshold over the samples.

    Cost: O(N D).

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.
        threshold: In squared latent units. Must be >= 0.

    Raises:
        ValueError: If there are fewer than two rows or the threshold is negative.

    References:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016. Differs in: nothing.
    """
    if not threshold >= 0:
        raise ValueError(f"active needs threshold >= 0, but got {threshold}")
    mean, _ = code_arrays(codes, rows=2)
    return mean.var(axis=0, ddof=1) > threshold


def ranked(
    codes: CodesLike, *, importance: Num[np.ndarray, "D"] | None = None, threshold: float = 0.01
) -> Int[np.ndarray, "L"]:
    """The latents in use, most important first; of equals, the first first.

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar).
        importance: A number a latent, such as its mutual information with a factor. If not given, its KL, or
            of points its variance.
        threshold: Of `active`.

    Raises:
        ValueError: If there are fewer than two rows, or importance is not a finite number a latent.
    """
    mean, logvar = code_arrays(codes, rows=2)
    used = np.flatnonzero(active(mean, threshold=threshold))
    if importance is None:
        importance = mean.var(axis=0) if logvar is None else latent_kl((mean, logvar))
    importance = np.asarray(importance)
    if importance.shape != mean.shape[1:] or not np.isfinite(importance).all():
        raise ValueError(
            f"ranked needs a finite importance for each of {mean.shape[1]} latents, but got {importance}"
        )
    return used[np.argsort(-importance[used], kind="stable")]


def aggregate_quantiles(
    codes: CodesLike, quantiles: Sequence[float], *, latents: Sequence[int] | np.ndarray | None = None
) -> Float[np.ndarray, "L Q"]:
    r"""Quantiles of the aggregate posterior, latent by latent: between them lie the codes of the data.

    With log variances each latent is a mixture of N Gaussians, and t is found at which

    .. math:: \frac{1}{N} \sum_n \Phi\left(\frac{t - \mu_{nd}}{\sigma_{nd}}\right) = q

    to a billionth of the range; points are taken as they are, with linear interpolation between them.

    Cost: O(N) for each latent and quantile, about ten evaluations of the sum.

    >>> aggregate_quantiles((np.zeros((1, 1)), np.zeros((1, 1))), (0.025, 0.5, 0.975)).round(2)
    array([[-1.96,  0.  ,  1.96]])

    Args:
        codes: A table, an array (N, D) of one row or more, or a pair (mean, logvar).
        quantiles: Each above 0 and below 1.
        latents: Latents that are asked for, from 0; all if not given.

    Raises:
        ValueError: If a quantile is not between 0 and 1, or a latent is not there.
    """
    if not all(0 < quantile < 1 for quantile in quantiles):
        raise ValueError(f"quantiles need to lie above 0 and below 1, but got {list(quantiles)}")
    mean, logvar = code_arrays(codes)
    chosen = checked_latents(latents, mean.shape[1])
    if logvar is None:
        return np.quantile(mean[:, chosen], list(quantiles), axis=0).T
    std = np.sqrt(_variances(logvar[:, chosen]))
    found = [
        [_mixture_quantile(mean[:, latent], std[:, place], quantile) for quantile in quantiles]
        for place, latent in enumerate(chosen)
    ]
    return np.array(found, dtype=np.float64).reshape(len(chosen), len(quantiles))


def checked_latents(latents: Sequence[int] | np.ndarray | None, dimension: int) -> Int[np.ndarray, "L"]:
    """Latents as an array, checked; all of them if none are given.

    Raises:
        ValueError: If one is not a whole number from 0 to dimension - 1, or stands twice.
    """
    if latents is None:
        return np.arange(dimension)
    array = np.asarray(latents)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iu":
        raise ValueError(f"latents need to be one or more whole numbers, but got {latents!r}")
    strange = array[(array < 0) | (array >= dimension)]
    if len(strange):
        raise ValueError(f"these codes have latents 0 to {dimension - 1}, but got {strange[0]}")
    if len(np.unique(array)) < len(array):
        raise ValueError(f"latents need to differ, but got {array.tolist()}")
    return array.astype(np.int64)


def _mixture_quantile(mean: np.ndarray, std: np.ndarray, quantile: float) -> float:
    """Where the distribution function of Gaussians of equal weight is `quantile`."""
    # Left of the least of their own quantiles each is below it, right of the largest each is above.
    own = mean + std * ndtri(quantile)
    low, high = float(own.min()), float(own.max())
    width = high - low
    # A posterior without width is a step, at which the quotient would be 0 / 0.
    std = np.maximum(std, _FINEST * width)

    def above(value: float) -> float:
        return float(ndtr((value - mean) / std).mean()) - quantile

    # Of Gaussians that are all alike to rounding, the sum may lie on the wrong side of the quantile.
    if width == 0 or above(low) >= 0:
        return low
    if above(high) <= 0:
        return high
    found = root_scalar(above, bracket=(low, high), method="brentq", xtol=_FINEST * width)
    return float(found.root)


def _variances(logvar: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    with np.errstate(over="ignore"):
        variances = np.exp(logvar)
    if not np.isfinite(variances).all():
        raise ValueError(
            f"log variances need to be below 709, the largest that float64 holds, but got {logvar.max():g}; "
            "train again"
        )
    return variances
