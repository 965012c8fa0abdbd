"""Measure: numbers with intervals, from arrays or a codes table; never from a model.

Every measure returns a `zscape.base.Result`, or a list of them, ready for results.json. The functions named
`_per_image` or `_per_sample` give the numbers behind it. `everything` makes the whole table of a model and
its codes. Names of results say what changes the quantity, such as an order, a kernel or neighbours.
"""

from zscape.measure.agreement import udr
from zscape.measure.angles import ComponentAngles, component_angles, principal_angles, random_angles
from zscape.measure.classes import ClassDistances, centroid_offsets, class_distances
from zscape.measure.clusters import cluster, silhouette, silhouettes
from zscape.measure.contingency import Composition, cluster_agreement, composition
from zscape.measure.dimension import likelihood_dimension, two_neighbour_dimension
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
from zscape.measure.factor_scores import disentanglement
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
from zscape.measure.maps import (
    ica_map,
    pca_map,
    trustworthiness,
    tsne_map,
    umap_map,
)
from zscape.measure.neighbours import Neighbours, nearest_neighbours
from zscape.measure.pairs import Pairs, closest_pairs, extreme_pairs, furthest_pairs, random_pairs
from zscape.measure.predictors import dci, explicitness, sap
from zscape.measure.probes import linear_probe, neighbour_accuracy
from zscape.measure.profiles import (
    PathFeatures,
    StyleProfiles,
    path_features,
    profile_results,
    style_profiles,
)
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
from zscape.measure.sammon import sammon_map, sammon_stress
from zscape.measure.shapes import (
    CrossDissolve,
    ProfileShape,
    cross_dissolve,
    profile_shape,
    shape_correlation,
)
from zscape.measure.sketches import feature_diversity, reencoded_distance, sketch_likelihood
from zscape.measure.spectra import (
    NullSpectrum,
    class_spectra,
    components_above_null,
    parallel_analysis,
)
from zscape.measure.spectrum import Spectrum, pca_results, pca_spectrum
from zscape.measure.structure import (
    active_units,
    aggregate_covariance,
    aggregate_moments,
    offdiagonal_correlation,
)
from zscape.measure.style import style_loss, style_loss_per_image
from zscape.measure.table import everything
from zscape.measure.votes import beta_vae_score, factor_vae_score

__all__ = [
    "ClassDistances",
    "ComponentAngles",
    "Composition",
    "CrossDissolve",
    "Information",
    "Neighbours",
    "NullSpectrum",
    "Pairs",
    "PathFeatures",
    "ProfileShape",
    "Spectrum",
    "StyleProfiles",
    "aam",
    "active_units",
    "aggregate_covariance",
    "aggregate_information",
    "aggregate_moments",
    "beta_vae_score",
    "bounds",
    "centroid_offsets",
    "class_distances",
    "class_spectra",
    "classifier_entropy",
    "closest_pairs",
    "cluster",
    "cluster_agreement",
    "component_angles",
    "components_above_null",
    "composition",
    "cross_dissolve",
    "dci",
    "disentanglement",
    "distinct_classes",
    "elbo",
    "elbo_per_sample",
    "energy_distance",
    "everything",
    "explicitness",
    "extreme_pairs",
    "factor_vae_score",
    "feature_distance",
    "feature_distance_per_image",
    "feature_diversity",
    "fitting_sigma",
    "frechet_distance",
    "furthest_pairs",
    "histogram_information",
    "ica_map",
    "importance_bound",
    "importance_bound_per_sample",
    "infomec",
    "kl_per_sample",
    "likelihood_dimension",
    "linear_probe",
    "log_likelihood_per_sample",
    "mean_cosine_similarity",
    "mean_distances",
    "mean_pairwise_distance",
    "median_distance",
    "mig",
    "mmd",
    "modularity",
    "nearest_distances",
    "nearest_neighbours",
    "nearest_training_distance",
    "neighbour_accuracy",
    "offdiagonal_correlation",
    "parallel_analysis",
    "path_features",
    "pca_map",
    "pca_results",
    "pca_spectrum",
    "prdc",
    "principal_angles",
    "profile_results",
    "profile_shape",
    "psnr",
    "psnr_per_image",
    "random_angles",
    "random_pairs",
    "reencoded_distance",
    "rke",
    "sammon_map",
    "sammon_stress",
    "sampled_information",
    "sap",
    "shape_correlation",
    "silhouette",
    "silhouettes",
    "sketch_likelihood",
    "squared_error",
    "squared_error_per_image",
    "ssim",
    "ssim_per_image",
    "style_loss",
    "style_loss_per_image",
    "style_profiles",
    "trustworthiness",
    "tsne_map",
    "two_neighbour_dimension",
    "udr",
    "umap_map",
    "vendi_score",
    "whole_factors",
]
