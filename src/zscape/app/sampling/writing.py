"""Write a set: its table, its pictures, and the density it was drawn from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from zscape import codes as tables
from zscape import report as reports
from zscape import sample as samplers
from zscape.app.sampling.drawing import Drawn
from zscape.app.sampling.source import Source
from zscape.base import Data
from zscape.files import whole_file
from zscape.report.sections import pictorial


def write(source: Source, drawn: Drawn, originals: Data | None) -> dict[str, Path]:
    """Write all there is to a set.

    Args:
        source: What it was drawn from.
        drawn: The set.
        originals: The data set, to show rows of it as they are; None for new codes.

    Returns:
        Paths of what was written.
    """
    run = source.run
    if drawn.density is not None:
        samplers.save(drawn.density, run.path / "by-class.npz")
    _write_table(source, drawn)
    paths = {"samples": run.samples_path}
    if not pictorial(run):
        return paths
    paths["pictures"] = reports.write_samples(run, originals)
    # Of a large set none, but those of the set before must go.
    shown = drawn.z if source.asked.small else drawn.z[:0]
    images = run.decode(shown) if originals is None else _originals(originals, drawn.rows, len(shown))
    folder = reports.write_singles(run, images)
    return paths | ({"singles": folder} if len(shown) else {})


def _write_table(source: Source, drawn: Drawn) -> None:
    asked = source.asked
    columns: dict[str, Any] = {
        "id": np.arange(asked.count) if drawn.rows is None else drawn.rows,
        "code": tables.vectors(drawn.z),
    }
    if drawn.label is not None:
        columns["label"] = drawn.label
    if asked.method != "iid":
        columns["iid"] = tables.vectors(drawn.origin.independent(asked.seed))
    if drawn.others is not None:
        columns["iid_id"] = drawn.others
    notes = {b"zscape": json.dumps(asked.said()).encode()}
    with whole_file(source.run.samples_path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(notes), temporary)


def _originals(data: Data, rows: np.ndarray | None, count: int) -> np.ndarray:
    return data.batch(torch.from_numpy(np.asarray(rows, dtype=np.int64)[:count]), "cpu")[0].numpy()
