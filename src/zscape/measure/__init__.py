"""Measure: numbers with intervals, from arrays or a codes table; never from a model.

Every measure returns a `zscape.base.Result`, or a list of them, ready for results.json. The functions named
`_per_image` or `_per_sample` give the numbers behind it. `everything` makes the whole table of a model and
its codes. Names of results say what changes the quantity, such as an order, a kernel or neighbours.
"""

from zscape.measure.agreement import udr
from zscape.measure.distances import (
    mean_distances,
    mean_pairwise_distance,
    median_distance,
)
from zscape.measure.diversity import (
    classifier_entropy,
    distinct_classes,
    mean_cosine_similarity,
    rke,
    vendi_score,
)
from zscape.measure.fidelity import (
    energy_distance,
    frechet_distance,
    mmd,
    nearest_distances,
    nearest_training_distance,
    prdc,
)
from zscape.measure.information import Information, histogram_information, whole_factors
from zscape.measure.information_aggregate import aggregate_information
from zscape.measure.information_sampled import sampled_information
from zscape.measure.information_scores import aam, infomec, mig, modularity
from zscape.measure.likelihood import (
    bounds,
    elbo,
    elbo_per_sample,
    importance_bound,
    importance_bound_per_sample,
    kl_per_sample,
    log_likelihood_per_sample,
)
from zscape.measure.predictors import dci, explicitness, sap
from zscape.measure.reconstruction import (
    feature_distance,
    feature_distance_per_image,
    fitting_sigma,
    psnr,
    psnr_per_image,
    squared_error,
    squared_error_per_image,
    ssim,
    ssim_per_image,
)
from zscape.measure.sketches import feature_diversity, reencoded_distance, sketch_likelihood
from zscape.measure.spectrum import Spectrum, pca_results, pca_spectrum
from zscape.measure.structure import (
    active_units,
    aggregate_covariance,
    aggregate_moments,
    offdiagonal_correlation,
)
from zscape.measure.table import everything
from zscape.measure.votes import beta_vae_score, factor_vae_score

__all__ = [
    "Information",
    "Spectrum",
    "aam",
    "active_units",
    "aggregate_covariance",
    "aggregate_information",
    "aggregate_moments",
    "beta_vae_score",
    "bounds",
    "classifier_entropy",
    "dci",
    "distinct_classes",
    "elbo",
    "elbo_per_sample",
    "energy_distance",
    "everything",
    "explicitness",
    "factor_vae_score",
    "feature_distance",
    "feature_distance_per_image",
    "feature_diversity",
    "fitting_sigma",
    "frechet_distance",
    "histogram_information",
    "importance_bound",
    "importance_bound_per_sample",
    "infomec",
    "kl_per_sample",
    "log_likelihood_per_sample",
    "mean_cosine_similarity",
    "mean_distances",
    "mean_pairwise_distance",
    "median_distance",
    "mig",
    "mmd",
    "modularity",
    "nearest_distances",
    "nearest_training_distance",
    "offdiagonal_correlation",
    "pca_results",
    "pca_spectrum",
    "prdc",
    "psnr",
    "psnr_per_image",
    "reencoded_distance",
    "rke",
    "sampled_information",
    "sap",
    "sketch_likelihood",
    "squared_error",
    "squared_error_per_image",
    "ssim",
    "ssim_per_image",
    "udr",
    "vendi_score",
    "whole_factors",
]
