"""All measures that fit a model and its codes on one split, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from zscape import strokes
from zscape.base import Codes, Result, code_arrays
from zscape.measure.clusters import cluster
from zscape.measure.contingency import cluster_agreement
from zscape.measure.dimension import two_neighbour_dimension
from zscape.measure.distances import mean_pairwise_distance
from zscape.measure.likelihood import LogProb, bounds, log_likelihood_per_sample
from zscape.measure.probes import linear_probe, neighbour_accuracy
from zscape.measure.reconstruction import fitting_sigma, psnr, squared_error, ssim
from zscape.measure.sketches import sketch_likelihood
from zscape.measure.spectra import components_above_null
from zscape.measure.spectrum import pca_results
from zscape.measure.structure import active_units, aggregate_moments, offdiagonal_correlation, varying

Measure = Callable[[], list[Result]]
# Codes that a measure of neighbours or classes needs to say anything, and at most looks at.
_LEAST, _NEIGHBOUR_LIMIT = 12, 5000
_MOST_CLASSES = 100


def everything(
    codes: Codes,
    x: np.ndarray,
    *,
    xhat: np.ndarray | None,
    log_prob: LogProb,
    data_range: float = 1.0,
    samples: int = 100,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> list[Result]:
    """Every measure that is defined for this model and data.

    Left out: the bounds on log p(x) for a deterministic encoder; PSNR for anything but images (N, C, H, W) or
    where every reconstruction is exact; SSIM for images under 3 pixels a side; correlation where fewer than
    two latents vary; what is read of classes where there are no labels, or of over 100 classes; the
    intrinsic dimension of under twelve different codes. Of drawings, whose points have no counterparts, no
    reconstruction is compared; their likelihood given codes is measured instead, a sketch and a point.
    Scores of disentanglement are apart, for they are best of all rows: `disentanglement`.

    Cost: `samples` evaluations of log_prob per row, which is most of it; the rest as each measure says.

    Args:
        codes: Codes of the rows to measure on, for example `codes.of("test")`. At least three rows.
        x: Data of the same rows, (N, *shape).
        xhat: Their reconstructions: the decoded means. None for drawings, x of stroke-5.
        log_prob: log p(x | z); see `LogProb`.
        data_range: Largest minus smallest value an image can have.
        samples: Draws per row for the bounds on log p(x).
        seed: Of whatever is drawn at random.
        on_step: Called with the name of each measure before it starts.

    Returns:
        Results with different names; each definition ends with the split it was measured on.

    Raises:
        ValueError: If codes, x and xhat do not belong together, or as each measure.
    """
    rows = [len(codes), len(x), len(x if xhat is None else xhat)]
    if len(set(rows)) > 1:
        raise ValueError(
            f"everything needs codes, x and xhat of the same rows, but got {rows[0]}, {rows[1]} and {rows[2]}"
        )
    if xhat is None and x.shape[2:] != (5,):
        raise ValueError(
            f"everything needs xhat for data of shape {x.shape}; only drawings, (N, T, 5), go without"
        )
    code_arrays(codes, rows=3)
    results: list[Result] = []
    measures = [
        *(_sketches(codes, x, log_prob, seed) if xhat is None else _reconstruction(x, xhat, data_range)),
        *_likelihood(codes, x, log_prob, samples, seed),
        *_structure(codes, seed),
        *_classes(codes, seed),
    ]
    for name, measure in measures:
        if on_step is not None:
            on_step(name)
        results += measure()
    splits = " and ".join(sorted(set(codes.split.tolist())))
    return [replace(result, definition=f"{result.definition}, on the {splits} split") for result in results]


def _reconstruction(x: np.ndarray, xhat: np.ndarray, data_range: float) -> Iterator[tuple[str, Measure]]:
    yield "squared_error", lambda: [squared_error(x, xhat)]
    if x.ndim != 4:
        return
    if not np.array_equal(x, xhat):
        yield "psnr", lambda: [psnr(x, xhat, data_range=data_range)]
    height, width = x.shape[2:]
    if min(height, width) >= 3:
        sigma = fitting_sigma(height, width)
        yield "ssim", lambda: [ssim(x, xhat, data_range=data_range, sigma=sigma)]


def _sketches(codes: Codes, x: np.ndarray, log_prob: LogProb, seed: int) -> Iterator[tuple[str, Measure]]:
    # One draw a posterior: drawings differ far more than draws do.
    drawn = None if codes.logvar is None else seed
    yield (
        "negative_log_likelihood",
        lambda: sketch_likelihood(
            log_likelihood_per_sample(x, codes, log_prob, seed=seed), strokes.lengths(x), seed=drawn
        ),
    )


def _likelihood(
    codes: Codes, x: np.ndarray, log_prob: LogProb, samples: int, seed: int
) -> Iterator[tuple[str, Measure]]:
    if codes.logvar is not None:
        yield "elbo and importance_bound", lambda: bounds(x, codes, log_prob, samples=samples, seed=seed)


def _structure(codes: Codes, seed: int) -> Iterator[tuple[str, Measure]]:
    yield "active_units", lambda: [active_units(codes)]
    yield "aggregate_moments", lambda: aggregate_moments(codes)
    yield "pca", lambda: pca_results(codes)
    if np.count_nonzero(varying(codes.mean)) >= 2:
        yield "offdiagonal_correlation", lambda: [offdiagonal_correlation(codes)]
    yield "mean_pairwise_distance", lambda: [mean_pairwise_distance(codes, seed=seed)]
    if np.count_nonzero(varying(codes.mean)) >= 2:
        yield "components_above_null", lambda: [components_above_null(codes, seed=seed)]
    if len(np.unique(codes.mean, axis=0)) >= _LEAST:
        limit = _NEIGHBOUR_LIMIT
        yield "intrinsic_dimension", lambda: [two_neighbour_dimension(codes, limit=limit, seed=seed)]


def _classes(codes: Codes, seed: int) -> Iterator[tuple[str, Measure]]:
    if codes.label is None:
        return
    labels = codes.label
    classes, counts = np.unique(labels, return_counts=True)
    # So many codes of other classes that some of them are among those to learn from.
    if len(classes) > _MOST_CLASSES or len(codes) - counts.max() < _LEAST:
        return
    yield "linear_probe", lambda: [linear_probe(codes, seed=seed)]
    yield "neighbour_accuracy", lambda: [neighbour_accuracy(codes, seed=seed)]
    if len(np.unique(codes.mean, axis=0)) > len(classes):
        yield (
            "cluster_purity, cluster_nmi and cluster_ari",
            lambda: [
                replace(each, definition=f"{each.definition}; clusters by k-means, the best of ten starts")
                for each in cluster_agreement(cluster(codes, len(classes), seed=seed), labels, seed=seed)
            ],
        )
