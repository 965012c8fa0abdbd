"""Write drawings: sheets, an animation, each alone, and all of them as data."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape import drawing, strokes
from zscape.app.places import check_new, check_replaceable
from zscape.app.sketching.asked import Asked
from zscape.app.sketching.drawn import Drawn
from zscape.files import whole_folder
from zscape.run import Run

_SQUARES = 144  # that a sheet shows at most
# What a call writes, and so what the next may replace.
_FILES = re.compile(r"(sheet\.(svg|png)|animation\.(svg|gif)|drawings\.ndjson|singles(/\d{4,}\.(svg|png))?)")


def check_folder(folder: Path, *, own: bool) -> None:
    """Refuse a folder that must not be replaced.

    Args:
        folder: Where to write.
        own: Whether it is the folder of the run, whose drawings are replaced; any other must be new.

    Raises:
        SettingError: If it holds something else.
    """
    if own:
        check_replaceable(folder, _FILES)
    else:
        check_new(folder)


def write(run: Run, asked: Asked, drawn: Drawn, folder: Path, *, own: bool) -> dict[str, Path]:
    """Write all there is to a set of drawings; the folder appears when it is complete.

    Returns:
        Paths of what was written.
    """
    with whole_folder(folder, check=partial(check_folder, own=own)) as hidden:
        _fill(hidden, run, asked, drawn)
    files = {
        "sheet": "sheet.svg",
        "picture": "sheet.png",
        "animation": "animation.svg",
        "gif": "animation.gif",
        "drawings": "drawings.ndjson",
        "singles": "singles",
    }
    return {name: folder / file for name, file in files.items()}


def _fill(folder: Path, run: Run, asked: Asked, drawn: Drawn) -> None:
    most = max(_SQUARES // drawn.columns, 1) * drawn.columns
    x = strokes.to_stroke5(drawn.shown[:most])
    lines = -(-len(x) // drawn.columns)
    sheet: dict[str, Any] = {"captions": drawn.captions[:most], "rows": drawn.rows[:lines]}
    (folder / "sheet.svg").write_text(drawing.grid_svg(x, drawn.columns, **sheet), encoding="utf-8")
    (folder / "sheet.png").write_bytes(drawing.grid_png(x, drawn.columns, **sheet))
    (folder / "animation.svg").write_text(drawing.animation(x, drawn.columns, **sheet), encoding="utf-8")
    (folder / "animation.gif").write_bytes(drawing.gif(x, drawn.columns, **sheet))
    (folder / "drawings.ndjson").write_text(_records(run, asked, drawn), encoding="utf-8")
    (folder / "singles").mkdir()
    for number, each in enumerate(drawn.x):
        (folder / "singles" / f"{number:04d}.svg").write_text(drawing.svg(each), encoding="utf-8")
        (folder / "singles" / f"{number:04d}.png").write_bytes(drawing.png(each))


def _records(run: Run, asked: Asked, drawn: Drawn) -> str:
    """A line a drawing in the form of Quick, Draw!'s simplified files, in the units of the data set."""
    scale = float(run.spec["data"].get("scale") or 1.0)
    common = {"temperature": asked.temperature, "seed": asked.seed}
    records = []
    for number, sketch in enumerate(strokes.to_stroke3(drawn.x)):
        records.append(
            {
                "word": drawn.words[number],
                "key_id": str(number),
                "made": drawn.made[number] | common,
                "drawing": _absolute(sketch * np.array([scale, scale, 1])),
            }
        )
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _absolute(sketch: strokes.Sketch) -> list[list[list[float]]]:
    """The lines of a drawing as lists of x and of y, from 0 on, to two decimals."""
    lines = strokes.polylines(sketch)
    if not lines:
        return []
    corner = np.concatenate(lines).min(axis=0)
    return [np.round((line - corner).astype(np.float64), 2).T.tolist() for line in lines]
