"""The whole of `zscape walk`: choose latents, walk, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zscape import codes as tables
from zscape import report as reports
from zscape import walk
from zscape.app import console
from zscape.app.stored import codes_of, remark_on_prior
from zscape.app.walking.asked import FOLDER, WANDERED, Asked, check_places
from zscape.app.walking.keeping import keep_files
from zscape.base import Codes
from zscape.errors import SettingError, nearest
from zscape.files import whole_folder
from zscape.measure import histogram_information
from zscape.report.sections import pictorial
from zscape.report.walks import MOST, QUANTILES, Walk, plain_factors
from zscape.run import Run


def traverse(path: Path, asked: Asked, *, out: Path | None = None) -> dict[str, Path]:
    """Walk along latents, one at a time, and write codes, pictures and answers to factors.

    Args:
        path: Run folder.
        asked: Where to walk.
        out: A new folder to write to; walk/ in the run folder if not given, in which walks from code to code
            stay.

    Returns:
        Paths of what was written.

    Raises:
        RunFormatError: If the run has no codes, or they are of other weights.
        SettingError: If what is asked for is not in the codes, or the folder holds something else.
    """
    check_places(path, out)
    run = Run(path)
    table = codes_of(run)
    if len(table) < 2:
        raise SettingError(f"a walk needs codes of 2 or more samples, but {run.codes_path} has {len(table)}")
    latents = _latents(table, asked)
    start = _start(run, table, asked)
    folder = path / FOLDER if out is None else out
    with console.progress("walk") as told:
        told(0, 3, f"{len(latents)} latents")
        ways = walk.traversals(table, start=start, steps=asked.steps, quantiles=QUANTILES, latents=latents)
        told(1, 3, f"{asked.steps * len(latents)} codes")
        made = Walk(ways, _notes(run, asked))
        with whole_folder(folder, check=lambda _: check_places(path, out)) as hidden:
            paths = _write(run, table, made, hidden)
            if out is None:
                keep_files(folder, hidden, WANDERED)
        told(3, 3, "written")
    if not pictorial(run):
        console.tell(
            "note: samples of this run are no pictures, so none are drawn; decode the codes of walk.parquet"
        )
    return {name: folder / written.relative_to(hidden) for name, written in paths.items()}


def _latents(table: Codes, asked: Asked) -> Sequence[int]:
    """Those to move; what is left out is told."""
    if asked.latents:
        strange = [latent for latent in asked.latents if latent >= table.latent]
        if strange:
            raise SettingError(
                f"--latents needs some of z1 to z{table.latent}, but got {walk.latent_name(strange[0])}"
            )
        return asked.latents
    ranked = walk.ranked(table, importance=_importance(table, asked)).tolist()
    idle = sorted(set(range(table.latent)) - set(ranked))
    if idle:
        console.tell(
            f"note: not in use, as their means vary by less than 0.01: {_named(idle)}; --latents moves them "
            "all the same"
        )
    if not ranked:
        raise SettingError(f"none of the {table.latent} latents is in use; name some with --latents")
    if len(ranked) > MOST:
        console.tell(
            f"note: of {len(ranked)} latents in use the first {MOST} are moved; --latents names others, such "
            f"as {_named(ranked[MOST:])}"
        )
    return ranked[:MOST]


def _named(latents: Sequence[int]) -> str:
    names = [walk.latent_name(latent) for latent in latents]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _importance(table: Codes, asked: Asked) -> np.ndarray | None:
    """What latents are ordered by; None leaves it to their KL."""
    if asked.order == "number":
        return -np.arange(table.latent)
    if asked.order != "information":
        return None
    factors = plain_factors(table)
    if not factors:
        raise SettingError(
            "--order information needs codes with known factors of up to 100 values, but these have none"
        )
    if asked.factor is not None and asked.factor not in factors:
        raise SettingError(f"no factor is called {asked.factor!r}: {nearest(asked.factor, factors)}")
    chosen = factors if asked.factor is None else {asked.factor: factors[asked.factor]}
    classes = {name: np.unique(column, return_inverse=True)[1] for name, column in chosen.items()}
    found = histogram_information(table, classes)
    # Of several factors the one that a latent knows best, each as a share of what there is to know.
    return (found.matrix / found.entropies).max(axis=1)


def _start(run: Run, table: Codes, asked: Asked) -> np.ndarray:
    if asked.row is not None:
        place = np.flatnonzero(table.id == asked.row)
        if not len(place):
            raise SettingError(
                f"--from needs a row of the codes, {table.id.min()} to {table.id.max()}, but got {asked.row}"
            )
        return table.mean[place[0]].astype(np.float64)
    if asked.start == "posterior":
        return walk.from_posterior(table, seed=asked.seed)
    remark_on_prior(run, "--from posterior starts where they are")
    return walk.from_prior(table.latent, seed=asked.seed if asked.start == "prior" else None)


def _notes(run: Run, asked: Asked) -> dict[str, Any]:
    notes: dict[str, Any] = {
        "from": asked.start,
        "seed": asked.seed,
        "order": "named" if asked.latents else asked.order or "kl",
        "quantiles": list(QUANTILES),
        "run": run.path.resolve().name,
        "weights": tables.hash_of_weights(run.model),
    }
    return notes if asked.factor is None else notes | {"factor": asked.factor}


def _write(run: Run, table: Codes, made: Walk, folder: Path) -> dict[str, Path]:
    paths = {"walk": folder / "walk.parquet"}
    walk.save(made.ways, paths["walk"], notes=made.notes)
    factors = plain_factors(table)
    if factors:
        paths["table"] = folder / "responses.parquet"
        walk.save_responses(walk.responses(table, factors), paths["table"])
    return paths | reports.write_walk(run, table, made, folder)
