"""What the commands do: each verb on a run folder, with progress."""

from __future__ import annotations

import logging
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import zscape
from zscape import codes as tables
from zscape import measure as measures
from zscape import report as reports
from zscape import studies
from zscape.app import console, sketching
from zscape.app.sampling import command
from zscape.app.sampling.asked import Asked
from zscape.app.sampling.measuring import Compared, Measured
from zscape.app.settings import Settings, build, gather
from zscape.app.stored import codes_of, data_of
from zscape.app.walking.asked import Between
from zscape.app.walking.wandering import wander
from zscape.base import Codes, Result
from zscape.errors import RunFormatError, SettingError
from zscape.run import Run
from zscape.training import Progress

# Small enough for half a minute; the learned spread of the pixels keeps all eight latents in use.
_DEMO: Settings = {
    "data.name": "digits",
    "recipe.name": "vae",
    "model.latent": 8,
    "model.widths": [256],
    "model.activation": "relu",
    "head.name": "gaussian",
    "head.std": "none",
    "epochs": 100,
    "batch": 32,
}
# Between digits that are near, so that paths differ; style losses say little of 8 by 8 pixels.
_DEMO_WALK = Between(
    pairs=(("random", 3), ("furthest", 1)),
    classes=("3", "8"),
    kinds=("linear", "graph", "geodesic"),
    style="none",
)
_DEMO_MARK = "demo"


def fit(
    config: Path | None, flags: Settings, pairs: Sequence[str], *, out: Path, data_dir: Path | None
) -> Run:
    """Fit what the settings describe."""
    _quiet_engine()
    request = build(gather(config, flags, pairs), data_dir=data_dir)
    with console.progress("fit") as told:
        return zscape.fit(
            request.model, request.objective, request.data, out=out, watch=_watcher(told), **request.options
        )


def resume(path: Path, data_dir: Path | None) -> Run:
    """Continue a stopped fit."""
    _quiet_engine()
    data = data_of(Run(path), data_dir)
    with console.progress("fit") as told:
        return zscape.resume(path, data, watch=_watcher(told))


def encode(path: Path, batch: int, data_dir: Path | None) -> Path:
    """Encode the run's data set."""
    run = Run(path)
    _drop_stale(run)
    with console.progress("encode") as told:
        tables.encode_file(
            run.model,
            data_of(run, data_dir),
            run.codes_path,
            batch=batch,
            told=lambda done, total: told(done, total, "samples"),
        )
    return run.codes_path


def measure(
    path: Path, split: str, *, samples: int, limit: int, seed: int, data_dir: Path | None
) -> list[Result]:
    """Measure one split, and disentanglement on all rows; record the results."""
    run = Run(path)
    data = data_of(run, data_dir)
    table = codes_of(run, data)
    codes = table.of(split)
    rows = len(codes)
    codes = _some(codes, limit, seed)
    x = data.batch(torch.from_numpy(codes.id), "cpu")[0].numpy()
    with console.progress("measure") as told:
        # Nearly all the time goes into likelihoods of draws, so progress is counted in them.
        draws = 0 if codes.logvar is None else samples
        total, state = len(codes) * (draws + run.of_drawings), {"done": 0, "name": ""}

        def step(name: str) -> None:
            state["name"] = name
            told(state["done"], total if state["done"] < total else 0, name)

        def log_prob(x: np.ndarray, z: np.ndarray) -> np.ndarray:
            state["done"] += len(x)
            told(state["done"], total, f"{state['name']} (--samples {samples})")
            return run.model.log_prob(x, z)

        results = measures.everything(
            codes,
            x,
            # Of drawings, the mean would be one of many that a code stands for.
            xhat=None if run.of_drawings else run.decode(codes.mean),
            log_prob=log_prob,
            samples=samples,
            seed=seed,
            on_step=step,
        )
    if len(codes) < rows:
        note = f", a random {len(codes):,} of its {rows:,} rows (seed {seed})"
        results = [replace(result, definition=result.definition + note) for result in results]
    if split != "test":
        # The test split is what a reader takes a number for; others say so in their names.
        results = [replace(result, name=f"{split}_{result.name}") for result in results]
    results += _disentanglement(table, seed)
    run.record(results)
    return results


def _disentanglement(table: Codes, seed: int) -> list[Result]:
    """Scores of all rows, where two factors or more are known; what cannot be scored is a note."""
    factors = measures.whole_factors(table)
    if len(factors) < 2:
        return []
    with console.progress("disentanglement") as told, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        results = measures.disentanglement(
            table, factors, seed=seed, on_step=lambda name: told(0, 0, f"{name}, all {len(table):,} rows")
        )
    for warning in caught:
        console.tell(f"note: {warning.message}")
    note = f", on all {len(table):,} rows of all splits"
    return [replace(result, definition=result.definition + note) for result in results]


def sample(
    path: Path, asked: Asked, *, out: Path | None = None, data_dir: Path | None = None
) -> tuple[dict[str, Path], Compared]:
    """Draw codes, decode them, and measure them as a set."""
    return command.sample(path, asked, out=out, data_dir=data_dir)


def draw(
    path: Path, asked: sketching.Asked, *, out: Path | None = None, data_dir: Path | None = None
) -> dict[str, Path]:
    """Draw with a model of drawings."""
    return sketching.sketch(path, asked, out=out, data_dir=data_dir)


def show_samples(compared: Compared) -> None:
    """The measures of a set as a table."""
    measures = compared.measures
    columns = ["measure of the set", "value", "unit"]
    rows: list[tuple[object, ...]] = [(m.name, m.value, m.unit) for m in measures]
    if compared.beside:
        columns.insert(2, f"mean (range) of {compared.beside}")
        rows = [(m.name, m.value, _among(m), m.unit) for m in measures]
    if measures:
        console.table(columns, rows)


def _among(measured: Measured) -> str:
    if measured.iid_mean is None:
        return ""
    return f"{measured.iid_mean:.5g} ({measured.iid_low:.5g} to {measured.iid_high:.5g})"


def report(path: Path, *, tsne: bool, seed: int, data_dir: Path | None) -> Path:
    """Write the report."""
    run = Run(path)
    data = data_of(run, data_dir)
    if run.codes_path.exists():
        codes_of(run, data)
    with console.progress("report") as told:
        return reports.write(run, data, tsne=tsne, seed=seed, watch=told)


def study(name: str, scale: str, out: Path | None, data_dir: Path | None) -> Path:
    """Run a published experiment."""
    _quiet_engine()
    with console.progress(name) as told:
        return studies.run(name, scale=scale, out=out, data_dir=data_dir, watch=told)


def demo(out: Path) -> Path:
    """Every verb on the embedded digits."""
    if out.exists():
        _clear_demo(out)
    try:
        run = fit(None, _DEMO, [], out=out, data_dir=None)
    finally:
        if out.is_dir():
            (out / _DEMO_MARK).touch()
    encode(out, 1024, None)
    results = measure(out, "test", samples=200, limit=10_000, seed=0, data_dir=None)
    rows = [
        (r.name, r.value, "" if r.low is None else f"{r.low:.5g} to {r.high:.5g}", r.unit) for r in results
    ]
    console.table(("measure", "value", "95 % interval", "unit"), rows)
    _, compared = sample(out, Asked(method="quantize"))
    show_samples(compared)
    distance = compared.measures[0]
    nearer = (distance.iid_mean or 0.0) / distance.value
    console.tell(
        f"24 codes drawn as a set are {nearer:.1f} times nearer to the prior than independent ones (squared "
        "energy distance); the report shows both"
    )
    wander(out, _DEMO_WALK)
    return report(run.path, tsne=False, seed=0, data_dir=None)


def _drop_stale(run: Run) -> None:
    """Remove what was measured on and drawn from codes of weights that the run no longer has."""
    if not run.codes_path.exists():
        return
    try:
        tables.check_origin(run.codes_path, run.model)
    except RunFormatError:
        for path in (run.path / "results.json", run.samples_path, run.path / "by-class.npz"):
            if path.exists():
                path.unlink()
                console.tell(f"{path} was of other weights and is removed; make it again")


def _some(codes: Codes, limit: int, seed: int) -> Codes:
    if len(codes) <= limit:
        return codes
    return codes.take(np.sort(np.random.default_rng(seed).choice(len(codes), limit, replace=False)))


def _watcher(told: console.Told) -> Any:  # noqa: ANN401 (a function of Progress)
    words = {"train": "", "validation": ""}

    def watch(progress: Progress) -> None:
        row = progress.values
        words[row["split"]] = f"{row['split']} {row['total']:.4g}"
        rate = f"{progress.samples_per_second:,.0f} samples/s" if progress.samples_per_second else ""
        state = f"epoch {progress.epoch}/{progress.epochs}"
        text = "  ".join(filter(None, (state, *words.values(), rate)))
        told(progress.step, progress.total, text)

    return watch


def _clear_demo(out: Path) -> None:
    if not (out / _DEMO_MARK).is_file() and any(out.iterdir()):
        raise SettingError(f"{out} was not made by zscape demo, so it is not replaced; give another --out")
    shutil.rmtree(out)


def _quiet_engine() -> None:
    """Keep the engine's notes on devices and precision out of the progress."""
    # The parent logger's level is set anew when the engine is imported; those below it keep theirs.
    for name in ("lightning_fabric.utilities.rank_zero", "lightning_utilities.core.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
