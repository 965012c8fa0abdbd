"""Autoencoders: one final class, networks for pictures and drawings, and what a decoder says about data."""

from zscape.model.autoencoder import Autoencoder
from zscape.model.features import pooled_features, squeezenet
from zscape.model.generation import draw
from zscape.model.likelihoods import Bernoulli, BernoulliHead, Gaussian, GaussianHead
from zscape.model.sketching import StrokeMixture

__all__ = [
    "Autoencoder",
    "Bernoulli",
    "BernoulliHead",
    "Gaussian",
    "GaussianHead",
    "StrokeMixture",
    "draw",
    "pooled_features",
    "squeezenet",
]
