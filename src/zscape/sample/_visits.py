"""Settings of theta that a tuning has been to: fixed draws of each class, decoded and judged, and kept on
disk."""

from __future__ import annotations

import hashlib
import math
import os
import time
import zipfile
from collections.abc import Callable
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from zscape.errors import RunFormatError
from zscape.files import whole_file
from zscape.sample._inputs import checked_seed
from zscape.sample._judging import Decode, Judge, judge_columns, judged_pictures
from zscape.sample.by_class import ByClass

Through = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
# Seconds of work that a kill may cost.
_SECONDS = 2.0
_ARRAYS = ("rows", "thetas", "values", "slope_rows", "slope_thetas", "slope_weights", "slopes")


class Judged:
    """Draws of every class under fixed random numbers, as functions of theta.

    Attributes:
        probe: Pictures of the mean of each class and what the judge makes of them, (C, pixels + K): by these
            a checkpoint knows decoder and judge again.
    """

    def __init__(self, density: ByClass, decode: Decode, judge: Judge, *, count: int, seed: int) -> None:
        single = density.scaled(1.0)
        self.decode, self.judge, self.count, self.seed = decode, judge, count, checked_seed(seed)
        self.classes, self.latents = len(single.classes_), single.means_.shape[2]
        self.columns = judge_columns(judge, single.classes_)
        self.parts = [single.parts(count, int(label), seed=seed) for label in single.classes_]
        arrays = {
            name: array
            for name, array in single.to_arrays().items()
            if name not in ("theta", "draws", "seed")
        }
        key = hashlib.sha256(f"{count} {seed}".encode())
        for name, array in arrays.items():
            key.update(f"{name} {array.shape} {array.dtype}".encode() + np.ascontiguousarray(array).tobytes())
        self.key = key.hexdigest()
        self.centres = np.einsum("ck,ckd->cd", single.weights_, single.means_)
        pictures, probabilities = judged_pictures(decode, judge, self.centres, self.columns)
        self.probe = np.concatenate([pictures, probabilities], axis=1)

    def measure(self, row: int, theta: Float[np.ndarray, "D"]) -> tuple[float, float]:
        """Cosine and accuracy of one class."""
        centre, deviation = self.parts[row]
        pictures, probabilities = judged_pictures(
            self.decode, self.judge, centre + theta * deviation, self.columns
        )
        right = probabilities.argmax(axis=1) == self.columns.places[row]
        return mean_cosine(unit_rows(pictures)), float(right.mean())

    def slope(
        self, row: int, theta: Float[np.ndarray, "D"], weight: float, through: Through
    ) -> Float[np.ndarray, "D+1"]:
        """The objective of one class with probabilities for accuracy, followed by its gradient in theta."""
        decode, logits = through
        centre, deviation = (torch.as_tensor(part, dtype=torch.float32) for part in self.parts[row])
        scale = torch.as_tensor(theta, dtype=torch.float32).requires_grad_(True)
        pictures = decode(centre + scale * deviation)
        unit = functional.normalize(pictures.float().flatten(1))
        total = unit.sum(0)
        cosine = (total @ total - (unit * unit).sum()) / (self.count * (self.count - 1))
        right = logits(pictures).float().softmax(1)[:, self.columns.places[row]].mean()
        value = cosine + weight * (1 - right)
        (gradient,) = torch.autograd.grad(value, scale)
        return np.concatenate([[value.item()], gradient.double().cpu().numpy()])

    def check(self, through: Through) -> None:
        """Refuse functions of tensors that do not do what those of arrays do.

        Raises:
            ValueError: If at the class means they give another probability.
        """
        decode, logits = through
        with torch.no_grad():
            found = logits(decode(torch.as_tensor(self.centres, dtype=torch.float32))).float().softmax(1)
        wanted = self.probe[:, -found.shape[1] :]
        if not np.allclose(found.cpu().numpy(), wanted, atol=0.05):
            worst = float(np.abs(found.cpu().numpy() - wanted).max())
            raise ValueError(
                "Gradient needs decoder and logits that agree with decode and judge, but at the means of the "
                f"classes their probabilities differ by {worst:.2g}; logits must come before the softmax, "
                "and pictures after the decoder's last activation"
            )


class Visits:
    """What has been decoded and judged so far, remembered in a file if one is given.

    A search that is run again asks for the same settings in the same order, so it is taken up by answering
    from memory. Leaving the block writes the file, also when an error leaves it.

    Attributes:
        judged: The draws.
        made: Different sets asked for, whether answered from memory or not.
        best: Best objective so far, for `watch`.
    """

    def __init__(
        self,
        judged: Judged,
        path: str | os.PathLike[str] | None = None,
        watch: Callable[[int, float], None] | None = None,
    ) -> None:
        self.judged, self.best = judged, math.inf
        self._path, self._watch = path, watch
        self._values: dict[tuple[int, bytes], tuple[float, float]] = {}
        self._slopes: dict[tuple[int, bytes, float], np.ndarray] = {}
        self._asked: set[tuple] = set()
        self._written = time.monotonic()
        if path is not None and os.path.exists(path):
            self._read(path)

    @property
    def made(self) -> int:
        """Different sets asked for."""
        return len(self._asked)

    def begin(self) -> None:
        """Count anew, for another search on the same draws."""
        self._asked, self.best = set(), math.inf

    def measure(self, row: int, theta: Float[np.ndarray, "D"]) -> tuple[float, float]:
        """Cosine and accuracy of one class at theta."""
        key = (row, theta.tobytes())
        if key not in self._values:
            self._values[key] = self.judged.measure(row, theta)
        self._note(key)
        return self._values[key]

    def slope(self, row: int, theta: Float[np.ndarray, "D"], weight: float, through: Through) -> np.ndarray:
        """Objective of one class and its gradient at theta."""
        key = (row, theta.tobytes(), weight)
        if key not in self._slopes:
            self._slopes[key] = self.judged.slope(row, theta, weight, through)
        self._note(key)
        return self._slopes[key]

    def __enter__(self) -> Visits:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()

    def _note(self, key: tuple) -> None:
        if key in self._asked:
            return
        self._asked.add(key)
        if time.monotonic() - self._written > _SECONDS:
            self._write()
        if self._watch is not None:
            self._watch(self.made, self.best)

    def _write(self) -> None:
        if self._path is None:
            return
        latents = self.judged.latents
        thetas, slope_thetas = (
            np.array([np.frombuffer(key[1]) for key in keys], dtype=np.float64).reshape(-1, latents)
            for keys in (self._values, self._slopes)
        )
        with whole_file(self._path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                key=np.array(self.judged.key),
                probe=self.judged.probe,
                rows=np.array([key[0] for key in self._values], dtype=np.int64),
                thetas=thetas,
                values=np.array(list(self._values.values()), dtype=np.float64).reshape(-1, 2),
                slope_rows=np.array([key[0] for key in self._slopes], dtype=np.int64),
                slope_thetas=slope_thetas,
                slope_weights=np.array([key[2] for key in self._slopes], dtype=np.float64),
                slopes=np.array(list(self._slopes.values()), dtype=np.float64).reshape(-1, latents + 1),
            )
        self._written = time.monotonic()

    def _read(self, path: str | os.PathLike[str]) -> None:
        remedy = "delete it or name another file"
        if not zipfile.is_zipfile(path):
            raise RunFormatError(f"{path} is not a readable checkpoint of a tuning; {remedy}")
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("key", "probe", *_ARRAYS)}
        except (KeyError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise RunFormatError(
                f"{path} is not a readable checkpoint of a tuning ({error}); {remedy}"
            ) from error
        probe = self.judged.probe
        if str(arrays["key"]) != self.judged.key:
            raise RunFormatError(f"{path} is of another density, count or seed; {remedy}")
        # Another machine or number of threads changes the last bits of a picture.
        if arrays["probe"].shape != probe.shape or not np.allclose(arrays["probe"], probe, atol=1e-3):
            raise RunFormatError(f"{path} is of another decoder or judge; {remedy}")
        for row, theta, (cosine, accuracy) in zip(
            arrays["rows"].tolist(), arrays["thetas"], arrays["values"].tolist(), strict=True
        ):
            self._values[row, theta.tobytes()] = (cosine, accuracy)
        for row, theta, weight, slope in zip(
            arrays["slope_rows"].tolist(),
            arrays["slope_thetas"],
            arrays["slope_weights"].tolist(),
            arrays["slopes"],
            strict=True,
        ):
            self._slopes[row, theta.tobytes(), weight] = slope


def unit_rows(pixels: Float[np.ndarray, "N P"]) -> Float[np.ndarray, "N P"]:
    """Rows scaled to length 1; a black picture stays 0, and so is at cosine 0 to all others."""
    lengths = np.linalg.norm(pixels, axis=1, keepdims=True)
    return np.divide(pixels, lengths, out=np.zeros_like(pixels), where=lengths > 0)


def mean_cosine(unit: Float[np.ndarray, "N P"]) -> float:
    """Mean cosine over pairs of different rows of length 1, in O(N P): (|sum|^2 - N) / (N (N - 1))."""
    total = unit.sum(axis=0)
    return float((total @ total - np.vdot(unit, unit)) / (len(unit) * (len(unit) - 1)))
