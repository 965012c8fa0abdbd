"""The run folder: what `fit` writes and everything else reads::

    runs/NAME/
      spec.json             what was asked, and versions; enough to rebuild the model
      splits.npz            rows of train, validation and test
      weights.safetensors   best weights; encoder, decoder and head separately addressable
      last.safetensors      weights after the last step
      checkpoint.ckpt       what a resumed fit needs to continue bit for bit
      history.csv           a row a logged step
      codes.parquet         written by encode
      results.json          written by measure
      samples.parquet       written by sample
      figures/ report.html  written by report

Every file is whole or absent, see `zscape.files`.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from zscape import drawing, npz
from zscape.base import SPLITS, Result
from zscape.errors import DataError, RunFormatError
from zscape.files import write_json
from zscape.model import Autoencoder, draw
from zscape.model.generation import TEMPERATURE

_WORDS = {
    dict: "an object",
    list: "a list",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    type(None): "null",
}
# What readers of a run rely on; a key follows the object that it is in.
_SPEC: dict[str, tuple[type, ...]] = {
    "data": (dict,),
    "data.fingerprint": (str,),
    "model": (dict,),
    "model.shape": (list,),
    "model.latent": (int,),
    "objective": (dict,),
    "optimiser": (dict,),
    "engine": (dict,),
    "epochs": (int,),
    "batch": (int,),
    "seed": (int,),
}
_TERM: dict[str, tuple[type, ...]] = {"term": (str,), "settings": (dict,)}
_RESULT: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "value": (float,),
    "low": (float, type(None)),
    "high": (float, type(None)),
    "n": (int,),
    "unit": (str,),
    "definition": (str,),
    "seed": (int, type(None)),
}


class Run:
    """One run folder, read lazily.

    Args:
        path: The folder.
        model: The model itself, for one that wraps foreign networks and so cannot be rebuilt from spec.json.
            Its weights are replaced by those of the run.

    Raises:
        RunFormatError: If the folder or its spec.json is missing or cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], model: Autoencoder | None = None) -> None:
        self.path = Path(path)
        self._given = model
        if not self.path.is_dir():
            raise RunFormatError(f"needed a run folder, but {self.path} is not one; make it with zscape fit")
        self.spec  # noqa: B018 (a run without a readable spec is refused at once)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What was asked: data, model, objective, optimiser, engine, seed, library versions."""
        spec = self._json("spec.json", "zscape fit")
        where = f"{self.path / 'spec.json'}: "
        _check(spec, _SPEC, where, "fit the run again")
        for name, part in spec["objective"].items():
            _check(part, _TERM, where, "fit the run again", prefix=f"objective.{name}")
        for side in spec["model"]["shape"]:
            if not _is(side, int) or side < 1:
                raise RunFormatError(
                    f"{where}model.shape needs whole numbers > 0, but holds {side!r}; fit the run again"
                )
        return spec

    @cached_property
    def model(self) -> Autoencoder:
        """The trained model with its best weights, in evaluation mode, on the CPU."""
        model = self._given if self._given is not None else Autoencoder.from_spec(self.spec["model"])
        try:
            model.load_state_dict(self.weights("weights.safetensors"))
        except RuntimeError as error:
            raise RunFormatError(
                f"the weights in {self.path} do not fit the model that spec.json describes "
                f"({str(error).splitlines()[-1].strip()}); fit the run again"
            ) from error
        return model.eval()

    def weights(self, name: str) -> dict[str, torch.Tensor]:
        """Tensors of one safetensors file of the run.

        Raises:
            RunFormatError: If the file is missing or damaged.
        """
        try:
            return load_file(self._present(name, "zscape fit"))
        except SafetensorError as error:
            raise RunFormatError(f"{self.path / name} cannot be read ({error}); fit the run again") from error

    @cached_property
    def splits(self) -> dict[str, np.ndarray]:
        """Rows of the data set in each split."""
        path = self._present("splits.npz", "zscape fit")
        try:
            splits = npz.read_all(path)
        except DataError as error:
            raise RunFormatError(f"{path} cannot be read ({error}); fit the run again") from error
        for name, rows in splits.items():
            if rows.ndim != 1 or rows.dtype.kind not in "iu":
                raise RunFormatError(
                    f"{path} needs a list of whole numbers in {name}, but holds {rows.dtype} of shape "
                    f"{rows.shape}; fit the run again"
                )
            if (rows < 0).any():
                raise RunFormatError(
                    f"{path} needs rows >= 0 in {name}, but holds {rows.min()}; fit the run again"
                )
        return splits

    def history(self) -> dict[str, np.ndarray]:
        """Columns of history.csv: floats with nan where a cell is empty, but for the strings of `split`.

        Raises:
            RunFormatError: If the file is missing, or a cell is missing, too many or not a number.
        """
        path = self._present("history.csv", "zscape fit")
        try:
            with path.open(newline="", encoding="utf-8") as file:
                names, *rows = [row for row in csv.reader(file) if row] or [[]]
        except (csv.Error, UnicodeDecodeError) as error:
            raise RunFormatError(f"{path} cannot be read ({error}); fit the run again") from error
        if not rows:
            return {}
        absent = [name for name in ("step", "epoch", "split") if name not in names]
        if absent:
            raise RunFormatError(f"{path} lacks the column {absent[0]}; fit the run again")
        for number, row in enumerate(rows, start=1):
            if len(row) != len(names):
                raise RunFormatError(
                    f"{path} needs {len(names)} cells a row, but row {number} has {len(row)}; "
                    "fit the run again"
                )
        return {
            name: _column(path, name, cells)
            for name, cells in zip(names, zip(*rows, strict=True), strict=True)
        }

    def results(self) -> list[Result]:
        """What has been measured so far; empty before the first measure.

        Raises:
            RunFormatError: If results.json cannot be read or an entry of it is not a result.
        """
        path = self.path / "results.json"
        if not path.exists():
            return []
        remedy = "delete it and make it again with zscape measure"
        found = self._json("results.json", "zscape measure")
        _check(found, {"measures": (list,)}, f"{path}: ", remedy)
        results = []
        for number, entry in enumerate(found["measures"]):
            prefix = f"measures[{number}]"
            full = {"seed": None, **entry} if isinstance(entry, dict) else entry
            _check(full, _RESULT, f"{path}: ", remedy, prefix=prefix)
            extra = [key for key in full if key not in _RESULT]
            if extra:
                raise RunFormatError(f"{path}: {prefix} has an unknown key {extra[0]!r}; {remedy}")
            results.append(Result(**full))
        return results

    def record(self, results: list[Result], *, of: str | None = None) -> None:
        """Add results; one of the same name replaces the older one.

        Args:
            results: What measures returned.
            of: What they were measured on, in snake_case, put before each name: `precision` of "gaussian"
                is kept as `gaussian_precision`, beside those of other samplers.

        Raises:
            ValueError: If a value is not finite, or `of` is no such name.
        """
        if of is not None and not of.isidentifier():
            raise ValueError(f"of needs letters, digits and underscores, such as 'gaussian', but is {of!r}")
        for result in results:
            if not math.isfinite(result.value):
                raise ValueError(f"results need finite values, but {result.name} is {result.value}")
        if of is not None:
            results = [replace(result, name=f"{of}_{result.name}") for result in results]
        merged = {result.name: result for result in [*self.results(), *results]}
        write_json(self.path / "results.json", {"measures": [result.to_dict() for result in merged.values()]})

    @property
    def codes_path(self) -> Path:
        """Where encode writes the codes table."""
        return self.path / "codes.parquet"

    @property
    def samples_path(self) -> Path:
        """Where sample writes new codes."""
        return self.path / "samples.parquet"

    @property
    def figures(self) -> Path:
        """The folder of figures."""
        return self.path / "figures"

    @property
    def of_drawings(self) -> bool:
        """Whether a sample is a drawing, stroke-5 of shape (L, 5), and not a picture or a vector."""
        return self.spec["model"].get("net") == "lstm"

    def decode(self, z: np.ndarray, *, batch: int = 1024) -> np.ndarray:
        """Mean data at codes z (N, D), as float32 (N, *shape), `batch` at a time and without gradients."""
        return self.model.pictures(z, batch=batch)

    def shown(self, z: np.ndarray, *, seed: int = 0, temperature: float = TEMPERATURE) -> np.ndarray:
        """What a person is shown of codes: decoded pictures, or drawings (N, L, 5).

        Args:
            z: Codes, (N, D).
            seed: Of the drawings; pictures do not depend on it.
            temperature: Of the drawings, see `zscape.model.draw`; pictures have none.

        Raises:
            ValueError: If z is not (N, latent).
        """
        if self.of_drawings:
            return draw(self.model, z, temperature=temperature, seed=seed)
        return self.decode(z)

    def pictures(self, z: np.ndarray, *, seed: int = 0, temperature: float = TEMPERATURE) -> np.ndarray:
        """Pictures of codes, float32 (N, C, H, W): what `shown` gives, drawings as bitmaps of 64 pixels.

        So whatever compares or judges pictures works for drawings too.

        Args:
            z: Codes, (N, D).
            seed: Of the drawings; pictures do not depend on it.
            temperature: Of the drawings, see `zscape.model.draw`; pictures have none.

        Raises:
            ValueError: If z is not (N, latent), or samples are neither drawings nor of shape (C, H, W).
        """
        if self.of_drawings:
            return drawing.bitmaps(self.shown(z, seed=seed, temperature=temperature))
        if len(self.model.shape) != 3:
            raise ValueError(
                f"pictures need samples of shape (C, H, W) or drawings, but those of {self.path} have shape "
                f"{self.model.shape}; use decode"
            )
        return self.decode(z)

    def _json(self, name: str, maker: str) -> Any:  # noqa: ANN401 (JSON has no narrower type)
        path = self._present(name, maker)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, too many digits, too deep
            raise RunFormatError(
                f"{path} is not readable JSON ({error}); make it again with {maker}"
            ) from error

    def _present(self, name: str, maker: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise RunFormatError(f"{self.path} has no {name}; make it with {maker}")
        return path


def _check(
    found: Any,  # noqa: ANN401 (JSON has no narrower type)
    needed: dict[str, tuple[type, ...]],
    where: str,
    remedy: str,
    *,
    prefix: str = "",
) -> None:
    """Refuse JSON that lacks a dotted key or holds something of another type under it."""
    if not isinstance(found, dict):
        place = f"{where}{prefix or 'the file'}"
        raise RunFormatError(f"{place} needs to be an object, but is {_kind(found)}; {remedy}")
    for key, kinds in needed.items():
        *parents, last = key.split(".")
        holder = found
        for parent in parents:
            holder = holder[parent]
        full = f"{prefix}.{key}" if prefix else key
        if last not in holder:
            raise RunFormatError(f"{where}lacks {full}; {remedy}")
        if not any(_is(holder[last], kind) for kind in kinds):
            words = " or ".join(_WORDS[kind] for kind in kinds)
            raise RunFormatError(f"{where}{full} needs {words}, but is {_kind(holder[last])}; {remedy}")


def _is(value: object, kind: type) -> bool:
    """Whether JSON holds that kind: true is no number, a whole number will do for a float."""
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return isinstance(value, kind)


def _kind(value: object) -> str:
    return _WORDS.get(type(value), "true or false") if not isinstance(value, float) else str(value)


def _column(path: Path, name: str, cells: tuple[str, ...]) -> np.ndarray:
    if name == "split":
        strange = [cell for cell in cells if cell not in SPLITS]
        if strange:
            raise RunFormatError(
                f"{path} needs one of {', '.join(SPLITS)} under split, but holds {strange[0]!r}; "
                "fit the run again"
            )
        return np.array(cells)
    try:
        column = np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError as error:
        raise RunFormatError(
            f"{path} needs numbers under {name}, but one cannot be read ({error}); fit the run again"
        ) from error
    if name in ("step", "epoch") and not np.isfinite(column).all():
        raise RunFormatError(
            f"{path} needs whole numbers under {name}, but one is missing; fit the run again"
        )
    return column
