"""Terms on what is decoded between two codes: critics that see pictures, a way back, and a speed.

Every sample of a batch is paired with a neighbour, and a code between the two is decoded. Batches come in
random order, so pairs are random; that they are neighbours keeps each term a mean over samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Critic, Draw
from zscape.model import networks

_CHANNELS = (32, 64, 128)


class _PictureCritic(Critic):
    """A critic whose network, an encoder of pictures to one number, is made for the pictures of a fit."""

    def __init__(self, channels: Sequence[int], dense: int) -> None:
        super().__init__()
        if not channels or min(*channels, dense) < 1:
            raise ValueError(
                f"{self._name} needs channels and dense >= 1, but got {list(channels)} and {dense}"
            )
        self.settings = {"channels": list(channels), "dense": dense}
        self.net: nn.Module | None = None

    @property
    def _name(self) -> str:
        return type(self).__name__

    def build(self, latent: int, shape: Sequence[int]) -> None:
        """Make a new network for pictures.

        Args:
            latent: Latent dimensions of the model; the critic does not depend on them.
            shape: Shape of a picture, (C, H, W).

        Raises:
            ValueError: If that is not the shape of a picture of at least 2x2.
        """
        if len(shape) != 3 or min(shape[1:]) < 2:
            raise ValueError(f"{self._name} needs pictures (C, H, W) of 2x2 or more, but got {tuple(shape)}")
        halvings = int(math.log2(min(shape[1:])))
        self.net, _ = networks.conv(
            shape,
            1,
            channels=self.settings["channels"][:halvings],
            dense=self.settings["dense"],
            activation=partial(nn.LeakyReLU, 0.2),
            stochastic=False,
        )

    def _judged(self, pictures: Tensor) -> Float[Tensor, "B"]:
        """What the network says to pictures."""
        if self.net is None:
            raise ValueError(
                f"{self._name} needs its network, but has none yet: zscape.fit makes it, and elsewhere build "
                f"does; call critic.build(latent, {tuple(pictures.shape[1:])}) for these pictures"
            )
        return self.net(pictures).mean[:, 0]


class MixingCritic(_PictureCritic):
    r"""ACAI's critic: it reads off a picture how far it is mixed of two, and the model learns to hide it.

    Codes are mixed with weights a of at most one half, and the critic c regresses the weight; on pictures
    that are no mixture, halfway to their reconstructions, it shall say 0. Its own loss is

    .. math:: \frac{1}{B} \sum_b \big( c(\hat x_b) - a_b \big)^2
        + c\big( \gamma x_b + (1 - \gamma) D(z_b) \big)^2,
        \quad \hat x_b = D\big( a_b \mu_b + (1 - a_b) \mu_{b'} \big), \quad a_b \sim U[0, \tfrac12]

    with the posterior means mu, since these are what is walked between; and the term

    .. math:: \frac{1}{B} \sum_b c(\hat x_b)^2

    Null: 0 where the critic takes every mixture for a picture of the data. Where it cannot tell them apart
    and has learned, it says 1/8 to all: the term is 1/64 and its own loss 5/96 = 0.052; where it knows every
    weight, they are 1/12 and 0. Bias: towards what a critic says that has not learned.
    Cost: decoding a batch and the critic's network, and for its own loss decoding again and the network
    twice.

    The network is the encoder of `zscape.model.Autoencoder.conv` with leaky ReLU and one output, made when a
    fit begins, from its seed and for its pictures. The loop gives critics the optimiser of the model.

    Args:
        gamma: Weight of the data against its reconstruction in what the critic says 0 to, in [0, 1]; the
            published code calls it `reg`.
        channels: Of the critic's convolutions, each of which halves the picture; small pictures take as many
            of the first as they can be halved.
        dense: Width of the critic's dense layer.

    Raises:
        ValueError: If gamma is not in [0, 1], channels is empty or a width below 1; when built, if samples
            are no pictures of at least 2x2; when called, if nothing has built it or B < 2.

    References:
        Berthelot, Raffel, Roy and Goodfellow, Understanding and Improving Interpolation in Autoencoders via
        an Adversarial Regularizer, ICLR 2019. Differs in: pairs are neighbours, there the batch and its
        reverse; the network, there as deep as the encoder and averaged over its last layer.
    """

    def __init__(self, *, gamma: float = 0.2, channels: Sequence[int] = _CHANNELS, dense: int = 128) -> None:
        super().__init__(channels, dense)
        if not 0 <= gamma <= 1:
            raise ValueError(f"MixingCritic needs gamma in [0, 1], but got {gamma}")
        self.settings["gamma"] = gamma

    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """Mean square of the weights that the critic reads off mixtures; moves encoder and decoder."""
        pictures, _ = self._mixed(draw)
        return self._judged(pictures).square().mean()

    def loss(self, draw: Draw) -> Float[Tensor, ""]:
        """Squared error of the weights of mixtures, and of 0 for what is no mixture; moves the critic.

        Args:
            draw: One pass over a batch; reads `x`, `q.mean`, `decoded` and `decode`.

        Raises:
            ValueError: If nothing has built the critic, or B < 2.
        """
        with torch.no_grad():
            pictures, weights = self._mixed(draw)
            plain = torch.lerp(draw.decoded.mean, draw.x, self.settings["gamma"])
        said = self._judged(torch.cat([pictures, plain]))
        return (said - torch.cat([weights, torch.zeros_like(weights)])).square().mean() * 2

    def _mixed(self, draw: Draw) -> tuple[Tensor, Float[Tensor, "B"]]:
        """Decoded mixtures and the weights, up to one half, of the first in them."""
        here, there = _pairs(draw)
        weights = 0.5 * torch.rand(len(here), dtype=here.dtype, device=here.device)
        return draw.decode(torch.lerp(there, here, weights[:, None])).mean, weights


class InterpolationCritic(_PictureCritic):
    r"""AEAI's critic: it tells pictures of the data from pictures decoded between two codes.

    With a logit s for "from the data", its own loss is the cross-entropy

    .. math:: \frac{1}{2B} \sum_b \mathrm{softplus}(-s(x_b)) + \mathrm{softplus}(s(\hat x_b)),
        \quad \hat x_b = D\big( (1 - t_b) \mu_b + t_b \mu_{b'} \big), \quad t_b \sim U[0, 1]

    with the posterior means mu; the term is the cross-entropy of passing what is decoded off as data:

    .. math:: \frac{1}{B} \sum_b \mathrm{softplus}(-s(\hat x_b))

    Null: log 2 where interpolants are distributed as the data and the critic has learned; a new critic says
    about that to anything. Data that the decoder blurs are told apart at the ends of the path too.
    Bias: towards log 2, by what the critic has not learned.
    Cost: as for `MixingCritic`, and the network likewise.

    Args:
        channels: As for `MixingCritic`.
        dense: As for `MixingCritic`.

    Raises:
        ValueError: As for `MixingCritic`.

    References:
        Oring, Yakhini and Hel-Or, Autoencoder Image Interpolation by Shaping the Latent Space, ICML 2021
        (first part of the loss; `cycle_consistency` and `interpolation_smoothness` are the others). Differs
        in: points are drawn on the path, there they are a grid; the network.
    """

    def __init__(self, *, channels: Sequence[int] = _CHANNELS, dense: int = 128) -> None:
        super().__init__(channels, dense)

    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """Cross-entropy of passing interpolants off as data, in nats; moves encoder and decoder."""
        pictures = draw.decode(_between(draw)[0]).mean
        return nn.functional.softplus(-self._judged(pictures)).mean()

    def loss(self, draw: Draw) -> Float[Tensor, ""]:
        """Cross-entropy of telling data from interpolants, in nats; moves the critic.

        Args:
            draw: One pass over a batch; reads `x`, `q.mean` and `decode`.

        Raises:
            ValueError: If nothing has built the critic, or B < 2.
        """
        with torch.no_grad():
            pictures = draw.decode(_between(draw)[0]).mean
        real, made = self._judged(torch.cat([draw.x, pictures])).chunk(2)
        return 0.5 * (nn.functional.softplus(-real) + nn.functional.softplus(made)).mean()


def cycle_consistency(draw: Draw) -> Float[Tensor, ""]:
    r"""Squared distance of a code between two others from the code of what is decoded there.

    .. math:: \frac{1}{B} \sum_b \lVert E(D(z_b)) - z_b \rVert^2,
        \quad z_b = (1 - t_b) \mu_b + t_b \mu_{b'}, \quad t_b \sim U[0, 1]

    with E the posterior mean: whether a picture decoded on a path encodes to where it was on it, so that no
    two codes there stand for one picture.

    Null: 0 where the encoder inverts the decoder on the lines between codes. Codes shrunk to a point have
    that too; what else is asked of them, reconstruction above all, must keep their scale. Bias: none.
    Cost: decoding and encoding a batch.

    Args:
        draw: One pass over a batch of pictures; reads `q.mean`, `encode` and `decode`.

    Returns:
        Scalar, squared units of z. A weight is nats per unit.

    Raises:
        ValueError: If the samples are no pictures or B < 2.

    References:
        Oring, Yakhini and Hel-Or, ICML 2021 (second part of the loss); see `InterpolationCritic`.
    """
    z, _ = _between(draw)
    return (draw.encode(draw.decode(z).mean).mean - z).square().sum(1).mean()


def interpolation_smoothness(draw: Draw) -> Float[Tensor, ""]:
    r"""Squared speed of the decoded picture on the line between two codes: twice the energy of that curve.

    .. math:: \frac{1}{B} \sum_b \Big\lVert \frac{\partial}{\partial t}
        D\big( (1 - t) \mu_b + t \mu_{b'} \big) \Big\rVert^2_{t = t_b}, \quad t_b \sim U[0, 1]

    the derivative exact. Of all curves between two pictures the one with the
    least energy is the cross-dissolve, at constant speed: |x_b - x_b'|^2. What else is in the objective must
    keep pictures from dissolving; this term takes jumps and detours away.

    Null: 0 only where the decoder does not move between codes; for pictures reconstructed exactly the mean of
    |x_b - x_b'|^2 is the least there is. Bias: none. Cost: decoding a batch, and its gradient twice.

    Args:
        draw: One pass over a batch of pictures; reads `q.mean` and `decode`, which must be differentiable
            twice, as networks for pictures are.

    Returns:
        Scalar, squared units of x per squared unit of t, which is 1 for the whole way. A weight is nats per
        unit.

    Raises:
        ValueError: If the samples are no pictures or B < 2.

    References:
        Oring, Yakhini and Hel-Or, ICML 2021 (third part of the loss); see `InterpolationCritic`. We take the
        norm squared, which has a gradient where the decoder stands still.
    """
    z, direction = _between(draw)
    speed = _derivative(lambda codes: draw.decode(codes).mean, z, direction)
    return speed.flatten(1).square().sum(1).mean()


def _between(draw: Draw) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
    """A code on the line from each mean to its neighbour's, and the way from end to end."""
    here, there = _pairs(draw)
    t = torch.rand(len(here), 1, dtype=here.dtype, device=here.device)
    return torch.lerp(here, there, t), there - here


def _pairs(draw: Draw) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
    """Each mean and its neighbour's: 0 and 1, 2 and 3 are each other's; the last of an odd batch has the
    first."""
    mean = draw.q.mean
    if draw.x.ndim != 4:
        raise ValueError(
            f"interpolation needs pictures (B, C, H, W), but the samples are {tuple(draw.x.shape)}; drop the "
            "term for data of another kind"
        )
    if len(mean) < 2:
        raise ValueError(f"interpolation needs two samples or more, but the batch holds {len(mean)}")
    partners = torch.arange(len(mean), device=mean.device) ^ 1
    if len(mean) % 2:
        partners[-1] = 0
    return mean, mean[partners]


def _derivative(
    function: Callable[[Tensor], Tensor], z: Float[Tensor, "B D"], direction: Float[Tensor, "B D"]
) -> Tensor:
    """Derivative of a function of codes along a direction, itself differentiable where gradients are on.

    It is the gradient of J^T v, linear in v, with respect to v. Forward differentiation would do without v,
    but some layers do not know it, and to load it warns.
    """
    wanted = torch.is_grad_enabled()
    with torch.enable_grad():
        z = z if z.requires_grad else z.detach().requires_grad_()
        values = function(z)
        v = torch.zeros_like(values, requires_grad=True)
        (pulled,) = torch.autograd.grad(values, z, v, create_graph=True)
        (derivative,) = torch.autograd.grad(pulled, v, direction, create_graph=wanted)
    return derivative
