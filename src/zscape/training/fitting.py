"""Fit a model, or go on with a fit that was stopped."""

from __future__ import annotations

import operator
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

import zscape
from zscape.base import Data, Objective
from zscape.errors import SettingError
from zscape.model import Autoencoder
from zscape.run import Run
from zscape.training.loop import FORMAT, Loop
from zscape.training.settings import (
    Adam,
    Engine,
    adam_from_spec,
    adam_to_spec,
    describe_objective,
    library_versions,
    need_json,
    rebuild_objective,
    weighted,
)
from zscape.training.watching import Watch


def fit(
    model: Autoencoder,
    objective: Objective,
    data: Data,
    *,
    out: str | os.PathLike[str],
    epochs: int = 30,
    batch: int = 128,
    seed: int = 0,
    optimiser: Adam | None = None,
    engine: Engine | None = None,
    watch: Watch | None = None,
) -> Run:
    """Fit a model to the training split of a data set and write a run folder.

    Batches are full: an epoch leaves out the rows that fill no batch, other ones each time. The weights kept
    as `weights.safetensors` are those of the epoch with the smallest validation loss, taken with all weights
    and capacities as they stand at the end of the fit, so that a warm-up does not make early epochs look
    good.

    Steps so small that several threads would only wait for each other are done in one.

    The result depends on the arguments and on the model's initial weights alone, not on checkpoints or
    interruptions. Several processes give the result of one, within rounding, but for networks with dropout or
    batch normalisation, for data that are augmented and for terms that need the whole batch and yet read `x`
    or `decoded`.

    Args:
        model: The model; trained in place, and left on the engine's device with the weights of the last step.
        objective: Terms by name, each bare or `Weighted`; see `zscape.recipes`.
        data: The data set; its splits "train" and, if not empty, "validation" are used.
        out: The run folder; must not exist yet, or be empty.
        epochs: Passes through the training split.
        batch: Samples a step, over all processes.
        seed: Fixes the order of samples and every random draw of the fit.
        optimiser: How parameters move, and when to stop early; `Adam()` if not given.
        engine: Devices, precision and how often to report; `Engine()` if not given.
        watch: Called with a `Progress` at every row of the history, in process 0.

    Returns:
        The run.

    Raises:
        ValueError: If a number is out of range, the data does not fit the model, or `out` holds something.
        TypeError: If a term is not a function, or a number of epochs, batch or seed is not whole.
        DivergedError: If a loss stops being finite.
        StoppedError: If SIGINT or SIGTERM stopped the fit; it is checkpointed and `resume` continues it.
    """
    optimiser, engine = optimiser or Adam(), engine or Engine()
    epochs, batch, seed = (operator.index(number) for number in (epochs, batch, seed))
    if epochs < 1 or batch < 1 or seed < 0:
        raise ValueError(
            f"fit needs epochs >= 1, batch >= 1 and seed >= 0, but got {epochs}, {batch} and {seed}"
        )
    if tuple(model.shape) != tuple(data.shape):
        raise ValueError(f"the model takes samples of shape {model.shape}, but the data's are {data.shape}")
    parts = weighted(objective)
    spec = {
        "format": FORMAT,
        "zscape": zscape.__version__,
        "versions": library_versions(),
        "data": {**data.to_spec(), "fingerprint": data.fingerprint},
        "model": model.to_spec(),
        "objective": describe_objective(parts),
        "optimiser": adam_to_spec(optimiser),
        "engine": asdict(engine),
        "epochs": epochs,
        "batch": batch,
        "seed": seed,
    }
    need_json(spec)
    loop = Loop(model, parts, data, Path(out), spec, optimiser=optimiser, engine=engine, watch=watch)
    return loop.start()


def resume(
    path: str | os.PathLike[str],
    data: Data,
    *,
    objective: Objective | None = None,
    model: Autoencoder | None = None,
    watch: Watch | None = None,
) -> Run:
    """Continue a fit that was stopped or killed.

    It ends as it would have ended undisturbed, bit for bit. A finished run is returned as it is.

    Args:
        path: The run folder.
        data: The data set it was fitted on.
        objective: The objective, if it holds terms or schedules of your own; else rebuilt from spec.json.
        model: The model, if it wraps networks of your own; else rebuilt from spec.json.
        watch: As for `fit`.

    Returns:
        The run.

    Raises:
        RunFormatError: If the folder is not a run or its checkpoint cannot be read.
        SettingError: If the objective or the model cannot be rebuilt, or differs from what was asked.
        ValueError: If the data or its splits are not the run's.
        DivergedError: If a loss stops being finite.
        StoppedError: If a signal stopped the fit again.
    """
    run = Run(path, model)
    spec = run.spec
    if data.fingerprint != spec["data"]["fingerprint"]:
        raise ValueError(
            f"{run.path} was fitted on other data (fingerprint {spec['data']['fingerprint']}, but got "
            f"{data.fingerprint}); load it with the options in {run.path / 'spec.json'}"
        )
    for split, rows in run.splits.items():
        if not np.array_equal(rows, data.splits.get(split, ())):
            raise ValueError(
                f"the data's {split} split is not the one that {run.path} was fitted with; load it with the "
                f"options in {run.path / 'spec.json'}"
            )
    parts = rebuild_objective(spec["objective"]) if objective is None else weighted(objective)
    if describe_objective(parts) != spec["objective"]:
        raise SettingError(f"the objective given is not the one that {run.path / 'spec.json'} describes")
    model = model if model is not None else Autoencoder.from_spec(spec["model"])
    loop = Loop(
        model,
        parts,
        data,
        run.path,
        spec,
        optimiser=adam_from_spec(spec["optimiser"]),
        engine=Engine(**spec["engine"]),
        watch=watch,
    )
    return loop.go_on()
