"""What a run folder holds or refers to, refused where it is not that of the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from zscape import codes as tables
from zscape import data as datasets
from zscape.app import console
from zscape.base import Codes, Data
from zscape.data import Images, Strokes
from zscape.errors import RunFormatError
from zscape.run import Run


def data_of(run: Run, data_dir: Path | None) -> Images | Strokes:
    """The data set that a run was fitted on, loaded with the options it was loaded with then.

    Raises:
        RunFormatError: If it was given as arrays, or is not the same data any more.
    """
    spec = dict(run.spec["data"])
    fingerprint = spec.pop("fingerprint")
    if data_dir is not None:
        spec["data_dir"] = data_dir
    data = datasets.load(**spec)
    if data.fingerprint != fingerprint:
        raise RunFormatError(
            f"{data.source} is not what {run.path} was fitted on any more (fingerprint {data.fingerprint}, "
            f"then {fingerprint}); put the old files back, or fit anew"
        )
    return data


def drawings_of(run: Run, data_dir: Path | None) -> Strokes:
    """The drawings that a run of drawings was fitted on.

    Raises:
        RunFormatError: As `data_of`, or if there are pictures now.
    """
    data = data_of(run, data_dir)
    if not isinstance(data, Strokes):
        raise RunFormatError(f"{run.path} was fitted on drawings, but {data.source} holds pictures")
    return data


def codes_of(run: Run, data: Images | Strokes | None = None) -> Codes:
    """The run's codes, refused if they are of other weights, or of other data where data is given."""
    codes = tables.load(run.codes_path)
    tables.check_origin(run.codes_path, run.model, data)
    if codes.latent != run.model.latent or (data is not None and len(codes) != len(data)):
        raise RunFormatError(
            f"{run.codes_path} does not belong to this run; make it again with zscape encode"
        )
    return codes


def samples_of(data: Data, rows: np.ndarray) -> np.ndarray:
    """These rows of a data set, as a model would see them."""
    return data.batch(torch.from_numpy(np.asarray(rows, dtype=np.int64)), "cpu")[0].numpy()


def remark_on_prior(run: Run, remedy: str) -> None:
    """Say so where nothing in the objective pulls codes to the prior."""
    if not {"kl", "mmd"} & set(run.spec["objective"]):
        console.tell(
            "note: nothing in this objective pulls codes to the prior, so it may lie where none are; "
            + remedy
        )
