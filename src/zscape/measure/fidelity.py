"""How near a generated set comes to real data: distances of distributions, shared support, memorisation.

Sets are arrays (N, *shape), such as pictures or features, of which each sample is read as one row, or codes;
`real` and `generated` may differ in size. Names of results say neighbours, ties, features and V-statistics
where these are not the default; a bandwidth stands in the definition alone. Pairs are visited in blocks: no N
by N matrix is ever held.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from zscape import energy
from zscape.base import CodesLike, Result
from zscape.checks import check_number, check_whole
from zscape.estimates import Z95, around, mean_result, standard_error
from zscape.measure._kernels import Bandwidth, bandwidth_of, cross_means, named, own_means, seed_of
from zscape.measure._neighbours import balls, kth_squared_distances
from zscape.measure._rows import float_blocks, rows_of, two_sets

Features = Callable[[np.ndarray], np.ndarray]
# As published.
_NEIGHBOURS = 5


def energy_distance(
    real: CodesLike, generated: CodesLike, *, smoothing: float = 0.0, unbiased: bool = True
) -> Result:
    r"""Squared energy distance between two sets, as `zscape.energy` defines it.

    .. math:: E\, h(X - Y) - \tfrac12 E\, h(X - X') - \tfrac12 E\, h(Y - Y'),
        \quad h(v) = \sqrt{\lVert v \rVert^2 + a^2} - a

    This is half of scipy's and of Székely and Rizzo's. By default the U-statistic: pairs of a sample with
    itself are left out, as the sets are samples of two distributions. Otherwise the V-statistic, which is the
    distance of the two sets themselves, as for points chosen by `quantize`.

    The interval, of the U-statistic only, is by the jackknife over both sets, and reaches up to 0 at least,
    which the truth is never below. It is on the wide side where the distributions are equal.

    Null: expectation 0 for equal distributions, and it can be negative (U); 0 for equal sets (V). Bias: none
    (U); high by E h(X - X') / 2N + E h(Y - Y') / 2M (V).
    Cost: O((N + M)^2 F) time, O((N + M) F) memory.

    >>> energy_distance(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]), unbiased=False).value
    0.5

    Args:
        real: Array (N, *shape), or codes.
        generated: Array (M, *shape) with as many features, or codes.
        smoothing: a above, in data units.
        unbiased: The U-statistic, which needs N, M >= 2.

    Returns:
        `energy_distance`, or `energy_distance_v` for the V-statistic.

    Raises:
        TypeError: If smoothing is no number.
        ValueError: If the sets are malformed or of different features, too small, or smoothing < 0.
    """
    check_number("smoothing", smoothing, least=0)
    x, y = (rows.astype(np.float64, copy=False) for rows in two_sets(real, generated, least=1 + unbiased))
    first, second = energy.Cloud(x, smoothing=smoothing), energy.Cloud(y, smoothing=smoothing)
    pairs = [len(rows) - 1 if unbiased else len(rows) for rows in (x, y)]
    own = [cloud.own_potential() * (len(cloud) / n) for cloud, n in zip((first, second), pairs, strict=True)]
    across = second.potential(x), first.potential(y)
    value = float(across[0].mean() - own[0].mean() / 2 - own[1].mean() / 2)
    error = _joint_error(across[0] - own[0], across[1] - own[1]) if unbiased else None
    kind = "U-statistic, expectation 0 for equal distributions" if unbiased else "V-statistic"
    result = around(
        "energy_distance" if unbiased else "energy_distance_v",
        value,
        error,
        n=len(y),
        unit="data units",
        definition="squared energy distance E h(X - Y) - E h(X - X')/2 - E h(Y - Y')/2 with smoothing "
        f"{smoothing:g} ({kind}), {_sizes(x, y)}",
    )
    return _reaching_zero(result)


def mmd(
    real: CodesLike,
    generated: CodesLike,
    *,
    bandwidth: Bandwidth = "median",
    unbiased: bool = True,
    seed: int = 0,
) -> Result:
    r"""Squared maximum mean discrepancy between two sets, Gaussian kernel of standard deviation s.

    .. math:: E\, k(X, X') + E\, k(Y, Y') - 2 E\, k(X, Y), \quad k(x, y) = e^{-\lVert x - y \rVert^2 / 2 s^2}

    By default the U-statistic; otherwise the V-statistic, pairs of a sample with itself included. The
    interval, of the U-statistic only, is by the jackknife over both sets and reaches up to 0 at least, which
    the truth is never below; on the wide side where the distributions are equal. It takes the bandwidth as
    given.

    Null: expectation 0 for equal distributions, and it can be negative (U); 0 for equal sets (V). Bias: none
    (U) for a bandwidth given as a number; high by (1 - E k(X, X')) / N + (1 - E k(Y, Y')) / M (V).
    Unchanged by scale with bandwidth "median", which follows both sets: two samplers are measured by two
    kernels. To compare them, pass one number to both, such as `median_distance(real)`.
    Cost: O((N + M)^2 F) time, O((N + M) F) memory.

    Args:
        real: Array (N, *shape), or codes.
        generated: Array (M, *shape) with as many features, or codes.
        bandwidth: s: a number in data units, "median" (of the distances between samples of both sets that
            differ, at most 2,000 of them chosen by `seed`) or "dimension" (the root of the number of
            features). The term `zscape.terms.mmd` has functions of these names.
        unbiased: The U-statistic, which needs N, M >= 2.
        seed: Of the samples for the median.

    Returns:
        `mmd`, or `mmd_v` for the V-statistic.

    Raises:
        TypeError: If bandwidth or seed is of another type.
        ValueError: If the sets are malformed or of different features, too small, the bandwidth is neither a
            name nor a number > 0, or seed < 0.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012.
    """
    x, y = two_sets(real, generated, least=1 + unbiased)
    std = bandwidth_of(bandwidth, x, y, seed=seed)
    own = own_means(x, std) if len(x) > 1 else np.zeros(1), own_means(y, std) if len(y) > 1 else np.zeros(1)
    if not unbiased:
        own = tuple((means * (len(means) - 1) + 1) / len(means) for means in own)
    across = cross_means(x, y, std)
    error = _joint_error(2 * (own[0] - across[0]), 2 * (own[1] - across[1])) if unbiased else None
    kind = "U-statistic, expectation 0 for equal distributions" if unbiased else "V-statistic"
    result = around(
        "mmd" if unbiased else "mmd_v",
        float(own[0].mean() + own[1].mean() - 2 * across[0].mean()),
        error,
        n=len(y),
        unit="",
        definition=f"squared maximum mean discrepancy, Gaussian kernel, {named(bandwidth, std)} ({kind}), "
        f"{_sizes(x, y)}",
        seed=seed_of(bandwidth, len(x) + len(y), seed),
    )
    return _reaching_zero(result)


def prdc(
    real: CodesLike, generated: CodesLike, *, neighbours: int = _NEIGHBOURS, ties: Literal["lt", "le"] = "lt"
) -> list[Result]:
    r"""Precision, recall, density and coverage: how two sets share their support.

    Around each sample lies a ball whose radius is the distance to its k-th nearest neighbour in its own set,
    itself left out.

    - `precision`: share of generated samples in a ball of some real one. Low when pictures are bad.
    - `recall`: share of real samples in a ball of some generated one. Low when something is left out.
    - `density`: number of real balls that hold a generated sample, over k, averaged; steadier than precision
      against outliers among the real. May exceed 1.
    - `coverage`: share of real samples whose ball holds a generated one; steadier than recall.

    Exact: products in float32 with a bound on their rounding find the pairs that matter, differences in
    float64 decide them.

    Null: for equal distributions and sizes expectation 1 of density and :math:`1 - 2^{-k}` of coverage, in
    the limit; precision and recall have no such value. Bias: precision and recall grow with N, M and k;
    compare sets of one size. No intervals: the radii make the samples dependent.
    Cost: O((N + M)^2 F) time, about 2 N F numbers in float32 and blocks of memory.

    Args:
        real: Array (N, *shape), or codes.
        generated: Array (M, *shape) with as many features, or codes.
        neighbours: k. Needs N, M > k.
        ties: Whether a ball is open ("lt", as published) or holds its boundary ("le"); matters for
            duplicates and data on a grid. Samples with k duplicates or more have an open ball that is empty;
            a warning says how many there are.

    Returns:
        The four in this order; names end in `_k3` for three neighbours, and in `_le` for closed balls.

    Raises:
        TypeError: If neighbours is no whole number.
        ValueError: If the sets are malformed or of different features, have k samples or fewer, or ties is
            neither "lt" nor "le".

    References:
        Naeem et al., Reliable Fidelity and Diversity Metrics for Generative Models, ICML 2020.
        Kynkäänniemi et al., Improved Precision and Recall Metric, NeurIPS 2019.
    """
    check_whole("neighbours", neighbours, least=1)
    if ties not in ("lt", "le"):
        raise ValueError(f'prdc needs ties "lt" or "le", but got {ties!r}')
    x, y = two_sets(real, generated, least=neighbours + 1)
    radii, others = (kth_squared_distances(rows, rows, neighbours + 1) for rows in (x, y))
    _warn_of_duplicates(radii, others, neighbours)
    found = balls(x, y, real_limits=radii, generated_limits=others, closed=ties == "le")
    boundary = "open" if ties == "lt" else "closed"
    how = f"k = {neighbours}, ties {ties} ({boundary} balls), {_sizes(x, y)}"
    values = {
        "precision": (found.holding > 0, "generated samples in the ball of some real one", y),
        "recall": (found.recalled, "real samples in the ball of some generated one", x),
        "density": (
            found.holding / neighbours,
            "real balls around a generated sample, over k, their mean",
            y,
        ),
        "coverage": (found.covered, "real samples whose ball holds a generated one", x),
    }
    suffix = ("" if neighbours == _NEIGHBOURS else f"_k{neighbours}") + ("" if ties == "lt" else "_le")
    return [
        Result(name + suffix, float(each.mean()), None, None, len(rows), "", f"{what}, {how}", None)
        for name, (each, what, rows) in values.items()
    ]


def nearest_distances(real: CodesLike, generated: CodesLike) -> Float[np.ndarray, "M"]:
    """Euclidean distance of each generated sample to its nearest real one, exact.

    0 for a copy, and only for a copy. Cost: O(N M F) time; memory for one float32 copy of `real` and blocks.

    >>> nearest_distances(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([[3.0, 4.0], [9.0, 0.0]]))
    array([5., 0.])

    Args:
        real: Array (N, *shape), or codes.
        generated: Array (M, *shape) with as many features, or codes.

    Raises:
        ValueError: If the sets are malformed or of different features.
    """
    x, y = two_sets(real, generated)
    return np.sqrt(kth_squared_distances(y, x, 1))


def nearest_training_distance(real: CodesLike, generated: CodesLike) -> list[Result]:
    """How near generated samples come to the data they were learned from: a test for memorisation.

    - `nearest_training_distance`: mean Euclidean distance of a generated sample to its nearest real one; the
      definition gives the median of that distance between real samples. Null: 0 when all are copies.
    - `nearer_than_training`: share of generated samples no farther from a real one than that median. Null:
      about 1/2 for new draws from the distribution of the data; 1 for copies; near 0 for samples off it.

    Give as `real` what the model was trained on. Judge by the same share for held-out data, which differs
    from 1/2 where the data hold duplicates. The interval of the mean covers the choice of generated samples,
    that of the share the choice of both sets.

    Bias: none given `real`. Cost: O(N (N + M) F) time; memory for one float32 copy of `real` and blocks.

    Args:
        real: Array (N, *shape) with N >= 2, or codes.
        generated: Array (M, *shape) with as many features, or codes.

    Raises:
        ValueError: If the sets are malformed or of different features, or there is one real sample.
    """
    x, y = two_sets(real, generated)
    if len(x) < 2:
        raise ValueError(f"nearest_training_distance needs two real samples, but got {len(x)}")
    distances = np.sqrt(kth_squared_distances(y, x, 1))
    among_real = np.sqrt(kth_squared_distances(x, x, 2))
    typical = float(np.median(among_real))
    share, low, high = _share_up_to_median(distances, among_real)
    return [
        mean_result(
            "nearest_training_distance",
            distances,
            unit="data units",
            definition="Euclidean distance of a generated sample to the nearest real one, mean (between real "
            f"samples the median is {typical:.6g}), {_sizes(x, y)}",
        ),
        Result(
            name="nearer_than_training",
            value=share,
            low=low,
            high=high,
            n=len(y),
            unit="",
            definition=f"share of generated samples no farther from a real one than {typical:.6g}, the "
            f"median distance of a real sample to the nearest other (about 1/2 for new data), {_sizes(x, y)}",
        ),
    ]


def frechet_distance(
    real: CodesLike, generated: CodesLike, *, features: Features | None = None, batch: int = 256
) -> Result:
    r"""Squared Fréchet (2-Wasserstein) distance between Gaussians fitted to two sets.

    .. math:: \lVert m - m' \rVert^2 + \mathrm{tr}\big(C + C' - 2 (C^{1/2} C' C^{1/2})^{1/2}\big)

    with means and covariances (divisor N - 1) of the rows, or of what `features` makes of them; with the
    pooled features of Inception it is the FID. The trace comes from the eigenvalues of symmetric matrices.

    Null: 0 for equal sets. Bias: high; the definition gives, to first order, what two draws of these sizes
    from the Gaussian fitted to `real` would score, and there is no interval. Unchanged by rotation and shift.
    Cost: O((N + M) F^2 + F^3) time, O(F^2) memory beyond the data.

    Args:
        real: Array (N, *shape) with N >= 2, or codes.
        generated: Array (M, *shape), or codes.
        features: A function from a batch (B, *shape) to an array (B, F), such as a feature network; the
            samples themselves if not given. A set with no more samples than F has a covariance of lower
            rank: that raises a warning.
        batch: Samples given to `features` at once.

    Returns:
        `frechet_distance`, or `frechet_distance_of_features`.

    Raises:
        TypeError: If batch is no whole number.
        ValueError: If the sets are malformed, of different features or of one sample, batch < 1, or
            `features` gives anything but one finite row a sample.

    References:
        Dowson and Landau, The Fréchet distance between multivariate normal distributions, 1982. Heusel et
        al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017 (FID).
    """
    check_whole("batch", batch, least=1)
    if features is None:
        sets = two_sets(real, generated, least=2)
        moments = [_moments((block for _, block in float_blocks(rows))) for rows in sets]
    else:
        sets = [_checked_samples(values, name) for values, name in ((real, "real"), (generated, "generated"))]
        moments = [_moments(_featured(values, features, batch)) for values in sets]
    (mean, covariance), (other_mean, other_covariance) = moments
    if len(mean) != len(other_mean):
        raise ValueError(
            f"features need to be as many for both sets, but are {len(mean)} and {len(other_mean)}"
        )
    smallest = min(map(len, sets))
    if smallest <= len(mean):
        warnings.warn(
            f"frechet_distance has {smallest} samples for {len(mean)} features: a covariance of lower rank, "
            "whose bias dominates; take more samples or fewer features",
            stacklevel=2,
        )
    # Products of two covariances have fourth powers of the data, which leave float64 first.
    total = float(np.trace(covariance) + np.trace(other_covariance)) or 1.0
    covariance, other_covariance = covariance / total, other_covariance / total
    values, vectors = np.linalg.eigh(covariance)
    # Rounding may put an eigenvalue of 0 just below it.
    values = np.clip(values, 0.0, None)
    root = vectors * np.sqrt(values)
    crossed = np.clip(np.linalg.eigvalsh(root.T @ other_covariance @ root), 0.0, None)
    spread = np.trace(covariance) + np.trace(other_covariance) - 2 * np.sqrt(crossed).sum()
    floor = (1 / len(sets[0]) + 1 / len(sets[1])) * total * _noise(values)
    return Result(
        name="frechet_distance" if features is None else "frechet_distance_of_features",
        value=max(float(np.square(mean - other_mean).sum() + total * spread), 0.0),
        low=None,
        high=None,
        n=len(sets[1]),
        unit="squared feature units",
        definition=f"squared Fréchet distance between Gaussians fitted to {len(mean)} "
        + ("features, the samples themselves" if features is None else "features of a network")
        + f" (two draws of these sizes from one Gaussian would score about {floor:.4g}), {_sizes(*sets)}",
    )


def _sizes(real: np.ndarray, generated: np.ndarray) -> str:
    return f"{len(real)} real and {len(generated)} generated samples"


def _joint_error(first: np.ndarray, second: np.ndarray) -> float | None:
    """Standard error of a sum of two independent means; None where a set is too small to tell."""
    if min(len(first), len(second)) < 3:
        return None
    return math.hypot(standard_error(first) or 0.0, standard_error(second) or 0.0)


def _reaching_zero(result: Result) -> Result:
    """The interval of a squared distance, which may be estimated below 0 but never lies there."""
    return result if result.high is None else replace(result, high=max(result.high, 0.0))


def _share_up_to_median(distances: np.ndarray, reference: np.ndarray) -> tuple[float, float, float]:
    """Share of distances up to the median of others, with the ends of its interval.

    The median may be off by 1.96 sqrt(1 / 2N) in rank: a nearest distance can belong to two samples, so N of
    them tell as much as N / 2 independent ones.
    """
    off = Z95 * math.sqrt(0.5 / len(reference))
    cuts = np.quantile(reference, [0.5, max(0.5 - off, 0.0), min(0.5 + off, 1.0)])
    share, least, most = (float((distances <= cut).mean()) for cut in cuts)
    own = Z95 * math.sqrt(share * (1 - share) / len(distances))
    low, high = share - math.hypot(share - least, own), share + math.hypot(most - share, own)
    return share, max(low, 0.0), min(high, 1.0)


def _warn_of_duplicates(radii: np.ndarray, others: np.ndarray, k: int) -> None:
    real, generated = np.count_nonzero(radii == 0), np.count_nonzero(others == 0)
    if real or generated:
        warnings.warn(
            f"{real} real and {generated} generated samples have {k} duplicates or more: their balls have "
            'radius 0; leave duplicates out, or take more neighbours or ties="le"',
            stacklevel=3,
        )


def _checked_samples(values: CodesLike, what: str) -> np.ndarray:
    """Samples in their own shape and dtype, for a feature network."""
    rows = rows_of(values, what, least=2)
    return rows.reshape(values.shape) if isinstance(values, np.ndarray) else rows


def _featured(values: np.ndarray, features: Features, batch: int) -> Iterator[np.ndarray]:
    """Features of all samples, batch by batch."""
    width: tuple[int, ...] = ()
    for start in range(0, len(values), batch):
        samples = values[start : start + batch]
        made = np.asarray(features(samples))
        width = width or made.shape[-1:]
        if made.shape != (len(samples), *width):
            raise ValueError(
                f"features needs to give one row a sample, ({len(samples)}, F) with one F, but gave shape "
                f"{made.shape}"
            )
        yield rows_of(made, "features").astype(np.float64)


def _noise(values: np.ndarray) -> float:
    """What N times the squared distance between a Gaussian and its fit to N draws is, to first order.

    The trace for the mean; for the covariance the Bures metric of its sampling noise, over pairs of
    eigenvalues.
    """
    sums = values[:, None] + values
    halves = np.divide(np.outer(values, values), 2 * sums, out=np.zeros_like(sums), where=sums > 0)
    return float(values.sum() + halves.sum() + np.trace(halves))


def _moments(blocks: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of rows that come in blocks."""
    count, mean, scatter = 0, np.zeros(1), np.zeros((1, 1))
    for block in blocks:
        center = block.mean(axis=0)
        shift, total = center - mean, count + len(block)
        # Chan, Golub and LeVeque: sums of squares about the means of the parts lose no digits.
        parts = np.vstack([block - center, shift * math.sqrt(count * len(block) / total)])
        scatter = scatter + parts.T @ parts
        mean = mean + shift * (len(block) / total)
        count = total
    return mean, scatter / (count - 1)
