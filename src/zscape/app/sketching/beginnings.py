"""Beginnings of drawings from a file, in the units of a model."""

from __future__ import annotations

import re
from pathlib import Path
from xml.parsers import expat

import numpy as np

from zscape.app import console
from zscape.app.stored import drawings_of
from zscape.data.stroke_files import are_drawings, open_stroke_files
from zscape.data.svg import read_svg
from zscape.errors import DataError
from zscape.run import Run
from zscape.strokes import BOX, Sketch, from_polylines, polylines, simplify

_MOST = 12  # beginnings that a sheet has place for
_EPSILON = 2.0  # of the simplification of Quick, Draw!, in units of its box
_NUMBER = re.compile(r"\d+\.?\d*(?:[eE][+-]?\d+)?")


def read_beginnings(path: Path, run: Run, data_dir: Path | None) -> dict[str, Sketch]:
    """Beginnings by name, stroke-3 in the units that the model was fitted in; of a long file the first 12.

    Files other than SVG are in the units of the data set. The page of an SVG file stands for a drawing as
    large as those of the data set are; without a page, what is drawn does.

    Raises:
        DataError: If the file is missing, holds no drawings, or one of them has no line.
    """
    if not path.is_file():
        raise DataError(f"--complete needs a file of drawings, but there is none at {path}")
    if not are_drawings(path):
        raise DataError(f"beginnings need a file .svg, .ndjson, .npz or .bin of drawings, but {path} is none")
    if path.suffix.lower() == ".svg":
        found, units = [_from_svg(path)], BOX / _extent(run, data_dir)
    else:
        found, units = open_stroke_files(path).sketches, float(run.spec["data"].get("scale") or 1.0)
    if len(found) > _MOST:
        console.tell(f"note: of the {len(found):,} drawings of {path.name} the first {_MOST} are completed")
    found = found[:_MOST]
    empty = next((number for number, sketch in enumerate(found) if not len(sketch)), None)
    if empty is not None or not found:
        which = f"drawing {empty} of {path}" if len(found) > 1 else path
        raise DataError(f"beginnings need a line to go on from, but there is none in {which}; draw one")
    names = [path.stem] if len(found) == 1 else [f"{path.stem} {number}" for number in range(len(found))]
    divisor = np.array([units, units, 1])
    return {name: (sketch / divisor).astype(np.float32) for name, sketch in zip(names, found, strict=True)}


def _from_svg(path: Path) -> Sketch:
    """Lines in a box of 255 that is the page, simplified as the drawings of Quick, Draw! are."""
    lines = [line for line in read_svg(path) if len(line)]
    if not lines:
        return np.zeros((0, 3), np.float32)
    side = _page(path) or float(np.ptp(np.concatenate(lines), axis=0).max()) or 1.0
    return from_polylines(simplify([line * (BOX / side) for line in lines], _EPSILON))


def _page(path: Path) -> float:
    """The longer side of the page in the units of its shapes; 0 if the file does not say."""
    roots: list[dict[str, str]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda _, attributes: roots.append(attributes)
    parser.Parse(path.read_bytes(), True)
    box = _NUMBER.findall(roots[0].get("viewBox", ""))[2:]
    own = [roots[0].get(name, "").removesuffix("px") for name in ("width", "height")]
    sides = box if len(box) == 2 else own
    return max((float(side) for side in sides if _NUMBER.fullmatch(side)), default=0.0)


def _extent(run: Run, data_dir: Path | None) -> float:
    """The median longer side of the training drawings, in the units that the model was fitted in."""
    data = drawings_of(run, data_dir)
    rows = data.splits["train"]
    sides = [np.ptp(np.concatenate(polylines(each)), axis=0).max() for each in data.sketches(rows[:1000])]
    return float(np.median(sides)) / data.scale
