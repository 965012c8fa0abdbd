"""What a decoder says about data, and the heads that turn a network's output into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from zscape.errors import SettingError, nearest


@dataclass(frozen=True, slots=True)
class Bernoulli:
    r"""Independent Bernoulli pixels; for grey values in [0, 1] the usual "real-valued" relaxation.

    .. math:: \log p(x \mid z) = \sum_i x_i \log \pi_i + (1 - x_i) \log (1 - \pi_i),
        \quad \pi = \sigma(\text{logits})

    With grey values this is not a normalised density (Loaiza-Ganem and Cunningham 2019): bounds computed with
    it compare with each other and with the published ones, not with those of a Gaussian.

    Attributes:
        logits: (B, *shape).
    """

    logits: Tensor

    @property
    def mean(self) -> Tensor:
        """Pixel probabilities, (B, *shape)."""
        return torch.sigmoid(self.logits)

    def log_prob(self, x: Tensor) -> Float[Tensor, "B"]:
        """Log probability of each sample in nats, summed over pixels. x: (B, *shape) in [0, 1]."""
        losses = functional.binary_cross_entropy_with_logits(self.logits, x, reduction="none")
        return -losses.flatten(1).sum(1)

    def sample(self) -> Tensor:
        """Black or white pixels, (B, *shape)."""
        return torch.bernoulli(self.mean)


@dataclass(frozen=True, slots=True)
class Gaussian:
    r"""Independent Gaussian pixels of one standard deviation.

    .. math:: \log p(x \mid z) = -\sum_i \frac{(x_i - \mu_i)^2}{2 \sigma^2}
        - d \log \sigma - \frac{d}{2} \log 2\pi

    Attributes:
        mean: (B, *shape).
        log_std: Scalar.
    """

    mean: Tensor
    log_std: Tensor

    def log_prob(self, x: Tensor) -> Float[Tensor, "B"]:
        """Log density of each sample in nats, summed over pixels. x: (B, *shape)."""
        squares = (x - self.mean).flatten(1).square().sum(1)
        pixels = self.mean[0].numel()
        log_std = self.log_std.to(squares.dtype)
        return -0.5 * squares * torch.exp(-2 * log_std) - pixels * (log_std + 0.5 * math.log(2 * math.pi))

    def sample(self) -> Tensor:
        """The mean with Gaussian noise, (B, *shape)."""
        return self.mean + torch.exp(self.log_std).to(self.mean.dtype) * torch.randn_like(self.mean)


class BernoulliHead(nn.Module):
    """Reads the decoder's output as logits; `probabilities=True` for a foreign decoder that ends in a
    sigmoid.

    Args:
        probabilities: Whether the decoder's output already lies in [0, 1].
    """

    def __init__(self, *, probabilities: bool = False) -> None:
        super().__init__()
        self.probabilities = probabilities

    def forward(self, output: Tensor) -> Bernoulli:
        """Likelihood of data given the decoder's output."""
        # A half-precision logit has too few digits for a sum over hundreds of pixels.
        output = output if output.dtype == torch.float64 else output.float()
        return Bernoulli(torch.logit(output, eps=1e-6) if self.probabilities else output)

    def to_spec(self) -> dict[str, Any]:
        """Name and settings, as spec.json holds them."""
        return {"name": "bernoulli", "probabilities": self.probabilities}


class GaussianHead(nn.Module):
    """Reads the decoder's output as the mean of Gaussian pixels of one standard deviation, fixed or learned.

    Args:
        std: The fixed standard deviation, in units of x; None learns one for all pixels, starting from 1.

    Raises:
        ValueError: If std <= 0.

    References:
        Rybkin, Daniilidis and Levine, Simple and Effective VAE Training with Calibrated Decoders, ICML 2021.
    """

    log_std: Tensor

    def __init__(self, std: float | None = 1.0) -> None:
        super().__init__()
        if std is not None and not std > 0:
            raise ValueError(f"GaussianHead needs std > 0, or None to learn it, but got {std}")
        self.std = std
        start = torch.tensor(0.0 if std is None else math.log(std))
        if std is None:
            self.log_std = nn.Parameter(start)
        else:
            self.register_buffer("log_std", start)

    def forward(self, output: Tensor) -> Gaussian:
        """Likelihood of data given the decoder's output."""
        return Gaussian(output if output.dtype == torch.float64 else output.float(), self.log_std)

    def to_spec(self) -> dict[str, Any]:
        """Name and settings, as spec.json holds them."""
        return {"name": "gaussian", "std": self.std}


_HEADS = {"bernoulli": BernoulliHead, "gaussian": GaussianHead}


def head_from_spec(spec: dict[str, Any]) -> nn.Module:
    """The head that `to_spec` described.

    Raises:
        SettingError: If the name or a setting is unknown.
    """
    settings = dict(spec)
    name = settings.pop("name", None)
    if name not in _HEADS:
        raise SettingError(f"unknown likelihood head {name!r}: {nearest(str(name), _HEADS)}")
    try:
        return _HEADS[name](**settings)
    except TypeError as error:
        raise SettingError(
            f"likelihood head {name!r} does not take these settings: {settings} ({error})"
        ) from error
