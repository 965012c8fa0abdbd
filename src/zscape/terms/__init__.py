"""Terms: what an objective is made of. Each is a function from a Draw to a scalar, in nats per sample."""

from zscape.terms.adversarial import PriorCritic
from zscape.terms.conformance import check_critic, check_term
from zscape.terms.critics import TotalCorrelationCritic
from zscape.terms.decomposition import dimensionwise_kl, index_code_information, total_correlation
from zscape.terms.divergence import dimension_bandwidth, kl, median_bandwidth, mmd, zhao_bandwidth
from zscape.terms.interpolation import (
    InterpolationCritic,
    MixingCritic,
    cycle_consistency,
    interpolation_smoothness,
)
from zscape.terms.norms import sparsity
from zscape.terms.perceptual import Perceptual
from zscape.terms.reconstruction import negative_log_likelihood, squared_error
from zscape.terms.shaping import RememberedCovariance, correlation, covariance, covariance_floor
from zscape.terms.triplet import triplet

__all__ = [
    "InterpolationCritic",
    "MixingCritic",
    "Perceptual",
    "PriorCritic",
    "RememberedCovariance",
    "TotalCorrelationCritic",
    "check_critic",
    "check_term",
    "correlation",
    "covariance",
    "covariance_floor",
    "cycle_consistency",
    "dimension_bandwidth",
    "dimensionwise_kl",
    "index_code_information",
    "interpolation_smoothness",
    "kl",
    "median_bandwidth",
    "mmd",
    "negative_log_likelihood",
    "sparsity",
    "squared_error",
    "total_correlation",
    "triplet",
    "zhao_bandwidth",
]
