"""Networks for drawings: an encoder that reads points to the end of each, a decoder that draws them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zscape.base import Posterior
from zscape.model.mixture import PEN_STATES, PointMixture
from zscape.model.networks import Pair, PosteriorLayer
from zscape.model.recurrence import LSTM

# Features of a row in stroke-5 form: an offset, and a one-hot state of the pen.
ROW = 2 + PEN_STATES
# The drawings under way are gathered anew when no more than this share of them is left.
_CROWD = 0.9


class StrokeEncoder(nn.Module):
    """Drawings (B, T, 5) to a posterior: one LSTM reads the points forward, one backward, neither padding.

    The posterior of a drawing depends on its points alone, not on how far it is padded or on what else is in
    the batch. A drawing without points is read as the state before the first point.

    Args:
        latent: Latent dimensions, D.
        width: Features of the state of each direction.
        stochastic: Whether to give a log variance.
        layer_norm: Whether the LSTMs normalise.
        dropout: Share of the candidates that they drop in training.
    """

    def __init__(
        self, latent: int, width: int, *, stochastic: bool, layer_norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.forwards = LSTM(ROW, width, layer_norm=layer_norm, dropout=dropout)
        self.backwards = LSTM(ROW, width, layer_norm=layer_norm, dropout=dropout)
        self.posterior = PosteriorLayer(2 * width, latent, stochastic=stochastic)

    def forward(self, x: Tensor) -> Posterior:
        """Posterior of a batch of drawings, (B, T, 5) of any T.

        Raises:
            ValueError: If rows do not have 5 features.
        """
        points = count_points(x)
        # Time first, and no further than the longest drawing.
        ahead = x[:, : int(points.max())].transpose(0, 1)
        steps = torch.arange(len(ahead), device=x.device)[:, None]
        # Reversed within its own length, so that both directions end at step `points`.
        order = torch.where(steps < points, points - 1 - steps, steps)
        back = ahead.take_along_dim(order[..., None], dim=0)
        start = x.new_zeros(len(x), self.forwards.width)
        ends = []
        for lstm, rows in ((self.forwards, ahead), (self.backwards, back)):
            states, _ = lstm(rows, start, start)
            ends.append(states.take_along_dim(points[None, :, None], dim=0).squeeze(0))
        return self.posterior(torch.cat(ends, dim=1))


class StrokeDecoder(nn.Module):
    """Codes (B, D) to a likelihood of drawings: an LSTM that is told the points so far says what comes next.

    The code is there twice: through tanh it is state and memory before the first point, and it stands beside
    every point that is read.

    Args:
        latent: Latent dimensions, D.
        width: Features of the state.
        length: Rows of the longest drawing with its end, L.
        mixtures: Gaussians of each point.
        layer_norm: Whether the LSTM normalises.
        dropout: Share of the candidates that it drops in training.

    References:
        Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018. Differs in: log standard deviations
        and correlations are bounded, padding costs nothing, and the likelihood is a sum over a drawing, in
        nats, not divided by the greatest length.
    """

    def __init__(
        self,
        latent: int,
        width: int,
        *,
        length: int,
        mixtures: int,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.length = length
        self.start = nn.Linear(latent, 2 * width)
        self.beside = nn.Linear(latent, 4 * width, bias=False)
        self.lstm = LSTM(ROW, width, layer_norm=layer_norm, dropout=dropout)
        self.head = nn.Linear(width, 6 * mixtures + PEN_STATES)
        # As large as weights of the state, not of the code: a code that is loud before it means anything cost
        # 13 nats a drawing after 150 steps.
        nn.init.uniform_(self.beside.weight, -(width**-0.5), width**-0.5)

    def forward(self, z: Float[Tensor, "B D"]) -> StrokeMixture:
        """Likelihood of drawings at each code."""
        kind = z.device.type
        half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        return StrokeMixture(self, z, half)

    def begin(self, z: Float[Tensor, "B D"]) -> tuple[Tensor, Tensor, Tensor]:
        """State and memory before the first point, (B, H), and what codes add to every step, (B, 4 H)."""
        h, c = torch.tanh(self.start(z)).chunk(2, dim=1)
        return h, c, self.beside(z)

    def read(self, states: Float[Tensor, "*S H"]) -> PointMixture:
        """What states say of the next point, in float32 at least."""
        with torch.autocast(states.device.type, enabled=False):
            return PointMixture.read(self.head(states))


@dataclass(frozen=True, slots=True, eq=False)
class StrokeMixture:
    r"""A likelihood of drawings, point by point, each given those before it.

    .. math:: \log p(x \mid z) = \sum_{t=1}^{n} \left[ \log p(\Delta_t \mid x_{<t}, z)
        + \log p(\text{pen}_t \mid x_{<t}, z) \right]
        + \log p(\text{pen}_{n+1} = \text{end} \mid x_{\le n}, z)

    Offsets are in units of the data set's scale, so a density is too: `log_prob` of other units differs by
    2 n log of their ratio.

    Attributes:
        decoder: The network that draws.
        z: (B, D) codes.
        half: The type in which it multiplies matrices, None for that of its weights.
    """

    decoder: StrokeDecoder
    z: Float[Tensor, "B D"]
    half: torch.dtype | None = None

    @property
    def mean(self) -> Float[Tensor, "B L 5"]:
        """The drawing of the likeliest Gaussian's mean and the likeliest pen state at every point.

        Not the expected drawing, which would be a blur of all of them. Cost: a drawing of up to L points.
        """
        noise = self.z.new_zeros(len(self.z), self.decoder.length - 1, 4)
        return generate(self.decoder, self.z, noise, temperature=0.0)

    def log_prob(self, x: Tensor) -> Float[Tensor, "B"]:
        """Log density of each drawing in nats; rows after the end row count nothing.

        Args:
            x: (B, T, 5) drawings, of any T, each with its end row.

        Raises:
            ValueError: If rows do not have 5 features, there is another number of drawings than of codes, or
                a drawing has no end row.
        """
        points = count_points(x)
        if len(x) != len(self.z):
            raise ValueError(f"log_prob needs one drawing a code, {len(self.z)} in all, but got {len(x)}")
        longest = int(points.max())
        if longest == x.shape[1]:
            raise ValueError(
                f"log_prob needs the end row (0, 0, 0, 0, 1) of every drawing, but one has {longest} points "
                f"in {x.shape[1]} rows; pad the batch to {longest + 1} rows"
            )
        rows = x[:, : longest + 1].transpose(0, 1)
        first = rows.new_zeros(1, len(x), ROW)
        first[..., 2] = 1
        steps = torch.arange(len(rows), device=x.device)[:, None]
        with self._precision():
            h, c, beside = self.decoder.begin(self.z)
            states, _ = self.decoder.lstm(torch.cat([first, rows[:-1]]), h, c, beside)
        said = self.decoder.read(states[1:])
        offsets = said.log_offset(rows[..., :2]) * (steps < points)
        return (offsets + said.log_pen(rows[..., 2:]) * (steps <= points)).sum(0)

    def sample(self) -> Float[Tensor, "B L 5"]:
        """One drawing a code, at temperature 1; noise is torch's own."""
        return generate(
            self.decoder, self.z, self.z.new_empty(len(self.z), self.decoder.length - 1, 4).uniform_()
        )

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        return torch.autocast(self.z.device.type, dtype=self.half, enabled=self.half is not None)


def lstm(
    shape: Sequence[int],
    latent: int,
    *,
    encoder: int,
    decoder: int,
    mixtures: int,
    stochastic: bool,
    layer_norm: bool,
    dropout: float,
) -> Pair:
    """An encoder that reads drawings in both directions, and a decoder that draws them point by point.

    Args:
        shape: (L, 5): rows of the longest drawing with its end, and their features.
        latent: Latent dimensions, D.
        encoder: Features of the state of each direction of the encoder.
        decoder: Features of the state of the decoder.
        mixtures: Gaussians of each point.
        stochastic: Whether the encoder gives a log variance too.
        layer_norm: Whether the LSTMs normalise.
        dropout: Share of the candidates that they drop in training.
    """
    options = {"layer_norm": layer_norm, "dropout": dropout}
    return (
        StrokeEncoder(latent, encoder, stochastic=stochastic, **options),
        StrokeDecoder(latent, decoder, length=shape[0], mixtures=mixtures, **options),
    )


@torch.no_grad()
def generate(
    decoder: StrokeDecoder,
    z: Float[Tensor, "B D"],
    noise: Float[Tensor, "B M 4"],
    *,
    temperature: float = 1.0,
    start: Float[Tensor, "B T 5"] | None = None,
) -> Float[Tensor, "B L 5"]:
    """Drawings, all at once; those that have ended leave the batch whenever a tenth has.

    Args:
        decoder: What draws.
        z: Codes.
        noise: Uniform numbers in [0, 1), four a point, L - 1 points.
        temperature: See `PointMixture.choose`.
        start: Beginnings, which are kept as they are; the end row of one is where the decoder goes on.
    """
    end, row = z.new_zeros(ROW), z.new_zeros(len(z), ROW)
    end[4], row[:, 2] = 1, 1
    drawn = end.repeat(len(z), decoder.length, 1)
    begun = torch.zeros(len(z), dtype=torch.int64, device=z.device) if start is None else count_points(start)
    ended = begun < 0
    rows = torch.arange(len(z), device=z.device)
    h, c, beside = decoder.begin(z)
    for t in range(decoder.length - 1):
        alive = len(ended) - int(ended.sum())
        if not alive:
            break
        if alive <= _CROWD * len(ended):
            rows, row, h, c, beside, ended = (part[~ended] for part in (rows, row, h, c, beside, ended))
        states, memories = decoder.lstm(row[None], h, c, beside)
        h, c = states[1], memories[1]
        row = decoder.read(h).choose(noise[rows, t], temperature)
        if start is not None and t < start.shape[1]:
            row = torch.where((t < begun[rows])[:, None], start[rows, t], row)
        row = torch.where(ended[:, None], end, row)
        drawn[rows, t] = row
        ended = row[:, 4] == 1
    return drawn


def count_points(x: Tensor) -> Int[Tensor, "B"]:
    """Number of points of each drawing.

    Raises:
        ValueError: If rows do not have 5 features.
    """
    if x.ndim != 3 or x.shape[2] != ROW:
        raise ValueError(
            f"drawings need shape (B, T, {ROW}), rows (dx, dy, down, lift, end), but got {tuple(x.shape)}"
        )
    return (x[..., 4] == 0).sum(1)
