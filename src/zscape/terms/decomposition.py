r"""Terms on the aggregate posterior q(z), the mixture of the posteriors of all N samples of the data set.

The KL falls into three parts, the index-code information, the total correlation and the KL of each latent:

.. math:: \mathbb{E}_n \mathrm{KL}\big(q(z | x_n) \| p(z)\big) = \mathrm{KL}\big(q(z, n) \| q(z) q(n)\big)
    + \mathrm{KL}\Big(q(z) \Big\| \prod_j q(z_j)\Big) + \sum_j \mathrm{KL}\big(q(z_j) \| p(z_j)\big)

Each needs log q(z) or log q(z_j), which is a mean over the data set, and a step sees a batch of B samples.
Two estimators put it in their place, with log-sum-exp over the posteriors of the batch at each of its codes:

.. math:: \text{weighted:}\quad \hat q(z_b) = \frac{1}{N B} \sum_c q(z_b | x_c)

.. math:: \text{stratified:}\quad \hat q(z_b) = \frac{1}{N} q(z_b | x_b)
    + \frac{N - 1}{N (B - 1)} \sum_{c \ne b} q(z_b | x_c)

The stratified one is unbiased for the density, not for its logarithm, and exact for a batch of the whole data
set. As published its weights are 1 / N for the code's own sample, (N - M) / (N M) for one of the M = B - 1
others and 1 / M for the rest; here it is the mean over which of them that one is, so that the order of the
batch does not matter, the variance is less, and B = N is exact. The code that went with the paper, and that
many have copied, strides through the matrix of weights by B and not B + 1, so that its weight 1 / N falls on
the first column in place of the diagonal.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from zscape.base import Draw, whole_batch

Estimator = Literal["weighted", "stratified"]


@whole_batch
def total_correlation(draw: Draw, *, estimator: Estimator = "weighted") -> Float[Tensor, ""]:
    r"""Kullback-Leibler divergence of the aggregate posterior from the product of its marginals, estimated.

    .. math:: \frac{1}{B} \sum_b \Big( \log \hat q(z_b) - \sum_j \log \hat q(z_{bj}) \Big)

    with the estimators of this module.

    Null: 0 where the aggregate factorises. There "stratified" reads exactly 0 if all posteriors are equal, or
    if B = N and posteriors factorise over a grid; "weighted" reads exactly (D - 1) log N if they are equal.
    Bias: of the value, large for both; of "weighted" mostly a constant, up to (D - 1) log(N B), which moves
    nothing. A batch too small to hold neighbours of a code in all latents at once takes every code for
    isolated; the gradient then vanishes. Means and standard deviations on Gaussian aggregates of unit
    variances, N = 50,000, B = 64, one pair of latents correlated by 0.6: the true value is 0.22, its
    derivative with respect to that correlation 0.94.

    ===================== ====================== =============== ============ ===============
    latents, std of q     weighted - (D-1) log N its derivative  stratified   its derivative
    ===================== ====================== =============== ============ ===============
    2, 0.3                0.29 (0.08)            0.76 (0.21)     0.11 (0.12)  1.10 (0.30)
    2, 0.1                0.81 (0.11)            0.35 (0.58)     -0.75 (0.30) 1.86 (1.19)
    5, 0.3                1.96 (0.25)            0.17 (0.24)     -1.41 (0.31) 1.20 (0.49)
    10, 0.3               7.49 (0.34)            0.03 (0.19)     1.80 (0.39)  0.05 (0.29)
    10, 0.3, B = 1,024    5.15 (0.07)            0.03 (0.04)     1.48 (0.09)  0.15 (0.07)
    ===================== ====================== =============== ============ ===============

    So it pays to count the latents in use, not D: one that has collapsed to the prior takes no part.
    Cost: O(B^2 D) time and memory.

    Args:
        draw: One pass over a batch; reads `q`, `z` and `size`.
        estimator: "weighted", minibatch-weighted sampling, or "stratified", minibatch-stratified sampling.

    Returns:
        Scalar, nats.

    Raises:
        ValueError: If the encoder is deterministic, the size of the data set is not known or below B, B < 2,
            or `estimator` is neither of the two.

    References:
        Watanabe, Information Theoretical Analysis of Multivariate Correlation, IBM Journal 1960. Chen et al.,
        Isolating Sources of Disentanglement in Variational Autoencoders, NeurIPS 2018 (the estimators).
    """
    densities = _densities(draw, estimator, "total_correlation")
    return (densities.aggregate - densities.marginals.sum(1)).mean()


@whole_batch
def index_code_information(draw: Draw, *, estimator: Estimator = "weighted") -> Float[Tensor, ""]:
    r"""Mutual information between a sample's number in the data set and its code, estimated.

    .. math:: \frac{1}{B} \sum_b \big( \log q(z_b | x_b) - \log \hat q(z_b) \big)

    Null: 0 where all posteriors are equal; there "stratified" reads 0 and "weighted" log N.
    Bias: upwards in expectation for "stratified", by Jensen's inequality, and never above log N; "weighted"
    lies between log N and log(N B). Cost: O(B^2 D) time and memory.

    Args:
        draw: One pass over a batch; reads `q`, `z` and `size`.
        estimator: As for `total_correlation`.

    Returns:
        Scalar, nats.

    Raises:
        ValueError: As for `total_correlation`.

    References:
        Hoffman and Johnson, ELBO Surgery, NeurIPS workshop 2016. Chen et al., NeurIPS 2018 (the estimators).
    """
    densities = _densities(draw, estimator, "index_code_information")
    return (densities.own - densities.aggregate).mean()


@whole_batch
def dimensionwise_kl(draw: Draw, *, estimator: Estimator = "weighted") -> Float[Tensor, ""]:
    r"""Kullback-Leibler divergence of each latent's aggregate posterior from N(0, 1), estimated and summed.

    .. math:: \frac{1}{B} \sum_b \sum_j \big( \log \hat q(z_{bj}) - \log p(z_{bj}) \big)

    With it, beta-TCVAE at any alpha and gamma is alpha times `kl`, beta - alpha times `total_correlation` and
    gamma - alpha times this.

    Null: 0 where each latent's aggregate is N(0, 1); if all posteriors are, "stratified" reads 0 and
    "weighted" -D log N. Bias: downwards in expectation for "stratified", by Jensen's inequality, a latent's
    worth at a time and so far less than that of the whole density. Cost: O(B^2 D) time and memory.

    Args:
        draw: One pass over a batch; reads `q`, `z` and `size`.
        estimator: As for `total_correlation`.

    Returns:
        Scalar, nats.

    Raises:
        ValueError: As for `total_correlation`.

    References:
        Chen et al., NeurIPS 2018.
    """
    densities = _densities(draw, estimator, "dimensionwise_kl")
    prior = -0.5 * (draw.z.square() + math.log(2 * math.pi))
    return (densities.marginals - prior).sum(1).mean()


class _Densities(NamedTuple):
    """Logarithms of densities at the codes of a batch."""

    own: Float[Tensor, "B"]
    aggregate: Float[Tensor, "B"]
    marginals: Float[Tensor, "B D"]


def _densities(draw: Draw, estimator: Estimator, name: str) -> _Densities:
    mean, logvar, z = draw.q.mean, draw.q.logvar, draw.z
    if logvar is None:
        raise ValueError(
            f"{name} needs a stochastic encoder, but this model's encoder gives no log variance; "
            "build it with stochastic=True or drop the term"
        )
    weights = _log_weights(len(z), draw.size, estimator, name).to(z)
    # Scaled before it is squared, so that a small variance does not overflow.
    scaled = (z[:, None] - mean) * torch.exp(-0.5 * logvar)
    by_latent = -0.5 * (scaled.square() + logvar + math.log(2 * math.pi))
    whole = by_latent.sum(2)
    return _Densities(
        whole.diagonal(),
        torch.logsumexp(whole + weights, 1),
        torch.logsumexp(by_latent + weights[:, :, None], 1),
    )


def _log_weights(batch: int, size: int | None, estimator: Estimator, name: str) -> Float[Tensor, "B B"]:
    """Log weight of each sample's posterior (column) in the aggregate's density at each code (row)."""
    _need_estimator(estimator)
    if size is None:
        raise ValueError(
            f"{name} needs the size of the data set, but the Draw has none; give it one, as in "
            "dataclasses.replace(draw, size=50_000); zscape.fit does"
        )
    if not 2 <= batch <= size:
        raise ValueError(
            f"{name} needs a batch of two codes or more from a data set that holds them, but got {batch} of "
            f"{size}; change the batch, or correct the size"
        )
    if estimator == "weighted":
        return torch.full((batch, batch), -math.log(size * batch), dtype=torch.float64)
    others = math.log((size - 1) / (size * (batch - 1)))
    return torch.full((batch, batch), others, dtype=torch.float64).fill_diagonal_(-math.log(size))


def _need_estimator(estimator: str) -> None:
    if estimator not in get_args(Estimator):
        raise ValueError(f"estimator needs to be weighted or stratified, but got {estimator!r}")
