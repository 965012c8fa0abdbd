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
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from zscape.base import Result
from zscape.errors import RunFormatError
from zscape.files import write_json
from zscape.model import Autoencoder


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
        if not isinstance(spec, dict):
            raise RunFormatError(
                f"{self.path / 'spec.json'} needs a JSON object, but holds {type(spec).__name__}"
            )
        missing = [key for key in ("data", "model", "objective", "seed") if key not in spec]
        if missing:
            raise RunFormatError(f"{self.path / 'spec.json'} lacks {', '.join(missing)}; fit the run again")
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
            with np.load(path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise RunFormatError(f"{path} cannot be read ({error}); fit the run again") from error

    def history(self) -> dict[str, np.ndarray]:
        """Columns of history.csv: floats with nan where a cell is empty, but for the strings of `split`."""
        with self._present("history.csv", "zscape fit").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = rows[0].keys() if rows else ()
        return {name: _column(name, [row[name] for row in rows]) for name in names}

    def results(self) -> list[Result]:
        """What has been measured so far; empty before the first measure."""
        if not (self.path / "results.json").exists():
            return []
        return [Result(**entry) for entry in self._json("results.json", "zscape measure")["measures"]]

    def record(self, results: list[Result]) -> None:
        """Add results; one of the same name replaces the older one.

        Raises:
            ValueError: If a value is not finite.
        """
        for result in results:
            if not math.isfinite(result.value):
                raise ValueError(f"results need finite values, but {result.name} is {result.value}")
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

    def decode(self, z: np.ndarray, *, batch: int = 1024) -> np.ndarray:
        """Mean data at codes z (N, D), as float32 (N, *shape), `batch` at a time and without gradients."""
        return self.model.pictures(z, batch=batch)

    def _json(self, name: str, maker: str) -> Any:  # noqa: ANN401 (JSON has no narrower type)
        path = self._present(name, maker)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunFormatError(
                f"{path} is not readable JSON ({error}); make it again with {maker}"
            ) from error

    def _present(self, name: str, maker: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise RunFormatError(f"{self.path} has no {name}; make it with {maker}")
        return path


def _column(name: str, cells: list[str]) -> np.ndarray:
    if name == "split":
        return np.array(cells)
    return np.array([float(cell) if cell else np.nan for cell in cells])
