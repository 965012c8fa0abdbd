"""Autoencoders: one final class, networks for pictures, and what a decoder says about data."""

from zscape.model.autoencoder import Autoencoder
from zscape.model.features import pooled_features, squeezenet
from zscape.model.likelihoods import Bernoulli, BernoulliHead, Gaussian, GaussianHead

__all__ = [
    "Autoencoder",
    "Bernoulli",
    "BernoulliHead",
    "Gaussian",
    "GaussianHead",
    "pooled_features",
    "squeezenet",
]
