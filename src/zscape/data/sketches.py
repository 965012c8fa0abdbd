"""The one record of a data set of drawings, as the loop, the encoder and the report see it."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from zscape.data.drawings import Drawings, checked
from zscape.data.images import ARRAYS, read_labels
from zscape.data.splits import FRACTIONS, rows_in_batches, split_rows
from zscape.errors import DataError
from zscape.strokes import joined

# Longest drawing that is kept by default, as in the published sketch-rnn.
LIMIT = 250
# Spread of the key by which batches are bucketed, as a share of the length: a drawing then meets
# others in every epoch, and batches stay of nearly equal length.
_JITTER = 0.05
# Augmentation of the published sketch-rnn: scale of x and of y, and share of points left out. Of a line its
# first point and two more stay in any case.
_STRETCH = 0.15
_DROP = 0.1
_SAFE = 2


@final
class Strokes:
    """A data set of drawings, with labels and splits. Follows `base.Data`.

    A batch is stroke-5 (`zscape.strokes` says what that is), its offsets divided by `scale`, padded to its
    longest drawing and one row more.

    Attributes:
        name: What it is called in reports.
        labels: (N,) int64 classes, or None.
        names: Of the classes, by label; empty without labels.
        factors: None are known: empty.
        splits: "train", "validation" and "test" to sorted int64 rows.
        source: The files it was read from, for people.
        scale: Units of the file in one unit of the batches: by default the standard deviation of all offsets
            (x and y together) of the training split.
        left_out: What was left out on loading and how many drawings that was.
    """

    def __init__(
        self,
        sketches: Sequence[np.ndarray],
        *,
        name: str,
        splits: Mapping[str, np.ndarray],
        source: str,
        spec: Mapping[str, Any],
        labels: np.ndarray | None = None,
        names: Sequence[str] = (),
        scale: float | None = None,
        augment: bool = False,
        left_out: Mapping[str, int] | None = None,
    ) -> None:
        flat, counts = joined(sketches)
        self.name = name
        self.labels = labels
        self.names = tuple(names)
        self.factors: dict[str, np.ndarray] = {}
        self.splits = dict(splits)
        self.source = source
        self.left_out = dict(left_out or {})
        self.scale = _training_scale(flat, counts, self.splits["train"], source) if scale is None else scale
        self._augment = augment
        self._spec = {**spec, "scale": self.scale, "augment": augment}
        self._fingerprint: str | None = None
        # One more point, at which the rows of the padding look.
        self._points = torch.from_numpy(np.concatenate([flat, np.zeros((1, 3))]).astype(np.float32))
        self._counts = torch.from_numpy(counts)
        self._starts = torch.from_numpy(np.cumsum(counts) - counts)
        self._targets = None if labels is None else torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"Strokes({self.summary()})"

    def summary(self) -> str:
        """One line: name, number, points, splits, and what was left out."""
        sizes = ", ".join(f"{name} {len(rows):,}" for name, rows in self.splits.items())
        least, most = int(self._counts.min()), int(self._counts.max())
        gone = "".join(f"; left out {count:,} {reason}" for reason, count in self.left_out.items() if count)
        return f"{self.name}: {len(self):,} drawings of {least} to {most} points ({sizes}){gone}"

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the longest drawing with its end, (L, 5)."""
        return int(self._counts.max()) + 1, 5

    @property
    def fingerprint(self) -> str:
        """Short hash of all points and labels: equal for equal data. Splits, names and scale do not count."""
        if self._fingerprint is None:
            digest = hashlib.sha256(repr(tuple(self._counts.tolist())).encode())
            digest.update(self._points.cpu().numpy().astype("<f4").tobytes())
            if self.labels is not None:
                digest.update(b"\nlabels\n" + self.labels.astype("<i8").tobytes())
            self._fingerprint = digest.hexdigest()[:16]
        return self._fingerprint

    def to_spec(self) -> dict[str, Any]:
        """Name and options, JSON-able: `load(**spec)` gives the same data again, in the same scale."""
        return dict(self._spec)

    def to(self, device: torch.device | str) -> Strokes:
        """The same data set with its points and labels on `device`, so that batches need no transfer."""
        moved = copy.copy(self)
        moved._points = self._points.to(device)
        moved._targets = None if self._targets is None else self._targets.to(device)
        return moved

    def sketches(self, rows: Int[np.ndarray, "B"]) -> list[np.ndarray]:
        """Drawings of the given rows as stroke-3, (n, 3) float32, in the units of the file."""
        points = self._points.cpu().numpy()
        spans = zip(self._starts[rows].tolist(), self._counts[rows].tolist(), strict=True)
        return [points[start : start + count].copy() for start, count in spans]

    def batches(self, split: str, size: int, *, seed: int, epoch: int) -> Iterator[Int[Tensor, "B"]]:
        """Row indices of each batch of one epoch, fixed by (seed, epoch) alone, bucketed by length.

        The drawings of a batch have nearly equal lengths, so that little of it is padding; who meets whom,
        and the order of the batches, change from epoch to epoch. All have `size` rows but the last, whose
        rows are drawn from all lengths.

        Raises:
            ValueError: If the split is unknown, or size < 1.
        """
        generator = np.random.default_rng((seed, epoch))
        rows = generator.permutation(rows_in_batches(self.splits, split, size))
        rest, rows = np.split(rows, [len(rows) % size])
        key = self._counts.numpy()[rows] * generator.uniform(1 - _JITTER, 1 + _JITTER, len(rows))
        buckets = rows[np.argsort(key)].reshape(-1, size)
        ordered = [*generator.permutation(buckets), *([rest] if len(rest) else [])]
        return iter([torch.from_numpy(batch) for batch in ordered])

    def batch(
        self, index: Int[Tensor, "B"], device: torch.device | str
    ) -> tuple[Float[Tensor, "B T 5"], Int[Tensor, "B"] | None]:
        """Drawings of the given rows as stroke-5 in units of `scale`, and their labels, on the device.

        Args:
            index: Rows of the data set, in any order; may repeat.
            device: Where to.

        Returns:
            x of shape (B, T, 5) with T one more than the most points among the rows; labels or None.
        """
        rows = index.cpu()
        counts = self._counts[rows]
        place = torch.arange(int(counts.max()) + 1 if len(counts) else 1)
        ended = place >= counts[:, None]
        at = (self._starts[rows][:, None] + place).masked_fill_(ended, len(self._points) - 1)
        points = self._points.index_select(0, at.flatten().to(self._points.device)).to(device)
        points = points.view(*ended.shape, 3)
        end, lift = ended.to(device, torch.float32), points[..., 2]
        x = torch.stack(
            [points[..., 0] / self.scale, points[..., 1] / self.scale, 1 - end - lift, lift, end], 2
        )
        if self._targets is None:
            return x, None
        return x, self._targets.index_select(0, index.to(self._targets.device)).to(device)

    def augmented(self, x: Float[Tensor, "B T 5"], generator: torch.Generator) -> Float[Tensor, "B S 5"]:
        """The batch as training shows it: stretched and thinned at random if loaded with augment=True.

        Each drawing is scaled by a factor of its own along x, and another along y, both uniform on
        [0.85, 1.15]. Then each point is left out with a chance of 0.1, unless it is the last point of a line
        or one of the first three; its offset goes to the next, so that all that stay are where they were. The
        batch is as long as its longest drawing then needs.

        Args:
            x: A batch of `batch`. Not changed.
            generator: The only source of chance; may live on another device than x.

        References:
            Ha and Eck, A Neural Representation of Sketch Drawings, 2018. Differs in: the code published with
            it gives a dropped point's offset to the point before, which moves that instead.
        """
        if not self._augment:
            return x
        stretched = x.clone()
        stretched[..., :2] *= 1 + _STRETCH * (2 * _uniform(generator, (len(x), 1, 2), x) - 1)
        return _thinned(stretched, _uniform(generator, x.shape[:2], x) < _DROP)


def _uniform(generator: torch.Generator, shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.rand(tuple(shape), generator=generator, device=generator.device).to(like)


def _thinned(x: Float[Tensor, "B T 5"], chosen: Tensor) -> Float[Tensor, "B S 5"]:
    """Drawings without the chosen points, where these may go."""
    length = x.shape[1]
    place = torch.arange(length, device=x.device).expand(x.shape[:2])
    begins = torch.ones_like(place, dtype=torch.bool)
    begins[:, 1:] = x[:, :-1, 3] > 0
    in_line = place - torch.where(begins, place, 0).cummax(dim=1).values
    # The last line may be one that never lifts.
    ends = torch.ones_like(begins)
    ends[:, :-1] = (x[:, :-1, 3] > 0) | (x[:, 1:, 4] > 0)
    kept = ~(chosen & ~ends & (x[..., 2] > 0) & (in_line > _SAFE))
    # A point that goes adds its offset to the row that the next one takes.
    row = (kept.cumsum(dim=1) - kept.long()).unsqueeze(2)
    thin = torch.zeros_like(x)
    thin[..., :2].scatter_add_(1, row.expand(-1, -1, 2), x[..., :2])
    thin[..., 2:].scatter_add_(1, row.expand(-1, -1, 3), x[..., 2:] * kept.unsqueeze(2))
    thin[..., 4] = 1 - thin[..., 2] - thin[..., 3]
    return thin[:, : int((thin[..., 4] == 0).sum(dim=1).max()) + 1] if len(x) else thin


def _training_scale(flat: np.ndarray, counts: np.ndarray, rows: np.ndarray, source: str) -> float:
    chosen = np.zeros(len(counts), dtype=bool)
    chosen[rows] = True
    scale = float(flat[np.repeat(chosen, counts), :2].astype(np.float64).std())
    if not scale > 0:
        raise DataError(
            f"offsets need to differ to have a scale, but all those of {source} in training are the same; "
            "check the drawings, or give a scale"
        )
    return scale


def strokes_from(
    drawings: Drawings,
    *,
    name: str,
    source: str,
    spec: Mapping[str, Any],
    limit: int = LIMIT,
    least: int = 1,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    scale: float | None = None,
    augment: bool = False,
) -> Strokes:
    """A data set of the drawings that are neither too long nor too short, split and scaled.

    Args:
        drawings: As read, or made.
        name: For reports.
        source: For people.
        spec: What `load` needs beside the options here.
        limit: Most points of a drawing that is kept.
        least: Fewest points of one that is kept. What has no extent is left out in any case.
        fractions: Shares of train, validation and test, where the file prescribes none.
        seed: Of the split.
        scale: Of the offsets; None to take that of the training split.
        augment: Whether training sees drawings stretched and thinned.

    Raises:
        DataError: If too few drawings are left to split.
        ValueError: If limits, fractions, seed or scale cannot be.
    """
    if not 1 <= least <= limit:
        raise ValueError(f"limits need 1 <= least <= limit points, but got least {least} and limit {limit}")
    if scale is not None and not 0 < scale < np.inf:
        raise ValueError(f"scale needs to be a number above 0, but got {scale}")
    counts = np.array([len(each) for each in drawings.sketches], dtype=np.int64)
    short = (counts < least) | ~np.array([each[:, :2].any() for each in drawings.sketches], dtype=bool)
    long = counts > limit
    rows = np.flatnonzero(~(short | long))
    category = None if drawings.category is None else drawings.category[rows]
    prescribed = np.full(len(rows), "") if drawings.split is None else drawings.split[rows]
    gone = {
        f"over {limit} points": int(long.sum()),
        f"under {least} points or without extent": int(short.sum()),
    }
    if len(rows) < 3:
        raise DataError(
            f"{source} has {len(rows)} drawings of {least} to {limit} points among {len(counts)}, and a data "
            "set needs at least 3, one each to train, validate and test; change the limits or add drawings"
        )
    labels, names = read_labels(category, len(rows), (), source)
    return Strokes(
        [drawings.sketches[row] for row in rows.tolist()],
        name=name,
        labels=labels,
        names=names,
        splits=_splits(prescribed, labels, fractions=fractions, seed=seed, source=source),
        source=source,
        scale=scale,
        augment=augment,
        left_out=gone,
        spec={**spec, "limit": limit, "least": least, "fractions": list(fractions), "seed": seed},
    )


def _splits(
    prescribed: np.ndarray, labels: np.ndarray | None, *, fractions: Sequence[float], seed: int, source: str
) -> dict[str, np.ndarray]:
    """The splits that files prescribe, and the drawings of the others cut by their fractions."""
    fixed = {str(name): np.flatnonzero(prescribed == name) for name in np.unique(prescribed) if name}
    free = np.flatnonzero(prescribed == "")
    if len(fixed) == 3 and len(free):
        cut = split_rows(
            len(free), None if labels is None else labels[free], fractions=fractions, seed=seed, source=source
        )
        return {name: np.union1d(rows, free[cut[name]]) for name, rows in fixed.items()}
    if len(fixed) < 3:
        # Validation, or what is missing, is cut from the training rows, as for pictures.
        fixed.pop("train", None)
    return split_rows(len(prescribed), labels, fractions=fractions, seed=seed, fixed=fixed, source=source)


def from_sketches(
    sketches: Sequence[np.ndarray],
    labels: np.ndarray | Sequence[Any] | None = None,
    *,
    name: str = "sketches",
    limit: int = LIMIT,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    scale: float | None = None,
    augment: bool = False,
) -> Strokes:
    """A data set from your own drawings in memory.

    >>> data = from_sketches([np.array([[3, 0, 0], [0, 4, 1]])] * 10)
    >>> data.shape, len(data), data.scale
    ((3, 5), 10, 1.7853571071357126)

    Args:
        sketches: Stroke-3, (n, 3) each: offsets, and 1 where the pen lifts after the point.
        labels: (N,) strings or whole numbers, which then name the classes.
        name: What to call the data in reports.
        limit: Longer drawings are left out; `left_out` says how many.
        fractions: Shares of train, validation and test.
        seed: Of the split.
        scale: Units of the drawings in one unit of the batches; None for the standard deviation of offsets.
        augment: Whether training sees drawings stretched and thinned.

    Raises:
        DataError: If drawings or labels cannot be understood, or too few are left to split.
        ValueError: If limit, fractions, seed or scale cannot be.
    """
    title = f"the drawings {name!r}"
    category = None if labels is None else np.asarray(labels).astype(str)
    if category is not None and category.shape != (len(sketches),):
        raise DataError(
            f"labels need one value a drawing, {len(sketches)} in all, but those of {title} have shape "
            f"{category.shape}"
        )
    return strokes_from(
        Drawings(checked(sketches, title), Path(), (), category=category),
        name=name,
        source=title,
        spec={"name": ARRAYS},
        limit=limit,
        fractions=fractions,
        seed=seed,
        scale=scale,
        augment=augment,
    )
