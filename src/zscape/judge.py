"""A judge of decoded pictures: a classifier trained on reconstructions, which says of which class a picture
is.

Train two for one study, on different rows and with different seeds: one that tuning may ask, and one that
only scores.
"""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Integer
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_bytes
from torch import Tensor, nn
from torch.nn import functional

from zscape.arithmetic import fast_products, flushed_denormals
from zscape.errors import DivergedError, RunFormatError
from zscape.files import whole_file
from zscape.training.guards import own_random_state
from zscape.training.randomness import mixed, reseed

__all__ = ["Judge"]

# Two 3x3 convolutions and a pooling by 2 leave one pixel of 6.
_SMALLEST = 6
_REMEDY = "make it again with Judge.fit and save"


class Judge:
    """A small convolutional classifier of pictures, as published for judging class-conditional samples.

    Convolution 3x3 to 32 channels, convolution 3x3 to 64, max-pooling by 2, dropout 0.25, dense 128, dropout
    0.5, one output a class; ReLU between. Trained by Adam at 1e-3 on the cross-entropy.

    >>> pictures = np.zeros((40, 1, 8, 8), dtype=np.float32)
    >>> pictures[:20, :, :4] = 1
    >>> judge = Judge.fit(pictures, np.repeat([3, 7], 20), epochs=10)
    >>> judge.classes_[judge(pictures[[0, -1]]).argmax(axis=1)]
    array([3, 7])

    Attributes:
        net: The network, pictures (B, C, H, W) to logits (B, K), on the CPU unless moved; evaluation mode.
        classes_: (K,) labels, sorted; column k of the probabilities is that of `classes_[k]`.
        shape: (C, H, W) of a picture.
        bf16: Whether convolutions and products are done in bfloat16, in training and in judging.

    References:
        Table 3 of the class-generation paper. Differs in: ReLU after the pooling rather than before it, which
        is the same function and cheaper; convolutions without padding, Adam's rate and the number of epochs
        are ours, for it names none.
    """

    net: nn.Sequential
    classes_: np.ndarray
    shape: tuple[int, int, int]
    bf16: bool

    def __init__(
        self, shape: tuple[int, int, int], classes: Integer[np.ndarray, "K"], *, bf16: bool = False
    ) -> None:
        """An untrained judge; use `Judge.fit`.

        Args:
            shape: (C, H, W) of a picture.
            classes: Labels, sorted and different.
            bf16: Whether to multiply in bfloat16.

        Raises:
            ValueError: If the pictures are smaller than 6x6 or there are fewer than two classes.
        """
        colours, height, width = shape
        if min(height, width) < _SMALLEST or colours < 1:
            raise ValueError(
                f"Judge needs pictures (C, H, W) of at least {_SMALLEST} pixels a side, but got {shape}"
            )
        if len(classes) < 2:
            raise ValueError(f"Judge needs at least two classes, but got {classes.tolist()}")
        features = 64 * ((height - 4) // 2) * ((width - 4) // 2)
        self.shape, self.classes_, self.bf16 = (colours, height, width), np.asarray(classes), bf16
        self.net = nn.Sequential(
            nn.Conv2d(colours, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(features, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, len(classes)),
        )
        # Convolutions of one picture's channels side by side are faster on CPUs and GPUs alike.
        self.net.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload] (it is one)

    @classmethod
    def fit(
        cls,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        epochs: int = 5,
        batch: int = 128,
        bf16: bool = False,
        seed: int = 0,
        watch: Callable[[int, int, float], None] | None = None,
    ) -> Judge:
        """Train a judge on pictures, which for a study are reconstructions.

        The same arguments give the same judge on the same machine; torch's own random state stays as it was.

        Cost: 75 Mflop a picture of 28x28 and epoch, in proportion to its pixels.

        Args:
            images: (N, C, H, W), finite, usually in [0, 1]. Not changed.
            labels: (N,) whole numbers, at least two different ones.
            epochs: Passes over the pictures.
            batch: Pictures a step; the last of an epoch may be smaller.
            bf16: Whether to multiply in bfloat16, in training and later in judging: twice as fast on
                processors with instructions for it, slower on others.
            seed: Of initial weights, order and dropout.
            watch: Called after every step with steps done, steps in all and the loss in nats.

        Returns:
            The judge.

        Raises:
            ValueError: If the arrays do not fit each other, hold NaN, are too small or of one class, or a
                number is out of range.
            DivergedError: If the loss stops being finite.
        """
        pictures = _pictures(images)
        classes, targets = _classes(labels, len(pictures))
        if epochs < 1 or batch < 1 or seed < 0:
            raise ValueError(
                f"Judge.fit needs epochs >= 1, batch >= 1 and seed >= 0, but got {epochs}, {batch} and {seed}"
            )
        device = torch.device("cpu")
        with own_random_state(device), flushed_denormals(True), fast_products(device):
            reseed(device, seed)
            judge = cls(_shape(pictures), classes, bf16=bf16)
            total = epochs * math.ceil(len(pictures) / batch)
            rows = _batches(len(pictures), batch, epochs, seed)
            losses = judge._steps(pictures, targets, rows)
            for step, loss in enumerate(losses, start=1):
                if not math.isfinite(loss):
                    raise DivergedError(f"the judge's loss is {loss} at step {step}; look at the pictures")
                if watch is not None:
                    watch(step, total, loss)
        judge.net.zero_grad()
        judge.net.eval().requires_grad_(False)
        return judge

    def _steps(self, pictures: Tensor, targets: Tensor, rows: Iterator[Tensor]) -> Iterator[float]:
        """Train on each batch of rows in turn; the loss of each."""
        self.net.train()
        optimiser = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=True)
        for index in rows:
            loss = functional.cross_entropy(self.logits(pictures[index]), targets[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield loss.item()

    def __call__(self, images: np.ndarray, *, batch: int = 128) -> Float[np.ndarray, "N K"]:
        """Probability of each class for each picture, `batch` pictures at a time; rows sum to 1.

        Args:
            images: (N, C, H, W).
            batch: Pictures judged at a time; another number may change the last bits.

        Raises:
            ValueError: If the pictures have another shape than those the judge was trained on, or hold NaN.
        """
        pictures = _pictures(images)
        if _shape(pictures) != self.shape:
            raise ValueError(f"this judge needs pictures of shape {self.shape}, but got {_shape(pictures)}")
        device = next(self.net.parameters()).device
        with torch.no_grad(), flushed_denormals(True):
            parts = [
                self.logits(pictures[start : start + batch].to(device)).double().softmax(1).cpu()
                for start in range(0, len(pictures), batch)
            ]
        return torch.cat(parts).numpy()

    def logits(self, pictures: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Unnormalised log probabilities of a batch; gradients pass through to the pictures."""
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=self.bf16):
            return self.net(pictures.contiguous(memory_format=torch.channels_last)).float()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights, classes and shape to a safetensors file, whole or not at all."""
        metadata = {
            "kind": "judge",
            "shape": json.dumps(self.shape),
            "classes": json.dumps(self.classes_.tolist()),
            "bf16": json.dumps(self.bf16),
        }
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.net.state_dict().items()}
        with whole_file(path) as temporary:
            # Not save_file, which would leave a file that only its owner may read.
            temporary.write_bytes(save_bytes(tensors, metadata))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Judge:
        """Read what `save` wrote.

        Raises:
            RunFormatError: If the file is missing, damaged or not a judge.
        """
        if not os.path.isfile(path):
            raise RunFormatError(f"needed a saved judge, but there is no file {path}; {_REMEDY}")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise RunFormatError(f"{path} cannot be read ({error}); {_REMEDY}") from error
        if metadata.get("kind") != "judge":
            raise RunFormatError(f"{path} does not hold a judge; {_REMEDY}")
        try:
            colours, height, width = (operator.index(side) for side in json.loads(metadata["shape"]))
            classes = np.array([operator.index(label) for label in json.loads(metadata["classes"])], np.int64)
            judge = cls((colours, height, width), classes, bf16=json.loads(metadata["bf16"]) is True)
            judge.net.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise RunFormatError(f"{path} is not a whole judge ({error}); {_REMEDY}") from error
        if (np.diff(classes) <= 0).any():
            raise RunFormatError(f"{path} is not a whole judge (its classes do not rise); {_REMEDY}")
        if not all(torch.isfinite(weight).all() for weight in judge.net.parameters()):
            raise RunFormatError(f"{path} is not a whole judge (weights are not finite); {_REMEDY}")
        judge.net.requires_grad_(False)
        return judge


def _pictures(images: np.ndarray) -> Tensor:
    """Pictures as float32, checked."""
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype.kind != "f":
        raise ValueError(
            f"pictures need to be floats of shape (N, C, H, W), but got {images.dtype} of shape "
            f"{images.shape}; scale whole numbers to [0, 1] first"
        )
    if len(images) == 0:
        raise ValueError("pictures are needed, but got none")
    pictures = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    # The sum is not finite if one is not, and takes no memory; a sum that overflows is looked at closely.
    if not torch.isfinite(pictures.sum()) and not torch.isfinite(pictures).all():
        raise ValueError("pictures need finite numbers, but hold NaN or infinity")
    return pictures


def _shape(pictures: Tensor) -> tuple[int, int, int]:
    _, colours, height, width = pictures.shape
    return colours, height, width


def _classes(labels: np.ndarray, count: int) -> tuple[np.ndarray, Tensor]:
    """The classes, sorted, and the place of each label among them."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"Judge.fit needs one whole label a picture, ({count},), but got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    classes, places = np.unique(labels, return_inverse=True)
    return classes.astype(np.int64), torch.from_numpy(places.astype(np.int64))


def _batches(count: int, batch: int, epochs: int, seed: int) -> Iterator[Tensor]:
    """Rows of each step: every row once an epoch, in an order of its own."""
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(mixed(seed, epoch))
        yield from torch.randperm(count, generator=generator).split(batch)
