"""How probable a model finds data: the evidence lower bound, and the tighter bound by importance sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from zscape.base import CodesLike, Result, code_arrays
from zscape.checks import check_whole
from zscape.estimates import mean_result

LogProb = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""log p(x | z) in nats: data (B, *shape) and float64 codes (B, D) to (B,)."""


def kl_per_sample(codes: CodesLike) -> Float[np.ndarray, "N"]:
    """Divergence of each posterior from N(0, I), in nats: sum of (mean^2 + var - 1 - log var) / 2.

    Null: 0 for a posterior equal to the prior. Cost: O(N D).

    >>> kl_per_sample((np.array([[3.0, 0.0]]), np.zeros((1, 2))))
    array([4.5])

    Raises:
        ValueError: If the codes have no log variances, or are not finite arrays (N, D) with at least one row.
    """
    mean, logvar = _posterior(codes, "kl_per_sample")
    return 0.5 * (mean**2 + np.expm1(logvar) - logvar).sum(axis=1)


def log_likelihood_per_sample(
    x: np.ndarray, codes: CodesLike, log_prob: LogProb, *, samples: int = 1, seed: int = 0, batch: int = 1024
) -> Float[np.ndarray, "N"]:
    """Mean of log p(x|z) over draws from the posterior of each sample, in nats: reconstruction alone.

    Codes without log variances are points; log p(x|z) is taken at them, once. Bias: none, for any number of
    samples. Cost: `samples` evaluations of log_prob per row.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x, or its code.
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior; those of `elbo_per_sample` with this seed and batch.
        seed: Of the draws.
        batch: Rows given to log_prob at once.

    Raises:
        ValueError: If codes have another length than x, if log_prob returns another shape, NaN or +infinity,
            or if samples or batch is < 1.
    """
    mean, logvar = code_arrays(codes)
    total = np.zeros(len(x))
    if logvar is None:
        _check_draws(x, mean, samples, seed, batch)
        for rows in _batches(len(x), batch):
            total[rows] = _checked(log_prob(x[rows], mean[rows]), len(mean[rows]))
        return total
    for log_px, _ in _draws(x, (mean, logvar), log_prob, samples=samples, seed=seed, batch=batch):
        total += log_px
    return total / samples


def elbo_per_sample(
    x: np.ndarray, codes: CodesLike, log_prob: LogProb, *, samples: int = 1, seed: int = 0, batch: int = 1024
) -> Float[np.ndarray, "N"]:
    """Evidence lower bound of each sample, in nats; `elbo` is its mean.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x: a table with log variances, or a pair (mean, logvar).
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior.
        seed: Of the draws.
        batch: Rows given to log_prob at once.

    Raises:
        ValueError: As `elbo`, but for samples of probability 0, whose bound is -infinity.
    """
    total = np.zeros(len(x))
    for log_px, _ in _draws(x, codes, log_prob, samples=samples, seed=seed, batch=batch):
        total += log_px
    return total / samples - kl_per_sample(codes)


def elbo(
    x: np.ndarray, codes: CodesLike, log_prob: LogProb, *, samples: int = 1, seed: int = 0, batch: int = 1024
) -> Result:
    """Evidence lower bound on log p(x): E log p(x|z) over draws from the posterior, minus the closed-form KL.

    The negative of the usual training loss. Null: log p(x) where every posterior is the true one.
    Bias as an estimate of the bound: none, for any number of samples.
    Cost: `samples` evaluations of log_prob per row; O(N + batch * D) memory.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x: a table with log variances, or a pair (mean, logvar).
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior.
        seed: Of the draws. They do not depend on `batch`, and fewer samples are the first of more.
        batch: Rows given to log_prob at once.

    Returns:
        Nats per sample; the interval is normal over rows and covers the choice of rows and the draws.

    Raises:
        ValueError: If codes have no log variances or another length than x, if log_prob returns another
            shape, NaN or +infinity, or if samples or batch is < 1.
    """
    values = elbo_per_sample(x, codes, log_prob, samples=samples, seed=seed, batch=batch)
    return _elbo_result(values, samples, seed)


def importance_bound_per_sample(
    x: np.ndarray,
    codes: CodesLike,
    log_prob: LogProb,
    *,
    samples: int = 100,
    seed: int = 0,
    batch: int = 1024,
) -> Float[np.ndarray, "N"]:
    """Importance-weighted bound on log p(x) of each sample, in nats; `importance_bound` is its mean.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x: a table with log variances, or a pair (mean, logvar).
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior.
        seed: Of the draws.
        batch: Rows given to log_prob at once.

    Raises:
        ValueError: As `importance_bound`, but for samples of probability 0, whose bound is -infinity.
    """
    total = np.full(len(x), -np.inf)
    for log_px, log_ratio in _draws(x, codes, log_prob, samples=samples, seed=seed, batch=batch):
        np.logaddexp(total, log_px + log_ratio, out=total)
    return total - math.log(samples)


def importance_bound(
    x: np.ndarray,
    codes: CodesLike,
    log_prob: LogProb,
    *,
    samples: int = 100,
    seed: int = 0,
    batch: int = 1024,
) -> Result:
    r"""Lower bound on log p(x) by importance sampling from the posterior.

    .. math:: \log \frac{1}{K} \sum_{k=1}^{K} \frac{p(x | z_k) p(z_k)}{q(z_k | x)}, \quad z_k \sim q(z | x)

    Null: log p(x), without variance, where every posterior is the true one. Bias: low in expectation; less
    with more samples, none in the limit. One sample estimates the evidence lower bound.
    Cost: `samples` evaluations of log_prob per row; O(N + batch * D) memory, whatever `samples` is.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x: a table with log variances, or a pair (mean, logvar).
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior, K.
        seed: Of the draws. They do not depend on `batch`, and fewer samples are the first of more.
        batch: Rows given to log_prob at once.

    Returns:
        Nats per sample; the interval is normal over rows and covers the choice of rows, not the bias.

    Raises:
        ValueError: If codes have no log variances or another length than x, if log_prob returns another
            shape, NaN or +infinity, or if samples or batch is < 1.

    References:
        Burda et al., Importance Weighted Autoencoders, ICLR 2016. Differs in: nothing.
    """
    values = importance_bound_per_sample(x, codes, log_prob, samples=samples, seed=seed, batch=batch)
    return _importance_result(values, samples, seed)


def bounds(
    x: np.ndarray,
    codes: CodesLike,
    log_prob: LogProb,
    *,
    samples: int = 100,
    seed: int = 0,
    batch: int = 1024,
) -> list[Result]:
    """`elbo` and `importance_bound` from the same draws: one pass, and two numbers that can be compared.

    Args:
        x: Data, (N, *shape).
        codes: Posterior of each row of x: a table with log variances, or a pair (mean, logvar).
        log_prob: log p(x | z); see `LogProb`.
        samples: Draws from each posterior.
        seed: Of the draws.
        batch: Rows given to log_prob at once.

    Raises:
        ValueError: As `importance_bound`.
    """
    likelihood, weight = np.zeros(len(x)), np.full(len(x), -np.inf)
    for log_px, log_ratio in _draws(x, codes, log_prob, samples=samples, seed=seed, batch=batch):
        likelihood += log_px
        np.logaddexp(weight, log_px + log_ratio, out=weight)
    return [
        _elbo_result(likelihood / samples - kl_per_sample(codes), samples, seed),
        _importance_result(weight - math.log(samples), samples, seed),
    ]


def _elbo_result(values: np.ndarray, samples: int, seed: int) -> Result:
    return mean_result(
        "elbo",
        _finite_rows(values, "elbo"),
        unit="nats",
        definition="mean of log p(x|z) over draws from q(z|x), minus KL(q(z|x), N(0, I)) in closed form, "
        f"mean over samples, draws per sample: {samples}",
        seed=seed,
    )


def _importance_result(values: np.ndarray, samples: int, seed: int) -> Result:
    return mean_result(
        "importance_bound",
        _finite_rows(values, "importance_bound"),
        unit="nats",
        definition="log of the mean of p(x|z) p(z) / q(z|x) over draws from q(z|x), a lower bound on log "
        f"p(x), mean over samples, draws per sample: {samples}",
        seed=seed,
    )


def _draws(
    x: np.ndarray, codes: CodesLike, log_prob: LogProb, *, samples: int, seed: int, batch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each draw of one code per row: log p(x|z) and log p(z) - log q(z|x), both (N,)."""
    mean, logvar = _posterior(codes, "a bound on log p(x)")
    _check_draws(x, mean, samples, seed, batch)
    random = np.random.default_rng(seed)
    std = np.exp(0.5 * logvar)
    log_scale = 0.5 * logvar.sum(axis=1)
    for _ in range(samples):
        log_px, log_ratio = np.empty(len(x)), np.empty(len(x))
        for rows in _batches(len(x), batch):
            noise = random.standard_normal(mean[rows].shape)
            z = mean[rows] + std[rows] * noise
            log_px[rows] = _checked(log_prob(x[rows], z), len(z))
            # The constants of both Gaussians cancel, and (z - mean) / std is the noise itself.
            log_ratio[rows] = log_scale[rows] + 0.5 * (noise**2 - z**2).sum(axis=1)
        yield log_px, log_ratio


def _check_draws(x: np.ndarray, mean: np.ndarray, samples: int, seed: int, batch: int) -> None:
    if len(x) != len(mean):
        raise ValueError(f"x and codes need one row a sample each, but got {len(x)} and {len(mean)} rows")
    if samples < 1 or batch < 1:
        raise ValueError(f"a bound needs samples >= 1 and batch >= 1, but got {samples} and {batch}")
    check_whole("seed", seed)


def _batches(count: int, batch: int) -> Iterator[slice]:
    return (slice(start, start + batch) for start in range(0, count, batch))


def _posterior(codes: CodesLike, owner: str) -> tuple[np.ndarray, np.ndarray]:
    mean, logvar = code_arrays(codes)
    if logvar is None:
        raise ValueError(
            f"{owner} needs codes with log variances, but these have none; give a pair (mean, logvar) or "
            "the codes of a stochastic encoder"
        )
    return mean, logvar


def _checked(values: np.ndarray, rows: int) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (rows,):
        raise ValueError(
            f"log_prob needs to return one number a row, shape ({rows},), but returned shape "
            f"{values.shape}; sum over features, not over the batch"
        )
    if np.isnan(values).any() or np.isposinf(values).any():
        raise ValueError(
            "log_prob needs to return finite numbers or -infinity, but returned NaN or +infinity"
        )
    return values


def _finite_rows(values: np.ndarray, name: str) -> np.ndarray:
    infinite = np.isneginf(values)
    if infinite.any():
        raise ValueError(
            f"{name} needs samples that the model can produce, but {infinite.sum()} of {len(values)} have "
            f"probability 0 under every draw (first: row {infinite.argmax()}); check the range of the data"
        )
    return values
