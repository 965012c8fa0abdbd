"""The whole of `zscape walk` from code to code: choose pairs, find paths, measure what changes, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zscape import codes as tables
from zscape import report as reports
from zscape import walk
from zscape.app import console
from zscape.app.stored import codes_of
from zscape.app.walking.asked import FOLDER, TRAVERSED, Between, check_places
from zscape.app.walking.ends import rows_between
from zscape.app.walking.keeping import keep_files
from zscape.app.walking.profiles import measured, reader_of
from zscape.base import Codes, Result
from zscape.errors import SettingError
from zscape.files import whole_folder, write_json
from zscape.report.sections import pictorial
from zscape.run import Run


@dataclass(frozen=True)
class _Found:
    """Paths of all kinds, and what the search for geodesics says of itself."""

    z: dict[str, np.ndarray]
    results: list[Result]


def wander(
    path: Path, asked: Between, *, out: Path | None = None, data_dir: Path | None = None
) -> dict[str, Path]:
    """Walk from code to code, and write paths, pictures along them, and what changes at each step.

    Args:
        path: Run folder.
        asked: Which codes to walk between, and how.
        out: A new folder to write to; walk/ in the run folder if not given, in which walks along latents
            stay.
        data_dir: Folder of data sets, to look for weights of a feature network in first.

    Returns:
        Paths of what was written.

    Raises:
        RunFormatError: If the run has no codes, or they are of other weights.
        DataError: If weights that are asked for are not there.
        SettingError: If what is asked for is not in the codes, or the folder holds something else.
    """
    check_places(path, out)
    run = Run(path)
    table = codes_of(run)
    if len(table) < 2:
        raise SettingError(f"a walk needs codes of 2 or more samples, but {run.codes_path} has {len(table)}")
    _check_kinds(run, asked)
    reader = reader_of(run, asked, data_dir)
    rows = rows_between(table, asked)
    folder = path / FOLDER if out is None else out
    with console.progress("walk") as told:
        found = _paths(run, table, rows, asked, told)
        total = len(asked.kinds) * len(rows)
        profiles, results = measured(
            run, found.z, reader, told=lambda done: told(done, total, "pictures along paths")
        )
        made = walk.PathSet(table.id[rows].astype(np.int64), found.z, profiles)
        with whole_folder(folder, check=lambda _: check_places(path, out)) as hidden:
            paths = _write(run, table, made, _notes(run, table, rows, asked), hidden)
            paths["results"] = hidden / "results.json"
            measures = [result.to_dict() for result in found.results + results]
            write_json(paths["results"], {"measures": measures})
            if out is None:
                keep_files(folder, hidden, TRAVERSED)
    if not pictorial(run):
        console.tell(
            "note: samples of this run are no pictures, so none are drawn; decode the codes of paths.parquet"
        )
    return {name: folder / written.relative_to(hidden) for name, written in paths.items()}


def _check_kinds(run: Run, asked: Between) -> None:
    if "geodesic" in asked.kinds and run.of_drawings:
        raise SettingError(
            "a geodesic needs a decoder that gradients pass through, but drawings are drawn point by point; "
            "--path graph follows the data without one"
        )


def _paths(run: Run, table: Codes, rows: np.ndarray, asked: Between, told: console.Told) -> _Found:
    start, end = (table.mean[rows[:, side]].astype(np.float64) for side in (0, 1))
    simple: dict[str, Callable[..., np.ndarray]] = {
        "linear": walk.linear_path,
        "spherical": walk.spherical_path,
        "norm-corrected": walk.norm_corrected_path,
    }
    found: dict[str, np.ndarray] = {}
    results: list[Result] = []
    for kind in asked.kinds:
        told(0, 0, f"{len(rows)} {kind} paths")
        if kind in simple:
            found[kind] = simple[kind](start, end, steps=asked.steps)
        elif kind == "graph":
            found[kind] = walk.graph_paths(
                start, end, codes=table, steps=asked.steps, neighbours=asked.neighbours
            ).z
        else:
            geodesics = _geodesics(run, table, (start, end), asked)
            found[kind] = geodesics.z
            results = _of_the_search(geodesics)
    return _Found(found, results)


def _geodesics(
    run: Run, table: Codes, ends: tuple[np.ndarray, np.ndarray], asked: Between
) -> walk.GeodesicPaths:
    cost = walk.distance_cost(table, neighbours=asked.neighbours, weight=asked.cost) if asked.cost else None
    with run.model.evaluating() as device:
        search = walk.Search(device=str(device))
        return walk.geodesic_paths(
            *ends, decode=lambda z: run.model.decode(z).mean, steps=asked.steps, cost=cost, search=search
        )


def _of_the_search(found: walk.GeodesicPaths) -> list[Result]:
    count = len(found.converged)
    return [
        Result(
            "geodesic_converged",
            float(found.converged.mean()),
            None,
            None,
            count,
            f"of {count} paths",
            f"share of geodesics whose energy is within {walk.Search().tolerance:g} of a minimum, by the "
            f"slope along the next step; {found.iterations.mean():.1f} iterations in the mean, "
            f"{found.iterations.max()} at most",
        ),
        Result(
            "geodesic_energy_share",
            float(np.mean(found.energy[-1] / np.where(found.energy[0] > 0, found.energy[0], 1))),
            None,
            None,
            count,
            "",
            "energy of geodesics over that of the straight lines that the search begins at, mean over paths",
        ),
    ]


def _notes(run: Run, table: Codes, rows: np.ndarray, asked: Between) -> dict[str, Any]:
    notes: dict[str, Any] = {
        "kinds": list(asked.kinds),
        "pairs": [f"{name}:{count}" for name, count in asked.pairs],
        "within": asked.within,
        "between": None if asked.classes is None else list(asked.classes),
        "neighbours": asked.neighbours,
        "cost": asked.cost,
        "seed": asked.seed,
        "run": run.path.resolve().name,
        "weights": tables.hash_of_weights(run.model),
    }
    if table.label is not None:
        known = dict(enumerate(table.names))
        notes["classes"] = [
            [known.get(which, str(which)) for which in pair] for pair in table.label[rows].tolist()
        ]
    return notes


def _write(
    run: Run, table: Codes, made: walk.PathSet, notes: dict[str, Any], folder: Path
) -> dict[str, Path]:
    paths = {"paths": folder / "paths.parquet"}
    walk.save_paths(made, paths["paths"], notes=notes)
    return paths | reports.write_paths(run, made, notes, folder)
