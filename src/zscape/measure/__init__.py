"""Measure: numbers with intervals, from arrays or a codes table; never from a model.

Every measure returns a `zscape.base.Result`, or a list of them, ready for results.json. The functions named
`_per_image` or `_per_sample` give the numbers behind it. `everything` makes the whole table.
"""

from zscape.measure.distances import mean_distances, mean_pairwise_distance, prior_distance
from zscape.measure.likelihood import (
    bounds,
    elbo,
    elbo_per_sample,
    importance_bound,
    importance_bound_per_sample,
    kl_per_sample,
)
from zscape.measure.reconstruction import (
    fitting_sigma,
    psnr,
    psnr_per_image,
    squared_error,
    squared_error_per_image,
    ssim,
    ssim_per_image,
)
from zscape.measure.spectrum import Spectrum, pca_results, pca_spectrum
from zscape.measure.structure import (
    active_units,
    aggregate_covariance,
    aggregate_moments,
    offdiagonal_correlation,
)
from zscape.measure.table import everything

__all__ = [
    "Spectrum",
    "active_units",
    "aggregate_covariance",
    "aggregate_moments",
    "bounds",
    "elbo",
    "elbo_per_sample",
    "everything",
    "fitting_sigma",
    "importance_bound",
    "importance_bound_per_sample",
    "kl_per_sample",
    "mean_distances",
    "mean_pairwise_distance",
    "offdiagonal_correlation",
    "pca_results",
    "pca_spectrum",
    "prior_distance",
    "psnr",
    "psnr_per_image",
    "squared_error",
    "squared_error_per_image",
    "ssim",
    "ssim_per_image",
]
