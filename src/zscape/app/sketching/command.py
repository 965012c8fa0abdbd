"""The whole of `zscape draw`: draw, then write."""

from __future__ import annotations

from pathlib import Path

from zscape.app import console
from zscape.app.sketching.asked import Asked
from zscape.app.sketching.drawn import drawn
from zscape.app.sketching.writing import check_folder, write
from zscape.errors import SettingError
from zscape.run import Run
from zscape.strokes import lengths


def sketch(
    path: Path, asked: Asked, *, out: Path | None = None, data_dir: Path | None = None
) -> dict[str, Path]:
    """Draw what was asked for, and write it.

    Args:
        path: Run folder.
        asked: What to draw.
        out: A new folder to write to; drawings/ in the run folder if not given, which is replaced.
        data_dir: Folder of data sets; data are loaded only where their drawings are needed.

    Returns:
        Paths of what was written.

    Raises:
        SettingError: If the run is of pictures, or the folder holds something else.
    """
    run = Run(path)
    if not run.of_drawings:
        raise SettingError(f"zscape draw needs a run of drawings, but {path} is one of pictures; use sample")
    folder = path / "drawings" if out is None else out
    check_folder(folder, own=out is None)
    found = drawn(run, asked, data_dir)
    with console.progress("write") as told:
        told(0, 0, f"{len(found.x)} drawings")
        paths = write(run, asked, found, folder, own=out is None)
    most = run.model.shape[0] - 1
    cut = int((lengths(found.x) == most).sum())
    if cut:
        console.tell(
            f"note: {cut} of {len(found.x)} did not end by themselves and stop at {most} points; a higher "
            "--temperature ends more of them, and so does a longer fit"
        )
    return paths
