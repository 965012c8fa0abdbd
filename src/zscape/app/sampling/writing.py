"""Write a set: its table, its pictures, and the density it was drawn from."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from zscape import codes as tables
from zscape import report as reports
from zscape import sample as samplers
from zscape.app.places import check_new
from zscape.app.sampling.drawing import Drawn
from zscape.app.sampling.measuring import Compared
from zscape.app.sampling.source import Source
from zscape.app.stored import samples_of
from zscape.base import Data
from zscape.files import whole_file, whole_folder
from zscape.report.sections import pictorial


def write_new(
    source: Source, drawn: Drawn, compared: Compared, originals: Data | None, folder: Path
) -> dict[str, Path]:
    """As `write`, into a new folder, which appears when it is complete."""
    with whole_folder(folder, check=check_new) as hidden:
        paths = write(source, drawn, compared, originals, folder=hidden)
    return {name: folder / path.relative_to(hidden) for name, path in paths.items()}


def write(
    source: Source, drawn: Drawn, compared: Compared, originals: Data | None, *, folder: Path | None = None
) -> dict[str, Path]:
    """Write all there is to a set, in place of the set before.

    Args:
        source: What it was drawn from.
        drawn: The set.
        compared: Its measures, which are kept with it.
        originals: The data set, to show rows of it as they are; None for new codes.
        folder: Where to, laid out as a run folder is; that of the run if not given.

    Returns:
        Paths of what was written.
    """
    run = source.run
    folder = run.path if folder is None else folder
    paths = {"samples": folder / run.samples_path.name}
    if drawn.density is not None:
        samplers.save(drawn.density, folder / "by-class.npz")
    _write_table(source, drawn, compared, paths["samples"])
    if not pictorial(run):
        return paths
    paths["pictures"] = reports.write_samples(run, originals, folder=folder)
    # Of a large set none, but those of the set before must go.
    number = len(drawn.points.z) if source.asked.small else 0
    z, rows = drawn.points.z[:number], drawn.points.rows
    if originals is None or rows is None:
        images = run.shown(z, temperature=source.temperature)
    else:
        images = samples_of(originals, rows[:number])
    singles = reports.write_singles(run, images, folder=folder)
    return paths | ({"singles": singles} if number else {})


def _write_table(source: Source, drawn: Drawn, compared: Compared, path: Path) -> None:
    asked, points = source.asked, drawn.points
    columns: dict[str, Any] = {
        "id": np.arange(asked.count) if points.rows is None else points.rows,
        "code": tables.vectors(points.z),
    }
    if drawn.label is not None:
        columns["label"] = drawn.label
    if asked.method != "iid":
        others = drawn.origin.independent(asked.seed)
        columns["iid"] = tables.vectors(others.z)
        if others.rows is not None:
            columns["iid_id"] = others.rows
    said = asked.said()
    if len(drawn.classes) > 1:
        said["classes"] = [source.name(which) for which in drawn.classes]
    if source.run.of_drawings:
        said["temperature"] = source.temperature
    said["run"] = source.run.path.resolve().name
    said["weights"] = tables.hash_of_weights(source.run.model)
    if compared.measures:
        said["measures"] = [asdict(measured) for measured in compared.measures]
        said["beside"] = compared.beside
    notes = {b"zscape": json.dumps(said).encode()}
    with whole_file(path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(notes), temporary)
