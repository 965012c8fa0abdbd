"""Files and folders that were named, refused before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from zscape.app.places import check_new
from zscape.app.sampling.asked import Asked
from zscape.errors import RunFormatError

_TABLES = "give the samples.parquet of an earlier call, or a codes.parquet"


def check_places(run: Path, asked: Asked, out: Path | None) -> None:
    """Refuse what is not there, or is no file of its kind at first sight; what it holds is read later.

    Args:
        run: The run folder.
        asked: What was asked for, with the files that it names.
        out: The folder to write to, which must be new; None for that of the run.

    Raises:
        RunFormatError: If a file or the run is missing, or cannot be read.
        SettingError: If the folder to write to holds something.
    """
    if not (run / "spec.json").is_file():
        raise RunFormatError(f"needed a run folder, but {run} is not one; make it with zscape fit")
    if out is not None:
        check_new(out)
    for path in asked.avoid:
        _check_table(path)
    if asked.fitted is not None and not asked.fitted.is_file():
        raise RunFormatError(
            f"--fitted needs a density that zscape.sample.save wrote, but there is no file {asked.fitted}"
        )


def _check_table(path: Path) -> None:
    if not path.is_file():
        raise RunFormatError(f"--avoid needs a table of codes, but there is no file {path}; {_TABLES}")
    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise RunFormatError(
            f"--avoid needs a table of codes, but {path} cannot be read as one ({error}); {_TABLES}"
        ) from error
    if not {"code", "mean"} & set(names):
        raise RunFormatError(
            f"--avoid needs a table with a column code or mean, but {path} holds: {', '.join(names)}; "
            f"{_TABLES}"
        )
