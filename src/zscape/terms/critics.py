"""Critics: terms that learn beside the model, by a loss of their own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.base import Critic, Draw


class TotalCorrelationCritic(Critic):
    r"""FactorVAE's critic: it tells codes from codes with latents permuted, and so knows their density ratio.

    With logits s for "from q(z)" and t for "from the product of marginals", its own loss is

    .. math:: \tfrac12 \mathbb{E}_{q(z)} \mathrm{softplus}(t - s)
        + \tfrac12 \mathbb{E}_{\prod_j q(z_j)} \mathrm{softplus}(s - t)

    at whose minimum s - t is the log of the ratio, and the term is its mean over the codes of the batch:

    .. math:: \frac{1}{B} \sum_b \big( s(z_b) - t(z_b) \big)

    The paper takes the permuted codes from a second batch. A Draw has one, so the critic learns from a random
    half of it as it is, and from the other half permuted: codes beside their own permutation would be no
    independent samples. Each permuted row has its latents from as many samples, as far as half a batch has
    so many; independent permutations, as in the paper, would leave 2 / B of all pairs of latents together.

    Null: 0 where the latents are independent and the critic has learned; a new critic says about 0 to
    anything. Bias: towards 0, by what the critic has not learned (a log ratio of d nats takes e^d codes to
    notice). Its own loss is log 2 when it cannot tell, and less when it can.
    Cost: O(B width (D + width depth)); as published, five million parameters.

    The networks are made when a fit begins, from its seed and for its latents; outside of a fit, by `build`.
    The loop gives critics the optimiser of the model; published are Adam at 1e-4 with betas (0.5, 0.9) for
    this one, and for the model at 1e-4 with (0.9, 0.999).

    Args:
        width: Units of each hidden layer.
        depth: Hidden layers, with leaky ReLU of slope 0.2.

    Raises:
        ValueError: If width or depth is below 1; when called, if nothing has built it or, in its own loss,
            B < 4.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018.
    """

    def __init__(self, *, width: int = 1000, depth: int = 6) -> None:
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(
                f"TotalCorrelationCritic needs width and depth >= 1, but got {width} and {depth}"
            )
        self.settings = {"width": width, "depth": depth}
        self.net: nn.Sequential | None = None

    def build(self, latent: int, shape: Sequence[int] = ()) -> None:
        """Make new networks for codes of `latent` dimensions; of whatever `shape` the samples are."""
        width, layers = latent, []
        for _ in range(self.settings["depth"]):
            layers += [nn.Linear(width, self.settings["width"]), nn.LeakyReLU(0.2)]
            width = self.settings["width"]
        self.net = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """Total correlation as the critic knows it, in nats; moves encoder and decoder."""
        return self._log_ratio(draw.z).mean()

    def loss(self, draw: Draw) -> Float[Tensor, ""]:
        """Cross-entropy of telling codes from permuted codes, in nats; moves the critic.

        Args:
            draw: One pass over a batch; reads `z`.

        Raises:
            ValueError: If B < 4, or nothing has built the critic.
        """
        if len(draw.z) < 4:
            raise ValueError(
                "the loss of TotalCorrelationCritic needs four codes or more, two to leave and two to "
                f"permute, but the batch holds {len(draw.z)}"
            )
        # At random, since batches of sequences are sorted by length.
        left, permuted = draw.z[torch.randperm(len(draw.z), device=draw.z.device)].tensor_split(2)
        ratio, other = self._log_ratio(left), self._log_ratio(_permuted(permuted))
        return 0.5 * (nn.functional.softplus(-ratio).mean() + nn.functional.softplus(other).mean())

    def _log_ratio(self, z: Float[Tensor, "B D"]) -> Float[Tensor, "B"]:
        if self.net is None:
            raise ValueError(
                "TotalCorrelationCritic needs its networks, but has none yet: zscape.fit makes them, and "
                f"elsewhere build does; call critic.build({z.shape[1]}) for these codes"
            )
        logits = self.net(z)
        return logits[:, 0] - logits[:, 1]


def _permuted(z: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """Each latent permuted over rows that are in random order: turned by a distance of its own."""
    count, latent = z.shape
    distances = torch.randperm(max(count, latent), device=z.device)[:latent]
    rows = (torch.arange(count, device=z.device)[:, None] + distances) % count
    return z.gather(0, rows)
