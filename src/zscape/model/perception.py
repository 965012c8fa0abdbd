"""What a feature network sees in pictures at several layers, and how far apart that is in two pictures."""

from __future__ import annotations

import functools
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zscape.errors import nearest
from zscape.model.architectures import blank, features_of, layer_names, numbers_of, squeezenet, vgg16, vgg19
from zscape.model.features import least_side, prepared
from zscape.model.weights import RANDOM, Preprocessing, content, located, preprocessing_of

Network = Literal["vgg16", "vgg19", "squeezenet"]
_NETWORKS: dict[str, Callable[..., nn.Sequential]] = {
    "vgg16": vgg16,
    "vgg19": vgg19,
    "squeezenet": squeezenet,
}
_VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3")
_LAYERS = {"vgg16": _VGG_LAYERS, "vgg19": _VGG_LAYERS, "squeezenet": ("relu1", "fire3", "fire5")}
# Pictures that go through a network together where the result must not depend on which they are.
_TOGETHER = 16
# Added to the mean square of features.
_GUARD = 1e-6
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FeatureReader:
    """A feature network that is read at some of its layers; `feature_reader` makes one.

    Attributes:
        network: The network, through the last of the layers; moved to where pictures are.
        layers: Names of the layers, in the order asked for.
        preprocessing: What the weights were trained with.
        resize: Height and width that pictures are brought to; None leaves them as they are.
        bf16: Whether the network runs in bfloat16 after its first layer; otherwise in the type of the
            pictures.
        settings: What it was made with, as a spec keeps it: with the hash of the weights.
        description: The same in words, for definitions of what is measured.
    """

    network: nn.Sequential
    layers: tuple[str, ...]
    preprocessing: Preprocessing
    resize: int | None
    bf16: bool
    settings: dict[str, Any]
    description: str

    def read(self, x: Tensor) -> list[Float[Tensor, "B _"]]:
        """Features of pictures at each layer, a row a picture; gradients reach the pictures.

        A row has positions first and channels last, as they lie in memory.

        Args:
            x: Pictures in [0, 1], (B, C, H, W), RGB or grey, which is repeated.

        Raises:
            ValueError: If these are no pictures, or too small for the layers.
        """
        return [each.flatten(1) for each in self.maps(x)]

    def maps(self, x: Tensor) -> list[Float[Tensor, "B M E"]]:
        """As `read`, with M positions and E channels of each layer apart, as Gram matrices want them.

        Args:
            x: As for `read`.

        Raises:
            ValueError: As `read`.
        """
        self._check(x)
        kind = torch.bfloat16 if self.bf16 else x.dtype
        layers = features_of(self.network)
        for number, layer in enumerate(layers):
            # From float32 to float64 and back nothing is lost.
            layer.to(device=x.device, dtype=kind if number else x.dtype)
        at = prepared(x, preprocessing=self.preprocessing, resize=self.resize)
        found: dict[str, Tensor] = {}
        for name, layer in zip(layer_names(self.network), layers, strict=True):
            # Rounding to bfloat16 begins after the first layer: it would shift what has one colour by up to
            # 0.4 percent, as much as a picture differs from the next on a path.
            at = layer(at).to(kind)
            if name in self.layers:
                found[name] = at.permute(0, 2, 3, 1).flatten(1, 2)
        return [found[name] for name in self.layers]

    @torch.no_grad()
    def read_alone(self, x: Tensor) -> list[Float[Tensor, "B _"]]:
        """As `read`, without gradients; the features of a picture do not depend on the others, to the bit.

        Libraries add up in another order where there are more pictures, so they go in sixteens, the last of
        which is filled up.

        Args:
            x: As for `read`.
        """
        self._check(x)
        missing = -len(x) % _TOGETHER
        filled = torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]) if missing else x
        parts = [self.read(part) for part in filled.split(_TOGETHER)]
        return [torch.cat(each)[: len(x)] for each in zip(*parts, strict=True)]

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] not in (1, 3) or not len(x) or not x.is_floating_point():
            raise ValueError(
                f"a feature network needs pictures as floats of shape (B, 1 or 3, H, W), but got {x.dtype} "
                f"of shape {tuple(x.shape)}"
            )
        side = min(x.shape[2:]) if self.resize is None else self.resize
        least = least_side(features_of(self.network))
        if side < least:
            last = layer_names(self.network)[-1]
            raise ValueError(
                f"{last} needs pictures of at least {least} pixels a side, but these "
                f"have {side}; give resize={least} or more, or earlier layers"
            )


def feature_reader(
    network: Network = "vgg19",
    *,
    weights: str | os.PathLike[str] | None = None,
    layers: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    resize: int | None = None,
    bf16: bool = False,
    sha256: str | None = None,
) -> FeatureReader:
    """A feature network to be read at some of its layers.

    >>> reader = feature_reader("squeezenet", weights="random", layers=["relu1", "fire2"])
    >>> [tuple(rows.shape) for rows in reader.read(torch.zeros(2, 1, 16, 16))]
    [(2, 3136), (2, 1152)]

    Args:
        network: Which one.
        weights: A file, or None for one known by name in a data folder; see `vgg19`. "random" for weights
            that have seen no picture, of which a line in the log warns.
        layers: Names as `layer_names` gives them. None for relu1_2, relu2_2 and relu3_3, or relu1, fire3 and
            fire5 of SqueezeNet: a choice of ours.
        preprocessing: What the weights were trained with: "caffe" or "torchvision", see `pooled_features`.
            None where that follows from the file's name, and with random weights, for "torchvision".
        resize: Height and width to bring pictures to, bilinear with antialiasing. None leaves them as they
            are: what is small is not enlarged unasked.
        bf16: Run the network in bfloat16 after its first layer, at relative errors of about 0.01; pays on
            GPUs and on CPUs with instructions for it.
        sha256: Of the file of weights, where no other will do.

    Raises:
        DataError: If the file is missing or damaged, is another than `sha256` says, holds other arrays than
            the network has, or ends before the last layer.
        ValueError: If a name is unknown, a layer named twice, or it is not known what the weights were
            trained with.
    """
    if network not in get_args(Network):
        raise ValueError(f"there is no feature network {network!r}: {nearest(str(network), _NETWORKS)}")
    if resize is not None and resize < 1:
        raise ValueError(f"resize needs to be at least 1 or None, but is {resize}")
    names = tuple(_LAYERS[network] if layers is None else layers)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"layers need to be one or more, each once, but are {list(names)}")
    every = layer_names(blank(network))
    last = every[max(numbers_of(blank(network), names))]
    path = None if weights == RANDOM else located(network, weights, sha256=sha256)
    given = _trained_with(network, path) if preprocessing is None else preprocessing
    if given not in get_args(Preprocessing):
        raise ValueError(f'preprocessing needs to be "caffe" or "torchvision", but is {given!r}')
    if path is None:
        _warn_of_random_weights(network)
        digest, trained = None, "random weights"
    else:
        digest = content(path)
        trained = f"weights {path.name} (sha256 {digest[:8]})"
    settings = {
        "network": network,
        "weights": None if weights is None else RANDOM if path is None else str(path.absolute()),
        "layers": list(names),
        "preprocessing": given,
        "resize": resize,
        "bf16": bf16,
        "sha256": digest,
    }
    size = "" if resize is None else f", pictures resized to {resize} pixels"
    words = f"{', '.join(names)} of {network}, {trained}, preprocessing {given}{size}"
    made = _NETWORKS[network](RANDOM if path is None else path, through=last)
    return FeatureReader(made, names, given, resize, bf16, settings, words + ", bfloat16" * bf16)


def style_layers(
    network: Network = "vgg19", *, weights: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """The layers that style is read at, as far as a file of weights reaches: the first of every block.

    These are relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of VGG, those of Gatys et al., and relu1, fire2,
    fire4 and fire6 of SqueezeNet, a choice of ours. Cost: the file is read once.

    >>> style_layers("vgg19", weights="random")
    ('relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1')

    Args:
        network: Which one.
        weights: As for `feature_reader`.

    Raises:
        DataError: If the file is missing or damaged, or holds other arrays than the network has.
        ValueError: If there is no such network.

    References:
        Gatys, Ecker and Bethge, Image Style Transfer Using Convolutional Neural Networks, CVPR 2016.
    """
    if network not in get_args(Network):
        raise ValueError(f"there is no feature network {network!r}: {nearest(str(network), _NETWORKS)}")
    names = layer_names(blank(network) if weights == RANDOM else _NETWORKS[network](weights))
    found, first = [], True
    for name in names:
        if first and name.startswith(("relu", "fire")):
            found.append(name)
            first = False
        first = first or name.startswith("pool")
    return tuple(found)


@functools.cache
def _warn_of_random_weights(network: str) -> None:
    """Say it once, not for every reader that is made."""
    _LOGGER.warning("%s has random weights, as asked: its features have learned nothing", network)


def _trained_with(network: str, path: Path | None) -> Preprocessing:
    """What the weights in a file take pictures as; those of no file take them as torchvision's."""
    known = "torchvision" if path is None else preprocessing_of(network, path)
    if known is None:
        raise ValueError(
            f"what the weights in {path} were trained with is not known; give preprocessing as "
            '"torchvision" (pictures in 0..1, standardised) or "caffe" (0..255 less a mean)'
        )
    return known


def feature_errors(
    wanted: Sequence[Float[Tensor, "B _"]],
    found: Sequence[Float[Tensor, "B _"]],
    *,
    layer_weights: Sequence[float] | None = None,
    relative: bool = True,
) -> Float[Tensor, "B"]:
    r"""Squared difference of features, of each picture.

    .. math:: \sum_l w_l \frac{\lVert \phi_l(\hat x) - \phi_l(x) \rVert^2 / n_l}
        {\lVert \phi_l(x) \rVert^2 / n_l + 10^{-6}}

    and without the denominator if not `relative`. The denominator makes layers, networks and preprocessings
    comparable: 1 is the error of features that are all zero. What is added to it guards against a layer that
    sees nothing in a picture.

    >>> feature_errors([torch.tensor([[2.0, 0.0]])], [torch.tensor([[1.0, 0.0]])], relative=False)
    tensor([0.5000])

    Args:
        wanted: Features of the pictures, a row a picture, layer by layer, as `FeatureReader.read` gives them.
        found: Features of the reconstructions.
        layer_weights: w, one a layer; None for equal weights of sum 1.
        relative: Whether to divide by the mean square of what is wanted.

    Raises:
        ValueError: If there are not as many weights as layers, or one is no number >= 0.
    """
    weights = [1 / len(wanted)] * len(wanted) if layer_weights is None else list(layer_weights)
    if len(weights) != len(wanted):
        raise ValueError(f"layer_weights need one number a layer, {len(wanted)}, but are {len(weights)}")
    if not all(0 <= weight < math.inf for weight in weights):
        raise ValueError(f"layer_weights need to be finite and >= 0, but are {weights}")
    total = 0.0
    for weight, features, others in zip(weights, wanted, found, strict=True):
        # bfloat16 has too few digits for a sum.
        features, others = (
            each.to(torch.promote_types(each.dtype, torch.float32)) for each in (features, others)
        )
        error = (others - features).square().mean(1)
        total = total + weight * (error / (features.square().mean(1) + _GUARD) if relative else error)
    return total  # type: ignore[return-value] (a tensor, as there is a layer)
