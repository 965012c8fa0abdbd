"""Recipes: one short function per published model. Each returns an objective, a mapping of named terms.

>>> sorted(beta_vae(4.0))
['kl', 'reconstruction']
"""

from zscape.base import Objective, Weighted
from zscape.schedules import Schedule
from zscape.terms import kl, mmd, negative_log_likelihood, squared_error

__all__ = ["autoencoder", "beta_vae", "mmd_vae", "vae"]


def autoencoder() -> Objective:
    """Plain autoencoder: squared error alone; build the model with stochastic=False.

    References:
        Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, Science 2006.
    """
    return {"reconstruction": Weighted(1.0, squared_error)}


def vae() -> Objective:
    """Variational autoencoder: negative log-likelihood plus KL, the negative evidence lower bound.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014.
    """
    return beta_vae(1.0)


def beta_vae(beta: float | Schedule = 4.0) -> Objective:
    """Variational autoencoder with the KL weighted by beta, a number or a schedule; 1 gives `vae`.

    References:
        Higgins et al., beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework,
        ICLR 2017.
    """
    return {"reconstruction": Weighted(1.0, negative_log_likelihood), "kl": Weighted(beta, kl)}


def mmd_vae(weight: float | Schedule = 1000.0) -> Objective:
    """MMD-VAE: maximum mean discrepancy in place of the KL.

    The discrepancy is at most 2 while reconstruction is a sum over pixels, so a weight near 1 would do
    nothing; 1000 is InfoVAE's value for MNIST.

    References:
        Zhao, Song and Ermon, InfoVAE: Balancing Learning and Inference in Variational Autoencoders, AAAI
        2019.
    """
    return {"reconstruction": Weighted(1.0, negative_log_likelihood), "mmd": Weighted(weight, mmd)}
