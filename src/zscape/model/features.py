"""Reading feature networks: pictures as they take them, and what they see in them at an inner layer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from zscape.model.architectures import features_of, numbers_of
from zscape.model.weights import Preprocessing

# (scale, mean, standard deviation) by which pictures in [0, 1] become input: (scale x - mean) / std.
_INPUTS = {
    "caffe": (255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0)),
    "torchvision": (1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def pooled_features(
    images: np.ndarray,
    network: nn.Sequential,
    *,
    preprocessing: Preprocessing,
    layer: int | str | None = None,
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
        layer: Number among the network's `features`, or name as `layer_names` gives it; the last if None.
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


def _up_to(network: nn.Sequential, layer: int | str | None) -> nn.Sequential:
    layers = features_of(network)
    if layer is None:
        return layers
    if isinstance(layer, str):
        (layer,) = numbers_of(network, [layer])
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
