"""Arrays out of npz files that others wrote: read without pickle, and checked one by one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zscape import npz
from zscape.errors import DataError, RunFormatError

_KINDS = {"f": "real numbers", "i": "whole numbers", "U": "text"}


def arrays_in(path: str | os.PathLike[str], *, what: str, remedy: str) -> dict[str, np.ndarray]:
    """All arrays of an npz file.

    Args:
        path: The file.
        what: What it should be, in words.
        remedy: What to do if it is not.

    Raises:
        RunFormatError: If it is not a whole npz file of plain arrays.
    """
    try:
        arrays = npz.read_all(Path(path))
    except DataError as error:
        raise RunFormatError(f"{path} is not a readable {what} ({error}); {remedy}") from error
    for name, array in arrays.items():
        # numpy takes any four bytes for a letter, and fails where the text is asked for.
        if array.dtype.kind == "U" and array.size and _letters(array).max() > sys.maxunicode:
            raise RunFormatError(f"{path} is not a readable {what} ({name!r} is no text); {remedy}")
    return arrays


def _letters(texts: np.ndarray) -> np.ndarray:
    """The code points of an array of texts."""
    return np.frombuffer(texts.astype(texts.dtype.newbyteorder("="), copy=False).tobytes(), np.uint32)


class Fields:
    """Named arrays, each checked as it is asked for.

    Sizes that go by one letter must agree: once "means" were found to be "K D", the weights "K" are as many.
    Those that are known beforehand are given, as in `Fields(arrays, D=3)`.

    >>> fields = Fields({"means": np.zeros((2, 3)), "weights": np.ones(4)})
    >>> fields.numbers("means", "K D").shape
    (2, 3)
    >>> fields.numbers("weights", "K")
    Traceback (most recent call last):
    ValueError: 'weights' needs shape (K) with K=2, but has (4,)
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], **sizes: int) -> None:
        self._arrays, self._sizes = arrays, sizes

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def numbers(self, name: str, axes: str, *, least: float = -np.inf, most: float = np.inf) -> np.ndarray:
        """Finite real numbers as float64, with a letter for each axis; none of them empty.

        Raises:
            KeyError: If there is no such array.
            ValueError: If it is of another shape or type, or out of range.
        """
        return self._within(name, self._shaped(name, axes, "f").astype(np.float64), least, most)

    def wholes(self, name: str, axes: str, *, least: float = -np.inf, most: float = np.inf) -> np.ndarray:
        """Whole numbers as int64, with a letter for each axis; none of them empty.

        Raises:
            KeyError: If there is no such array.
            ValueError: If it is of another shape or type, or out of range.
        """
        return self._within(name, self._shaped(name, axes, "i").astype(np.int64), least, most)

    def number(self, name: str, *, least: float = -np.inf, most: float = np.inf) -> float:
        """One finite real number; raises as `numbers`."""
        return float(self.numbers(name, "", least=least, most=most))

    def whole(self, name: str, *, least: float = -np.inf) -> int:
        """One whole number; raises as `wholes`."""
        return int(self.wholes(name, "", least=least))

    def text(self, name: str) -> str:
        """One text.

        Raises:
            KeyError: If there is no such array.
            ValueError: If it is something else.
        """
        return str(self._shaped(name, "", "U"))

    def shares(self, name: str, axes: str) -> np.ndarray:
        """Positive numbers of which each row sums to 1.

        Raises:
            KeyError: If there is no such array.
            ValueError: If it is something else.
        """
        shares = self.numbers(name, axes, least=0.0)
        # What numpy's choice still takes for 1.
        if not (shares > 0).all() or np.abs(shares.sum(axis=-1) - 1).max() > 1e-8:
            raise ValueError(f"{name!r} needs positive numbers that sum to 1, but has {shares.tolist()}")
        return shares

    def covariances(self, name: str, axes: str) -> np.ndarray:
        """Symmetric positive definite matrices along the last two axes.

        Raises:
            KeyError: If there is no such array.
            ValueError: If it is something else.
        """
        matrices = self.numbers(name, axes)
        turned = matrices.swapaxes(-1, -2)
        try:
            np.linalg.cholesky(matrices)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"{name!r} needs positive definite matrices, but has others") from error
        if np.abs(matrices - turned).max() > 1e-9 * np.abs(matrices).max():
            raise ValueError(f"{name!r} needs symmetric matrices, but has others")
        return matrices

    def _shaped(self, name: str, axes: str, kind: str) -> np.ndarray:
        array, letters = self._arrays[name], axes.split()
        if array.dtype.kind != kind:
            raise ValueError(f"{name!r} needs {_KINDS[kind]}, but has dtype {array.dtype}")
        sizes = dict(zip(letters, array.shape, strict=False)) | self._sizes
        if array.shape != tuple(sizes.get(letter) for letter in letters) or 0 in array.shape:
            known = [f"{letter}={self._sizes[letter]}" for letter in letters if letter in self._sizes]
            needed = f"({', '.join(letters)})" + (f" with {', '.join(known)}" if known else "")
            raise ValueError(f"{name!r} needs shape {needed}, but has {array.shape}")
        self._sizes |= {letter: sizes[letter] for letter in letters}
        return array

    @staticmethod
    def _within(name: str, array: np.ndarray, least: float, most: float) -> np.ndarray:
        if not np.isfinite(array).all():
            raise ValueError(f"{name!r} needs finite numbers, but holds NaN or infinity")
        if array.min() < least or array.max() > most:
            bounds = f">= {least:g}" + ("" if np.isinf(most) else f" and <= {most:g}")
            raise ValueError(
                f"{name!r} needs numbers {bounds}, but goes from {array.min():g} to {array.max():g}"
            )
        return array
