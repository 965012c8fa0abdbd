"""The one record of an image data set, as the loop, the encoder and the report see it."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from zscape.data.pixels import check_levels, to_images
from zscape.data.source import rows_a_chunk
from zscape.data.splits import FRACTIONS, rows_in_batches, split_rows
from zscape.errors import DataError

# Most bytes of pixels that go into the fingerprint: about a second of hashing.
_FINGERPRINT_BYTES = 2**30
# Whole numbers above this have no float of their own.
_MOST_FLOAT = 2**53
# Columns that a table of codes has beside the factors.
_COLUMNS = ("id", "split", "label", "mean", "logvar")
# The name under which to_spec writes data that was given as arrays, and which load therefore refuses.
ARRAYS = "arrays"


@final
class Images:
    """A data set of images: one uint8 tensor, with labels, known factors and splits. Follows `base.Data`.

    Attributes:
        images: (N, C, H, W) uint8, in memory or mapped read-only from a file.
        name: What it is called in reports.
        labels: (N,) int64 classes, or None.
        names: Of the classes, by label; empty without labels.
        factors: Known factors of variation, each (N,) int64 classes.
        values: Of each factor, the value that each of its classes stands for.
        splits: "train", "validation" and "test" to sorted int64 rows.
        source: The files it was read from, for people.
    """

    def __init__(
        self,
        images: UInt8[Tensor, "N C H W"],
        *,
        name: str,
        splits: Mapping[str, np.ndarray],
        source: str,
        spec: Mapping[str, Any],
        labels: np.ndarray | None = None,
        names: Sequence[str] = (),
        factors: Mapping[str, np.ndarray] | None = None,
        values: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.images = images
        self.name = name
        self.labels = labels
        self.names = tuple(names)
        self.factors = dict(factors or {})
        self.values = dict(values or {})
        self.splits = dict(splits)
        self.source = source
        self._spec = dict(spec)
        self._fingerprint: str | None = None
        self._targets = None if labels is None else torch.from_numpy(labels).to(images.device)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(rows)}" for name, rows in self.splits.items())
        return f"Images({self.name!r}, {len(self)} of {' x '.join(map(str, self.shape))}, {sizes})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image, (C, H, W)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def fingerprint(self) -> str:
        """Short hash of the shape, all pixels, labels and factors: equal for equal data.

        Above 1 GiB of pixels, of as many images as make 1 GiB, spread evenly from the first to the last.
        Splits, names and `values` do not count. Cost: one pass over the pixels, at the first call only; what
        is changed in place after it goes unseen.
        """
        if self._fingerprint is None:
            self._fingerprint = self._hashed()
        return self._fingerprint

    def _hashed(self) -> str:
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        row_bytes = math.prod(self.shape)
        count = min(len(self), max(1, _FINGERPRINT_BYTES // row_bytes))
        rows = torch.from_numpy(np.linspace(0, len(self) - 1, count).astype(np.int64)).to(self.images.device)
        for chunk in rows.split(rows_a_chunk(row_bytes)):
            digest.update(self.images.index_select(0, chunk).cpu().numpy().data)
        columns = {f"factor {name}": column for name, column in self.factors.items()}
        if self.labels is not None:
            columns["labels"] = self.labels
        for name, column in sorted(columns.items()):
            plain = column.astype("<f8" if column.dtype.kind == "f" else "<i8")
            digest.update(f"\n{name} {plain.dtype.kind}\n".encode())
            digest.update(plain.tobytes())
        return digest.hexdigest()[:16]

    def to_spec(self) -> dict[str, Any]:
        """Name and options, JSON-able: `load(**spec)` gives the same data again."""
        return dict(self._spec)

    def to(self, device: torch.device | str) -> Images:
        """The same data set with its images and labels on `device`, so that batches need no transfer."""
        moved = copy.copy(self)
        moved.images = self.images.to(device)
        moved._targets = None if self._targets is None else self._targets.to(device)
        return moved

    def batches(self, split: str, size: int, *, seed: int, epoch: int) -> Iterator[Int[Tensor, "B"]]:
        """Row indices of each batch of one epoch, shuffled by (seed, epoch) alone; the last may be smaller.

        Stateless: a resumed fit asks for epoch k without having drawn the epochs before it.

        Raises:
            ValueError: If the split is unknown, or size < 1.
        """
        rows = rows_in_batches(self.splits, split, size)
        shuffled = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(rows))
        return iter(shuffled.split(size))

    def batch(
        self, index: Int[Tensor, "B"], device: torch.device | str
    ) -> tuple[Float[Tensor, "B C H W"], Int[Tensor, "B"] | None]:
        """Images of the given rows as float32 in [0, 1], and their labels, moved and scaled on the device.

        Args:
            index: Rows of the data set, in any order; may repeat.
            device: Where to; bytes are what travels.
        """
        index = index.to(self.images.device)
        pixels = self.images.index_select(0, index).to(device).to(torch.float32).mul_(1 / 255)
        return pixels, None if self._targets is None else self._targets.index_select(0, index).to(device)

    def augmented(self, x: Float[Tensor, "B C H W"], generator: torch.Generator) -> Float[Tensor, "B C H W"]:
        """The batch itself: training sees images as they are.

        Args:
            x: What `batch` gave.
            generator: Not used.
        """
        return x


def from_arrays(
    images: np.ndarray | Tensor,
    labels: np.ndarray | Tensor | Sequence[Any] | None = None,
    *,
    names: Sequence[str] = (),
    factors: Mapping[str, np.ndarray] | None = None,
    name: str = "arrays",
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
) -> Images:
    """A data set from your own arrays or tensors.

    >>> data = from_arrays(np.zeros((10, 8, 8), dtype=np.uint8), labels=[0, 1] * 5, names=("left", "right"))
    >>> data.shape, len(data), len(data.splits["train"])
    ((1, 8, 8), 10, 8)

    Args:
        images: (N, H, W), (N, C, H, W) or (N, H, W, C) with 1 or 3 channels; uint8 in 0..255, bool, or float
            in [0, 1], which is rounded to 256 levels.
        labels: (N,) whole numbers or strings.
        names: Of the classes, when labels are the numbers 0 to K - 1.
        factors: Known factors, each (N,).
        name: What to call the data in reports.
        fractions: Shares of train, validation and test.
        seed: Of the split.

    Raises:
        DataError: If the images, labels or factors cannot be understood, or are of different lengths.
        ValueError: If fractions are not three positive numbers with sum 1, or seed < 0.
    """
    array = _as_numpy(images)
    pixels = torch.from_numpy(to_images(array, f"the array {name!r}"))
    check_levels(int(pixels.max()) if len(pixels) else 0, f"the array {name!r}")
    classes, class_names = read_labels(labels, len(pixels), names, f"the array {name!r}")
    return Images(
        # A copy, so that the caller may go on to change the array.
        pixels.clone() if np.shares_memory(pixels.numpy(), array) else pixels,
        name=name,
        labels=classes,
        names=class_names,
        factors=read_factors(factors or {}, len(pixels), f"the array {name!r}"),
        splits=split_rows(len(pixels), classes, fractions=fractions, seed=seed, source=f"the array {name!r}"),
        source="arrays given by the caller",
        spec={"name": ARRAYS, "fractions": list(fractions), "seed": seed},
    )


def read_labels(
    labels: np.ndarray | Tensor | Sequence[Any] | None, count: int, names: Sequence[str], source: str
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Labels of any kind as int64 classes 0 to K - 1, and the names of the classes.

    Whole numbers 0 to K - 1 with K names stay as they are; others, and strings, are numbered in sorted order
    and name themselves.

    Raises:
        DataError: If the length is another, or labels are neither whole numbers that int64 holds nor strings.
    """
    if labels is None:
        return None, ()
    values = _as_numpy(labels)
    if values.shape != (count,):
        raise DataError(
            f"labels need one value an image, {count} in all, but those of {source} have shape "
            f"{values.shape}; check that images and labels belong together"
        )
    whole = values.dtype.kind in "iub" or (
        values.dtype.kind == "f" and np.array_equal(values, np.rint(values))
    )
    if not whole and values.dtype.kind not in "US":
        raise DataError(
            f"labels need whole numbers or strings, but those of {source} are {values.dtype}; convert them"
        )
    if whole:
        values = _as_int64(values, source)
    values = as_text(values, f"labels of {source}")
    if len(names) and whole:
        return _named(values, names, source), tuple(str(name) for name in names)
    found, classes = np.unique(values, return_inverse=True)
    return classes.astype(np.int64), tuple(str(value) for value in found)


def as_text(values: np.ndarray, title: str) -> np.ndarray:
    """Bytes as strings, read as UTF-8; anything else as it is.

    Raises:
        DataError: If the bytes are no UTF-8.
    """
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"bytes need to be UTF-8 text, but {title} are not UTF-8 ({error.reason}); save them as strings"
        ) from error


def _as_int64(values: np.ndarray, source: str) -> np.ndarray:
    """Whole numbers as int64, which must hold every one of them."""
    most = _MOST_FLOAT if values.dtype.kind == "f" else np.iinfo(np.int64).max
    if values.size and (values.max() > most or values.min() < -most - 1):
        raise DataError(
            f"labels need whole numbers of at most {most}, but those of {source} span {values.min()} to "
            f"{values.max()}; convert them"
        )
    return values.astype(np.int64)


def _as_numpy(values: Any) -> np.ndarray:  # noqa: ANN401 (whatever numpy takes)
    if not isinstance(values, Tensor):
        return np.asarray(values)
    # numpy has no bfloat16.
    return (values.float() if values.dtype == torch.bfloat16 else values).detach().cpu().numpy()


def _named(values: np.ndarray, names: Sequence[str], source: str) -> np.ndarray:
    if len(values) and not 0 <= values.min() <= values.max() < len(names):
        raise DataError(
            f"labels with {len(names)} names need to lie in 0..{len(names) - 1}, but those of {source} span "
            f"{values.min()}..{values.max()}; give a name for each class, or none"
        )
    return values


def read_factors(factors: Mapping[str, np.ndarray], count: int, source: str) -> dict[str, np.ndarray]:
    """Factors as a dictionary of columns of `count` finite numbers each.

    Raises:
        DataError: If a column has another length, is not numeric, holds NaN, or has the name of a column that
            codes have already.
    """
    columns = {name: np.asarray(column) for name, column in factors.items()}
    for name, column in columns.items():
        if name in _COLUMNS:
            raise DataError(
                f"factor {name!r} of {source} has the name of a column that codes have already; rename it"
            )
        if column.shape != (count,):
            raise DataError(
                f"factor {name!r} of {source} needs one value an image, {count} in all, but has shape "
                f"{column.shape}"
            )
        if column.dtype.kind not in "iubf" or not np.isfinite(column).all():
            raise DataError(
                f"factor {name!r} of {source} needs finite numbers, but is {column.dtype}; convert it"
            )
    return columns
