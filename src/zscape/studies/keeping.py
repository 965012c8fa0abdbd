"""What a study keeps, so that a stopped one goes on where it was: models, judges, measurements."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import zscape
from zscape import codes as tables
from zscape.base import Data, Objective
from zscape.errors import RunFormatError, SettingError
from zscape.files import write_json
from zscape.judge import Judge
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.schedules import Schedule
from zscape.training import Adam, Engine, Progress
from zscape.training.settings import adam_to_spec, changed, describe_objective, weighted

# Measured on one thread: what a network does in a second, and what a sample costs whatever its network.
_OPERATIONS = 1.5e11
_OVERHEAD = 2e-5


@dataclass(frozen=True)
class Wanted:
    """A model that a study needs.

    Attributes:
        name: Of its run folder.
        build: Makes the model; its weights follow from `seed` alone.
        objective: Weighted terms by name.
        epochs: Passes through the training split.
        batch: Samples a step.
        seed: Of weights, order and every draw of the fit.
        rate: Of Adam, a number or a schedule over steps.
        betas: Of Adam.
        clip_norm: Largest norm of all gradients together; None for no limit.
        engine: How it is computed.
    """

    name: str
    build: Callable[[], Autoencoder]
    objective: Objective
    epochs: int
    batch: int
    seed: int
    rate: float | Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = None
    engine: Engine = field(default_factory=Engine)

    @property
    def optimiser(self) -> Adam:
        """How the parameters move."""
        return Adam(rate=self.rate, betas=self.betas, clip_norm=self.clip_norm)

    def fresh(self) -> Autoencoder:
        """The model before its fit; torch's random state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.build()

    def seconds(self, folder: Path, data: Data) -> float:
        """About how long its fit will take on one thread; 0 where it is done."""
        if _is_done(folder / self.name):
            return 0.0
        weights = sum(weight.numel() for weight in self.fresh().parameters())
        samples = self.epochs * len(data.splits["train"])
        return samples * (6 * weights / _OPERATIONS + _OVERHEAD)


def fitted(
    folder: Path, wanted: Wanted, data: Data, told: Callable[[float, str], None] = lambda share, words: None
) -> Run:
    """The run of a wanted model, with codes: found, gone on with or fitted, as its folder has it.

    Args:
        folder: Holds the run folders.
        wanted: The model.
        data: What it is fitted on.
        told: Told the share of the fit that is done.

    Raises:
        SettingError: If the folder holds a run of other settings.
        RunFormatError: If the folder holds a run that cannot be read, or codes of other weights.
    """
    path = folder / wanted.name

    def watch(progress: Progress) -> None:
        told(progress.step / progress.total, f"epoch {progress.epoch}/{progress.epochs}")

    if (path / "spec.json").is_file():
        run = Run(path)
        _refuse_another(run, wanted, data)
        if not _is_done(path):
            run = zscape.resume(path, data, watch=watch)
    else:
        _clear_unbegun(path)
        run = zscape.fit(
            wanted.fresh(),
            wanted.objective,
            data,
            out=path,
            epochs=wanted.epochs,
            batch=wanted.batch,
            seed=wanted.seed,
            optimiser=wanted.optimiser,
            engine=wanted.engine,
            watch=watch,
        )
    if not run.codes_path.exists():
        tables.encode_file(run.model, data, run.codes_path)
    tables.check_origin(run.codes_path, run.model, data)
    return run


def remembered(path: Path, settings: dict[str, Any], make: Callable[[], Any], *, commit: str) -> Any:  # noqa: ANN401 (JSON)
    """What `make` gives, kept as JSON at `path` and used again as long as the settings stay the same.

    Args:
        path: The file.
        settings: Whatever the value depends on, as JSON can hold it.
        make: Makes the value; called when the file is missing or of other settings.
        commit: Of the code that makes it, kept beside it: that of the order, as by the time a value is made
            the tree may have another.

    Raises:
        RunFormatError: If the file is there and cannot be read.
    """
    settings = json.loads(json.dumps(settings))
    if path.is_file():
        found = _read(path)
        if found["settings"] == settings:
            return found["value"]
    value = make()
    write_json(path, {"settings": settings, "commit": commit, "value": value})
    # As it will be read the next time: tuples are lists in JSON.
    return json.loads(json.dumps(value))


def commits(folder: Path) -> list[str]:
    """The commits of the code that made what is kept in a folder and those in it, each once.

    Raises:
        RunFormatError: If a file there cannot be read.
    """
    return sorted({_read(path)["commit"] for path in folder.rglob("*.json")})


def judge_of(path: Path, settings: dict[str, Any], make: Callable[[], Judge], *, commit: str) -> Judge:
    """The judge that `make` trains, kept at `path` and used again as long as the settings stay the same.

    Args:
        path: The file of its weights; the settings are kept beside it.
        settings: Whatever the judge depends on, as JSON can hold it.
        make: Trains the judge; called when the file is missing or of other settings.
        commit: As for `remembered`.
    """
    note = path.with_suffix(".json")
    if not path.is_file():
        note.unlink(missing_ok=True)

    def train() -> None:
        # A note of older settings beside newer weights, after a kill between the two, would be believed.
        note.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        make().save(path)

    remembered(note, settings, train, commit=commit)
    return Judge.load(path)


def digest_of(run: Run) -> str:
    """Short hash of a run's weights, by which a measurement knows whether it is of them."""
    return hashlib.sha256((run.path / "weights.safetensors").read_bytes()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunFormatError(
            f"{path} is not readable JSON ({error}); delete it, and it is made anew"
        ) from error
    if not isinstance(found, dict) or found.keys() != {"settings", "commit", "value"}:
        raise RunFormatError(
            f"{path} needs settings, a commit and a value, but is something else; delete it, and it is made "
            "anew"
        )
    return found


def _is_done(path: Path) -> bool:
    return (path / "last.safetensors").is_file()


def _refuse_another(run: Run, wanted: Wanted, data: Data) -> None:
    asked = {
        "data": data.fingerprint,
        "model": wanted.fresh().to_spec(),
        "objective": describe_objective(weighted(wanted.objective)),
        "epochs": wanted.epochs,
        "batch": wanted.batch,
        "seed": wanted.seed,
        "optimiser": adam_to_spec(wanted.optimiser),
    }
    found = {**run.spec, "data": run.spec["data"]["fingerprint"]}
    other = changed(found, asked, asked)
    if other:
        raise SettingError(
            f"the study needs {run.path} with {other[0]} {asked[other[0]]}, but it was fitted with "
            f"{found[other[0]]}; give another --out, or delete that folder"
        )


def _clear_unbegun(path: Path) -> None:
    """Remove what a fit that was killed before its first step left: it has no spec and cannot be resumed."""
    if path.is_dir() and {entry.name for entry in path.iterdir()} <= {"checkpoint.ckpt", "splits.npz"}:
        shutil.rmtree(path)
