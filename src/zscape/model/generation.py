"""Drawings from codes: many at once, at any temperature, from the start or from a beginning."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from zscape.arithmetic import fast_products
from zscape.model.autoencoder import Autoencoder
from zscape.model.sketching import ROW, StrokeDecoder, generate
from zscape.strokes import Sketch, lengths, to_stroke5

# Low enough for clean lines, high enough for drawings that end and differ by seed.
TEMPERATURE = 0.6

# Uniform numbers that a point takes.
_NOISE = 4
# Drawings under way together from which on products as in a fit pay; of fewer rows they are slower.
_MANY = 16


def draw(
    model: Autoencoder,
    z: Float[np.ndarray, "N D"],
    *,
    temperature: float = TEMPERATURE,
    seed: int = 0,
    start: np.ndarray | Sequence[Sketch] | None = None,
    batch: int = 1000,
) -> Float32[np.ndarray, "N L 5"]:
    r"""Drawings at codes: each point is drawn from what the decoder says of it, given those before it.

    At temperature tau log odds of Gaussians and pen states are divided by tau, and variances multiplied by
    it: standard deviations by its root. At 1 drawings are those of the likelihood itself, at 0 each point is
    the likeliest.

    Every drawing has its own random numbers, fixed by `seed` and its row alone, so that neither `batch` nor
    the number of codes changes it, but for rounding. A drawing ends by itself, or is ended at L - 1 points.

    >>> model = Autoencoder.lstm((12, 5), latent=3, encoder=4, decoder=8, mixtures=2)
    >>> x = torch.zeros(2, 12, 5)
    >>> x[:, :4, 2], x[:, 4:, 4] = 1, 1

    Again, given a drawing: encode, then draw.

    >>> z = model.encode(x).mean.detach().numpy()
    >>> draw(model, z).shape
    (2, 12, 5)

    New ones: draw at the codes of any sampler, here those of the prior.

    >>> draw(model, np.random.default_rng(0).standard_normal((7, 3))).shape
    (7, 12, 5)

    Between two: draw along a path of codes.

    >>> draw(model, z[0] + np.linspace(0, 1, 5)[:, None] * (z[1] - z[0]), temperature=0.1).shape
    (5, 12, 5)

    Cost: up to L - 1 steps of the decoder for `batch` drawings together.

    Args:
        model: One that ends in a decoder of drawings, as `Autoencoder.lstm` makes it.
        z: Codes.
        temperature: tau, at least 0 and finite.
        seed: Of all random numbers.
        start: Beginnings to be completed, which are kept as they are: a batch of stroke-5, in which an end
            row is where the decoder goes on, or a list of stroke-3; in the units that the model was fitted
            in.
        batch: Drawings that are under way at a time.

    Returns:
        Stroke-5, in the units that the model was fitted in.

    Raises:
        ValueError: If the model does not draw, codes or beginnings do not fit it, temperature or seed is
            below 0 or the temperature infinite, or batch below 1.

    References:
        Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018; the variance is multiplied as its
        text says, not as its code does.
    """
    decoder = model.decoder
    if not isinstance(decoder, StrokeDecoder):
        raise ValueError(
            f"draw needs a model of drawings, such as Autoencoder.lstm makes, but the decoder is "
            f"{type(decoder).__name__}; for pictures use model.pictures(z)"
        )
    model.check_codes(z)
    if not 0 <= temperature < math.inf or seed < 0 or batch < 1:
        raise ValueError(
            f"draw needs a finite temperature >= 0, seed >= 0 and batch >= 1, but got {temperature}, {seed}, "
            f"{batch}"
        )
    beginnings = None if start is None else _beginnings(start, len(z), decoder.length)
    parts = [np.empty((0, decoder.length, ROW), dtype=np.float32)]
    with model.evaluating() as device, contextlib.ExitStack() as settings:
        if min(len(z), batch) >= _MANY:
            settings.enter_context(fast_products(device))
        for first in range(0, len(z), batch):
            rows = slice(first, first + batch)
            codes = torch.as_tensor(z[rows], dtype=torch.float32, device=device)
            noise = _uniform(seed, first, len(codes), decoder.length - 1).to(device)
            begun = None if beginnings is None else torch.from_numpy(beginnings[rows]).to(device)
            drawn = generate(decoder, codes, noise, temperature=temperature, start=begun)
            parts.append(drawn.cpu().numpy())
    return np.concatenate(parts)


def _uniform(seed: int, first: int, count: int, points: int) -> Float[Tensor, "count points 4"]:
    """Numbers in [0, 1) of `count` rows from `first` on; a row has its own, whatever rows are asked for."""
    # A block of Philox's counter holds four numbers, those of one point.
    random = np.random.Generator(np.random.Philox(key=seed, counter=first * points))
    return torch.from_numpy(random.random((count, points, _NOISE))).float().clamp_(max=1 - 2**-24)


def _beginnings(
    start: np.ndarray | Sequence[Sketch], count: int, length: int
) -> Float32[np.ndarray, "N T 5"]:
    x = start if isinstance(start, np.ndarray) and start.ndim == 3 else to_stroke5(list(start))
    if x.shape[2] != ROW or len(x) != count:
        raise ValueError(
            f"draw needs one beginning a code, {count} in all, as stroke-3 or stroke-5, but got {len(x)} of "
            f"shape {x.shape[1:]}"
        )
    longest = int(lengths(x).max(initial=0))
    if longest >= length:
        raise ValueError(
            f"beginnings need fewer than {length} points, as many as the model draws at most, but one has "
            f"{longest}; shorten it"
        )
    return x.astype(np.float32, copy=False)
