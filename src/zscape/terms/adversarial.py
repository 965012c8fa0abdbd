"""A critic that makes the codes of all data together follow a prior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Critic, Draw
from zscape.checks import check_whole

Prior = Literal["gaussian", "mixture", "classes"]


class PriorCritic(Critic):
    r"""The critic of an adversarial autoencoder: it tells draws of a prior from codes, and codes learn to
    pass.

    With a logit s for "from the prior", its own loss is the cross-entropy over as many draws as codes

    .. math:: \tfrac12 \mathbb{E}_{p(z)} \mathrm{softplus}(-s)
        + \tfrac12 \mathbb{E}_{q(z)} \mathrm{softplus}(s)
        + \lambda \sigma^2 \mathbb{E}_{p(z)} \lVert \nabla s \rVert^2

    with the penalty of the last part in units of the standard deviation sigma of a Gaussian of the prior,
    and the term is the codes' own, with the label that they have not (the "non-saturating" loss):

    .. math:: \frac{1}{B} \sum_b \mathrm{softplus}(-s(z_b))

    Unlike the KL it asks of all posteriors together, and not of each, that they be the prior, of which it
    needs no formula: only draws. With "classes" the critic sees the label beside the code, and draws of the
    prior have the labels of the batch, so that the codes of class k are led to component k.

    Null: log 2 where codes follow the prior and the critic has learned; a new critic says about that to
    anything. Bias: towards log 2, by what the critic has not learned.
    Cost: O(B width (D + width depth)).

    The network is made when a fit begins, from its seed and for its latents; outside of a fit, by `build`.
    The loop gives critics the optimiser of the model.

    >>> critic = PriorCritic(prior="classes", components=4, radius=2.0)
    >>> critic.means(3)
    tensor([[ 2.,  0.,  0.],
            [ 0.,  2.,  0.],
            [-2.,  0.,  0.],
            [ 0., -2.,  0.]])

    Args:
        prior: "gaussian" for N(0, I); "mixture" for as many Gaussians N(m_k, std^2 I), equally likely, their
            means on a circle; "classes" for the same mixture with component k for the codes labelled k.
        components: Gaussians of the mixture; with "classes" labels must be below it, and components without a
            class stay empty.
        radius: Of the circle that the means lie on, in the first two latents; a single latent has them from
            -radius to radius.
        std: Standard deviation of each Gaussian of the mixture, in every latent.
        width: Units of each hidden layer.
        depth: Hidden layers, with ReLU.
        penalty: lambda, on the squared slope of the logit where draws of the prior are; 0 as published. It
            keeps a critic that is ahead from driving all codes into one spot: without it those of digits had
            standard deviations of 0.04 in place of 1.

    Raises:
        TypeError: If width, depth or components is no whole number.
        ValueError: If prior is none of the three, width, depth or components is below 1, radius or std not
            > 0, penalty < 0, or one of these three not finite; when called, if nothing has built it, or with
            "classes" labels are missing or not in 0 to components - 1.

    References:
        Makhzani, Shlens, Jaitly, Goodfellow and Frey, Adversarial Autoencoders, 2015. Differs in: the model
        moves by reconstruction and term in one step; draws of the prior have the labels of the batch; all
        samples have labels, where the paper has a class more for those without; Gaussians of the mixture are
        round; the penalty, from Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually
        Converge?, ICML 2018.
    """

    def __init__(
        self,
        *,
        prior: Prior = "gaussian",
        components: int = 10,
        radius: float = 4.0,
        std: float = 0.5,
        width: int = 1000,
        depth: int = 2,
        penalty: float = 1.0,
    ) -> None:
        super().__init__()
        _need_prior(prior)
        for name, value in (("width", width), ("depth", depth), ("components", components)):
            check_whole(f"{name} of PriorCritic", value, least=1)
        if not (0 < radius < math.inf and 0 < std < math.inf and 0 <= penalty < math.inf):
            raise ValueError(
                "PriorCritic needs radius and std > 0 and penalty >= 0, all finite, but got "
                f"{radius}, {std} and {penalty}"
            )
        self.settings = {
            "prior": prior,
            "components": components,
            "radius": radius,
            "std": std,
            "width": width,
            "depth": depth,
            "penalty": penalty,
        }
        self.net: nn.Sequential | None = None

    def build(self, latent: int, shape: Sequence[int] = ()) -> None:
        """Make a new network for codes of `latent` dimensions; of whatever `shape` the samples are."""
        width = latent + (self.settings["components"] if self.settings["prior"] == "classes" else 0)
        layers: list[nn.Module] = []
        for _ in range(self.settings["depth"]):
            layers += [nn.Linear(width, self.settings["width"]), nn.ReLU()]
            width = self.settings["width"]
        self.net = nn.Sequential(*layers, nn.Linear(width, 1))

    def means(self, latent: int) -> Float[Tensor, "K D"]:
        """Means of the mixture's components, for codes of `latent` dimensions; of "gaussian" one, 0."""
        count, radius = self.settings["components"], self.settings["radius"]
        if self.settings["prior"] == "gaussian":
            return torch.zeros(1, latent)
        means = torch.zeros(count, latent)
        if latent == 1:
            means[:, 0] = torch.linspace(-radius, radius, count)
            return means
        angle = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
        circle = radius * torch.stack([angle.cos(), angle.sin()], dim=1)
        # Rounded, so that what should be 0 is; the sum turns -0 into 0.
        means[:, :2] = circle.round(decimals=12) + 0.0
        return means

    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """Cross-entropy of passing codes off as draws of the prior, in nats; moves the encoder."""
        return nn.functional.softplus(-self._logits(draw.z, self._marks(draw))).mean()

    def loss(self, draw: Draw) -> Float[Tensor, ""]:
        """Cross-entropy of telling draws of the prior from codes, in nats, and the penalty; moves the critic.

        Args:
            draw: One pass over a batch; reads `z`, and `y` with "classes".

        Raises:
            ValueError: If nothing has built the critic, or with "classes" labels are missing or too large.
        """
        marks = self._marks(draw)
        drawn = self._drawn(draw.z, marks).requires_grad_()
        # The slope is asked of the critic also where nothing learns.
        with torch.enable_grad():
            prior = self._logits(drawn, marks)
        codes = self._logits(draw.z, marks)
        entropy = 0.5 * (nn.functional.softplus(-prior) + nn.functional.softplus(codes)).mean()
        if not self.settings["penalty"]:
            return entropy
        (slope,) = torch.autograd.grad(prior, drawn, torch.ones_like(prior), create_graph=True)
        std = 1.0 if self.settings["prior"] == "gaussian" else self.settings["std"]
        return entropy + self.settings["penalty"] * std**2 * slope.square().sum(1).mean()

    def _marks(self, draw: Draw) -> Float[Tensor, "B K"] | None:
        """With "classes" the labels, one-hot."""
        if self.settings["prior"] != "classes":
            return None
        count = self.settings["components"]
        if draw.y is None:
            raise ValueError(
                'PriorCritic needs labels for prior="classes", but the batch has none; take data with '
                'classes, or the prior "mixture"'
            )
        # Elsewhere the scattering below refuses them; to ask would make an accelerator wait at every step.
        if draw.y.device.type == "cpu" and not bool(((draw.y >= 0) & (draw.y < count)).all()):
            raise ValueError(
                f"PriorCritic needs labels in 0 to {count - 1}, but got {int(draw.y.min())} to "
                f"{int(draw.y.max())}; set components to the number of classes"
            )
        return draw.z.new_zeros(len(draw.y), count).scatter(1, draw.y[:, None], 1.0)

    def _drawn(self, z: Float[Tensor, "B D"], marks: Tensor | None) -> Float[Tensor, "B D"]:
        """As many draws of the prior, of the components that are marked."""
        noise = torch.randn_like(z)
        if self.settings["prior"] == "gaussian":
            return noise
        means = self.means(z.shape[1]).to(z)
        if marks is None:
            centres = means[torch.randint(len(means), (len(z),), device=z.device)]
        else:
            centres = marks @ means
        return centres + self.settings["std"] * noise

    def _logits(self, z: Float[Tensor, "B D"], marks: Tensor | None) -> Float[Tensor, "B"]:
        if self.net is None:
            raise ValueError(
                "PriorCritic needs its network, but has none yet: zscape.fit makes it, and elsewhere build "
                f"does; call critic.build({z.shape[1]}) for these codes"
            )
        return self.net(z if marks is None else torch.cat([z, marks], 1))[:, 0]


def _need_prior(prior: str) -> None:
    if prior not in get_args(Prior):
        raise ValueError(f"prior needs to be one of {', '.join(get_args(Prior))}, but got {prior!r}")
