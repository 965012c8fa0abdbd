"""Walks on disk: one parquet file, a row a code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from zscape import codes as tables
from zscape.walk import _tables
from zscape.walk.latents import latent_name
from zscape.walk.traversals import Traversals

_KINDS = {
    "walk": pa.types.is_integer,
    "latent": pa.types.is_string,
    "step": pa.types.is_integer,
    "value": pa.types.is_floating,
}


def save(walk: Traversals, path: str | os.PathLike[str], *, notes: Mapping[str, Any] | None = None) -> None:
    """Write traversals as parquet, whole or not at all.

    Columns: `walk`, the number of the way; `latent`, the one it moves, as "z1"; `step` on it; `value` of that
    latent; `code`, a fixed-size list of float32.

    Args:
        walk: What `traversals` gave.
        path: The file to write.
        notes: What the table says of itself: JSON in the metadata of the schema, under the key zscape.
    """
    ways, steps, latent = walk.z.shape
    names = [latent_name(which) for which in walk.latents.tolist()]
    _tables.write(
        {
            "walk": np.repeat(np.arange(ways), steps),
            "latent": pa.array(np.repeat(names, steps).tolist(), pa.string()),
            "step": np.tile(np.arange(steps), ways),
            "value": walk.values.ravel(),
            "code": tables.vectors(walk.z.reshape(-1, latent)),
        },
        path,
        notes,
    )


def load(path: str | os.PathLike[str]) -> tuple[Traversals, dict[str, Any]]:
    """Read what `save` wrote: the walk, to float32, and its notes.

    Args:
        path: The file.

    Raises:
        RunFormatError: If the file is missing or damaged, or holds no traversals.
    """
    return _tables.read(
        path, _KINDS, _walk, what="a walk", needs="traversals, each of as many steps and moving one latent"
    )


def _walk(table: pa.Table) -> Traversals | None:
    """The traversals of a table; None if it holds something else."""
    number, step, value = (table[name].to_numpy() for name in ("walk", "step", "value"))
    z = tables.matrix(table["code"]).astype(np.float64)
    ways = len(np.unique(number))
    if not ways or not z.shape[1] or len(z) % ways or len(z) // ways < 2 or not np.isfinite(z).all():
        return None
    steps = len(z) // ways
    known = {latent_name(latent): latent for latent in range(z.shape[1])}
    latents = np.array([known.get(name, -1) for name in table["latent"].to_pylist()]).reshape(ways, steps)
    ordered = (number == np.repeat(number[::steps], steps)) & (step == np.tile(np.arange(steps), ways))
    z = z.reshape(ways, steps, -1)
    if not ordered.all() or (latents < 0).any() or (latents != latents[:, :1]).any():
        return None
    values = value.reshape(ways, steps).astype(np.float64)
    moved = z[np.arange(ways), :, latents[:, 0]]
    if not np.allclose(moved, values, rtol=1e-5, atol=1e-6 * max(1.0, float(np.abs(values).max()))):
        return None
    return Traversals(z, latents[:, 0], values)
