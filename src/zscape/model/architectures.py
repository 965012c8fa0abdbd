"""Feature networks: classifiers of photographs, read at inner layers, whose weights stay as they are.

A network is a plain Sequential with the keys of torchvision's of the same architecture, so a file of either
layout fits. Weights come from a file of plain arrays; random ones are made only when asked for by name.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from zscape.errors import DataError, nearest
from zscape.model.weights import RANDOM, drawn, fitting, located, numbered, read_weights

# Convolutions of each block and their channels.
_VGG = {
    "vgg16": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
    "vgg19": ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)),
}


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


_KINDS = {"conv": nn.Conv2d, "relu": nn.ReLU, "pool": nn.MaxPool2d, "fire": Fire}


def squeezenet(
    weights: str | os.PathLike[str] | None = None, *, through: str | None = None, seed: int = 0
) -> nn.Sequential:
    """SqueezeNet 1.1 without its classifier: 722,496 weights, evaluation mode, no gradients to them.

    Layers are numbered as torchvision's `features` and named as in the paper: conv1, of stride 2, relu1,
    pool1, fire2, fire3, pool3, fire4, fire5, pool5, fire6 to fire9. The last has 512 channels.

    Cost: 0.03 Gflop for a picture of 64x64, in proportion to its pixels.

    >>> squeezenet("random")(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 512, 3, 3])

    Args:
        weights: An .npz of plain arrays, a .safetensors or a .pth file, with keys such as
            `features.3.squeeze.weight`; those of a classifier are passed by. None for
            `networks/squeezenet1_1_features_fp32.npz` or torchvision's `networks/squeezenet1_1-b8a52dc0.pth`
            in a data folder: ZSCAPE_DATA or the user's cache. "random" for weights drawn by He's rule, which
            have seen no picture.
        through: Name of the last layer to keep; all if None.
        seed: Of random weights; nothing else is drawn.

    Returns:
        A Sequential with one part, `features`, itself a Sequential: pictures (B, 3, H, W), prepared as the
        weights want them, to (B, 512, h, w). See `pooled_features`.

    Raises:
        DataError: If the file is missing or damaged, or holds other arrays than the network has.
        ValueError: If there is no layer of that name.

    References:
        Iandola et al., SqueezeNet, 2016, in its version 1.1. Max-pooling keeps the rest at an edge, as in
        Caffe and torchvision; Keras drops it.
    """
    return _with_weights("squeezenet", weights, through, seed)


def vgg16(
    weights: str | os.PathLike[str] | None = None, *, through: str | None = None, seed: int = 0
) -> nn.Sequential:
    """VGG16 without its classifier, or its first layers: evaluation mode, no gradients to the weights.

    Layers are numbered as torchvision's `features` and named by block: conv1_1, relu1_1, conv1_2, relu1_2,
    pool1, conv2_1 and so on to pool5; see `layer_names`. 14,714,688 weights in all.

    Cost: 2.5 Gflop for a picture of 64x64 (1.5 through relu3_3), in proportion to its pixels.

    >>> layer_names(vgg16("random", through="relu1_2"))
    ('conv1_1', 'relu1_1', 'conv1_2', 'relu1_2')

    Args:
        weights: As for `squeezenet`, with keys such as `features.0.weight`; None for torchvision's
            `networks/vgg16-397923af.pth` in a data folder, which `zscape data fetch network:vgg16` gets.
        through: Name of the last layer to keep. None for all that the file has weights of: a file may end
            early.
        seed: Of random weights; nothing else is drawn.

    Returns:
        A Sequential with one part, `features`, as `squeezenet` gives it.

    Raises:
        DataError: If the file is missing or damaged, holds other arrays than the network has, or ends before
            the layer asked for.
        ValueError: If there is no layer of that name.

    References:
        Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015
        (configuration D).
    """
    return _with_weights("vgg16", weights, through, seed)


def vgg19(
    weights: str | os.PathLike[str] | None = None, *, through: str | None = None, seed: int = 0
) -> nn.Sequential:
    """VGG19 without its classifier, or its first layers: evaluation mode, no gradients to the weights.

    As `vgg16`, with a fourth convolution in blocks 3 to 5. 20,024,384 weights in all.

    Cost: 3.2 Gflop for a picture of 64x64 (1.8 through relu3_4), in proportion to its pixels.

    Args:
        weights: As for `vgg16`; None for torchvision's `networks/vgg19-dcbb9e9d.pth`, or else
            `networks/vgg19_conv1_1_to_conv3_4_fp16.npz`, which ends at relu3_4 and wants "caffe".
        through: As for `vgg16`.
        seed: Of random weights; nothing else is drawn.

    Returns:
        A Sequential with one part, `features`, as `squeezenet` gives it.

    Raises:
        DataError: As `vgg16`.
        ValueError: If there is no layer of that name.

    References:
        Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015
        (configuration E).
    """
    return _with_weights("vgg19", weights, through, seed)


def layer_names(network: nn.Sequential) -> tuple[str, ...]:
    """Names of the layers of a network's `features`, in order, by the kinds of layers there are.

    A convolution is named by its block and its place in it, conv2_1; pooling ends a block. Where there are
    Fire modules, or the convolution of stride 2 that stands before them, they and convolutions are counted
    through, as in the paper on SqueezeNet. A layer of another kind has its number as its name.

    Args:
        network: Such as `vgg19`.

    Raises:
        ValueError: If its features are not a Sequential.
    """
    layers = list(features_of(network))
    # Also where the network ends before the first Fire module.
    through = any(
        isinstance(layer, Fire) or (isinstance(layer, nn.Conv2d) and layer.stride != (1, 1))
        for layer in layers
    )
    names, block, place = [], 1, 0
    for number, layer in enumerate(layers):
        if isinstance(layer, nn.Conv2d | Fire):
            place += 1
        kind = next((kind for kind, owner in _KINDS.items() if isinstance(layer, owner)), None)
        if kind is None:
            names.append(str(number))
        elif through:
            names.append(f"{kind}{place}")
        elif kind == "pool":
            names.append(f"pool{block}")
            block, place = block + 1, 0
        else:
            names.append(f"{kind}{block}_{place}")
    return tuple(names)


def numbers_of(network: nn.Sequential, layers: Sequence[str]) -> list[int]:
    """Numbers among the network's `features` of the layers of these names.

    Args:
        network: Such as `vgg19`.
        layers: Names, as `layer_names` gives them.

    Raises:
        ValueError: If there is no such layer; suggests the nearest.
    """
    names = layer_names(network)
    for name in layers:
        if name not in names:
            raise ValueError(f"the network has no layer {name!r}: {nearest(str(name), names)}")
    return [names.index(name) for name in layers]


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def features_of(network: nn.Sequential) -> nn.Sequential:
    """The layers of a feature network.

    Raises:
        ValueError: If they are not a Sequential.
    """
    layers = network.get_submodule("features")
    if not isinstance(layers, nn.Sequential):
        raise ValueError(f"a feature network needs a Sequential as its features, but has {type(layers)}")
    return layers


def blank(name: str) -> nn.Sequential:
    """A whole network by the name of its function, on no device: its layers without weights."""
    with torch.device("meta"):
        return _network(_fires() if name == "squeezenet" else _vgg(_VGG[name]))


def _fires() -> list[nn.Module]:
    return [
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
    ]


def _vgg(blocks: Sequence[tuple[int, int]]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    inward = 3
    for convolutions, channels in blocks:
        for _ in range(convolutions):
            layers += [nn.Conv2d(inward, channels, 3, padding=1), nn.ReLU()]
            inward = channels
        layers.append(nn.MaxPool2d(2))
    return layers


def _with_weights(
    name: str, weights: str | os.PathLike[str] | None, through: str | None, seed: int
) -> nn.Sequential:
    """A network, or its first layers, with weights from a file or by the rule for random ones."""
    # On no device, so that neither memory nor random numbers are spent on weights that are replaced.
    whole = blank(name)
    layers = list(features_of(whole))
    (last,) = [len(layers) - 1] if through is None else numbers_of(whole, [through])
    if weights == RANDOM:
        network = _network(layers[: last + 1])
        state = drawn(_shapes(network), seed)
    else:
        path = located(name, weights)
        found = read_weights(path)
        reach = _reach(whole, numbered(found))
        if through is None and reach < last:
            # What pools the last of them is not counted as there.
            last = max(number for number in range(reach + 1) if not isinstance(layers[number], nn.MaxPool2d))
        elif reach < last:
            raise DataError(
                f"{path} has weights through {layer_names(whole)[reach]} only, not through {through}; "
                f"ask for an earlier layer, or get all with zscape data fetch network:{name}"
            )
        network = _network(layers[: last + 1])
        later = {f"features.{number}." for number in range(last + 1, len(layers))}
        kept = {key: each for key, each in found.items() if not key.startswith(tuple(later))}
        state = fitting(kept if later else found, _shapes(network), path)
    network.load_state_dict(state, assign=True)
    # Channels side by side are three times as fast on CPUs.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] (it is one)
    return network.eval().requires_grad_(False)


def _network(layers: Sequence[nn.Module]) -> nn.Sequential:
    """Layers under the name that torchvision's keys begin with."""
    return nn.Sequential(OrderedDict(features=nn.Sequential(*layers)))


def _shapes(network: nn.Sequential) -> dict[str, tuple[int, ...]]:
    return {name: tuple(each.shape) for name, each in network.state_dict().items()}


def _reach(network: nn.Sequential, there: set[int]) -> int:
    """Number of the last layer before the first one whose weights a file lacks; the last if it has none."""
    layers = list(features_of(network))
    missing = [n for n, layer in enumerate(layers) if n not in there and list(layer.parameters())]
    # Of a file that has no layer at all everything is asked for, so that it is refused for what it is.
    return missing[0] - 1 if missing and missing[0] > 0 else len(layers) - 1
