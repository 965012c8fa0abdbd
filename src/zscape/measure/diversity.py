"""How different the samples of a generated set are from one another: cosines, Vendi scores, classes met.

Sets are arrays (N, *shape), such as pictures or features, of which each sample is read as one row, or codes.
`zscape.measure.mean_pairwise_distance` is the companion with Euclidean distances. Names of results say
the order, kernel or classes where these are not the default; a bandwidth stands in the definition alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy.linalg
from jaxtyping import Float, Shaped

from zscape.base import CodesLike, Result
from zscape.checks import check_number, check_whole
from zscape.estimates import Z95, around, standard_error
from zscape.measure._kernels import Bandwidth, bandwidth_of, gaussian, named, own_means, seed_of
from zscape.measure._rows import float_blocks, middle_of, rows_of

Kernel = Literal["linear", "gaussian"]
# Samples up to which the Gaussian kernel matrix is formed: 128 MB and 10 s on one core.
_EXACT = 4000
# Random frequencies beyond that; each gives a cosine and a sine.
_FREQUENCIES = 1024
# Orders this near to 1 are taken as 1: the quotient by 1 - q has no digits left.
_NEAR_ONE = 1e-7
# Squared lengths under this are computed again from scaled rows.
_TINY = 1e-200
# How far from 1 the probabilities of a row may sum: float32 and float16 softmax stay within it.
_SUM = 1e-2


def mean_cosine_similarity(generated: CodesLike, *, labels: Shaped[np.ndarray, "N"] | None = None) -> Result:
    r"""Mean cosine of the angle between samples, over all pairs of different ones.

    .. math:: \frac{\lVert \sum_i u_i \rVert^2 - N}{N (N - 1)}, \quad u_i = x_i / \lVert x_i \rVert

    With `labels` the mean over classes of the mean within each class. The interval is that of a U-statistic,
    from the mean cosine of each sample with the others.

    Null: 1 when all samples point one way; expectation 0 for directions without preference. For pictures
    with non-negative pixels it is never negative. Bias: none. Unchanged by permutation, by scaling a sample
    and by rotation; not by shift.
    Cost: O(N F) time for F features; no matrix of all pairs.

    >>> mean_cosine_similarity(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])).value.__round__(6)
    0.471405

    Args:
        generated: Array (N, *shape) with N >= 2, or codes.
        labels: (N,) class of each sample; each class needs two.

    Raises:
        ValueError: If there are fewer than two samples (of a class), a sample is all zeros or not finite, or
            labels are not one whole number or text a sample.
    """
    rows = rows_of(generated, "generated", least=2)
    if labels is None:
        cosines = _mean_cosines(rows, np.arange(len(rows)))
        error = standard_error(cosines)
        value, error = float(cosines.mean()), None if len(rows) == 2 or error is None else 2 * error
        which = "all pairs of different samples"
    else:
        value, error, classes = _within_classes(rows, np.asarray(labels))
        which = f"pairs of different samples of one class, then over the {classes} classes"
    return around(
        "mean_cosine_similarity" + ("" if labels is None else "_within_classes"),
        value,
        error,
        within=(-1.0, 1.0),
        n=len(rows),
        unit="",
        definition=f"mean cosine between samples as rows of {rows.shape[1]} features, over {which}",
    )


def vendi_score(
    generated: CodesLike,
    *,
    order: float = 1.0,
    kernel: Kernel = "linear",
    bandwidth: Bandwidth = "median",
    seed: int = 0,
) -> Result:
    r"""Effective number of different samples: the exponential of the Rényi entropy of a kernel's spectrum.

    .. math:: \Big(\sum_i \lambda_i^q\Big)^{1 / (1 - q)}, \quad
        q = 1: \; e^{-\sum_i \lambda_i \log \lambda_i}, \quad q = \infty: \; 1 / \max_i \lambda_i

    with :math:`\lambda` the eigenvalues of K / N, where K has ones on its diagonal: the cosine ("linear"), by
    the F by F matrix of unit rows where F < N, or :math:`e^{-\lVert x - y \rVert^2 / 2 s^2}` ("gaussian").
    Low orders count rare samples, high ones the dominating. Eigenvalues under max(N, F) times the float64
    rounding of the largest are noise and count as 0.

    The Gaussian kernel is exact up to 4,000 samples, and for order 2 always (`rke`). Above, 1,024 random
    frequencies, drawn by `seed`, stand for it. They score low on average, for entropy is concave: order 1 on
    3,000 normal codes by 1 % where the truth is 12, 5 % at 66, 13 % at 240, half at 2,300; order inf within
    5 % for as long as order 1 scores under 128. A score above 128 raises a warning. Orders under 1 live on
    the tail, which the frequencies lose, and are refused.

    Null: 1 when all samples are equal, N when all are orthogonal (linear) or far apart (gaussian). Bias: low,
    and it grows with N, so compare sets of one size, with one kernel and bandwidth. No interval: for this
    reason none would cover a truth. The linear score is unchanged by scaling any sample.
    With a Gaussian kernel it is unchanged by scale for bandwidth "median", which follows the set: a sampler
    shrunk tenfold scores the same, and two sets are measured by two kernels. To compare sets, pass one number
    for all, such as `median_distance(real)`.
    Cost: linear O(N F min(N, F)) time, O(min(N, F)^2) memory; gaussian O(N^3) time and O(N^2) memory up to
    4,000 samples, then O(N F + N 2048^2).

    >>> vendi_score(np.eye(5)).value.__round__(9)
    5.0

    Args:
        generated: Array (N, *shape), or codes.
        order: q >= 0, or math.inf.
        kernel: "linear" or "gaussian".
        bandwidth: s of the Gaussian kernel, a number or "median" (of distances between samples) or
            "dimension" (the root of F).
        seed: Of the samples for the median and of the frequencies.

    Returns:
        `vendi_score`, followed by `_gaussian` and by an order other than 1, as in `vendi_score_inf`.

    Raises:
        TypeError: If order, bandwidth or seed is of another type.
        ValueError: If the order or seed is negative, the kernel unknown, the bandwidth not positive, a sample
            is all zeros under the linear kernel, the order is under 1 for more samples than are done exactly,
            or samples are malformed.

    References:
        Friedman and Dieng, The Vendi Score, TMLR 2023; Pasarkar and Dieng, Cousins of the Vendi Score, 2024
        (orders). Ospanov et al., Towards a Scalable Reference-Free Evaluation of Generative Models, NeurIPS
        2024 (random features; there complex exponentials, here cosines and sines).
    """
    check_number("order", order, least=0)
    check_whole("seed", seed)
    name = "vendi_score" + ("_gaussian" if kernel == "gaussian" else "") + _order_suffix(order)
    rows = rows_of(generated, "generated")
    count, used = len(rows), None
    if kernel == "linear":
        weights, how = _linear_spectrum(rows), "linear kernel of unit rows (cosine)"
    elif kernel == "gaussian":
        std, used = bandwidth_of(bandwidth, rows, seed=seed), seed_of(bandwidth, count, seed)
        how = f"Gaussian kernel, {named(bandwidth, std)}"
        if order == 2:
            return _scored(name, 1 / _purity(rows, std), count, f"order 2, {how}", used)
        if count <= _EXACT:
            weights = _gaussian_spectrum(rows, std)
        else:
            weights, used = _random_spectrum(rows, std, order, seed), seed
            how += f" through {_FREQUENCIES:,} random Fourier frequencies"
    else:
        raise ValueError(f'vendi_score needs kernel "linear" or "gaussian", but got {kernel!r}')
    value = _effective_number(weights, order)
    if kernel == "gaussian" and count > _EXACT and value > _FREQUENCIES / 8:
        warnings.warn(
            f"a score of {value:.0f} by {_FREQUENCIES:,} random frequencies is a tenth too low or more; take "
            f"order 2, at most {_EXACT:,} samples, both exact, or a larger bandwidth",
            stacklevel=2,
        )
    return _scored(name, value, count, f"order {order:g}, {how}", used)


def rke(
    generated: CodesLike, *, kernel: Kernel = "gaussian", bandwidth: Bandwidth = "median", seed: int = 0
) -> Result:
    r"""Rényi kernel entropy as a number of modes: the Vendi score of order 2, without eigenvalues.

    .. math:: 1 / \lVert K / N \rVert_F^2 = \Big(\frac1N + \frac{N - 1}{N} \bar{k^2}\Big)^{-1}

    where the bar is the mean over pairs of different samples. That mean is a U-statistic, whose interval
    gives the one here; it is for sets of this size.

    Null: 1 when all samples are equal, N when all kernels between different ones are 0. Bias: grows with N
    towards 1 / E k^2.
    Unchanged by scale with bandwidth "median", which follows the set: a sampler shrunk tenfold scores the
    same, and two sets are measured by two kernels. To compare sets, pass one number for all, such as
    `median_distance(real)`.
    Cost: O(N^2 F) time and blocks for the Gaussian kernel, at every N; O(N F min(N, F))
    for the linear one.

    Args:
        generated: Array (N, *shape) with N >= 2, or codes.
        kernel: "gaussian" or "linear" (cosine).
        bandwidth: Of the Gaussian kernel: a number, "median" or "dimension".
        seed: Of the samples for the median.

    Returns:
        `rke`, or `rke_linear`.

    Raises:
        TypeError: If bandwidth or seed is of another type.
        ValueError: If the kernel is unknown, the bandwidth not positive, the seed negative, a sample all
            zeros under the linear kernel, or samples are malformed.

    References:
        Jalali, Li and Farnia, An Information-Theoretic Evaluation of Generative Models in Learning
        Multi-modal Distributions, NeurIPS 2023. Differs in: the interval is ours.
    """
    check_whole("seed", seed)
    rows = rows_of(generated, "generated", least=2)
    count, used = len(rows), None
    if kernel == "gaussian":
        std, used = bandwidth_of(bandwidth, rows, seed=seed), seed_of(bandwidth, count, seed)
        means, how = own_means(rows, std / math.sqrt(2)), f"Gaussian kernel, {named(bandwidth, std)}"
    elif kernel == "linear":
        means, how = _mean_squared_cosines(rows), "linear kernel of unit rows (cosine)"
    else:
        raise ValueError(f'rke needs kernel "gaussian" or "linear", but got {kernel!r}')
    spread = 0.0 if count == 2 else 2 * Z95 * float(means.std(ddof=1)) / math.sqrt(count)
    value, low, high = (
        1 / (1 / count + (1 - 1 / count) * min(max(float(means.mean()) + shift, 0.0), 1.0))
        for shift in (0.0, spread, -spread)
    )
    bounds = (None, None) if count == 2 else (low, high)
    return _scored(
        "rke" if kernel == "gaussian" else "rke_linear", value, count, f"1 / |K/n|^2, {how}", used, *bounds
    )


def classifier_entropy(probabilities: Float[np.ndarray, "N K"]) -> list[Result]:
    r"""How a classifier spreads a set over classes, and how sure it is of each sample, in nats.

    - `class_entropy`: entropy of the mean :math:`\bar p` of the predictions. High when many classes are met.
      The plug-in value is low by half of the sum of :math:`Var(p_k) / \bar p_k` over N, to first order; that
      is added, as Miller and Madow do for counts. Null: log K for balanced classes, 0 for one class.
    - `prediction_entropy`: mean of the entropies of single predictions. Low when each sample clearly is of
      some class. Null: 0 when each prediction is certain, log K when each is uniform. Bias: none.

    Intervals are by the delta method, to second order for the first, and cover the choice of samples; both
    lie in [0, log K]. Cost: O(N K).

    Args:
        probabilities: (N, K) predictions with N >= 2; rows are scaled to sum 1, within rounding.

    Raises:
        ValueError: If they are not (N, K), N < 2, negative, not finite, or rows do not sum to 1.
    """
    p = _checked_probabilities(probabilities, least=2)
    count, classes = p.shape
    mean = p.mean(axis=0)
    met = mean > 0
    logs = np.log(mean, out=np.zeros(classes), where=met)
    centred = (p - mean)[:, met]
    scaled = centred.T @ centred / (count - 1) / mean[met]
    bias = float(np.trace(scaled)) / (2 * count)
    variance = float((p @ logs).var(ddof=1)) / count + float((scaled * scaled.T).sum()) / (2 * count**2)
    inner = np.log(p, out=np.zeros_like(p), where=p > 0)
    largest = math.log(classes)
    entropies = -(p * inner).sum(axis=1)
    single = standard_error(entropies)
    return [
        around(
            "class_entropy",
            min(max(-float(mean @ logs) + bias, 0.0), largest),
            math.sqrt(variance),
            within=(0.0, largest),
            n=count,
            unit="nats",
            definition=f"entropy of the mean of the predictions over {classes} classes, with its bias of "
            f"{bias:.3g} added",
        ),
        around(
            "prediction_entropy",
            max(float(entropies.mean()), 0.0),
            single,
            within=(0.0, largest),
            n=count,
            unit="nats",
            definition=f"mean entropy of single predictions over {classes} classes",
        ),
    ]


def distinct_classes(probabilities: Float[np.ndarray, "N K"]) -> Result:
    """Number of classes that are the most probable one of some sample; of equal ones the first counts.

    Bias: low, for classes that a larger set would meet; it grows with N, so there is no interval.
    Cost: O(N K).

    >>> distinct_classes(np.array([[0.9, 0.1, 0.0], [0.8, 0.0, 0.2], [0.1, 0.2, 0.7]])).value
    2.0

    Args:
        probabilities: (N, K) predictions of a classifier.

    Raises:
        ValueError: If they are not (N, K), negative, not finite, or rows do not sum to 1.
    """
    p = _checked_probabilities(probabilities, least=1)
    return Result(
        name="distinct_classes",
        value=float(len(np.unique(p.argmax(axis=1)))),
        low=None,
        high=None,
        n=len(p),
        unit="classes",
        definition=f"classes of {p.shape[1]} that are the most probable one of at least one of {len(p)} "
        "samples",
    )


def _scored(
    name: str,
    value: float,
    count: int,
    how: str,
    seed: int | None,
    low: float | None = None,
    high: float | None = None,
) -> Result:
    definition = f"effective number of different samples among n = {count}, {how}"
    return Result(name, value, low, high, count, "samples", definition, seed)


def _order_suffix(order: float) -> str:
    """What the name of a score says of its order: nothing of order 1."""
    if abs(order - 1) < _NEAR_ONE:
        return ""
    return "_" + f"{order:g}".replace("+", "").replace(".", "_").replace("-", "_")


def _unit_blocks(rows: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Rows scaled to length 1, in blocks."""
    for here, block in float_blocks(rows):
        squared = np.einsum("nf,nf->n", block, block)
        if squared.min() < _TINY:
            # Squares of small numbers lose their digits, or are 0.
            largest = np.abs(block).max(axis=1, keepdims=True)
            if not largest.all():
                raise ValueError(
                    f"the cosine needs samples with a direction, but sample {here.start + largest.argmin()} "
                    "of generated is all zeros; leave such samples out"
                )
            block = block / largest
            squared = np.einsum("nf,nf->n", block, block)
        yield here, block / np.sqrt(squared)[:, None]


def _mean_cosines(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Mean cosine of each of the rows with the others."""
    rows = rows[positions] if len(positions) < len(rows) else rows
    total = sum((block.sum(axis=0) for _, block in _unit_blocks(rows)), np.zeros(rows.shape[1]))
    sums = np.concatenate([block @ total for _, block in _unit_blocks(rows)])
    return (sums - 1) / (len(rows) - 1)


def _within_classes(rows: np.ndarray, labels: np.ndarray) -> tuple[float, float | None, int]:
    if labels.shape != (len(rows),):
        raise ValueError(f"labels need one entry a sample, ({len(rows)},), but have shape {labels.shape}")
    if labels.dtype.kind not in "iuU":
        raise ValueError(
            f"labels need to be whole numbers or texts, but are {labels.dtype}, such as "
            f"{labels.tolist()[0]!r}; "
            "number them first: names, labels = np.unique(labels, return_inverse=True)"
        )
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            "the mean within classes needs two samples of each, but class "
            f"{classes[counts.argmin()]} has one; leave it out"
        )
    means, errors = [], []
    for each in classes:
        cosines = _mean_cosines(rows, np.flatnonzero(labels == each))
        means.append(float(cosines.mean()))
        errors.append(standard_error(cosines) or 0.0)
    # Two samples have one pair, which says nothing of spread.
    error = 2 * math.hypot(*errors) / len(classes) if counts.min() > 2 else None
    return float(np.mean(means)), error, len(classes)


def _linear_gram(rows: np.ndarray) -> np.ndarray:
    """The smaller of the two matrices of products of unit rows, over N: same eigenvalues but for zeros."""
    count, features = rows.shape
    if count <= features:
        unit = np.concatenate([block for _, block in _unit_blocks(rows)])
        return unit @ unit.T / count
    gram = np.zeros((features, features))
    for _, block in _unit_blocks(rows):
        gram += block.T @ block
    return gram / count


def _linear_spectrum(rows: np.ndarray) -> np.ndarray:
    return _spectrum(_linear_gram(rows), max(rows.shape))


def _mean_squared_cosines(rows: np.ndarray) -> np.ndarray:
    """Mean squared cosine of each row with the others."""
    count, gram = len(rows), _linear_gram(rows)
    if count <= rows.shape[1]:
        sums = np.square(gram * count).sum(axis=1)
    else:
        sums = np.concatenate([((block @ gram) * block).sum(axis=1) for _, block in _unit_blocks(rows)])
        sums *= count
    return (sums - 1) / (count - 1)


def _gaussian_spectrum(rows: np.ndarray, std: float) -> np.ndarray:
    points = rows.astype(np.float64, copy=False)
    return _spectrum(gaussian(points, points, std, middle_of(rows)), len(rows))


def _random_spectrum(rows: np.ndarray, std: float, order: float, seed: int) -> np.ndarray:
    """Eigenvalues of the kernel that random frequencies make up."""
    count = len(rows)
    if order < 1:
        raise ValueError(
            f"vendi_score with a Gaussian kernel needs order >= 1 for more than {_EXACT:,} samples, but got "
            f"order {order:g} of {count:,}; take a part of the samples"
        )
    frequencies = np.random.default_rng(seed).standard_normal((rows.shape[1], _FREQUENCIES)) / std
    middle, gram = middle_of(rows), np.zeros((2 * _FREQUENCIES, 2 * _FREQUENCIES))
    for start in range(0, count, _FREQUENCIES):
        phases = (rows[start : start + _FREQUENCIES].astype(np.float64) - middle) @ frequencies
        waves = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
        gram += waves.T @ waves
    return _spectrum(gram, count)


def _purity(rows: np.ndarray, std: float) -> float:
    """Squared Frobenius norm of the Gaussian K / N; the square of the kernel is one of smaller bandwidth."""
    count = len(rows)
    return 1 / count + (
        float(own_means(rows, std / math.sqrt(2)).mean()) * (1 - 1 / count) if count > 1 else 0
    )


def _spectrum(matrix: np.ndarray, size: int) -> np.ndarray:
    """Eigenvalues that are more than rounding, scaled to sum 1. The matrix is overwritten."""
    values = scipy.linalg.eigvalsh(matrix, overwrite_a=True, check_finite=False)
    values = values[values > values[-1] * size * np.finfo(np.float64).eps]
    return values / values.sum()


def _effective_number(weights: np.ndarray, order: float) -> float:
    if abs(order - 1) < _NEAR_ONE:
        return float(np.exp(-(weights * np.log(weights)).sum()))
    # From there on the largest weight decides all digits, and below it no product overflows.
    if order > 1e16:
        return float(1 / weights.max())
    # Through logarithms: a high power of small weights is 0.
    logs = order * np.log(weights)
    return float(np.exp((logs.max() + np.log(np.exp(logs - logs.max()).sum())) / (1 - order)))


def _checked_probabilities(probabilities: np.ndarray, *, least: int) -> np.ndarray:
    p = np.asarray(probabilities)
    if p.ndim != 2:
        raise ValueError(f"probabilities need shape (N, K), but got {p.shape}")
    p = rows_of(p, "probabilities", least=least).astype(np.float64)
    sums = p.sum(axis=1, keepdims=True)
    if (p < 0).any() or not (np.abs(sums - 1) < _SUM).all():
        wrong = int(((p < 0).any(axis=1) | (np.abs(sums[:, 0] - 1) >= _SUM)).argmax())
        raise ValueError(
            f"probabilities need rows >= 0 that sum to 1, but row {wrong} has smallest entry "
            f"{p[wrong].min():.3g} and sum {sums[wrong, 0]:.6g}; apply softmax to logits"
        )
    return p / sums
