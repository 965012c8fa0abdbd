"""The density of the next point of a drawing: bivariate Gaussians, and three states of the pen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

# Log standard deviations stay within this distance of 0, correlations within this one: a drawing on a grid
# has steps of exactly 0, at which a Gaussian that may shrink without end has a density without end.
LOG_STD_BOUND = 7.0
CORRELATION_BOUND = 0.999
PEN_STATES = 3


@dataclass(frozen=True, slots=True)
class PointMixture:
    r"""What is said of a next point: its offset from the one before, and what the pen does after it.

    .. math:: p(\Delta) = \sum_m \pi_m \, \mathcal{N}(\Delta; \mu_m, \Sigma_m), \qquad p(\text{pen})

    Attributes:
        weights: (*S, M) log odds of the Gaussians.
        means: (*S, M, 2).
        log_stds: (*S, M, 2).
        correlations: (*S, M).
        pen: (*S, 3) log odds of down, lift and end.
    """

    weights: Tensor
    means: Tensor
    log_stds: Tensor
    correlations: Tensor
    pen: Tensor

    @classmethod
    def read(cls, output: Float[Tensor, "*S F"]) -> PointMixture:
        """The mixture that a network's output of 6 M + 3 features stands for, computed in float32 at least.

        Args:
            output: Of each Gaussian log odds, mean, log standard deviation and correlation, then log odds of
                the pen.
        """
        output = output if output.dtype == torch.float64 else output.float()
        mixtures = (output.shape[-1] - PEN_STATES) // 6
        weights, means, stds, correlations, pen = output.split(
            [mixtures, 2 * mixtures, 2 * mixtures, mixtures, PEN_STATES], dim=-1
        )
        return cls(
            weights,
            means.unflatten(-1, (mixtures, 2)),
            LOG_STD_BOUND * torch.tanh(stds / LOG_STD_BOUND).unflatten(-1, (mixtures, 2)),
            CORRELATION_BOUND * torch.tanh(correlations),
            pen,
        )

    def log_offset(self, offset: Float[Tensor, "*S 2"]) -> Float[Tensor, "*S"]:
        """Log density of offsets, in nats."""
        # Multiplied by exp(-log std) rather than divided by a standard deviation, which saves a division.
        across, down = ((offset.unsqueeze(-2) - self.means) * torch.exp(-self.log_stds)).unbind(-1)
        free = 1 - self.correlations.square()
        squares = (across.square() + down.square() - 2 * self.correlations * across * down) / free
        scales = self.log_stds.sum(-1) + 0.5 * torch.log(free) + math.log(2 * math.pi)
        logits = functional.log_softmax(self.weights, dim=-1)
        return torch.logsumexp(logits - 0.5 * squares - scales, dim=-1)

    def log_pen(self, pen: Float[Tensor, "*S 3"]) -> Float[Tensor, "*S"]:
        """Log probability of one-hot states of the pen, in nats."""
        return (functional.log_softmax(self.pen, dim=-1) * pen).sum(-1)

    def choose(self, noise: Float[Tensor, "*S 4"], temperature: float) -> Float[Tensor, "*S 5"]:
        """A point in stroke-5 form; where the pen state is the end, the end row (0, 0, 0, 0, 1).

        Args:
            noise: Uniform in [0, 1): of the choice of a Gaussian, of the point from it (two), of the pen.
            temperature: Log odds are divided by it and variances multiplied; at 0 the likeliest Gaussian, its
                mean, and the likeliest pen state.
        """
        which = _chosen(self.weights, noise[..., 0], temperature)
        mean, log_std = (
            part.take_along_dim(which[..., None, None], dim=-2).squeeze(-2)
            for part in (self.means, self.log_stds)
        )
        correlation = self.correlations.take_along_dim(which[..., None], dim=-1).squeeze(-1)
        # Box and Muller: two uniform numbers to two normal ones, whatever the size of the batch.
        radius = torch.sqrt(-2 * temperature * torch.log1p(-noise[..., 1]))
        first, second = (radius * turn(2 * math.pi * noise[..., 2]) for turn in (torch.cos, torch.sin))
        second = correlation * first + torch.sqrt(1 - correlation.square()) * second
        offset = mean + torch.exp(log_std) * torch.stack([first, second], dim=-1)
        pen = functional.one_hot(_chosen(self.pen, noise[..., 3], temperature), PEN_STATES).to(offset.dtype)
        return torch.cat([offset * (1 - pen[..., 2:]), pen], dim=-1)


def _chosen(logits: Float[Tensor, "*S K"], noise: Float[Tensor, "*S"], temperature: float) -> Tensor:
    """The class that a uniform number falls on when classes lie side by side, as wide as they are likely."""
    # Numbers that the type has not in full count as 0.
    if temperature < torch.finfo(logits.dtype).tiny:
        return logits.argmax(-1)
    # The largest is 0 before it is divided, for infinity less infinity is none.
    cooled = (logits - logits.amax(-1, keepdim=True)) / temperature
    edges = functional.softmax(cooled, dim=-1).cumsum(-1)
    # The last edge is 1 only within rounding.
    return (edges[..., :-1] <= noise.unsqueeze(-1)).sum(-1)
