"""Run a study by its name."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

from zscape.errors import SettingError, nearest
from zscape.studies.order import Order, Told

SCALES = ("smoke", "cpu", "paper")
# Imported when asked for: a list of names should not load two studies.
STUDIES = {
    "class-generation": "zscape.studies.class_generation",
    "diverse-sampling": "zscape.studies.diverse_sampling",
    "sketch-covariance": "zscape.studies.sketch_covariance",
    "sparse-disentanglement": "zscape.studies.sparse_disentanglement",
    "style-paths": "zscape.studies.style_paths",
}


def run(
    name: str,
    *,
    scale: str = "smoke",
    out: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    watch: Told | None = None,
) -> Path:
    """Run a published experiment and write its page: ours beside theirs, with a verdict on each claim.

    Fits the models it needs, measures them and writes `page/` with index.md, results.json and pictures. A
    study that was stopped goes on where it was: complete models, judges and measurements in `out` are used
    again if they are what is asked for.

    Cost: under a minute for "smoke" (data that zscape brings, small networks, two seeds), hours on two cores
    for "cpu" (three seeds, as published as two hours allow), many hours for "paper" (longer fits, more draws;
    drawings on a GPU). Above "smoke", "sketch-covariance", "sparse-disentanglement" and "style-paths" fit in
    several processes, and a script that calls them needs the guard `if __name__ == "__main__"`.

    Args:
        name: "diverse-sampling", "class-generation", "sketch-covariance", "sparse-disentanglement" or
            "style-paths".
        scale: "smoke", "cpu" or "paper".
        out: Folder of the study; runs/studies/NAME/SCALE if not given.
        data_dir: Folder of data sets to look in first.
        watch: Called with seconds of work done, seconds of work in all (estimates) and a few words.

    Returns:
        The path of the page, index.md.

    Raises:
        SettingError: If there is no such study or scale, `out` is a file, or it holds models of other
            settings.
        DataError: If the data set is not there; the message says how to get it.
    """
    if name not in STUDIES:
        raise SettingError(f"unknown study {name!r}: {nearest(name, STUDIES)}")
    if scale not in SCALES:
        raise SettingError(f"unknown scale {scale!r}: {nearest(scale, SCALES)}")
    folder = Path("runs", "studies", name, scale) if out is None else Path(out)
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"a study needs a folder, but {folder} is a file; give another --out")
    order = Order(name, scale, folder, data_dir, watch)
    return importlib.import_module(STUDIES[name]).make(order)
