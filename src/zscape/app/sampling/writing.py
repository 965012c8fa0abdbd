"""Write a set: its table, its pictures, and the density it was drawn from."""

from __future__ import annotations

import json
import secrets
import shutil
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
from zscape.errors import SettingError
from zscape.files import whole_file
from zscape.report.sections import pictorial


def check_new(folder: Path) -> None:
    """Refuse a folder that is there and holds something.

    Raises:
        SettingError: If it does.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SettingError(
            f"--out needs a new folder, but {folder} exists; choose another name, or delete it"
        )


def write_new(source: Source, drawn: Drawn, originals: Data | None, folder: Path) -> dict[str, Path]:
    """As `write`, into a new folder, which appears when it is complete."""
    whole = folder.absolute()
    hidden = whole.with_name(f".{whole.name}.{secrets.token_hex(4)}.part")
    hidden.mkdir(parents=True)
    try:
        paths = write(source, drawn, originals, folder=hidden)
        # Once more, as drawing took a while.
        check_new(folder)
        hidden.replace(whole)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return {name: folder / path.relative_to(hidden) for name, path in paths.items()}


def write(
    source: Source, drawn: Drawn, originals: Data | None, *, folder: Path | None = None
) -> dict[str, Path]:
    """Write all there is to a set, in place of the set before.

    Args:
        source: What it was drawn from.
        drawn: The set.
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
    _write_table(source, drawn, paths["samples"])
    if not pictorial(run):
        return paths
    paths["pictures"] = reports.write_samples(run, originals, folder=folder)
    # Of a large set none, but those of the set before must go.
    shown = drawn.z if source.asked.small else drawn.z[:0]
    images = _shown(source, shown) if originals is None else _originals(originals, drawn.rows, len(shown))
    singles = reports.write_singles(run, images, folder=folder)
    return paths | ({"singles": singles} if len(shown) else {})


def _write_table(source: Source, drawn: Drawn, path: Path) -> None:
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
    said = asked.said()
    if len(drawn.classes) > 1:
        said["classes"] = [source.name(which) for which in drawn.classes]
    if source.run.of_drawings:
        said["temperature"] = source.temperature
    notes = {b"zscape": json.dumps(said).encode()}
    with whole_file(path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(notes), temporary)


def _shown(source: Source, z: np.ndarray) -> np.ndarray:
    return source.run.shown(z, temperature=source.temperature)


def _originals(data: Data, rows: np.ndarray | None, count: int) -> np.ndarray:
    return data.batch(torch.from_numpy(np.asarray(rows, dtype=np.int64)[:count]), "cpu")[0].numpy()
