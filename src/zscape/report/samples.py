"""The section of the page that shows the codes last drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from matplotlib.figure import Figure
from pyarrow import parquet

from zscape import base, codes
from zscape.errors import RunFormatError
from zscape.model.generation import TEMPERATURE
from zscape.report import pictures, sheets
from zscape.report.figures import nameable
from zscape.report.sections import (
    ACROSS,
    Plate,
    Row,
    Section,
    at_temperature,
    fitted,
    lacking,
    not_pictures,
    pictorial,
    place,
    some_of,
    width,
)
from zscape.report.wording import number
from zscape.run import Run

_SHOWN = 64
_MOVING = 12  # drawings that draw themselves
_REMEDY = "make it again with zscape sample"
# What the table says of itself that is no setting of the call.
_NO_SETTING = ("classes", "temperature", "measures", "beside", "run", "weights")
# What the pictures beside a set are called, as short as one of them is wide; by-class draws are independent
# too.
_BESIDE = {"representatives": "at random", "by-class": "data codes"}


@dataclass(frozen=True)
class _Samples:
    """A table of samples: rows and codes, as many independent ones or None, how they were drawn.

    Where they were drawn class by class, also the class of each and the names of the classes. Drawings have a
    temperature.
    """

    z: np.ndarray
    id: np.ndarray | None
    iid: np.ndarray | None
    iid_id: np.ndarray | None
    label: np.ndarray | None
    names: dict[int, str]
    made: dict[str, object]
    temperature: float = TEMPERATURE

    def shown(self) -> np.ndarray:
        """Rows that a figure has place for: the first, or the first of each class."""
        if self.label is None or not self.names:
            return np.arange(min(len(self.z), _SHOWN))
        each = max(1, _SHOWN // len(self.names))
        return np.concatenate([np.flatnonzero(self.label == which)[:each] for which in self.names])


def sampled(run: Run, data: base.Data | None = None, *, folder: Path | None = None) -> Section:
    """Pictures of the codes drawn, and their measures; beside a set, as many independent draws.

    Args:
        run: The run.
        data: The data set, which codes chosen from the data set are shown from; without it they are decoded.
        folder: Where samples.parquet is; that of the run if not given.
    """
    section = Section("samples", "Samples")
    path = (folder or run.path) / run.samples_path.name
    if not path.exists():
        return lacking(section, "Nothing has been sampled yet.", f"zscape sample {place(run)}")
    if not fitted(run):
        return lacking(section, "The model has no weights yet.", "zscape fit")
    table = _Table.read(path, run.model.latent)
    section = replace(section, measures=table.measures(), beside=table.text("beside"))
    if not pictorial(run):
        return replace(not_pictures(section, run), measures=section.measures, beside=section.beside)
    samples = table.samples()
    if not len(samples.z):
        return lacking(section, "The table of samples is empty.", f"zscape sample {place(run)}")
    existing = samples.made.get("method") == "representatives"
    if existing and data is not None:
        _check_rows(path, samples, len(data))
    source = data if existing else None
    plates = [_plate(run, samples, source)]
    if run.of_drawings:
        plates.append(_moving(run, samples, source))
    return replace(section, plates=tuple(plates))


def _plate(run: Run, samples: _Samples, source: base.Data | None) -> Plate:
    shown = samples.shown()
    groups = {"this set": _images(run, samples, shown, source)}
    if samples.iid is not None:
        others = replace(samples, z=samples.iid, id=samples.iid_id)
        groups[_BESIDE.get(str(samples.made.get("method")), "i.i.d.")] = _images(run, others, shown, source)
    existing = samples.made.get("method") == "representatives"
    alt = f"A grid of {len(shown)} {'chosen' if existing else 'generated'} pictures"
    if samples.names:
        alt += f", a row each for {', '.join(samples.names.values())}"
    return Plate(
        "samples",
        _figure(run, groups, samples, shown),
        _title(run, existing=existing),
        _caption(run, samples, len(shown), existing=existing),
        f"{alt}.",
        chart=False,
    )


def _moving(run: Run, samples: _Samples, source: base.Data | None) -> Plate:
    shown = samples.shown()[:_MOVING]
    x = _images(run, samples, shown, source)
    columns = min(len(shown), _MOVING // 2)
    return Plate(
        "samples-drawn",
        sheets.drawing_themselves(x, columns),
        "The order in which they are drawn",
        f"The first {len(shown)} of them in the order and direction of the pen; each takes the same time.",
        f"{len(shown)} drawings that draw themselves line by line.",
        chart=False,
    )


def _title(run: Run, *, existing: bool) -> str:
    what = "Drawings" if run.of_drawings else "Pictures"
    if existing:
        return f"{what} chosen from the data"
    return f"{what} from new codes" if run.of_drawings else f"{what} decoded from new codes"


def _caption(run: Run, samples: _Samples, shown: int, *, existing: bool) -> str:
    settings = ", ".join(f"{key} {value}" for key, value in samples.made.items() if value is not None)
    number = some_of(shown, len(samples.z))
    which = f"A row a class, the first of each: {number}" if samples.names else f"The first {number}"
    # Codes are drawn from a density, drawings from codes.
    what = "the codes" if run.of_drawings else "they"
    decoded = f"; drawings {at_temperature(0, samples.temperature)}" if run.of_drawings else ", decoded"
    caption = (
        f"{which} codes{'' if existing else decoded}. How {what} were drawn: {settings or 'not recorded'}."
    )
    if samples.iid is None:
        return caption
    beside = "On the right" if samples.names else "Below"
    others = "draws from the same target"
    if samples.made.get("method") == "by-class":
        others = "draws of the data's codes of the same classes"
    return f"{caption} {beside}: as many independent {'choices' if existing else others}."


def _figure(
    run: Run, groups: dict[str, np.ndarray], samples: _Samples, shown: np.ndarray
) -> Figure | sheets.Drawn:
    maker = sheets if run.of_drawings else pictures
    columns = min(16 if width(run) <= 32 else 8, max(1, ACROSS // width(run)))
    if samples.names and samples.label is not None:
        return maker.class_rows(groups, samples.label[shown], samples.names, columns)
    # As many rows as are needed, then as even as they can be.
    columns = -(-len(shown) // -(-len(shown) // columns))
    if len(groups) > 1:
        return maker.compared(groups, columns)
    return maker.picture_grid(groups["this set"], columns)


def _images(run: Run, samples: _Samples, shown: np.ndarray, source: base.Data | None) -> np.ndarray:
    """Pictures of the codes shown: those of their rows in the source, or decoded."""
    if source is not None and samples.id is not None:
        return source.batch(torch.from_numpy(samples.id[shown]), "cpu")[0].numpy()
    if not run.of_drawings:
        return run.decode(samples.z[shown])
    # What is drawn hangs on the row of its code: so it is the same here as in samples/.
    return run.shown(samples.z[: shown.max() + 1], temperature=samples.temperature)[shown]


@dataclass(frozen=True)
class _Table:
    """A table of samples as it stands in a file, for a model of so many latents."""

    path: Path
    table: pa.Table
    latent: int
    made: dict[str, object]

    @classmethod
    def read(cls, path: Path, latent: int) -> _Table:
        try:
            table = parquet.read_table(path)
            made = json.loads((table.schema.metadata or {}).get(b"zscape", b"{}"))
        except (pa.ArrowException, ValueError) as error:
            raise RunFormatError(f"{path} cannot be read ({error}); {_REMEDY}") from error
        return cls(path, table, latent, made if isinstance(made, dict) else {})

    def samples(self) -> _Samples:
        label = self._numbers("label")
        return _Samples(
            id=self._numbers("id"),
            iid_id=self._numbers("iid_id"),
            z=self._codes("code"),
            iid=self._codes("iid") if "iid" in self.table.column_names else None,
            label=label,
            names=self._names(label),
            made={key: value for key, value in self.made.items() if key not in _NO_SETTING},
            temperature=self._temperature(),
        )

    def measures(self) -> tuple[Row, ...]:
        """Measures of the set, each with its mean and range over independent sets where it has them."""
        found = self.made.get("measures", [])
        if not isinstance(found, list):
            raise RunFormatError(f"{self.path} needs a list of measures, but holds {found!r}; {_REMEDY}")
        return tuple(self._row(entry) for entry in found)

    def text(self, key: str) -> str:
        """A text that the table says of itself; empty if it says none."""
        found = self.made.get(key, "")
        if not isinstance(found, str):
            raise RunFormatError(f"{self.path} needs a text under {key}, but holds {found!r}; {_REMEDY}")
        return found

    def _row(self, entry: object) -> Row:
        found: dict[str, Any] = entry if isinstance(entry, dict) else {}
        words = [found.get(key) for key in ("name", "unit", "definition")]
        value, *others = (found.get(key) for key in ("value", "iid_mean", "iid_low", "iid_high"))
        numbers = [value] if others == [None, None, None] else [value, *others]
        if not all(map(_is_number, numbers)) or not all(isinstance(word, str) for word in words):
            raise RunFormatError(
                f"{self.path} needs measures with names, units and finite numbers, but holds {entry!r}; "
                f"{_REMEDY}"
            )
        shown = [number(each) for each in numbers if each is not None]
        beside = f"{shown[1]} ({shown[2]} to {shown[3]})" if len(shown) > 1 else ""
        name, unit, definition = map(str, words)
        return Row(name, shown[0], beside, unit, definition)

    def _temperature(self) -> float:
        found: Any = self.made.get("temperature", TEMPERATURE)
        if not _is_number(found) or found < 0:
            raise RunFormatError(f"{self.path} needs a temperature >= 0, but holds {found!r}; {_REMEDY}")
        return float(found)

    def _names(self, label: np.ndarray | None) -> dict[int, str]:
        """Names of the classes that were drawn one after the other, where a figure has place for them."""
        names, present = self.made.get("classes"), [] if label is None else np.unique(label).tolist()
        if label is None or not isinstance(names, list) or len(present) < 2 or not nameable(label):
            return {}
        if len(names) != len(present):
            raise RunFormatError(
                f"{self.path} needs the names of {len(present)} classes, but holds {len(names)}; {_REMEDY}"
            )
        return dict(zip(present, map(str, names), strict=True))

    def _numbers(self, name: str) -> np.ndarray | None:
        if name not in self.table.column_names:
            return None
        column = self.table[name]
        if column.null_count or not pa.types.is_integer(column.type):
            raise RunFormatError(
                f"{self.path} needs whole numbers in the column {name}, none missing, but holds: "
                f"{self._columns()}; {_REMEDY}"
            )
        return column.to_numpy().astype(np.int64)

    def _codes(self, name: str) -> np.ndarray:
        if name not in self.table.column_names or not codes.holds_vectors(self.table[name].type):
            raise RunFormatError(
                f"{self.path} needs a column {name} of lists of {self.latent} numbers, but holds: "
                f"{self._columns()}; {_REMEDY}"
            )
        z = codes.matrix(self.table[name])
        bad = int((~np.isfinite(z)).sum())
        if len(z) and (z.shape[1] != self.latent or bad):
            raise RunFormatError(
                f"{self.path} needs finite codes of {self.latent} dimensions, but holds codes of "
                f"{z.shape[1]} with {bad} values that are not finite; {_REMEDY}"
            )
        return z

    def _columns(self) -> str:
        return ", ".join(f"{field.name} ({field.type})" for field in self.table.schema)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _check_rows(path: Path, samples: _Samples, count: int) -> None:
    """Refuse rows that the data set does not have."""
    for rows in (samples.id, samples.iid_id):
        if rows is not None and (rows.min() < 0 or rows.max() >= count):
            raise RunFormatError(
                f"{path} needs ids from 0 to {count - 1}, rows of the data set, but holds {rows.min()} to "
                f"{rows.max()}; {_REMEDY}"
            )
