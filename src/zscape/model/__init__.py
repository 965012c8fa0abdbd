"""Autoencoders: one final class, networks for pictures and drawings, and what a decoder says about data."""

from zscape.model.architectures import layer_names, squeezenet, vgg16, vgg19
from zscape.model.autoencoder import Autoencoder
from zscape.model.features import pooled_features
from zscape.model.generation import draw
from zscape.model.likelihoods import Bernoulli, BernoulliHead, Gaussian, GaussianHead
from zscape.model.perception import FeatureReader, feature_errors, feature_reader, style_layers
from zscape.model.sketching import StrokeMixture

__all__ = [
    "Autoencoder",
    "Bernoulli",
    "BernoulliHead",
    "FeatureReader",
    "Gaussian",
    "GaussianHead",
    "StrokeMixture",
    "draw",
    "feature_errors",
    "feature_reader",
    "layer_names",
    "pooled_features",
    "squeezenet",
    "style_layers",
    "vgg16",
    "vgg19",
]
