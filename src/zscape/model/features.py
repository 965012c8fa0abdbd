"""Feature networks: classifiers of photographs, read at an inner layer, whose weights stay as they are.

A network is a plain Sequential with the keys of torchvision's of the same architecture, so a file of either
layout fits. Weights come from a file of plain arrays; random ones are made only when asked for by name.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from zscape.errors import DataError, brief
from zscape.npz import list_members, read

Preprocessing = Literal["caffe", "torchvision"]
_RANDOM = "random"
_REMEDY = 'give weights=<a .npz or .safetensors file>, or weights="random"'
# (scale, mean, standard deviation) by which pictures in [0, 1] become input: (scale x - mean) / std.
_INPUTS = {
    "caffe": (255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
    "torchvision": (1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
# What safetensors and torch raise on damaged files, those of another kind, and arrays that are no numbers.
_DAMAGED = (DataError, SafetensorError, OSError, RuntimeError, TypeError, ValueError)


class Fire(nn.Module):
    """SqueezeNet's block: a 1x1 convolution to few channels, then 1x1 and 3x3 ones side by side; ReLU after
    each.

    Args:
        inward: Channels of the input.
        squeeze: Channels between.
        expand: Channels of each of the two halves of the output.
    """

    def __init__(self, inward: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inward, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B E H W"]:
        """Output of the same height and width."""
        x = functional.relu(self.squeeze(x))
        return functional.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


def squeezenet(weights: str | os.PathLike[str] | None = None, *, seed: int = 0) -> nn.Sequential:
    """SqueezeNet 1.1 without its classifier: 722,496 weights, evaluation mode, no gradients to them.

    Layers are numbered as torchvision's `features`: 0 a convolution of stride 2, 2, 5 and 8 max-pooling, 3,
    4, 6, 7, 9, 10, 11 and 12 Fire modules. Layer 12 has 512 channels.

    Cost: 0.03 Gflop for a picture of 64x64, in proportion to its pixels.

    >>> squeezenet("random")(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 512, 3, 3])

    Args:
        weights: An .npz of plain arrays or a .safetensors file, with keys such as
            `features.3.squeeze.weight`; those of a classifier are passed by. None for
            `networks/squeezenet1_1_features_fp32.npz` in the folder ZSCAPE_DATA. "random" for weights drawn
            by He's rule, which have seen no picture.
        seed: Of random weights; nothing else is drawn.

    Returns:
        A Sequential with one part, `features`, itself a Sequential: pictures (B, 3, H, W), prepared as the
        weights want them, to (B, 512, h, w). See `pooled_features`.

    Raises:
        DataError: If the file is missing or damaged, or holds other arrays than the network has.

    References:
        Iandola et al., SqueezeNet, 2016, in its version 1.1. Max-pooling keeps the rest at an edge, as in
        Caffe and torchvision; Keras drops it.
    """
    # On no device, so that neither memory nor random numbers are spent on weights that are replaced.
    with torch.device("meta"):
        network = _sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            _pool(),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            _pool(),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            _pool(),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
    return _with_weights(network, weights, "squeezenet1_1_features_fp32.npz", seed)


def pooled_features(
    images: np.ndarray,
    network: nn.Sequential,
    *,
    preprocessing: Preprocessing,
    layer: int | None = None,
    resize: int | None = None,
    batch: int = 64,
) -> Float32[np.ndarray, "N F"]:
    """Mean over space of each channel at one layer: a row of features for each picture.

    Unchanged by the order of pictures. Cost: one pass through the network up to `layer`.

    Args:
        images: Pictures in [0, 1], RGB or grey; grey is repeated. Not changed.
        network: Such as `squeezenet`. Run in evaluation mode, where it is.
        preprocessing: What the weights were trained with, which no file says. "caffe": RGB in 0..255 less
            (123.68, 116.779, 103.939), for `squeezenet()` from the data folder. "torchvision": RGB in 0..1
            less (0.485, 0.456, 0.406), over (0.229, 0.224, 0.225).
        layer: Number among the network's `features`; the last if None.
        resize: Height and width to bring pictures to, bilinear with antialiasing. None leaves them as they
            are: what is small is not enlarged unasked.
        batch: Pictures done at a time; another number may change the last bits.

    Raises:
        ValueError: If pictures are not floats (N, C, H, W) of one or three channels within [0, 1], or too
            small for the layer; or if preprocessing, layer, resize or batch is not one there is.
    """
    layers = _up_to(network, layer)
    pictures = _checked(images)
    if batch < 1 or (resize is not None and resize < 1):
        raise ValueError(
            f"pooled_features needs batch >= 1 and resize >= 1 or None, but got {batch}, {resize}"
        )
    side = min(pictures.shape[2:]) if resize is None else resize
    if side < (least := least_side(layers)):
        raise ValueError(
            f"layer {len(layers) - 1} needs pictures of at least {least} pixels a side, but these have "
            f"{side}; give resize={least} or more, or an earlier layer"
        )
    with _evaluating(network) as device:
        parts = [
            layers(prepared(part.to(device), preprocessing=preprocessing, resize=resize)).mean((2, 3)).cpu()
            for part in pictures.split(batch)
        ]
    return torch.cat(parts).numpy()


def prepared(
    x: Float[Tensor, "B C H W"], *, preprocessing: Preprocessing, resize: int | None = None
) -> Float[Tensor, "B 3 h w"]:
    """Pictures in [0, 1] as a feature network takes them; gradients pass through.

    Args:
        x: RGB, or grey, which is repeated.
        preprocessing: "caffe" or "torchvision", as `pooled_features` says.
        resize: Height and width to bring them to; None leaves them.

    Raises:
        ValueError: If the preprocessing is neither.
    """
    if preprocessing not in _INPUTS:
        raise ValueError(f'preprocessing needs to be "caffe" or "torchvision", but is {preprocessing!r}')
    scale, mean, std = _INPUTS[preprocessing]
    if resize is not None:
        x = functional.interpolate(x, (resize, resize), mode="bilinear", antialias=True)
    mean, std = (x.new_tensor(values).reshape(3, 1, 1) for values in (mean, std))
    return (scale * x - mean) / std


def least_side(layers: nn.Sequential) -> int:
    """Smallest height and width of a picture of which the last of these layers leaves a pixel."""
    side = 1
    for layer in reversed(list(layers)):
        if isinstance(layer, nn.Conv2d):
            side = (side - 1) * layer.stride[0] + layer.kernel_size[0] - 2 * int(layer.padding[0])
        elif isinstance(layer, nn.MaxPool2d):
            kernel, step = _height(layer.kernel_size), _height(layer.stride)
            # In ceil mode the last window may reach over the edge, by all but one of its steps.
            side = (side - 1) * step + kernel - (step - 1 if layer.ceil_mode else 0)
    return max(side, 1)


def _height(size: int | tuple[int, ...]) -> int:
    return size[0] if isinstance(size, tuple) else size


def _sequential(*layers: nn.Module) -> nn.Sequential:
    """Layers under the name that torchvision's keys begin with."""
    return nn.Sequential(OrderedDict(features=nn.Sequential(*layers)))


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


@contextlib.contextmanager
def _evaluating(network: nn.Module) -> Iterator[torch.device]:
    """Evaluation mode without gradients; every module's mode is put back. Yields the device."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield next(network.parameters()).device
    finally:
        for module, training in modes.items():
            module.training = training


def _up_to(network: nn.Sequential, layer: int | None) -> nn.Sequential:
    layers = network.get_submodule("features")
    if not isinstance(layers, nn.Sequential):
        raise ValueError(f"a feature network needs a Sequential as its features, but has {type(layers)}")
    if layer is None:
        return layers
    if not 0 <= layer < len(layers):
        raise ValueError(f"layer needs to be one of 0 to {len(layers) - 1} here, but is {layer}")
    return nn.Sequential(*list(layers)[: layer + 1])


def _checked(images: np.ndarray) -> Tensor:
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.dtype.kind != "f":
        raise ValueError(
            "pooled_features needs pictures as floats of shape (N, 1 or 3, H, W), but got "
            f"{images.dtype} of shape {images.shape}; scale whole numbers to [0, 1] first"
        )
    if not images.size:
        raise ValueError(f"pooled_features needs pictures, but got shape {images.shape}")
    low, high = float(images.min()), float(images.max())
    # NaN is not within any bounds.
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"pooled_features needs pictures within [0, 1], but these lie within [{low:g}, {high:g}]; scale "
            "or clip them"
        )
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))


def _with_weights(
    network: nn.Sequential, weights: str | os.PathLike[str] | None, file: str, seed: int
) -> nn.Sequential:
    """A network made on no device, given weights from a file, the data folder or the rule for random ones."""
    shapes = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    if weights == _RANDOM:
        state = _drawn(shapes, seed)
    else:
        path = Path(weights) if weights is not None else _in_data_folder(file)
        state = _fitting(_read(path), shapes, path)
    network.load_state_dict(state, assign=True)
    # Channels side by side are three times as fast on CPUs.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] (it is one)
    return network.eval().requires_grad_(False)


def _drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Normal weights of variance 2 over the inputs of a channel, biases 0."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
        if len(shape) > 1
        else torch.zeros(shape)
        for name, shape in shapes.items()
    }


def _in_data_folder(file: str) -> Path:
    folder = os.environ.get("ZSCAPE_DATA")
    if not folder:
        raise DataError(
            f"networks/{file} is looked for in the folder ZSCAPE_DATA, which is not set; set it, or {_REMEDY}"
        )
    return Path(folder) / "networks" / file


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(f"there are no weights at {path}; {_REMEDY}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return {name: torch.from_numpy(read(member)) for name, member in list_members(path).items()}
    except _DAMAGED as error:
        raise DataError(
            f"{path} cannot be read as arrays in .npz or .safetensors ({brief(error)}); get it again, "
            f"or {_REMEDY}"
        ) from error


def _fitting(
    found: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], path: Path
) -> dict[str, Tensor]:
    """Weights of the network as float32, after a look at names, shapes and numbers."""
    found = {name: each for name, each in found.items() if not name.startswith("classifier.")}
    if strangers := sorted(found.keys() ^ shapes.keys()):
        raise DataError(
            f"{path} holds weights of another network: {len(shapes)} arrays are needed and {len(found)} "
            f"there, and {strangers[0]!r} is in one of both only; {_REMEDY}"
        )
    for name, shape in shapes.items():
        each = found[name]
        if tuple(each.shape) != shape or not each.is_floating_point() or not torch.isfinite(each).all():
            raise DataError(
                f"{path} needs finite floats of shape {shape} as {name!r}, but that is {each.dtype} of shape "
                f"{tuple(each.shape)} or not finite; get the file again"
            )
    return {name: found[name].float() for name in shapes}
