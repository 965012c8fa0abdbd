"""Densities on disk: plain arrays in an npz file, never pickle."""

from __future__ import annotations

import os
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zscape.errors import RunFormatError, nearest
from zscape.files import whole_file
from zscape.sample._archive import arrays_in
from zscape.sample.by_class import ByClass
from zscape.sample.empirical import Empirical
from zscape.sample.gaussian import Gaussian, Mixture
from zscape.sample.prior import StandardNormal

_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (ByClass, Empirical, Gaussian, Mixture, StandardNormal)
}


@runtime_checkable
class Storable(Protocol):
    """A density that says what it is made of."""

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays of plain numbers from which it can be made again."""
        ...


def save(density: Storable, path: str | os.PathLike[str]) -> None:
    """Write a density of this room to an npz file, whole or not at all.

    Args:
        density: StandardNormal, or a fitted Gaussian, Mixture, Empirical or ByClass.
        path: The file to write.

    Raises:
        TypeError: If the density is of another class, which `load` would not know.
    """
    kind = type(density).__name__
    if _KINDS.get(kind) is not type(density):
        raise TypeError(f"save needs one of {', '.join(_KINDS)}, but got {kind}")
    arrays = density.to_arrays()
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays, kind=np.array(kind))  # type: ignore[arg-type] (it takes the arrays for flags)


def load(path: str | os.PathLike[str]) -> Storable:
    """Read what `save` wrote.

    Args:
        path: The file.

    Raises:
        RunFormatError: If the file is missing or damaged, or holds no density that can be.
    """
    remedy = "make it again with zscape.sample.save"
    if not os.path.isfile(path):
        raise RunFormatError(f"needed a saved density, but there is no file {path}; {remedy}")
    arrays = arrays_in(path, what="npz file", remedy=remedy)
    kind = str(arrays.pop("kind", "none"))
    if kind not in _KINDS:
        raise RunFormatError(f"{path} does not hold a known density, but {kind!r}; {nearest(kind, _KINDS)}")
    try:
        return _KINDS[kind].from_arrays(arrays)
    except KeyError as error:
        raise RunFormatError(f"{path} lacks the array {error} of a {kind}; {remedy}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise RunFormatError(f"{path} does not hold a {kind} that can be: {error}; {remedy}") from error
