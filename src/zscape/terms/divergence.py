"""How far codes are from the prior N(0, I)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from zscape.base import Draw, whole_batch

Bandwidth = Callable[..., Tensor | float]


@whole_batch
def kl(draw: Draw, *, free_bits: float = 0.0) -> Float[Tensor, ""]:
    r"""Kullback-Leibler divergence of the posterior from N(0, I), in closed form.

    .. math:: \sum_j \max\Big(\lambda, \frac{1}{B} \sum_b
        \tfrac12 \big(\mu_{bj}^2 + \sigma_{bj}^2 - 1 - \log \sigma_{bj}^2 \big) \Big)

    Null: 0 (or D times `free_bits`) when every posterior is N(0, I). Bias: none without free bits.
    Cost: O(B D).

    Args:
        draw: One pass over a batch; reads `q`.
        free_bits: Nats a latent dimension may carry, averaged over the batch, before it is charged; lambda
            above.

    Returns:
        Scalar, nats per sample.

    Raises:
        ValueError: If the encoder is deterministic, or free_bits < 0.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014. Kingma et al., Improved Variational
        Inference with Inverse Autoregressive Flow, NeurIPS 2016 (free bits; there per group of latents, here
        per latent).
    """
    mean, logvar = draw.q.mean, draw.q.logvar
    if logvar is None:
        raise ValueError(
            "kl needs a stochastic encoder, but this model's encoder gives no log variance; "
            "build it with stochastic=True or drop the kl term"
        )
    if free_bits < 0:
        raise ValueError(f"kl needs free_bits >= 0, but got {free_bits}")
    by_latent = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean(0)
    return by_latent.clamp(min=free_bits).sum() if free_bits else by_latent.sum()


def zhao_bandwidth(z: Float[Tensor, "B D"]) -> float:
    r"""Standard deviation D / \sqrt 2, so that k = exp(-|x - y|^2 / D^2): Zhao et al.'s MMD-VAE."""
    return z.shape[1] / math.sqrt(2)


def dimension_bandwidth(z: Float[Tensor, "B D"]) -> float:
    r"""Standard deviation \sqrt D, so that k = exp(-|x - y|^2 / 2 D): the mean squared norm of N(0, I)."""
    return math.sqrt(z.shape[1])


def median_bandwidth(z: Float[Tensor, "B D"]) -> Tensor:
    """Median distance between the codes of the batch, without gradient: Gretton et al.'s heuristic."""
    median = torch.nn.functional.pdist(z.detach()).median()
    # Codes that have collapsed to one point still need a kernel.
    return median.clamp(min=torch.finfo(z.dtype).eps)


@whole_batch
def mmd(
    draw: Draw,
    *,
    bandwidth: float | Bandwidth = zhao_bandwidth,
    scale: float = 1.0,
    unbiased: bool = True,
    sampled: bool = False,
) -> Float[Tensor, ""]:
    r"""Squared maximum mean discrepancy between codes and N(0, I), Gaussian kernel of standard deviation s.

    .. math:: \frac{1}{B(B-1)} \sum_{i \ne j} k(z_i, z_j) - \frac{2}{B} \sum_i \mathbb{E}\, k(z_i, Z)
        + \mathbb{E}\, k(Z, Z'), \quad k(x, y) = e^{-\lVert x - y \rVert^2 / 2 s^2}

    By default the prior's part is exact, which needs no draws from the prior and has the smaller variance:

    .. math:: \mathbb{E}\, k(x, Z) = \Big(\frac{s^2}{s^2 + 1}\Big)^{D/2} e^{-\lVert x \rVert^2 / 2 (s^2 + 1)},
        \quad \mathbb{E}\, k(Z, Z') = \Big(\frac{s^2}{s^2 + 2}\Big)^{D/2}

    Null: expectation 0 when codes follow the prior (U-statistic); can be negative. Bias: none if `unbiased`;
    otherwise the diagonal is kept and the value is never negative, as in the published MMD-VAE.
    Cost: O(B^2 D) time, O(B^2) memory.

    Args:
        draw: One pass over a batch; reads `z`.
        bandwidth: Standard deviation of the kernel in units of z, or a function from the codes to it.
        scale: Multiplies the bandwidth.
        unbiased: Leave out the diagonal of k(z_i, z_j) (and of the prior draws).
        sampled: Estimate the prior's part from as many draws of N(0, I) as there are codes, as published.

    Returns:
        Scalar, dimensionless, at most 2.

    Raises:
        ValueError: If B < 2 and unbiased, or scale times bandwidth is not > 0.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012. Zhao, Song and Ermon, InfoVAE, AAAI 2019.
    """
    z = draw.z
    if unbiased and len(z) < 2:
        raise ValueError(f"the unbiased mmd needs two or more codes, but the batch holds {len(z)}")
    std = scale * (bandwidth(z) if callable(bandwidth) else bandwidth)
    # A tensor is not compared: that would make an accelerator wait at every step.
    if not isinstance(std, Tensor) and not std > 0:
        raise ValueError(f"mmd needs a bandwidth > 0, but got {std}")
    within = _mean_kernel(z, std, unbiased=unbiased)
    if sampled:
        prior = torch.randn_like(z)
        between = torch.exp(-squared_distances(z, prior) / (2 * std**2)).mean()
        return within - 2 * between + _mean_kernel(prior, std, unbiased=unbiased)
    variance, latent = std**2, z.shape[1]
    between = (variance / (variance + 1)) ** (latent / 2) * torch.exp(
        -z.square().sum(1) / (2 * (variance + 1))
    ).mean()
    return within - 2 * between + (variance / (variance + 2)) ** (latent / 2)


def _mean_kernel(z: Tensor, std: Tensor | float, *, unbiased: bool) -> Tensor:
    kernel = torch.exp(-squared_distances(z, z) / (2 * std**2))
    count = len(z)
    if unbiased:
        return (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))
    return kernel.mean()


def squared_distances(a: Float[Tensor, "A D"], b: Float[Tensor, "B D"]) -> Float[Tensor, "A B"]:
    """Squared Euclidean distance of each row of `a` from each row of `b`, with a gradient that is finite."""
    # Not cdist: its gradient is not finite where two codes coincide.
    squares = a.square().sum(1)[:, None] + b.square().sum(1)[None, :] - 2 * a @ b.T
    return squares.clamp(min=0)
