"""A term for codes of which few latents differ from 0: the L1 norm."""

from __future__ import annotations

from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor

from zscape.base import Draw

Sparse = Literal["mean", "z", "outputs"]


def sparsity(draw: Draw, *, of: Sparse = "mean") -> Float[Tensor, ""]:
    r"""L1 norm of what the encoder says, summed over latents and averaged over the batch.

    .. math:: \frac{1}{B} \sum_b \sum_j |v_{bj}|

    with v the posterior means, the sampled codes, or means and log variances together. The published sparse
    VAE has "an L1 penalty at the encoder's output", and does not say which of these that is; "outputs" is the
    reading to the letter, and "mean" the one that concerns the codes.

    A code can be made smaller without being sparser: if the decoder multiplies by what the encoder divides
    by, nothing is lost but this penalty. Only another term sets the scale: the KL, since a posterior with
    smaller means must have smaller variances to be told from its neighbours, or weight decay on the decoder.
    Read it with the spread of the codes beside it.

    Null: 0 when all means are 0; with "outputs", when all posteriors are N(0, I); with "z" that holds for
    points only, and codes that follow the prior have D \sqrt{2 / \pi}. Bias: none. Cost: O(B D).

    Args:
        draw: One pass over a batch; reads `q` or `z`.
        of: "mean", the posterior means; "z", the sampled codes; "outputs", means and log variances. The three
            are one for a deterministic encoder.

    Returns:
        Scalar, in units of z (a plain sum; log variances are dimensionless). A weight is nats per unit.

    Raises:
        ValueError: If `of` is none of the three.

    References:
        Tibshirani, Regression Shrinkage and Selection via the Lasso, JRSS B 1996 (the norm).
    """
    _need_of(of)
    values = draw.z if of == "z" else draw.q.mean
    norm = values.abs().sum(1).mean()
    if of == "outputs" and draw.q.logvar is not None:
        return norm + draw.q.logvar.abs().sum(1).mean()
    return norm


def _need_of(of: str) -> None:
    if of not in get_args(Sparse):
        raise ValueError(f"of needs to be one of {', '.join(get_args(Sparse))}, but got {of!r}")
