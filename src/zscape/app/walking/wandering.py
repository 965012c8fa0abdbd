"""The whole of `zscape walk` from code to code: choose pairs, find paths, measure what changes, write."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zscape import codes as tables
from zscape import report as reports
from zscape import walk
from zscape.app import console
from zscape.app.stored import codes_of, data_of
from zscape.app.walking.asked import FOLDER, TRAVERSED, Between, check_places
from zscape.app.walking.ends import rows_between
from zscape.app.walking.keeping import keep_files
from zscape.app.walking.profiles import measured, reader_of
from zscape.base import Codes, Data
from zscape.errors import DataError, RunFormatError, SettingError
from zscape.files import whole_file, whole_folder, write_json
from zscape.report.path_measures import pair_measures, path_results
from zscape.report.path_words import short_searches
from zscape.report.sections import pictorial
from zscape.run import Run

_SMALL = 32  # pixels a side, below which style losses are remarked on


@dataclass(frozen=True)
class _Found:
    """Paths of all kinds, and what searches for them say of each path, by kind and name."""

    z: dict[str, np.ndarray]
    search: dict[str, dict[str, list[float]]]


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
    # What is wrong with the codes is said before anything is written.
    in_use = len(walk.ranked(table)) > 0
    _check_kinds(run, asked)
    reader = reader_of(run, asked, data_dir)
    rows, choices = rows_between(table, asked)
    folder = path / FOLDER if out is None else out
    with console.progress("walk") as told:
        found = _paths(run, table, rows, asked, told)
        total = len(asked.kinds) * len(rows)
        profiles, style = measured(
            run, found.z, reader, told=lambda done: told(done, total, "pictures along paths")
        )
        made = walk.PathSet(table.id[rows], choices, found.z, profiles)
        told(total, total, "figures")
        notes = _notes(run, table, rows, asked) | {"style": style or None, "search": found.search}
        with whole_folder(folder, check=lambda _: check_places(path, out)) as hidden:
            paths = _write(run, made, notes, _originals(run, data_dir), hidden)
            if out is None:
                keep_files(folder, hidden, TRAVERSED)
    _remark(run, table, notes, in_use=in_use)
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
    search: dict[str, dict[str, list[float]]] = {}
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
            search[kind] = _of_the_search(geodesics)
    return _Found(found, search)


def _geodesics(
    run: Run, table: Codes, ends: tuple[np.ndarray, np.ndarray], asked: Between
) -> walk.GeodesicPaths:
    cost = walk.distance_cost(table, neighbours=asked.neighbours, weight=asked.cost) if asked.cost else None
    with run.model.evaluating() as device:
        search = walk.Search(device=str(device))
        return walk.geodesic_paths(
            *ends, decode=lambda z: run.model.decode(z).mean, steps=asked.steps, cost=cost, search=search
        )


def _of_the_search(found: walk.GeodesicPaths) -> dict[str, list[float]]:
    first, last = found.energy[0], found.energy[-1]
    return {
        "converged": found.converged.astype(float).tolist(),
        "excess": found.excess.tolist(),
        "energy_share": (last / np.where(first > 0, first, 1)).tolist(),
    }


def _notes(run: Run, table: Codes, rows: np.ndarray, asked: Between) -> dict[str, Any]:
    notes: dict[str, Any] = {
        "kinds": list(asked.kinds),
        "pairs": [f"{name}:{count}" for name, count in asked.pairs],
        "within": asked.within,
        "between": None if asked.classes is None else list(asked.classes),
        # Of few codes all the others are neighbours.
        "neighbours": min(asked.neighbours, len(table) - 1),
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


def _originals(run: Run, data_dir: Path | None) -> Data | None:
    """The data set, to show both ends as they are; None, and said so, where it is not there any more."""
    if not pictorial(run):
        return None
    try:
        return data_of(run, data_dir)
    except (DataError, RunFormatError) as error:
        console.tell(f"note: ends are shown without their originals: {error}")
        return None


def _remark(run: Run, table: Codes, notes: Mapping[str, Any], *, in_use: bool) -> None:
    """Say what a reader of the figures would not see."""
    if not pictorial(run):
        console.tell(
            "note: samples of this run are no pictures, so none are drawn; decode the codes of paths.parquet"
        )
    if not in_use:
        console.tell(
            f"note: none of the {table.latent} latents is in use, so every path decodes to much the same; "
            "fit with less weight on what holds codes to the prior"
        )
    for said in short_searches(notes):
        console.tell(f"note: {said}")
    side = min(run.model.shape[1:]) if notes["style"] and not run.of_drawings else _SMALL
    if side < _SMALL:
        console.tell(
            f"note: style is read off pictures of {side} pixels, little for a network trained on 224; "
            "--style none leaves it out"
        )


def _write(
    run: Run, made: walk.PathSet, notes: dict[str, Any], data: Data | None, folder: Path
) -> dict[str, Path]:
    paths = {
        "paths": folder / "paths.parquet",
        "pairs": folder / "pairs.csv",
        "results": folder / "results.json",
    }
    walk.save_paths(made, paths["paths"], notes=notes)
    _write_pairs(made, notes, paths["pairs"])
    results = path_results(made, notes)
    write_json(paths["results"], {"measures": [each.to_dict() for each in results]})
    return paths | reports.write_paths(run, made, notes, results, folder, data)


def _write_pairs(made: walk.PathSet, notes: Mapping[str, Any], path: Path) -> None:
    """A row a pair and kind of path: its ends, and the measures of the path."""
    measures = pair_measures(made, notes)
    names = list(dict.fromkeys(name for columns in measures.values() for name in columns))
    classes = notes.get("classes")
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        named = [] if classes is None else ["start_class", "end_class"]
        writer.writerow(["pair", "kind", "choice", "start", "end", *named, *names])
        for pair, (ends, choice) in enumerate(zip(made.ends.tolist(), made.choices, strict=True)):
            for kind, columns in measures.items():
                values = [columns[name][pair] if name in columns else np.nan for name in names]
                known = [] if classes is None else classes[pair]
                shown = ["" if np.isnan(value) else f"{value:.9g}" for value in values]
                writer.writerow([pair, kind, choice, *ends, *known, *shown])
