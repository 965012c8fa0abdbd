"""Style loss: how far apart the Gram matrices of two pictures' features are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from zscape.base import Result
from zscape.checks import check_whole
from zscape.estimates import bootstrap_result
from zscape.measure._grams import Convention, check_images, check_style, chunks, gram_losses, in_words
from zscape.model import FeatureReader

STYLE_UNIT = "feature units^4"


def style_loss_per_image(
    x: np.ndarray,
    other: np.ndarray,
    reader: FeatureReader,
    *,
    convention: Convention = "paper",
    layer_weights: Sequence[float] | None = None,
) -> Float[np.ndarray, "N"]:
    """Style loss between each image and its counterpart, see `style_loss`.

    >>> from zscape import model
    >>> reader = model.feature_reader("vgg16", weights="random", layers=["relu1_1"])
    >>> style_loss_per_image(np.zeros((1, 1, 8, 8)), np.zeros((1, 1, 8, 8)), reader)
    array([0.])

    Args:
        x: Images in [0, 1], (N, C, H, W) of one or three channels.
        other: As many others, which may be of another size.
        reader: The network and its layers, from `zscape.model.feature_reader`.
        convention: As for `style_loss`.
        layer_weights: As for `style_loss`.

    Raises:
        ValueError: As `style_loss`.
    """
    check_style(reader, convention, layer_weights)
    x, other = np.asarray(x), np.asarray(other)
    for images, what in ((x, "x"), (other, "other")):
        if images.ndim != 4:
            raise ValueError(f"{what} needs pictures of shape (N, C, H, W), but got shape {images.shape}")
        check_images(images, what)
    if len(x) != len(other):
        raise ValueError(f"style_loss needs as many others as images, but got {len(other)} for {len(x)}")
    pairs = zip(chunks(x, reader), chunks(other, reader), strict=True)
    parts = [gram_losses(a, b, convention=convention, layer_weights=layer_weights) for a, b in pairs]
    return torch.cat(parts).double().numpy()


def style_loss(
    x: np.ndarray,
    other: np.ndarray,
    reader: FeatureReader,
    *,
    convention: Convention = "paper",
    layer_weights: Sequence[float] | None = None,
    seed: int = 0,
) -> Result:
    r"""Squared difference between Gram matrices of features, mean over pairs of images.

    Features F of a layer with N channels at M positions have the Gram matrix :math:`G = F F^T`, (N, N). With
    A that of the other image, the two conventions are

    .. math:: \sum_l w_l \frac{1}{4 N_l^2 M_l^2} \sum_{ij} (G_{ij} - A_{ij})^2
        = \sum_l \frac{w_l}{4} \, \mathrm{mean}_{ij} (G_{ij} / M_l - A_{ij} / M_l)^2

    ("paper", w = 1 / layers, which is the paper's 0.2 for five) and the same without the 4 ("gatys_code",
    :math:`w_l = 1000 / N_l^2`, as in the code that its authors published). They differ by orders of
    magnitude. Of images of two sizes G / M and A / M are compared, each with its own M.

    Unchanged where an image's features are shuffled in space, and by exchanging the images. Null: 0 where
    they are equal. The interval is by the bootstrap over pairs, and one pair has none. Bias: with `reader` in
    bfloat16 rounding adds up to about 0.5 percent of the loss between images a tenth of a path apart, and
    more between images that are nearer. Cost: one pass through the network and one product of M N^2
    multiplications a layer for each image.

    Args:
        x: Images in [0, 1], (N, C, H, W) of one or three channels.
        other: As many others, which may be of another size.
        reader: The network and its layers; `zscape.model.style_layers` names those of the paper that a file
            has weights of.
        convention: "paper" or "gatys_code".
        layer_weights: w, one a layer; None for those of the convention.
        seed: Of the bootstrap.

    Raises:
        TypeError: If the seed is no whole number.
        ValueError: If images are not as many floats within [0, 1], or too small for the network; or if the
            convention or the weights are none.

    References:
        Gatys, Ecker and Bethge, Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    """
    check_whole("seed", seed)
    x, other = np.asarray(x), np.asarray(other)
    losses = style_loss_per_image(x, other, reader, convention=convention, layer_weights=layer_weights)
    words = f"{in_words(reader, convention, layer_weights, x.shape[2:])}; mean over pairs of images"
    return bootstrap_result("style_loss", losses, unit=STYLE_UNIT, definition=words, seed=seed)
