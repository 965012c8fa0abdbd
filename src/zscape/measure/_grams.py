"""How the measures of style read pictures: each through the network once, and each Gram matrix made once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from zscape.arithmetic import fast_products
from zscape.model import FeatureReader

Convention = Literal["paper", "gatys_code"]
# Pictures that go through the network together, at most; more leave the processor's caches.
_TOGETHER = 12
# Over the square of the channels: the weight of a layer in the code that Gatys et al. published.
_CODE_WEIGHT = 1e3


def check_style(reader: FeatureReader, convention: str, layer_weights: Sequence[float] | None) -> None:
    """Refuse settings of a style loss that are none.

    Raises:
        ValueError: If the convention is unknown, or there is not one weight >= 0 a layer, one of them over 0.
    """
    if convention not in get_args(Convention):
        raise ValueError(f'convention needs to be "paper" or "gatys_code", but is {convention!r}')
    if layer_weights is None:
        return
    good = all(math.isfinite(weight) and weight >= 0 for weight in layer_weights)
    if len(layer_weights) != len(reader.layers) or not good or not any(layer_weights):
        raise ValueError(
            "layer_weights need one number >= 0 a layer, not all 0, for "
            f"{', '.join(reader.layers)}, but are {list(layer_weights)}"
        )


def check_images(images: np.ndarray, what: str) -> None:
    """Refuse what a feature network does not take.

    Raises:
        ValueError: If these are no floats within [0, 1], or there are none.
    """
    if images.dtype.kind != "f" or not images.size:
        raise ValueError(
            f"{what} needs pictures as floats within [0, 1], one or more, but got {images.dtype} of shape "
            f"{images.shape}; scale whole numbers to [0, 1] first"
        )
    low, high = float(images.min()), float(images.max())
    # NaN is not within any bounds.
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{what} needs pictures within [0, 1], as the network takes them, but these lie within "
            f"[{low:g}, {high:g}]; scale or clip them"
        )


@torch.no_grad()
def chunks(
    images: Float[np.ndarray, "N C H W"], reader: FeatureReader, *, maps: bool = False
) -> Iterator[list[Tensor]]:
    """Gram matrices of pictures, some pictures at a time, in order: G / M of each layer, (B, E, E).

    As many pictures go through together each time, the last of them again where some are missing, so that
    pictures that are equal have matrices that are equal to the bit.

    Args:
        images: Pictures in [0, 1].
        reader: The network.
        maps: Whether features (B, M, E) of all layers stand before the matrices.
    """
    together = -(-len(images) // -(-len(images) // _TOGETHER))
    for start in range(0, len(images), together):
        rows = np.arange(start, start + together).clip(max=len(images) - 1)
        x = torch.from_numpy(images[rows].astype(np.float32, copy=False))
        features = reader.maps(x)
        with fast_products(x.device):
            grams = [_gram(each.float()) for each in features]
        count = len(images) - start
        yield [each[:count] for each in ([*features, *grams] if maps else grams)]


def gram_losses(
    ones: Sequence[Tensor],
    others: Sequence[Tensor],
    *,
    convention: Convention,
    layer_weights: Sequence[float] | None,
) -> Float[Tensor, "B"]:
    """Style loss of each pair of pictures, from their Gram matrices over M, layer by layer.

    Args:
        ones: (B, E, E) of each layer, as `chunks` gives them.
        others: The same of other pictures; or of one, (1, E, E), for all.
        convention: See `zscape.measure.style_loss`.
        layer_weights: Likewise.
    """
    total = torch.zeros(len(ones[0]))
    weights = [None] * len(ones) if layer_weights is None else layer_weights
    for a, b, weight in zip(ones, others, weights, strict=True):
        if convention == "paper":
            factor = (1 / len(ones) if weight is None else weight) / 4
        else:
            factor = _CODE_WEIGHT / a.shape[-1] ** 2 if weight is None else weight
        total += factor * (a - b).square_().mean((1, 2))
    return total


def in_words(
    reader: FeatureReader, convention: Convention, layer_weights: Sequence[float] | None, size: Sequence[int]
) -> str:
    """What a style loss was worked out with, for definitions.

    Args:
        reader: The network.
        convention: Of the loss.
        layer_weights: As given.
        size: Height and width of the pictures.
    """
    formula = {
        "paper": "sum over layers of w / (4 N^2 M^2) times the squared difference of Gram matrices (Gatys)",
        "gatys_code": "sum over layers of w times the mean squared difference of Gram matrices over M (the "
        "code of Gatys)",
    }
    default = {"paper": "equal w of sum 1", "gatys_code": "w of 1000 / N^2"}
    weights = default[convention] if layer_weights is None else f"w of {list(layer_weights)}"
    return (
        f"{formula[convention]}, {weights}; {reader.description}; pictures of {size[0]} by {size[1]} pixels"
    )


def _gram(features: Float[Tensor, "B M E"]) -> Float[Tensor, "B E E"]:
    # Over M at once, so that numbers stay in range whatever the size of the pictures.
    return (features.mT @ features).div_(features.shape[1])
