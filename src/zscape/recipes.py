"""Recipes: one short function per published model. Each returns an objective, a mapping of named terms.

>>> sorted(beta_vae(4.0))
['kl', 'reconstruction']
"""

from functools import partial
from typing import Literal, get_args

from zscape.base import Objective, Weighted
from zscape.schedules import Schedule
from zscape.terms import (
    RememberedCovariance,
    correlation,
    covariance,
    covariance_floor,
    kl,
    mmd,
    negative_log_likelihood,
    squared_error,
)

__all__ = ["autoencoder", "beta_vae", "decorrelated_vae", "dip_vae", "mmd_vae", "vae"]

Form = Literal["unbiased", "paper", "memory", "correlation"]


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


def decorrelated_vae(
    weight: float | Schedule = 1.0, *, form: Form = "unbiased", beta: float | Schedule = 1.0
) -> Objective:
    """Variational autoencoder whose latents are decorrelated: the sketch system's objective.

    Beside the penalty, `covariance_floor` is logged at weight 0: what the published penalty would read on
    independent codes of the same variances. The unbiased forms read 0 there.

    Args:
        weight: Nats per unit of penalty; the published values are 0.5, 1 and 2, in the units told below.
        form: "unbiased", `covariance` of the posterior means; "memory", the same over batches, for batches
            smaller than the latent space; "correlation", `correlation` of the aggregate posterior; or
            "paper", as published, the squared covariances of the sampled codes of a batch.
        beta: Weight of the KL; sketch-rnn's is ExponentialApproach(start=0.01, stop=0.5, factor=0.99995), in
            the units told below.

    In sketch-rnn reconstruction is divided by the points of the longest drawing, T, and KL by the number of
    latents, D. Here both are sums, so that its objective times T has `weight` times T and `beta` times T / D.

    Raises:
        ValueError: If `form` is none of these.

    References:
        Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018 (without the penalty). The penalised
        system is a sample output of The AI Scientist (Lu et al., 2024).
    """
    if form not in get_args(Form):
        raise ValueError(f"form needs to be one of {', '.join(get_args(Form))}, but got {form!r}")
    of = "z" if form == "paper" else "mean"
    terms = {
        "unbiased": covariance,
        "paper": partial(covariance, unbiased=False, of=of),
        "memory": RememberedCovariance(),
        "correlation": correlation,
    }
    name = "correlation" if form == "correlation" else "covariance"
    return {
        **beta_vae(beta),
        name: Weighted(weight, terms[form]),
        "covariance_floor": Weighted(0.0, partial(covariance_floor, of=of)),
    }


def dip_vae(kind: Literal[1, 2] = 2, *, weight: float | Schedule = 10.0) -> Objective:
    """DIP-VAE: the covariance of the aggregate posterior is pulled to the identity.

    Of the means alone (kind 1, diagonal ten times as strong), or of the means plus the encoder's variance
    (kind 2, diagonal as strong); the ratios are the published ones.

    Args:
        kind: 1 or 2.
        weight: Nats per unit of squared off-diagonal covariance, lambda_od; studies range from 1 to 50.

    Raises:
        ValueError: If kind is neither 1 nor 2.

    References:
        Kumar, Sattigeri and Balakrishnan, Variational Inference of Disentangled Latent Concepts from
        Unlabeled Observations, ICLR 2018. Locatello et al., Challenging Common Assumptions in the
        Unsupervised Learning of Disentangled Representations, ICML 2019 (the range).
    """
    if kind not in (1, 2):
        raise ValueError(f"dip_vae needs kind 1 or 2, but got {kind!r}")
    means = partial(covariance, unbiased=False, of="mean", diagonal=10.0)
    aggregate = partial(covariance, unbiased=False, of="aggregate", diagonal=1.0)
    return {
        **beta_vae(1.0),
        "covariance": Weighted(weight, means if kind == 1 else aggregate),
        "covariance_floor": Weighted(0.0, covariance_floor),
    }


def mmd_vae(weight: float | Schedule = 1000.0) -> Objective:
    """MMD-VAE: maximum mean discrepancy in place of the KL.

    The discrepancy is at most 2 while reconstruction is a sum over pixels, so a weight near 1 would do
    nothing; 1000 is InfoVAE's value for MNIST.

    References:
        Zhao, Song and Ermon, InfoVAE: Balancing Learning and Inference in Variational Autoencoders, AAAI
        2019.
    """
    return {"reconstruction": Weighted(1.0, negative_log_likelihood), "mmd": Weighted(weight, mmd)}
