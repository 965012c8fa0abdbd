"""Files of feature networks' weights: where they lie, what they hold, what is wrong with them."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zscape.errors import DataError, brief
from zscape.folders import expanded, places
from zscape.npz import list_members, read

Preprocessing = Literal["caffe", "torchvision"]
RANDOM = "random"
_REMEDY = 'give weights=<a .npz, .safetensors or .pth file>, or weights="random"'
# What safetensors and torch raise on damaged files, those of another kind, and arrays that are no numbers;
# torch asserts what a file should hold.
_DAMAGED = (
    AssertionError,
    AttributeError,
    DataError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)


@dataclass(frozen=True)
class KnownFile:
    """A file of weights known by its name.

    Attributes:
        name: In the folder `networks` of a data folder.
        preprocessing: What its network was trained with.
    """

    name: str
    preprocessing: Preprocessing


KNOWN: Mapping[str, tuple[KnownFile, ...]] = {
    "vgg16": (KnownFile("vgg16-397923af.pth", "torchvision"),),
    "vgg19": (
        KnownFile("vgg19-dcbb9e9d.pth", "torchvision"),
        KnownFile("vgg19_conv1_1_to_conv3_4_fp16.npz", "caffe"),
    ),
    "squeezenet": (
        KnownFile("squeezenet1_1_features_fp32.npz", "caffe"),
        KnownFile("squeezenet1_1-b8a52dc0.pth", "torchvision"),
    ),
}


def known_places(network: str, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where the known files of weights of a network may lie, those first that are taken first.

    Args:
        network: One of KNOWN.
        data_dir: A data folder to look in first.
    """
    return [folder / "networks" / file.name for folder in places(data_dir) for file in KNOWN[network]]


def located(
    network: str,
    weights: str | os.PathLike[str] | None = None,
    *,
    sha256: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """The file of weights: the one named, or the first known one that lies in a data folder.

    Args:
        network: One of KNOWN.
        weights: A file; None to look for those known by name.
        sha256: The only content that will do.
        data_dir: A data folder to look in first.

    Raises:
        DataError: If there is no file, or none of that content.
    """
    looked = known_places(network, data_dir) if weights is None else [expanded(weights)]
    found = [path for path in looked if path.is_file()]
    if not found:
        fetch = f"get them with zscape data fetch network:{network}, or " if weights is None else ""
        raise DataError(f"there are no weights at {', '.join(map(str, looked))}; {fetch}{_REMEDY}")
    if sha256 is None:
        return found[0]
    same = next((path for path in found if content(path) == sha256), None)
    if same is None:
        raise DataError(
            f"weights of sha256 {sha256[:12]}... are needed, as used before, but those at "
            f"{', '.join(map(str, found))} are others; put the file back, or fit anew"
        )
    return same


def content(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def preprocessing_of(network: str, path: Path) -> Preprocessing | None:
    """What the weights in a file known by its name were trained with; None for any other file."""
    return next((file.preprocessing for file in KNOWN[network] if file.name == path.name), None)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The arrays of an .npz, .safetensors or .pth file by name, without those of a classifier.

    Nothing in a file is run: of a .pth file only tensors and plain containers are accepted. One of the old
    kind, as torchvision's of VGG are, is in memory as a whole for a moment, with its classifier (0.5 GB).

    Raises:
        DataError: If it cannot be read.
    """
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        elif path.suffix in (".pth", ".pt"):
            found = _unpickled(path)
        else:
            found = {name: torch.from_numpy(read(member)) for name, member in list_members(path).items()}
    except _DAMAGED as error:
        raise DataError(
            f"{path} cannot be read as arrays in .npz, .safetensors or .pth ({brief(error)}); get it again, "
            f"or {_REMEDY}"
        ) from error
    return {name: each for name, each in found.items() if not name.startswith("classifier.")}


def fitting(
    found: Mapping[str, Tensor], shapes: Mapping[str, Sequence[int]], path: Path
) -> dict[str, Tensor]:
    """Weights of a network as float32, after a look at names, shapes and numbers.

    Args:
        found: Arrays of the file.
        shapes: What the network has.
        path: The file, for messages.

    Raises:
        DataError: If they are not those of the network.
    """
    if strangers := sorted(found.keys() ^ shapes.keys()):
        raise DataError(
            f"{path} holds weights of another network: {len(shapes)} arrays are needed and {len(found)} "
            f"there, and {strangers[0]!r} is in one of both only; {_REMEDY}"
        )
    for name, shape in shapes.items():
        each = found[name]
        if tuple(each.shape) != tuple(shape) or not each.is_floating_point() or not _finite(each):
            raise DataError(
                f"{path} needs finite floats of shape {tuple(shape)} as {name!r}, but that is {each.dtype} "
                f"of shape {tuple(each.shape)} or not finite; get the file again"
            )
    # Copied, so that nothing holds on to a file that is mapped.
    return {name: found[name].detach().to(torch.float32, copy=True) for name in shapes}


def drawn(shapes: Mapping[str, Sequence[int]], seed: int) -> dict[str, Tensor]:
    """Normal weights of variance 2 over the inputs of a channel, biases 0.

    Args:
        shapes: What the network has.
        seed: Of the draws; nothing else is drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tuple(shape), generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
        if len(shape) > 1
        else torch.zeros(tuple(shape))
        for name, shape in shapes.items()
    }


def numbered(found: Iterable[str]) -> set[int]:
    """Numbers of the layers that a file has weights of."""
    parts = (re.fullmatch(r"features\.(\d{1,9})\..+", name, re.ASCII) for name in found)
    return {int(part[1]) for part in parts if part is not None}


def _finite(values: Tensor) -> bool:
    # Of floats of 8 bits torch does not say it.
    return bool(torch.isfinite(values.to(torch.float32)).all())


def _unpickled(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        # What cannot be read is refused below; how it was pickled does not matter then.
        warnings.filterwarnings("ignore", message="Detected pickle protocol")
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    if not isinstance(loaded, dict) or not all(isinstance(each, Tensor) for each in loaded.values()):
        raise DataError("it holds something else than tensors by name")
    # Plain tensors alone have their numbers in memory, one after the other.
    if any(each.layout != torch.strided or each.is_meta or each.is_nested for each in loaded.values()):
        raise DataError("it holds tensors that are sparse, nested or without numbers")
    return {str(name): each for name, each in loaded.items()}
