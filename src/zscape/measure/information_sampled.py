"""Mutual information of stochastic codes with factors by Monte Carlo, as published with the metric MIG."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from zscape.base import CodesLike
from zscape.checks import check_whole
from zscape.measure import _histograms
from zscape.measure.information import Information, chosen_rows, entropies_of

# Numbers of one block of (draws, rows).
_BLOCK = 1 << 18
# Of larger log variances, or smaller ones, float64 does not hold the standard deviation or its inverse.
_WIDEST = 1400.0


def sampled_information(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    draws: int = 10_000,
    weights: np.ndarray | None = None,
    seed: int = 0,
) -> Information:
    r"""Mutual information of latents as sampled with factors, by Monte Carlo over draws from posteriors.

    .. math:: I(z_j; v_k) = \frac{1}{S} \sum_s \log \frac{q(z_{sj} | v_{sk})}{q(z_{sj})}, \quad
        q(z_j | v) = \frac{1}{N_v} \sum_{n: v_n = v} N(z_j; \mu_{nj}, \sigma_{nj}^2)

    with rows drawn at random and z_s drawn from their posteriors; both densities are sums over all rows, the
    one drawn from among them. It estimates what `aggregate_information` computes without draws, uncorrected,
    and is here to compare with published numbers.

    Null: above 0 in expectation. Bias: that of finitely many rows stays, as in `aggregate_information`;
    posteriors so narrow that no two rows meet give the entropy of the factor, whatever they encode.
    Intervals of scores cover the draws, not the choice of the rows.
    Unchanged by scaling or shifting a latent with its deviations, and by relabelling classes.
    Cost: O(S N D (1 + sum 1 / K)) time: a minute for 10,000 draws and rows of 10 latents; O(N D) memory.

    Args:
        codes: A table or a pair (mean, logvar), N >= 2.
        factors: Whole numbers, each (N,), in any combinations. Constant ones are left out with a warning.
        draws: S, two or more.
        weights: (N,) weights of the rows, by which they are drawn and counted; equal if not given.
        seed: Of the draws.

    Raises:
        TypeError: If `draws` or `seed` is no whole number.
        ValueError: If codes have no log variances, or one beyond +-1,400, or codes, factors or weights are
            not as described.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018. Differs in: all
        factors that vary are used, with their empirical entropy.
    """
    check_whole("draws", draws, least=2)
    check_whole("seed", seed)
    rows = _histograms.rows_of(codes, factors, weights, "sampled_information")
    if rows.logvar is None:
        raise ValueError(
            "sampled_information needs log variances, but these codes are points; take histogram_information"
        )
    if np.abs(rows.logvar).max() > _WIDEST:
        raise ValueError(
            f"sampled_information needs log variances from -{_WIDEST:,.0f} to {_WIDEST:,.0f}, but these lie "
            f"from {rows.logvar.min():g} to {rows.logvar.max():g}; train again, or clip them"
        )
    random = np.random.default_rng(seed)
    count, latents = rows.mean.shape
    shares = None if rows.weights is None else rows.weights / rows.weights.sum()
    drawn = random.choice(count, size=draws, p=shares)
    std = np.exp(rows.logvar[drawn] / 2)
    z = rows.mean[drawn] + std * random.standard_normal((draws, latents))
    columns = list(rows.factors.values())
    values = np.empty((draws, latents, len(columns)))
    for latent in range(latents):
        values[:, latent] = _pointwise(rows, latent, z[:, latent], drawn)
    matrix = values.mean(axis=0)
    totals = [
        np.bincount(column, rows.weights, size) for column, size in zip(columns, rows.sizes, strict=True)
    ]
    some = chosen_rows(draws, latents * len(columns))
    # They rest on all rows, not on the draws, and so have no part in the error of these.
    entropies, _ = entropies_of(rows, drawn[some], totals, False)
    return Information(
        matrix=matrix,
        entropies=entropies,
        names=tuple(rows.factors),
        n=draws,
        estimator="mc",
        corrected=False,
        definition=f"mutual information of latents as sampled, by {draws:,} draws from the posteriors of "
        f"{count:,} rows",
        influence=(values[some] - matrix).astype(np.float32),
        surprisal=np.zeros((len(some), len(columns)), np.float32),
        seed=seed,
    )


def _pointwise(
    rows: _histograms.Rows, latent: int, z: np.ndarray, drawn: np.ndarray
) -> Float[np.ndarray, "S F"]:
    """log q(z | v) / q(z) of each draw and factor."""
    logvar = rows.logvar[:, latent]  # type: ignore[index] (checked before)
    weights = np.ones(len(logvar)) if rows.weights is None else rows.weights
    parts = rows.mean[:, latent], logvar, np.log(weights)
    whole = _log_density(z, *parts)
    found = np.empty((len(z), len(rows.factors)))
    for factor, (column, size) in enumerate(zip(rows.factors.values(), rows.sizes, strict=True)):
        for value in range(size):
            asked, members = column[drawn] == value, column == value
            if asked.any():
                found[asked, factor] = (
                    _log_density(z[asked], *(part[members] for part in parts)) - whole[asked]
                )
    return found


def _log_density(
    z: np.ndarray, mean: np.ndarray, logvar: np.ndarray, logweight: np.ndarray
) -> Float[np.ndarray, "S"]:
    """Log of the weighted mean of normal densities, without the factor (2 pi)^-1/2."""
    height = logweight - logvar / 2
    scale = np.exp(-logvar / 2) * math.sqrt(0.5)
    found = np.empty(len(z))
    step = max(_BLOCK // len(mean), 1)
    for start in range(0, len(z), step):
        logs = z[start : start + step, None] - mean
        with np.errstate(over="ignore"):
            # What is too far away for float64 adds nothing.
            logs *= scale
            np.square(logs, out=logs)
        np.subtract(height, logs, out=logs)
        highest = logs.max(axis=1, keepdims=True)
        logs -= highest
        np.exp(logs, out=logs)
        found[start : start + step] = highest[:, 0] + np.log(logs.sum(axis=1))
    return found - np.log(np.exp(logweight).sum())
