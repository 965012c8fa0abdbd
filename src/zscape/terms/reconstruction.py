"""How far decoded data is from data."""

from jaxtyping import Float
from torch import Tensor

from zscape.base import Draw


def negative_log_likelihood(draw: Draw) -> Float[Tensor, ""]:
    r"""Negative log-likelihood of the data at the sampled codes, whatever the decoder's likelihood is.

    .. math:: -\frac{1}{B} \sum_b \log p(x_b \mid z_b)

    Null: none; its smallest value is the entropy of the data. Bias: none, as an estimate of the expectation
    over q.
    Cost: that of the likelihood's `log_prob`.

    Args:
        draw: One pass over a batch; reads `x` and `decoded`.

    Returns:
        Scalar, nats per sample.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014.
    """
    return -draw.decoded.log_prob(draw.x).mean()


def squared_error(draw: Draw) -> Float[Tensor, ""]:
    r"""Squared difference between data and decoded mean, summed over features.

    .. math:: \frac{1}{B} \sum_b \lVert x_b - \hat x_b \rVert^2

    Up to a constant this is twice the negative log-likelihood of Gaussian pixels of variance 1.

    Null: 0 where every sample is decoded exactly. Bias: none.
    Cost: O(B P) for P pixels.

    Args:
        draw: One pass over a batch; reads `x` and `decoded.mean`.

    Returns:
        Scalar, squared units of x per sample.
    """
    return (draw.x - draw.decoded.mean).square().flatten(1).sum(1).mean()
