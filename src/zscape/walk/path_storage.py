"""Sets of paths on disk: one parquet file, a row a code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from zscape import codes as tables
from zscape.walk import _tables

_KINDS = {
    "kind": pa.types.is_string,
    "choice": pa.types.is_string,
    "pair": pa.types.is_integer,
    "start": pa.types.is_integer,
    "end": pa.types.is_integer,
    "step": pa.types.is_integer,
}
_TAKEN = {*_KINDS, "code"}


@dataclass(frozen=True, eq=False)
class PathSet:
    """Paths of several kinds between the same pairs of codes.

    Attributes:
        ends: (P, 2) rows of the data set that each pair goes from and to.
        choices: How each pair was chosen, such as "random" or "given".
        z: (P, T, D) codes of each kind, by its name, such as "linear".
        profiles: (P, T - 1) numbers of each step, by their name and kind, such as its decoded length.

    Raises:
        ValueError: If the shapes do not fit, a code is not finite in float32, ends are no whole numbers below
            2^63, there is not a choice a pair, or a profile is of no kind or of another, or named as a column
            of the table.
    """

    ends: np.ndarray
    choices: tuple[str, ...]
    z: Mapping[str, np.ndarray]
    profiles: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        profiles = {name: _arrays(kinds) for name, kinds in self.profiles.items()}
        arrays = {"ends": np.asarray(self.ends), "choices": tuple(self.choices), "z": _arrays(self.z)}
        for name, value in (arrays | {"profiles": profiles}).items():
            object.__setattr__(self, name, value)  # of a frozen record
        shapes = {paths.shape for paths in self.z.values()}
        pairs, points, latent = (*next(iter(shapes), ()), 0, 0, 0)[:3]
        fits = shapes == {(pairs, points, latent)} and min(pairs, points - 1, latent) >= 1
        if not fits or self.ends.shape != (pairs, 2) or self.ends.dtype.kind not in "iu":
            raise ValueError(
                "a set of paths needs one shape (P, T, D) of all kinds, with P and D >= 1 and T >= 2, and "
                f"whole numbers (P, 2) as its ends, but got {sorted(shapes)} and {self.ends.dtype} "
                f"{self.ends.shape}"
            )
        if self.ends.max() > np.iinfo(np.int64).max:
            raise ValueError(f"a set of paths needs ends below 2^63, but the largest is {self.ends.max()}")
        if len(self.choices) != pairs:
            raise ValueError(f"a set of paths needs a choice a pair, {pairs}, but got {len(self.choices)}")
        for kind, z in self.z.items():
            if not (np.abs(z) <= np.finfo(np.float32).max).all():
                raise ValueError(
                    f"a set of paths needs codes within float32, but {kind!r} has others; drop its pairs"
                )
        self._need_profiles_of((pairs, points - 1))

    def _need_profiles_of(self, shape: tuple[int, int]) -> None:
        for name, kinds in self.profiles.items():
            if name in _TAKEN:
                raise ValueError(f"a profile needs a name of its own, but {name!r} is a column of the table")
            if not kinds:
                raise ValueError(
                    f"a profile needs a kind of path or more, but {name!r} has none; leave it out"
                )
            for kind, values in kinds.items():
                if kind not in self.z or values.shape != shape:
                    raise ValueError(
                        f"a set of paths needs profiles {shape} of its kinds, but {name!r} of {kind!r} is not"
                    )

    @property
    def chosen(self) -> dict[str, np.ndarray]:
        """Which pairs (P,) are of each choice, by its name and in the order of the pairs."""
        choices = np.array(self.choices)
        return {choice: choices == choice for choice in dict.fromkeys(self.choices)}

    @property
    def steps(self) -> int:
        """Of each path, one less than points."""
        return next(iter(self.z.values())).shape[1] - 1


def _arrays(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(each) for name, each in values.items()}


def save_paths(
    paths: PathSet, path: str | os.PathLike[str], *, notes: Mapping[str, Any] | None = None
) -> None:
    """Write a set of paths as parquet, whole or not at all: a row a kind, pair and step.

    Columns: `kind`; `choice`, how the pair was chosen; `pair`, its number; `start` and `end`, rows of the
    data set; `step`; `code`, a fixed-size list of float32; and one of each profile, with what belongs
    to the step that leads to this point, null at the first and for a kind without.

    Args:
        paths: What to write.
        path: The file.
        notes: What the table says of itself: JSON in the metadata of the schema, under the key zscape.
    """
    count, points = len(paths.ends), paths.steps + 1
    rows = count * points
    columns: dict[str, Any] = {
        "kind": pa.array(np.repeat(list(paths.z), rows).tolist(), pa.string()),
        "choice": pa.array(np.repeat(paths.choices, points).tolist() * len(paths.z), pa.string()),
        "pair": np.tile(np.repeat(np.arange(count), points), len(paths.z)),
        "start": np.tile(np.repeat(paths.ends[:, 0], points), len(paths.z)),
        "end": np.tile(np.repeat(paths.ends[:, 1], points), len(paths.z)),
        "step": np.tile(np.arange(points), count * len(paths.z)),
        "code": tables.vectors(np.concatenate([z.reshape(rows, -1) for z in paths.z.values()])),
    }
    for name, kinds in paths.profiles.items():
        # What is NaN stays a number, and what is not there is null.
        full, missing = np.zeros((len(paths.z), count, points)), np.ones((len(paths.z), count, points), bool)
        for place, kind in enumerate(paths.z):
            if kind in kinds:
                full[place, :, 1:], missing[place, :, 1:] = kinds[kind], False
        columns[name] = pa.array(full.ravel(), pa.float64(), mask=missing.ravel())
    _tables.write(columns, path, notes)


def load_paths(path: str | os.PathLike[str]) -> tuple[PathSet, dict[str, Any]]:
    """Read what `save_paths` wrote: the paths, their codes to float32, and its notes.

    Args:
        path: The file.

    Raises:
        RunFormatError: If the file is missing or damaged, or holds no set of paths.
    """
    return _tables.read(
        path, _KINDS, _paths, what="paths", needs="paths, each kind with the same pairs and as many steps"
    )


def _paths(table: pa.Table) -> PathSet | None:
    """The paths of a table; None if it holds something else."""
    names = list(dict.fromkeys(table["kind"].to_pylist()))
    pair, step, start, end = (table[name].to_numpy() for name in ("pair", "step", "start", "end"))
    count, points = (int(each.max(initial=-1)) + 1 for each in (pair, step))
    z = tables.matrix(table["code"]).astype(np.float64)
    shape = (len(names), count, points)
    if points < 2 or len(z) != np.prod(shape) or not z.shape[1] or not np.isfinite(z).all():
        return None
    wanted = np.indices(shape).reshape(3, -1)
    kinds = np.array([names.index(name) for name in table["kind"].to_pylist()])
    ends = np.stack([start, end], axis=1).reshape(*shape, 2)
    choices = np.array(table["choice"].to_pylist(), dtype=object).reshape(shape)
    same = (ends == ends[:1, :, :1]).all() and (choices == choices[:1, :, :1]).all()
    if not same or not (np.stack([kinds, pair, step]) == wanted).all():
        return None
    profiles = {
        each.name: _profile(table[each.name], names, shape)
        for each in table.schema
        if each.name not in _TAKEN and pa.types.is_floating(each.type)
    }
    if (ends[0, :, 0] > np.iinfo(np.int64).max).any():
        return None
    return PathSet(
        ends[0, :, 0].astype(np.int64),
        tuple(choices[0, :, 0].tolist()),
        dict(zip(names, z.reshape(*shape, -1), strict=True)),
        {name: kinds for name, kinds in profiles.items() if kinds},
    )


def _profile(column: pa.ChunkedArray, names: list[str], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The numbers of each kind that has some."""
    values = column.to_numpy().reshape(shape)[:, :, 1:]
    missing = column.is_null().to_numpy().reshape(shape)[:, :, 1:]
    return {name: values[kind] for kind, name in enumerate(names) if not missing[kind].all()}
