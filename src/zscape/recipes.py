"""Recipes: one short function per published model. Each returns an objective, a mapping of named terms.

>>> sorted(beta_vae(4.0))
['kl', 'reconstruction']
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

from zscape.base import Objective, Weighted
from zscape.model.perception import Network
from zscape.model.weights import Preprocessing
from zscape.schedules import Schedule, Warmup
from zscape.terms import (
    InterpolationCritic,
    MixingCritic,
    Perceptual,
    PriorCritic,
    RememberedCovariance,
    TotalCorrelationCritic,
    correlation,
    covariance,
    covariance_floor,
    cycle_consistency,
    interpolation_smoothness,
    kl,
    mmd,
    negative_log_likelihood,
    sparsity,
    squared_error,
    total_correlation,
    triplet,
)
from zscape.terms.adversarial import Prior
from zscape.terms.triplet import Mining, need_mining

__all__ = [
    "acai",
    "adversarial_autoencoder",
    "aeai",
    "annealed_vae",
    "autoencoder",
    "beta_tcvae",
    "beta_vae",
    "decorrelated_vae",
    "dip_vae",
    "factor_vae",
    "mmd_vae",
    "perceptual_vae",
    "sparse_vae",
    "triplet_vae",
    "vae",
]

_RAMP = Warmup(stop=25.0, steps=100_000)
Form = Literal["means", "unbiased", "paper", "memory", "correlation"]
Estimator = Literal["weighted", "stratified"]
Sparse = Literal["mean", "z", "outputs"]


def acai(weight: float | Schedule = 32.0, *, gamma: float = 0.2) -> Objective:
    """ACAI: a critic reads off decoded mixtures how far they are mixed, and the model learns to hide it.

    Build the model with stochastic=False.

    Args:
        weight: Squared units of x for a squared weight that the critic reads off, of 1/4 at most. Published
            is 0.5 beside the mean squared error of pixels in [-1, 1], which is an eighth of the numbers a
            picture has: 8 for 8x8 grey pixels, 128 for 32x32, 1,536 for 64x64 in colour. The default is
            ours; take that eighth for the published strength.
        gamma: As for `zscape.terms.MixingCritic`; 0.2 as published.

    Raises:
        ValueError: If gamma is not in [0, 1].

    References:
        Berthelot, Raffel, Roy and Goodfellow, Understanding and Improving Interpolation in Autoencoders via
        an Adversarial Regularizer, ICLR 2019.
    """
    return {**autoencoder(), "mixing": Weighted(weight, MixingCritic(gamma=gamma))}


def adversarial_autoencoder(
    weight: float | Schedule = 1.0, *, prior: Prior = "gaussian", components: int = 10
) -> Objective:
    """Adversarial autoencoder: a critic leads the codes of all data together to a prior.

    Build the model with stochastic=False, as published for most of its experiments, and fit it with
    Adam(betas=(0.5, 0.999)): with the usual 0.9 the codes of digits ended five times as far from the prior.

    Args:
        weight: Squared units of x per nat of the critic's cross-entropy; ours, as the paper moves by each in
            turn.
        prior: "gaussian", "mixture", or "classes" for a mixture with a component a class; see
            `zscape.terms.PriorCritic`.
        components: Gaussians of the mixture; 10 as published.

    Raises:
        ValueError: If prior is none of the three, or components < 1.

    References:
        Makhzani, Shlens, Jaitly, Goodfellow and Frey, Adversarial Autoencoders, 2015.
    """
    critic = PriorCritic(prior=prior, components=components)
    return {**autoencoder(), "prior": Weighted(weight, critic)}


def aeai(
    adversarial: float | Schedule = 0.3,
    *,
    cycle: float | Schedule = 0.1,
    smoothness: float | Schedule = 0.01,
) -> Objective:
    """AEAI: pictures between two codes pass for data, encode to where they are, and change smoothly.

    Build the model with stochastic=False, and fit it with Adam(betas=(0.5, 0.999)): with 0.9 the critic was
    ahead on digits. Each part is a column of history.csv. The defaults are ours.

    Args:
        adversarial: Squared units of x per nat of the critic's cross-entropy.
        cycle: Weight of `zscape.terms.cycle_consistency`: squared units of x per squared unit of z.
        smoothness: Weight of `zscape.terms.interpolation_smoothness`, which is at least the mean squared
            distance of two pictures, so that much weight makes paths dissolve one into the other.

    References:
        Oring, Yakhini and Hel-Or, Autoencoder Image Interpolation by Shaping the Latent Space, ICML 2021.
    """
    return {
        **autoencoder(),
        "interpolation": Weighted(adversarial, InterpolationCritic()),
        "cycle_consistency": Weighted(cycle, cycle_consistency),
        "interpolation_smoothness": Weighted(smoothness, interpolation_smoothness),
    }


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


def annealed_vae(capacity: float | Schedule = _RAMP, *, gamma: float | Schedule = 1000.0) -> Objective:
    """Annealed VAE: the KL is held at a capacity that grows, so that latents are taken up one after another.

    Args:
        capacity: Nats that the codes may carry, a number or a schedule; published, for dSprites, is the
            default, from 0 to 25 over 100,000 steps. In a shorter fit, let its steps be half of the fit's or
            fewer: the weights kept are those best at the capacity of the last step.
        gamma: Weight of the distance from the capacity; 1,000 as published. In fits of 8,000 steps on
            dSprites so great a weight had the capacity spent on posteriors that are narrow and all alike:
            where the KL grows and no latent comes into use, take less.

    References:
        Burgess et al., Understanding Disentangling in beta-VAE, 2018.
    """
    return {
        "reconstruction": Weighted(1.0, negative_log_likelihood),
        "kl": Weighted(gamma, kl, capacity=capacity),
    }


def beta_tcvae(beta: float = 6.0, *, estimator: Estimator = "weighted") -> Objective:
    """beta-TCVAE: of the three parts of the KL only the total correlation is weighted by beta; 1 gives `vae`.

    That is the KL and beta - 1 times the total correlation, with the paper's alpha and gamma at 1.

    Args:
        beta: Weight of the total correlation in all; 6 as published for dSprites.
        estimator: "weighted", as published, or "stratified"; see `total_correlation` for what a batch can
            and cannot tell.

    Raises:
        ValueError: If `estimator` is neither of the two.

    References:
        Chen et al., Isolating Sources of Disentanglement in Variational Autoencoders, NeurIPS 2018.
    """
    if estimator not in get_args(Estimator):
        raise ValueError(f"estimator needs to be weighted or stratified, but got {estimator!r}")
    term = partial(total_correlation, estimator=estimator)
    return {**beta_vae(1.0), "total_correlation": Weighted(beta - 1.0, term)}


def decorrelated_vae(
    weight: float | Schedule = 0.01, *, form: Form = "means", beta: float | Schedule = 1.0
) -> Objective:
    """Variational autoencoder whose latents are decorrelated: what the sketch system set out to be.

    Only "means" cannot be lowered by making codes small beside the encoder's noise. In the study
    sketch-covariance it left an eighth of the squared correlations of held-out codes at no cost in
    reconstruction, where the others left more than half and emptied the latents.

    Beside the penalty, `covariance_floor` is logged at weight 0: what the published penalty would read on
    independent codes of the same variances. The unbiased forms read 0 there.

    Args:
        weight: Nats per unit of penalty. For "means" 0.01 to 0.03 did well on digits and drawings; ten times
            as much empties the latents too. The published values, for "paper", are 0.5, 1 and 2, in the units
            told below.
        form: "means", `correlation` of the posterior means; "unbiased", `covariance` of the posterior means;
            "memory", the same over batches, for batches smaller than the latent space; "correlation", that of
            the aggregate posterior; or "paper", as published, the squared covariances of the sampled codes of
            a batch.
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
        "means": partial(correlation, of="mean"),
        "unbiased": covariance,
        "paper": partial(covariance, unbiased=False, of=of),
        "memory": RememberedCovariance(),
        "correlation": correlation,
    }
    name = "correlation" if form in ("means", "correlation") else "covariance"
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


def factor_vae(gamma: float | Schedule = 35.0) -> Objective:
    """FactorVAE: total correlation as known to a critic that learns to tell codes from permuted codes.

    Args:
        gamma: Weight of the total correlation; 35 was best on dSprites, 3.2 to 6.4 were used for photographs.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018.
    """
    return {**beta_vae(1.0), "total_correlation": Weighted(gamma, TotalCorrelationCritic())}


def mmd_vae(weight: float | Schedule = 1000.0) -> Objective:
    """MMD-VAE: maximum mean discrepancy in place of the KL.

    The discrepancy is at most 2 while reconstruction is a sum over pixels, so a weight near 1 would do
    nothing; 1000 is InfoVAE's value for MNIST.

    References:
        Zhao, Song and Ermon, InfoVAE: Balancing Learning and Inference in Variational Autoencoders, AAAI
        2019.
    """
    return {"reconstruction": Weighted(1.0, negative_log_likelihood), "mmd": Weighted(weight, mmd)}


def perceptual_vae(
    network: Network = "vgg19",
    *,
    weights: str | os.PathLike[str] | None = None,
    layers: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    resize: int | None = None,
    bf16: bool = False,
    budget_gib: float = 1.0,
    weight: float | Schedule = 1000.0,
    pixels: float | Schedule = 0.0,
    beta: float | Schedule = 1.0,
) -> Objective:
    """Perceptual VAE: features of a trained network take the place of pixels, or stand beside them.

    The published system names VGG16, and neither layers nor weights nor how much these count: all defaults
    are ours. Pixels are logged also where they weigh nothing.

    Args:
        network: As for `zscape.terms.Perceptual`. VGG19 is the one that may end early in a file, so it is the
            default.
        weights: As for `Perceptual`, and likewise `layers`, `preprocessing`, `resize`, `bf16` and
            `budget_gib`.
        layers: Names of layers.
        preprocessing: What the weights were trained with.
        resize: Side that pictures are brought to.
        bf16: Run the network in bfloat16.
        budget_gib: Memory for features of the data.
        weight: Nats for a picture all of whose features are lost. Of dSprites, the features of an empty
            picture differ by 0.45 to 0.5 from those of a sprite: at 1000 about what its pixels cost.
        pixels: Weight of the negative log-likelihood of the pixels; 1 for both together.
        beta: Weight of the KL.

    Raises:
        DataError: If there are no weights, as `Perceptual`.
        ValueError: As `Perceptual`.

    References:
        Hou et al., Deep Feature Consistent Variational Autoencoder, WACV 2017. The published system of the
        study sparse-disentanglement.
    """
    term = Perceptual(
        network,
        weights=weights,
        layers=layers,
        preprocessing=preprocessing,
        resize=resize,
        bf16=bf16,
        budget_gib=budget_gib,
    )
    return {
        **beta_vae(beta),
        "reconstruction": Weighted(pixels, negative_log_likelihood),
        "perceptual": Weighted(weight, term),
    }


def sparse_vae(
    weight: float | Schedule = 1.0, *, of: Sparse = "mean", beta: float | Schedule = 1.0
) -> Objective:
    """Sparse VAE: an L1 penalty at the encoder's output, beside the KL that keeps its scale.

    Args:
        weight: Nats per unit of the norm. The published value is not stated; 1 is ours.
        of: What the norm is of: the posterior means, the sampled codes "z", or all "outputs" of the encoder,
            log variances too. The paper does not say which; see `sparsity`.
        beta: Weight of the KL.

    Raises:
        ValueError: If `of` is none of the three.

    References:
        The published system of the study sparse-disentanglement.
    """
    if of not in get_args(Sparse):
        raise ValueError(f"of needs to be one of {', '.join(get_args(Sparse))}, but got {of!r}")
    return {**beta_vae(beta), "sparsity": Weighted(weight, partial(sparsity, of=of))}


def triplet_vae(
    weight: float | Schedule = 1.0,
    *,
    margin: float = 1.0,
    mining: Mining = "all",
    beta: float | Schedule = 1.0,
) -> Objective:
    """Triplet VAE: codes of a class are nearer to each other than to those of others, by a margin.

    Needs labels. The published values are not known to us; the defaults are ours.

    Args:
        weight: Nats per squared unit of z.
        margin: As for `zscape.terms.triplet`.
        mining: "all", "hard" or "semi-hard", as for `triplet`. Batch-hard mining under a KL shrank the codes
            of digits to a point, where the term is the margin.
        beta: Weight of the KL.

    Raises:
        ValueError: If mining is none of the three.

    References:
        Ishfaq, Hoogi and Rubin, TVAE: Triplet-Based Variational Autoencoder Using Metric Learning, 2018.
    """
    need_mining(mining)
    return {**beta_vae(beta), "triplet": Weighted(weight, partial(triplet, margin=margin, mining=mining))}
