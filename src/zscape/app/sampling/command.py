"""The whole of `zscape sample`: draw, write, measure."""

from __future__ import annotations

import warnings
from pathlib import Path

from zscape.app import console
from zscape.app.sampling.asked import MEASURED, Asked
from zscape.app.sampling.drawing import Drawn, draw
from zscape.app.sampling.measuring import Measured, measure
from zscape.app.sampling.source import Source
from zscape.app.sampling.writing import check_new, write, write_new
from zscape.app.stored import data_of
from zscape.run import Run


def sample(
    path: Path, asked: Asked, *, out: Path | None = None, data_dir: Path | None = None
) -> tuple[dict[str, Path], list[Measured]]:
    """Draw, write samples.parquet and pictures, and measure.

    Args:
        path: Run folder.
        asked: What to draw.
        out: A new folder to write to, laid out as a run's; the run's own if not given.
        data_dir: Folder of data sets; data are loaded only where their pictures are shown.

    Returns:
        Paths of what was written, and the measures of the set.
    """
    source = Source(Run(path), asked)
    if out is not None:
        check_new(out)
    drawn = _drawn(source)
    # Before anything is written, as the data may be gone.
    originals = None if drawn.rows is None else data_of(source.run, data_dir)
    paths = write(source, drawn, originals) if out is None else write_new(source, drawn, originals, out)
    if not asked.small:
        console.tell(f"note: sets of up to {MEASURED:,} are measured and written picture by picture")
        return paths, []
    with console.progress("measure") as told:
        return paths, measure(source, drawn, told)


def _drawn(source: Source) -> Drawn:
    """The set; what the samplers warn of is a note."""
    with console.progress(source.asked.method) as told, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        drawn = draw(source, told)
    for warning in caught:
        console.tell(f"note: {warning.message}")
    return drawn
