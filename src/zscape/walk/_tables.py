"""A table of codes with notes in one parquet file, as walks of every sort are kept."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from zscape import codes
from zscape.errors import RunFormatError
from zscape.files import whole_file

_KEY = b"zscape"
_REMEDY = "make it again with zscape walk"
_Found = TypeVar("_Found")


def write(columns: Mapping[str, Any], path: str | os.PathLike[str], notes: Mapping[str, Any] | None) -> None:
    """Write columns, whole or not at all, with notes as JSON in the metadata of the schema."""
    table = pa.table(dict(columns)).replace_schema_metadata({_KEY: json.dumps(dict(notes or {})).encode()})
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def read(
    path: str | os.PathLike[str],
    kinds: Mapping[str, Callable[[pa.DataType], bool]],
    parse: Callable[[pa.Table], _Found | None],
    *,
    what: str,
    needs: str,
) -> tuple[_Found, dict[str, Any]]:
    """What `parse` makes of a table of these columns, and its notes.

    Args:
        path: The file.
        kinds: The columns that are needed, beside `code`, and whether a type is theirs.
        parse: Gives None for what is something else.
        what: It is, in messages.
        needs: What the columns must hold, in messages.

    Raises:
        RunFormatError: If the file is missing or damaged, or holds something else.
    """
    if not os.path.isfile(path):
        raise RunFormatError(f"needed {what}, but there is no file {path}; {_REMEDY}")
    wanted = {**kinds, "code": codes.holds_vectors}
    try:
        table = pq.read_table(path)
        notes = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        # Names are decoded here, where they may turn out to be no text.
        fits = _has_columns(table, wanted) and isinstance(notes, dict)
        found = parse(table) if fits else None
    except (pa.ArrowException, OSError, RecursionError, ValueError) as error:
        raise RunFormatError(f"{path} cannot be read as {what} ({error}); {_REMEDY}") from error
    if found is None:
        raise RunFormatError(
            f"{path} needs {', '.join(wanted)} of {needs}, but does not hold them; {_REMEDY}"
        )
    return found, notes


def _has_columns(table: pa.Table, wanted: Mapping[str, Callable[[pa.DataType], bool]]) -> bool:
    types = {each.name: each.type for each in table.schema}
    return all(
        name in types and is_kind(types[name]) and not table[name].null_count
        for name, is_kind in wanted.items()
    )
