"""Walks on disk: one parquet file, a row a code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from zscape import codes as tables
from zscape.errors import RunFormatError
from zscape.files import whole_file
from zscape.walk.latents import latent_name
from zscape.walk.traversals import Traversals

_KEY = b"zscape"
_COLUMNS = ("walk", "latent", "step", "value", "code")
_REMEDY = "make it again with zscape walk"


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
    table = pa.table(
        {
            "walk": np.repeat(np.arange(ways), steps),
            "latent": pa.array(np.repeat(names, steps).tolist(), pa.string()),
            "step": np.tile(np.arange(steps), ways),
            "value": walk.values.ravel(),
            "code": tables.vectors(walk.z.reshape(-1, latent)),
        }
    ).replace_schema_metadata({_KEY: json.dumps(dict(notes or {})).encode()})
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def load(path: str | os.PathLike[str]) -> tuple[Traversals, dict[str, Any]]:
    """Read what `save` wrote: the walk, to float32, and its notes.

    Args:
        path: The file.

    Raises:
        RunFormatError: If the file is missing or damaged, or holds no traversals.
    """
    if not os.path.isfile(path):
        raise RunFormatError(f"needed a walk, but there is no file {path}; {_REMEDY}")
    try:
        table = pq.read_table(path)
        notes = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        # Names are decoded here, where they may turn out to be no text.
        walk = _walk(table) if _has_columns(table) and isinstance(notes, dict) else None
    except (pa.ArrowException, OSError, RecursionError, ValueError) as error:
        raise RunFormatError(f"{path} cannot be read as a walk ({error}); {_REMEDY}") from error
    if walk is None:
        raise RunFormatError(
            f"{path} needs {', '.join(_COLUMNS)} of traversals, each of as many steps and moving one latent, "
            f"but does not hold them; {_REMEDY}"
        )
    return walk, notes


def _has_columns(table: pa.Table) -> bool:
    kinds = {field.name: field.type for field in table.schema}
    return (
        set(_COLUMNS) <= set(kinds)
        and all(pa.types.is_integer(kinds[name]) for name in ("walk", "step"))
        and pa.types.is_floating(kinds["value"])
        and pa.types.is_string(kinds["latent"])
        and tables.holds_vectors(kinds["code"])
        and not any(table[name].null_count for name in _COLUMNS)
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
