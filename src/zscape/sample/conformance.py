"""What every density must do, as a check that a user's own density can be put to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zscape.base import Density

_COUNT = 2000


def check_density(density: Density, dimension: int) -> None:
    """Raise an error that says what a density does wrong; return nothing when it does all right.

    Checked: shape, dtype and finiteness of draws and log densities; the same draws for the same seed and
    others for another; no argument changed; each row's log density independent of the other rows; a clear
    refusal of counts below 1 and of codes of another dimension; and that log densities integrate to 1, by
    importance sampling from a wider Gaussian, where that tells (which it stops to do when the dimension is
    high or the density is in small pieces).

    >>> from zscape.sample import StandardNormal
    >>> check_density(StandardNormal(3), 3)

    Args:
        density: The density, fitted.
        dimension: Number of latents, D, that it should have.

    Raises:
        ValueError: At the first thing that is wrong.
    """
    owner = type(density).__name__
    z = density.sample(_COUNT, seed=0)
    _check_array(f"{owner}.sample({_COUNT})", z, (_COUNT, dimension))
    _check_array(f"{owner}.sample(1)", density.sample(1, seed=0), (1, dimension))
    _require(
        np.array_equal(z, density.sample(_COUNT, seed=0)), f"{owner}.sample must repeat for the same seed"
    )
    _require(
        not np.array_equal(z, density.sample(_COUNT, seed=1)),
        f"{owner}.sample must differ for different seeds",
    )
    given = z.copy()
    values = density.log_prob(given)
    _check_array(f"{owner}.log_prob", values, (_COUNT,))
    _require(np.array_equal(given, z), f"{owner}.log_prob must not change its argument")
    _require(
        np.allclose(density.log_prob(z[:7][::-1]), values[:7][::-1], rtol=1e-9, atol=1e-9),
        f"{owner}.log_prob must give each row the same value whatever rows are beside it",
    )
    _require(_refuses(lambda: density.sample(0)), f"{owner}.sample(0) must raise ValueError")
    wrong = np.zeros((2, dimension + 1))
    _require(
        _refuses(lambda: density.log_prob(wrong)),
        f"{owner}.log_prob must raise ValueError for {wrong.shape[1]} latents",
    )
    _check_integral(density, owner, z)


def _check_integral(density: Density, owner: str, z: np.ndarray) -> None:
    center, covariance = z.mean(axis=0), 1.5 * np.atleast_2d(np.cov(z, rowvar=False))
    factor = np.linalg.cholesky(covariance + 1e-9 * covariance.trace() * np.eye(len(covariance)))
    noise = np.random.default_rng(0).standard_normal(z.shape)
    log_proposal = -0.5 * (noise**2).sum(axis=1) - np.log(factor.diagonal() * np.sqrt(2 * np.pi)).sum()
    log_weights = density.log_prob(center + noise @ factor.T) - log_proposal
    shift = log_weights.max()
    weights = np.exp(log_weights - shift)
    # With few effective draws the mean weight says nothing about the integral.
    if weights.sum() ** 2 / (weights**2).sum() < 0.1 * _COUNT:
        return
    relative_error = weights.std() / weights.mean() / np.sqrt(_COUNT)
    log_integral = shift + np.log(weights.mean())
    _require(
        bool(abs(log_integral) <= 5 * relative_error + 0.01),
        f"{owner}.log_prob must be the log of a density that integrates to 1, but it integrates to about "
        f"{np.exp(log_integral):.4g}",
    )


def _refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except ValueError:
        return True
    return False


def _check_array(what: str, values: object, shape: tuple[int, ...]) -> None:
    right = isinstance(values, np.ndarray) and values.shape == shape and values.dtype == np.float64
    _require(
        right,
        f"{what} must return a float64 array of shape {shape}, but returned "
        f"{getattr(values, 'dtype', type(values).__name__)} {getattr(values, 'shape', '')}",
    )
    _require(bool(np.isfinite(np.asarray(values)).all()), f"{what} must return finite numbers")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
