"""Draw what was asked for, and say where each drawing stands on the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zscape import sample as samplers
from zscape.app import console
from zscape.app.sketching.asked import Asked
from zscape.app.sketching.beginnings import read_beginnings
from zscape.app.stored import codes_of, drawings_of, remark_on_prior
from zscape.data import Strokes
from zscape.errors import SettingError
from zscape.model import draw
from zscape.run import Run
from zscape.strokes import Sketch, to_stroke3

_ACROSS = 12  # drawings in a row of the sheet


@dataclass(frozen=True)
class Drawn:
    """New drawings, and those that they stand beside.

    Attributes:
        x: (N, L, 5) new drawings, in the units that the model was fitted in.
        words: What each is to be a drawing of.
        made: Of each, what it was drawn from.
        shown: Stroke-3 of all squares of the sheet, row by row.
        columns: Squares in a row.
        rows: A name beside each row, or none.
        captions: A line below each square, or none.
    """

    x: np.ndarray
    words: list[str]
    made: list[dict[str, Any]]
    shown: list[Sketch]
    columns: int
    rows: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def drawn(run: Run, asked: Asked, data_dir: Path | None) -> Drawn:
    """The drawings that were asked for.

    Raises:
        RunFormatError: If the run has no codes and they are needed, or its data are gone.
        SettingError: If a row is not in the data set.
        DataError: If beginnings cannot be read.
    """
    if asked.complete is not None:
        return _completed(run, asked, asked.complete, data_dir)
    if asked.like or None not in asked.between:
        data = drawings_of(run, data_dir)
        return _like(run, asked, data) if asked.like else _between(run, asked, data)
    x = _drawings(run, asked, _codes(run, asked, asked.number))
    columns = min(_ACROSS, len(x))
    return Drawn(x, [_title(run)] * len(x), [{}] * len(x), to_stroke3(x), columns)


def _like(run: Run, asked: Asked, data: Strokes) -> Drawn:
    z = _encoded(run, data, asked.like)
    x = _drawings(run, asked, np.repeat(z, asked.number, axis=0))
    names = [_name(data, row) for row in asked.like]
    return Drawn(
        x,
        np.repeat([_word(data, row) for row in asked.like], asked.number).tolist(),
        [{"like": row} for row in asked.like for _ in range(asked.number)],
        **_rows(_originals(data, asked.like), x, names, "original"),
    )


def _completed(run: Run, asked: Asked, path: Path, data_dir: Path | None) -> Drawn:
    begun = read_beginnings(path, run, data_dir)
    z = _codes(run, asked, len(begun) * asked.number)
    start = [sketch for sketch in begun.values() for _ in range(asked.number)]
    x = _drawings(run, asked, z, start)
    return Drawn(
        x,
        [_title(run)] * len(x),
        [{"begun": name} for name in begun for _ in range(asked.number)],
        **_rows(list(begun.values()), x, list(begun), "begun"),
    )


def _between(run: Run, asked: Asked, data: Strokes) -> Drawn:
    ends = tuple(row for row in asked.between if row is not None)
    first, last = _encoded(run, data, ends)
    share = np.linspace(0, 1, asked.number)
    x = _drawings(run, asked, first + share[:, None] * (last - first))
    before, after = _originals(data, ends)
    captions = [_name(data, ends[0]), *(f"{each:.2f}" for each in share), _name(data, ends[1])]
    return Drawn(
        x,
        [_word(data, ends[round(each)]) for each in share],
        [{"from": ends[0], "to": ends[1], "share": round(float(each), 4)} for each in share],
        [before, *to_stroke3(x), after],
        min(_ACROSS, len(captions)),
        captions=captions,
    )


def _codes(run: Run, asked: Asked, count: int) -> np.ndarray:
    """New codes, from the prior or where those of the training data lie."""
    if asked.prior:
        remark_on_prior(run, "leave --prior out to draw from where they are")
        return samplers.StandardNormal(run.model.latent).sample(count, seed=asked.seed)
    return samplers.Gaussian().fit(codes_of(run).of("train")).sample(count, seed=asked.seed)


def _drawings(run: Run, asked: Asked, z: np.ndarray, start: Sequence[Sketch] | None = None) -> np.ndarray:
    with console.progress("draw") as told:
        told(0, 0, f"{len(z)} drawings")
        return draw(run.model, z, temperature=asked.temperature, seed=asked.seed, start=start)


def _encoded(run: Run, data: Strokes, rows: Sequence[int]) -> np.ndarray:
    """Posterior means of rows of the data set."""
    strange = [row for row in rows if not 0 <= row < len(data)]
    if strange:
        raise SettingError(f"{data.name} has rows 0 to {len(data) - 1}, but got {strange[0]}")
    x, _ = data.batch(torch.tensor(rows), "cpu")
    with torch.no_grad():
        return run.model.encode(x).mean.double().numpy()


def _originals(data: Strokes, rows: Sequence[int]) -> list[Sketch]:
    return data.sketches(np.array(rows))


def _rows(before: list[Sketch], x: np.ndarray, names: list[str], caption: str) -> dict[str, Any]:
    """A row a drawing that others were made from: that first, then those."""
    each = len(x) // len(before)
    new = to_stroke3(x)
    shown = [square for row, head in enumerate(before) for square in (head, *new[row * each :][:each])]
    captions = [""] * len(shown)
    captions[-each - 1] = caption
    return {"shown": shown, "columns": each + 1, "rows": names, "captions": captions}


def _title(run: Run) -> str:
    return Path(str(run.spec["data"].get("name", "drawing"))).stem


def _word(data: Strokes, row: int) -> str:
    return data.name if data.labels is None else data.names[data.labels[row]]


def _name(data: Strokes, row: int) -> str:
    return str(row) if data.labels is None else f"{data.names[data.labels[row]]} {row}"
