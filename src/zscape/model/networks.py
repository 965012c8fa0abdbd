"""Networks for pictures: multilayer perceptrons and strided convolutions, as encoder and decoder pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Posterior

Activation = Callable[[], nn.Module]
Pair = tuple[nn.Module, nn.Module]


class PosteriorLayer(nn.Module):
    """Features (B, F) to a posterior over D latents: one linear layer for the mean and, if stochastic, log
    variance."""

    def __init__(self, features: int, latent: int, *, stochastic: bool) -> None:
        super().__init__()
        self.stochastic = stochastic
        self.linear = nn.Linear(features, 2 * latent if stochastic else latent)

    def forward(self, features: Float[Tensor, "B F"]) -> Posterior:
        """Posterior of the batch."""
        output = self.linear(features)
        return Posterior(*output.chunk(2, dim=1)) if self.stochastic else Posterior(output)


def mlp(
    shape: Sequence[int], latent: int, *, widths: Sequence[int], activation: Activation, stochastic: bool
) -> Pair:
    """Fully connected encoder with hidden layers of the given widths, and its mirror image as decoder.

    Args:
        shape: Shape of one sample.
        latent: Latent dimensions, D.
        widths: Hidden layers of the encoder, from data to code.
        activation: Makes the activation after each hidden layer.
        stochastic: Whether the encoder gives a log variance too.

    Returns:
        The encoder, (B, *shape) to Posterior, and the decoder, (B, D) to (B, *shape).
    """
    pixels = math.prod(shape)
    encoder = [nn.Flatten(), *_hidden([pixels, *widths], activation)]
    decoder = [*_hidden([latent, *reversed(widths)], activation), nn.Linear(widths[0], pixels)]
    return (
        nn.Sequential(*encoder, PosteriorLayer(widths[-1], latent, stochastic=stochastic)),
        nn.Sequential(*decoder, nn.Unflatten(1, tuple(shape))),
    )


def conv(
    shape: Sequence[int],
    latent: int,
    *,
    channels: Sequence[int],
    dense: int,
    activation: Activation,
    stochastic: bool,
) -> Pair:
    """Strided convolutions and a dense layer, and their mirror image as decoder.

    Each convolution (4x4, stride 2, padding 1) halves height and width, rounding down; the transposed
    convolution that mirrors it is padded where a row or column was rounded away, so any size comes back
    exactly.

    Args:
        shape: Picture shape (C, H, W).
        latent: Latent dimensions, D.
        channels: Output channels of each convolution.
        dense: Width of the dense layer between convolutions and codes.
        activation: Makes the activation after each hidden layer.
        stochastic: Whether the encoder gives a log variance too.

    Returns:
        The encoder, (B, C, H, W) to Posterior, and the decoder, (B, D) to (B, C, H, W).

    Raises:
        ValueError: If the picture is too small to be halved that often.
    """
    colours, height, width = shape
    sizes = [(height >> stage, width >> stage) for stage in range(len(channels) + 1)]
    if min(sizes[-1]) < 1:
        fit = int(math.log2(min(height, width)))
        raise ValueError(
            f"{len(channels)} halving convolutions need pictures of at least {2 ** len(channels)} pixels "
            f"a side, but got {height}x{width}; give at most {fit} channels"
        )
    stages = [colours, *channels]
    encoder: list[nn.Module] = []
    decoder: list[nn.Module] = []
    for stage, (inward, outward) in enumerate(itertools.pairwise(stages)):
        encoder += [nn.Conv2d(inward, outward, 4, stride=2, padding=1), activation()]
        large, small = sizes[stage], sizes[stage + 1]
        lost = (large[0] - 2 * small[0], large[1] - 2 * small[1])
        up = nn.ConvTranspose2d(outward, inward, 4, stride=2, padding=1, output_padding=lost)
        decoder = [up, activation(), *decoder] if stage else [up]
    features = channels[-1] * math.prod(sizes[-1])
    return (
        nn.Sequential(
            *encoder,
            nn.Flatten(),
            *_hidden([features, dense], activation),
            PosteriorLayer(dense, latent, stochastic=stochastic),
        ),
        nn.Sequential(
            *_hidden([latent, dense, features], activation),
            nn.Unflatten(1, (channels[-1], *sizes[-1])),
            *decoder,
        ),
    )


def _hidden(widths: Sequence[int], activation: Activation) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inward, outward in itertools.pairwise(widths):
        layers += [nn.Linear(inward, outward), activation()]
    return layers
