"""Settings of theta that a tuning has been to: fixed draws of each class, decoded and judged, and kept on
disk."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from zscape.errors import RunFormatError
from zscape.files import whole_file
from zscape.sample._archive import Fields, arrays_in
from zscape.sample._inputs import checked_seed
from zscape.sample._judging import Decode, Judge, judge_columns, judged_pictures
from zscape.sample.by_class import ByClass

Through = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
# Seconds of work that a kill may cost.
_SECONDS = 2.0
# By these a checkpoint knows functions again: draws of a class at each theta, and numbers kept of a picture.
_PROBED, _PROBE_THETAS, _KEPT = 100, (0.5, 1.0), 4
# Another number of threads changes the last bits of a picture, of which a judge in bfloat16 makes 1e-3 in
# few places and 3e-7 on average. Another judge differs by more, at most or on average.
_PICTURES, _PROBABILITIES, _ON_AVERAGE = 1e-3, 0.05, 3e-5
_REMEDY = "delete it or name another file"


@dataclass(frozen=True)
class Probe:
    """What functions make of some codes of every class, in few numbers.

    Attributes:
        pictures: (P, 4) products of each picture with fixed random pictures.
        probabilities: (P, C + 1): those of the classes, then the largest of all.
    """

    pictures: np.ndarray
    probabilities: np.ndarray

    def is_like(self, other: Probe) -> bool:
        """Whether both are of the same functions, but for rounding."""
        if (
            self.pictures.shape != other.pictures.shape
            or self.probabilities.shape != other.probabilities.shape
        ):
            return False
        pixels = np.abs(self.pictures - other.pictures)
        shares = np.abs(self.probabilities - other.probabilities)
        return bool(
            pixels.max() <= _PICTURES * np.abs(other.pictures).max()
            and shares.max() <= _PROBABILITIES
            and shares.mean() <= _ON_AVERAGE
        )


class Judged:
    """Draws of every class under fixed random numbers, as functions of theta."""

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
        self._centres = np.einsum("ck,ckd->cd", single.weights_, single.means_)
        self._single = single

    @functools.cached_property
    def probe(self) -> Probe:
        """That of decoder and judge."""
        return self._probe(lambda codes: judged_pictures(self.decode, self.judge, codes, self.columns))

    def probe_through(self, through: Through) -> Probe:
        """That of functions of tensors."""
        decode, logits = through

        def seen(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            with torch.no_grad():
                pictures = decode(torch.as_tensor(codes, dtype=torch.float32))
                probabilities = logits(pictures).float().softmax(1)
            return pictures.double().flatten(1).cpu().numpy(), probabilities.double().cpu().numpy()

        return self._probe(seen)

    def _probe(self, seen: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Probe:
        kept, given = [], []
        for label in self._single.classes_:
            centre, deviation = self._single.parts(_PROBED, int(label), seed=self.seed)
            codes = np.concatenate([centre + theta * deviation for theta in _PROBE_THETAS])
            pictures, probabilities = seen(codes)
            pixels = pictures.shape[1]
            kept.append(pictures @ np.random.default_rng(0).standard_normal((pixels, _KEPT)) / pixels**0.5)
            largest = probabilities.max(axis=1, keepdims=True)
            given.append(np.concatenate([probabilities[:, self.columns.places], largest], axis=1))
        return Probe(np.concatenate(kept), np.concatenate(given))

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
            ValueError: If at the class means they give other probabilities, or another number of them.
        """
        decode, logits = through
        with torch.no_grad():
            found = logits(decode(torch.as_tensor(self._centres, dtype=torch.float32))).float().softmax(1)
        wanted = judged_pictures(self.decode, self.judge, self._centres, self.columns)[1]
        if found.shape != wanted.shape:
            raise ValueError(f"Gradient needs logits of shape {wanted.shape}, but got {tuple(found.shape)}")
        worst = float(np.abs(found.double().cpu().numpy() - wanted).max())
        if not worst <= 0.05:
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
        # Before any work, for what leaves the block with an error must not fail on writing.
        self._probe = None if path is None else judged.probe
        self._values: dict[tuple[int, bytes], tuple[float, float]] = {}
        self._slopes: dict[tuple[int, bytes, float], np.ndarray] = {}
        self._through: Through | None = None
        self._slope_probe: Probe | None = None
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

    def follow(self, through: Through) -> None:
        """Take functions of tensors for slopes, checked.

        Raises:
            ValueError: If they do not do what those of arrays do.
            RunFormatError: If the file has slopes of others.
        """
        if through == self._through:
            return
        self.judged.check(through)
        self._through = through
        if self._path is None:
            return
        probe = self.judged.probe_through(through)
        if self._slope_probe is not None and not probe.is_like(self._slope_probe):
            raise RunFormatError(f"{self._path} has slopes of another Gradient; {_REMEDY}")
        self._slope_probe = probe

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
        if self._path is None or self._probe is None:
            return
        arrays = {
            "key": np.array(self.judged.key),
            "pictures": self._probe.pictures,
            "probabilities": self._probe.probabilities,
        }
        if self._values:
            arrays |= {
                "rows": np.array([row for row, _ in self._values]),
                "thetas": np.array([np.frombuffer(theta) for _, theta in self._values]),
                "cosines": np.array([cosine for cosine, _ in self._values.values()]),
                "accuracies": np.array([accuracy for _, accuracy in self._values.values()]),
            }
        if self._slopes and self._slope_probe is not None:
            arrays |= {
                "slope_pictures": self._slope_probe.pictures,
                "slope_probabilities": self._slope_probe.probabilities,
                "slope_rows": np.array([row for row, _, _ in self._slopes]),
                "slope_thetas": np.array([np.frombuffer(theta) for _, theta, _ in self._slopes]),
                "slope_weights": np.array([weight for _, _, weight in self._slopes], dtype=np.float64),
                "slopes": np.array(list(self._slopes.values())),
            }
        with whole_file(self._path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type] (it takes the arrays for flags)
        self._written = time.monotonic()

    def _read(self, path: str | os.PathLike[str]) -> None:
        what = "checkpoint of a tuning"
        arrays = arrays_in(path, what=what, remedy=_REMEDY)
        latents = self.judged.latents
        try:
            self._take(Fields(arrays, D=latents, **{"D+1": latents + 1}), str(path))
        except (KeyError, ValueError) as error:
            raise RunFormatError(f"{path} is not a readable {what} ({error}); {_REMEDY}") from error

    def _take(self, fields: Fields, path: str) -> None:
        """Remember what a file holds.

        Raises:
            KeyError: If an array is missing.
            ValueError: If one cannot be.
            RunFormatError: If it is of other settings or functions.
        """
        if fields.text("key") != self.judged.key:
            raise RunFormatError(f"{path} is of another density, count or seed; {_REMEDY}")
        probe = Probe(fields.numbers("pictures", "P kept"), fields.numbers("probabilities", "P given"))
        if not self.judged.probe.is_like(probe):
            raise RunFormatError(f"{path} is of another decoder or judge; {_REMEDY}")
        last = self.judged.classes - 1
        if "rows" in fields:
            rows, thetas = fields.wholes("rows", "N", least=0, most=last), fields.numbers("thetas", "N D")
            cosines = fields.numbers("cosines", "N", least=-1.01, most=1.01)
            accuracies = fields.numbers("accuracies", "N", least=0, most=1)
            for row, theta, *value in zip(
                rows.tolist(), thetas, cosines.tolist(), accuracies.tolist(), strict=True
            ):
                self._values[row, theta.tobytes()] = (value[0], value[1])
        if "slope_rows" in fields:
            pictures = fields.numbers("slope_pictures", "P kept")
            self._slope_probe = Probe(pictures, fields.numbers("slope_probabilities", "P given"))
            rows = fields.wholes("slope_rows", "S", least=0, most=last)
            thetas, weights = fields.numbers("slope_thetas", "S D"), fields.numbers("slope_weights", "S")
            slopes = fields.numbers("slopes", "S D+1")
            for row, theta, weight, slope in zip(
                rows.tolist(), thetas, weights.tolist(), slopes, strict=True
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
