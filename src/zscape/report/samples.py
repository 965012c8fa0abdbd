"""The section of the page that shows the codes last drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from pyarrow import parquet

from zscape import base, codes
from zscape.errors import RunFormatError
from zscape.report import pictures
from zscape.report.sections import (
    ACROSS,
    Plate,
    Section,
    fitted,
    lacking,
    not_pictures,
    pictorial,
    place,
    some_of,
)
from zscape.run import Run

_SHOWN = 64


@dataclass(frozen=True)
class _Samples:
    """What samples.parquet holds: rows and codes, as many independent ones or None, how they were drawn."""

    id: np.ndarray | None
    z: np.ndarray
    iid_id: np.ndarray | None
    iid: np.ndarray | None
    made: dict[str, object]


def sampled(run: Run, data: base.Data | None = None) -> Section:
    """Pictures of the codes drawn; beside a set drawn as a whole, as many independent draws.

    Args:
        run: The run.
        data: The data set, which codes chosen from the data set are shown from; without it they are decoded.
    """
    section = Section("samples", "Samples")
    if not run.samples_path.exists():
        return lacking(section, "Nothing has been sampled yet.", f"zscape sample {place(run)}")
    if not fitted(run):
        return lacking(section, "The model has no weights yet.", "zscape fit")
    if not pictorial(run):
        return not_pictures(section, run)
    samples = _read_samples(run)
    if not len(samples.z):
        return lacking(section, "The table of samples is empty.", f"zscape sample {place(run)}")
    return Section(section.anchor, section.title, (_samples_plate(run, samples, data),))


def _samples_plate(run: Run, samples: _Samples, data: base.Data | None) -> Plate:
    shown = min(len(samples.z), _SHOWN)
    width = run.model.shape[-1]
    columns = min(16 if width <= 32 else 8, max(1, ACROSS // width))
    # As many rows as are needed, then as even as they can be.
    columns = -(-shown // -(-shown // columns))
    existing = samples.made.get("method") == "representatives"
    source = data if existing else None
    settings = ", ".join(f"{key} {value}" for key, value in samples.made.items() if value is not None)
    caption = (
        f"The first {some_of(shown, len(samples.z))} codes{'' if existing else ', decoded'}. How they were "
        f"drawn: {settings or 'not recorded'}."
    )
    title = "Pictures chosen from the data" if existing else "Pictures decoded from new codes"
    images = _images(run, samples.z[:shown], samples.id, source)
    if samples.iid is None:
        figure = pictures.picture_grid(images, columns)
    else:
        caption += f" Below: as many independent {'choices' if existing else 'draws from the same target'}."
        beside = _images(run, samples.iid[:shown], samples.iid_id, source)
        figure = pictures.compared({"this set": images, "i.i.d.": beside}, columns)
    alt = f"A grid of {shown} {'chosen' if existing else 'generated'} pictures."
    return Plate("samples", figure, title, caption, alt, chart=False)


def _images(run: Run, z: np.ndarray, rows: np.ndarray | None, source: base.Data | None) -> np.ndarray:
    """Pictures of codes: those of their rows in the source, or decoded."""
    if source is None or rows is None:
        return run.decode(z)
    _check_rows(run, rows, len(source))
    return source.batch(torch.from_numpy(rows[: len(z)]), "cpu")[0].numpy()


def _read_samples(run: Run) -> _Samples:
    try:
        table = parquet.read_table(run.samples_path)
        made = json.loads((table.schema.metadata or {}).get(b"zscape", b"{}"))
    except (pa.ArrowException, ValueError) as error:
        raise RunFormatError(
            f"{run.samples_path} cannot be read ({error}); make it again with zscape sample"
        ) from error
    return _Samples(
        id=_sample_rows(run, table, "id"),
        iid_id=_sample_rows(run, table, "iid_id"),
        z=_sample_codes(run, table, "code"),
        iid=_sample_codes(run, table, "iid") if "iid" in table.column_names else None,
        made=made if isinstance(made, dict) else {},
    )


def _sample_rows(run: Run, table: pa.Table, name: str) -> np.ndarray | None:
    if name not in table.column_names:
        return None
    if table[name].null_count or not pa.types.is_integer(table[name].type):
        raise RunFormatError(
            f"{run.samples_path} needs whole numbers in the column {name}, none missing, but holds: "
            f"{_columns(table)}; make it again with zscape sample"
        )
    return table[name].to_numpy().astype(np.int64)


def _sample_codes(run: Run, table: pa.Table, name: str) -> np.ndarray:
    remedy = "make it again with zscape sample"
    if name not in table.column_names or not codes.holds_vectors(table[name].type):
        raise RunFormatError(
            f"{run.samples_path} needs a column {name} of lists of {run.model.latent} numbers, but holds: "
            f"{_columns(table)}; {remedy}"
        )
    z = codes.matrix(table[name])
    bad = int((~np.isfinite(z)).sum())
    if len(z) and (z.shape[1] != run.model.latent or bad):
        raise RunFormatError(
            f"{run.samples_path} needs finite codes of {run.model.latent} dimensions, but holds codes of "
            f"{z.shape[1]} with {bad} values that are not finite; {remedy}"
        )
    return z


def _check_rows(run: Run, rows: np.ndarray, count: int) -> None:
    if rows.min() < 0 or rows.max() >= count:
        raise RunFormatError(
            f"{run.samples_path} needs ids from 0 to {count - 1}, rows of the data set, but holds "
            f"{rows.min()} to {rows.max()}; make it again with zscape sample"
        )


def _columns(table: pa.Table) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in table.schema)
