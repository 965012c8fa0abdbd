"""Terms: what an objective is made of. Each is a function from a Draw to a scalar, in nats per sample."""

from zscape.terms.conformance import check_critic, check_term
from zscape.terms.divergence import dimension_bandwidth, kl, median_bandwidth, mmd, zhao_bandwidth
from zscape.terms.reconstruction import negative_log_likelihood, squared_error
from zscape.terms.shaping import RememberedCovariance, correlation, covariance, covariance_floor

__all__ = [
    "RememberedCovariance",
    "check_critic",
    "check_term",
    "correlation",
    "covariance",
    "covariance_floor",
    "dimension_bandwidth",
    "kl",
    "median_bandwidth",
    "mmd",
    "negative_log_likelihood",
    "squared_error",
    "zhao_bandwidth",
]
