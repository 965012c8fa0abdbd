"""Codes tables: encode a data set, save and load the table, join other columns to it.

A table is one parquet file that pandas, polars and duckdb read: `id`, `split`, `label`, one column a factor,
`mean` and, for a stochastic encoder, `logvar` (both fixed-size lists of float32). What parquet has no place
for (class names, which columns are factors) is JSON under the key `zscape` of the schema's metadata.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from zscape.base import SPLITS, Codes, Data, Posterior
from zscape.errors import RunFormatError
from zscape.files import whole_file
from zscape.model import Autoencoder

__all__ = ["encode", "encode_file", "join", "load", "save"]

_KEY = b"zscape"
_RESERVED = ("id", "split", "label", "mean", "logvar")
# Rows a part of a resumable encoding holds; also the row group of the finished file. A number of whole
# batches.
_PART = 65_536

Told = Callable[[int, int], None]


def encode(model: Autoencoder, data: Data, *, batch: int = 1024) -> Codes:
    """Encode every sample of a data set, in order, in evaluation mode and without gradients.

    Codes are posterior means; nothing is drawn, so the same model and data give the same table.

    Cost: one pass of the encoder; memory for the table, 4 N D bytes or twice that with log variances.

    Args:
        model: The model; encodes on the device it is on.
        data: The data set.
        batch: Samples encoded at a time. Another number may change the last bits of the codes.

    Returns:
        The table, one row a sample.

    Raises:
        ValueError: If the model takes samples of another shape, or batch < 1.
    """
    _check_fit(model, data, batch)
    return _encode_rows(model, data, range(len(data)), batch)


def encode_file(
    model: Autoencoder,
    data: Data,
    path: str | os.PathLike[str],
    *,
    batch: int = 1024,
    told: Told | None = None,
) -> None:
    """Encode a data set into a parquet file in parts: memory stays small, a stopped encoding resumes.

    Parts of 65,536 rows are kept beside the file until it is whole; those of an earlier call with the same
    weights and data are taken over.

    Cost: one pass of the encoder; memory for one part.

    Args:
        model: The model; encodes on the device it is on.
        data: The data set.
        path: The parquet file to write.
        batch: Samples encoded at a time.
        told: Called with (rows done, rows in all) after every part.

    Raises:
        ValueError: If the model takes samples of another shape, or batch < 1.
    """
    _check_fit(model, data, batch)
    path = Path(path)
    origin = {"weights": hash_of_weights(model), "data": _hash_of_data(data)}
    key = "-".join([*origin.values(), str(batch)])
    folder = path.with_name(f".{path.name}.{key}.parts")
    if not len(data):
        raise ValueError("encode needs one or more samples, but the data set is empty")
    starts = range(0, len(data), _PART)
    files = [folder / f"{start:012d}.parquet" for start in starts]
    for start, file in zip(starts, files, strict=True):
        rows = range(start, min(start + _PART, len(data)))
        if not _is_whole(file, len(rows)):
            save(_encode_rows(model, data, rows, batch), file)
        if told is not None:
            told(rows.stop, len(data))
    with whole_file(path) as temporary:
        schema = pq.read_schema(files[0])
        notes = json.loads(schema.metadata[_KEY]) | origin
        schema = schema.with_metadata({_KEY: json.dumps(notes).encode()})
        with pq.ParquetWriter(temporary, schema) as writer:
            for file in files:
                writer.write_table(pq.read_table(file).replace_schema_metadata(schema.metadata))
    shutil.rmtree(folder)


def save(codes: Codes, path: str | os.PathLike[str]) -> None:
    """Write a codes table to `path` as parquet, whole or not at all.

    Raises:
        ValueError: If a factor has the name of another column.
    """
    clash = sorted(set(codes.factors) & set(_RESERVED))
    if clash:
        raise ValueError(f"a factor cannot be called {clash[0]!r}, which is a column of its own; rename it")
    columns: dict[str, Any] = {
        "id": pa.array(codes.id, pa.int64()),
        "split": pa.array(codes.split.tolist(), pa.string()).dictionary_encode(),
    }
    if codes.label is not None:
        columns["label"] = pa.array(codes.label, pa.int64())
    columns |= {name: pa.array(column) for name, column in codes.factors.items()}
    columns["mean"] = vectors(codes.mean)
    if codes.logvar is not None:
        columns["logvar"] = vectors(codes.logvar)
    notes = json.dumps({"names": list(codes.names), "factors": list(codes.factors)})
    table = pa.table(columns).replace_schema_metadata({_KEY: notes.encode()})
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, row_group_size=_PART)


def load(path: str | os.PathLike[str]) -> Codes:
    """Read a codes table; of one from elsewhere only `mean` is needed (`split` is then "test").

    Raises:
        RunFormatError: If the file is missing, is not parquet, lacks `mean`, or has columns of other kinds.
    """
    if not Path(path).is_file():
        raise RunFormatError(f"{path} is missing; make it with zscape encode")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise RunFormatError(
            f"{path} is not readable parquet ({reason}); make it again with zscape encode"
        ) from error
    names = set(table.column_names)
    if "mean" not in names:
        raise RunFormatError(
            f"{path} needs a column 'mean' of lists of floats, but has {', '.join(sorted(names))}"
        )
    notes = _notes(path, table.schema)
    for name in {"mean", "logvar"} & names:
        kind = table[name].type
        lists = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
        if not lists or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
            raise RunFormatError(f"{path} needs {name!r} as lists of floats, but holds {kind}")
    return Codes(
        id=_whole_numbers(path, table, "id") if "id" in names else np.arange(len(table)),
        split=np.array(table["split"].to_pylist()) if "split" in names else np.full(len(table), "test"),
        mean=matrix(table["mean"]),
        logvar=matrix(table["logvar"]) if "logvar" in names else None,
        label=_whole_numbers(path, table, "label") if "label" in names else None,
        names=tuple(notes["names"]),
        factors={name: table[name].to_numpy() for name in notes["factors"]},
    )


def check_origin(path: str | os.PathLike[str], model: Autoencoder, data: Data | None = None) -> None:
    """Refuse a table that `encode_file` made with other weights or of other data; other tables pass.

    Args:
        path: The table.
        model: The model that the codes should be of.
        data: The data that they should be of; not checked if not given.

    Raises:
        RunFormatError: If the file cannot be read, or the codes are of other weights or data.
    """
    try:
        notes = _notes(path, pq.read_schema(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise RunFormatError(f"{path} cannot be read ({error}); make it with zscape encode") from error
    now = {"weights": hash_of_weights(model)} | ({} if data is None else {"data": _hash_of_data(data)})
    for what, digest in now.items():
        if notes.get(what, digest) != digest:
            raise RunFormatError(f"{path} was made with other {what}; make it again with zscape encode")


def join(codes: Codes, ids: np.ndarray, **columns: np.ndarray) -> Codes:
    """Add columns to a table as factors, matched by `id`; rows whose id is not among `ids` are left out.

    Args:
        codes: The table.
        ids: (M,) distinct ids.
        columns: New columns by name, each (M,).

    Returns:
        The rows of `codes` that have a match, with the columns added.

    Raises:
        ValueError: If ids repeat, a column has another length, or no id matches.
    """
    if len(np.unique(ids)) != len(ids):
        raise ValueError("join needs distinct ids, but some repeat")
    for name, column in columns.items():
        if len(column) != len(ids):
            raise ValueError(f"join needs {len(ids)} values of {name}, one an id, but got {len(column)}")
    order = np.argsort(ids)
    at = np.searchsorted(ids[order], codes.id).clip(max=max(len(ids) - 1, 0))
    found = ids[order][at] == codes.id if len(ids) else np.zeros(len(codes), bool)
    if not found.any():
        raise ValueError("join needs ids that occur in the codes table, but none of those given does")
    kept = codes.take(found)
    kept.factors.update({name: column[order][at[found]] for name, column in columns.items()})
    return kept


def points(path: str | os.PathLike[str]) -> np.ndarray:
    """Codes alone, (N, D) float64: the column mean of a codes table, or code of a table of samples.

    Raises:
        RunFormatError: If there is no such file, it cannot be read, or it holds no column of finite codes.
    """
    remedy = "give the codes.parquet or samples.parquet of a run"
    if not os.path.isfile(path):
        raise RunFormatError(f"needed a table of codes, but there is no file {path}; {remedy}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise RunFormatError(f"{path} cannot be read as a table of codes ({error}); {remedy}") from error
    column = next((name for name in ("code", "mean") if name in table.column_names), None)
    if column is None or not holds_vectors(table[column].type):
        raise RunFormatError(
            f"needed a column code or mean of lists of numbers, but {path} holds: "
            f"{', '.join(f'{field.name} ({field.type})' for field in table.schema)}; {remedy}"
        )
    z = matrix(table[column]).astype(np.float64)
    if not np.isfinite(z).all():
        raise RunFormatError(f"needed finite codes, but some of {path} are not; {remedy}")
    return z


def hash_of_weights(model: Autoencoder) -> str:
    """Short hash of all weights, which tables that are made with a model keep as their origin."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def weights_of(path: str | os.PathLike[str]) -> str | None:
    """The hash of weights that a table of codes or samples says it was made with; None if it says nothing."""
    return _notes(path, pq.read_schema(path)).get("weights")


def holds_vectors(kind: pa.DataType) -> bool:
    """Whether a column is of fixed-size lists of numbers."""
    numbers = (pa.types.is_floating, pa.types.is_integer)
    return pa.types.is_fixed_size_list(kind) and any(fits(kind.value_type) for fits in numbers)


def vectors(values: np.ndarray) -> pa.FixedSizeListArray:
    """A matrix (N, D) as a parquet column of fixed-size lists of float32."""
    flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """The reverse of `vectors`, for lists of any one length: (N, D) float32.

    Raises:
        RunFormatError: If a list is missing or the lists differ in length.
    """
    lengths = pc.call_function("list_value_length", [column]).unique().to_pylist()
    if None in lengths or len(lengths) > 1:
        raise RunFormatError(
            "a column of codes needs lists of one length, but they differ or some are missing"
        )
    width = lengths[0] if lengths else getattr(column.type, "list_size", 0)
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
    return flat.astype(np.float32, copy=False).reshape(len(column), width)


def _whole_numbers(path: str | os.PathLike[str], table: pa.Table, name: str) -> np.ndarray:
    column = table[name]
    if column.null_count or not pa.types.is_integer(column.type):
        missing = f", {column.null_count} missing" if column.null_count else ""
        raise RunFormatError(
            f"{path} needs {name!r} as whole numbers, none missing, but holds {column.type}{missing}"
        )
    return column.to_numpy()


def _encode_rows(model: Autoencoder, data: Data, rows: range, batch: int) -> Codes:
    # Filled in place: many small arrays kept until the end would scatter over ten times the memory.
    mean = np.empty((len(rows), model.latent), np.float32)
    logvar = None
    for start, q in _encoded(model, data, rows, batch):
        part = slice(start - rows.start, start - rows.start + len(q.mean))
        mean[part] = q.mean.cpu().numpy()
        if q.logvar is not None:
            logvar = np.empty_like(mean) if logvar is None else logvar
            logvar[part] = q.logvar.cpu().numpy()
    return _table(data, np.arange(rows.start, rows.stop), mean, logvar)


def _encoded(model: Autoencoder, data: Data, rows: range, batch: int) -> Iterator[tuple[int, Posterior]]:
    """First row and posterior of each batch."""
    for start in range(rows.start, rows.stop, batch):
        index = torch.arange(start, min(start + batch, rows.stop))
        with model.evaluating() as device:
            q = model.encode(data.batch(index, device)[0])
        yield start, q


def _is_whole(file: Path, rows: int) -> bool:
    """Whether a part is there and can be taken over; a damaged one is made again."""
    try:
        return pq.read_table(file, columns=["id"]).num_rows == rows
    except (pa.ArrowException, OSError):
        return False


def _notes(path: str | os.PathLike[str], schema: pa.Schema) -> dict[str, Any]:
    """What is kept in the metadata of a table, for one from elsewhere no names and no factors."""
    notes: dict[str, Any] = {"names": [], "factors": []}
    try:
        notes |= json.loads((schema.metadata or {}).get(_KEY, b"{}"))
    except (ValueError, TypeError) as error:
        raise RunFormatError(
            f"{path} has metadata that cannot be read; make it again with zscape encode"
        ) from error
    missing = [name for name in notes["factors"] if name not in schema.names]
    if missing:
        raise RunFormatError(f"{path} lacks the factor columns {missing}; make it again with zscape encode")
    return notes


def _table(data: Data, rows: np.ndarray, mean: np.ndarray, logvar: np.ndarray | None) -> Codes:
    split = np.empty(len(data), dtype=f"<U{max(len(name) for name in SPLITS)}")
    for name, members in data.splits.items():
        split[members] = name
    return Codes(
        id=rows.astype(np.int64),
        split=split[rows],
        mean=mean,
        logvar=logvar,
        label=None if data.labels is None else data.labels[rows],
        names=data.names,
        factors={name: column[rows] for name, column in data.factors.items()},
    )


def _hash_of_data(data: Data) -> str:
    """Short hash of all of a data set that stands in a codes table: samples, splits, factors."""
    digest = hashlib.sha256(f"{data.fingerprint} {len(data)}".encode())
    for name, column in sorted({**data.splits, **data.factors}.items()):
        digest.update(f"{name} {column.dtype}".encode() + np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]


def _check_fit(model: Autoencoder, data: Data, batch: int) -> None:
    if tuple(model.shape) != tuple(data.shape):
        raise ValueError(f"the model takes samples of shape {model.shape}, but the data's are {data.shape}")
    if batch < 1:
        raise ValueError(f"encode needs batch >= 1, but got {batch}")
