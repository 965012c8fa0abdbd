"""The whole of `zscape sample`: draw, write, measure."""

from __future__ import annotations

import warnings
from pathlib import Path

from zscape.app import console
from zscape.app.sampling.asked import MEASURED, Asked
from zscape.app.sampling.drawing import Drawn, draw
from zscape.app.sampling.measuring import Compared, measure
from zscape.app.sampling.places import check_places
from zscape.app.sampling.source import Source
from zscape.app.sampling.writing import write, write_new
from zscape.app.stored import data_of
from zscape.errors import ElsewhereWarning, SettingError
from zscape.run import Run


def sample(
    path: Path, asked: Asked, *, out: Path | None = None, data_dir: Path | None = None
) -> tuple[dict[str, Path], Compared]:
    """Draw, measure, and write samples.parquet, which keeps the measures, and pictures.

    Args:
        path: Run folder.
        asked: What to draw.
        out: A new folder to write to, laid out as a run's; the run's own if not given.
        data_dir: Folder of data sets; data are loaded only where their pictures are shown.

    Returns:
        Paths of what was written, and the measures of the set.

    Raises:
        SettingError: If the codes to avoid stand for something else than what is drawn from, or what is
            asked for cannot be.
    """
    check_places(path, asked, out)
    source = Source(Run(path), asked)
    drawn = _drawn(source)
    # Before anything is written, as the data may be gone.
    originals = None if drawn.points.rows is None else data_of(source.run, data_dir)
    if asked.small:
        with console.progress("measure") as told:
            compared = measure(source, drawn, originals, told)
    else:
        console.tell(f"note: sets of up to {MEASURED:,} are measured and written picture by picture")
        compared = Compared()
    if out is None:
        return write(source, drawn, compared, originals), compared
    return write_new(source, drawn, compared, originals, out), compared


def _drawn(source: Source) -> Drawn:
    """The set; what the samplers warn of is a note."""
    with console.progress(source.asked.method) as told, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        drawn = draw(source, told)
    for warning in caught:
        if isinstance(warning.message, ElsewhereWarning):
            raise SettingError(
                f"--avoid needs codes of what is drawn from, but {warning.message.found}; draw from what "
                "they stand for (--density, --label), raise --count, or leave --avoid out; nothing is written"
            )
        console.tell(f"note: {warning.message}")
    return drawn
