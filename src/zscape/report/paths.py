"""Figures of walks from code to code: filmstrips, which move too, and what changes at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape import codes, drawing, walk
from zscape.report import moving, pictures, sheets, style
from zscape.report.sections import Plate, pictorial
from zscape.report.style import WIDTH, label, palette, styled
from zscape.run import Run

FOLDER = "walk"  # in a run folder, where zscape walk writes
_ROWS = 12  # of pictures
_ACROSS = 11  # pictures in a row
_LINES = 30  # paths of a kind that have a line of their own
_SIDE = 64  # pixels of a drawing that is compared
_PANELS = {
    "length": "length of a step in codes",
    "decoded": "change of what is decoded",
    "style_loss": "style loss",
}


def along(run: Run, z: Float[np.ndarray, "P T D"]) -> np.ndarray:
    """What codes on paths stand for, (P, T, *shape); drawings as bitmaps.

    Args:
        run: What decodes.
        z: Codes.
    """
    if run.of_drawings:
        x = _drawn(run, z)
        images = drawing.bitmaps(x.reshape(-1, *x.shape[2:]), side=_SIDE)
        return images.reshape(*z.shape[:2], 1, _SIDE, _SIDE)
    images = run.decode(z.reshape(-1, z.shape[2]))
    return images.reshape(*z.shape[:2], *images.shape[1:])


def stored_paths(run: Run) -> tuple[walk.PathSet, dict[str, Any]] | None:
    """The paths in the run folder and their notes; None if there are none, or they are of other weights.

    Raises:
        RunFormatError: If the file is damaged.
    """
    path = run.path / FOLDER / "paths.parquet"
    if not path.exists():
        return None
    paths, notes = walk.load_paths(path)
    same = notes.get("weights") in (None, codes.hash_of_weights(run.model))
    latent = next(iter(paths.z.values())).shape[2]
    return (paths, notes) if same and latent == run.model.latent else None


def path_plates(run: Run, paths: walk.PathSet, notes: Mapping[str, Any]) -> tuple[Plate, ...]:
    """Pictures along paths, where samples are pictures, and curves of what changes."""
    found = [_strips(run, paths, notes)] if pictorial(run) else []
    if paths.profiles:
        found.append(_curves(paths, notes))
    return tuple(found)


@styled()
def path_curves(paths: walk.PathSet) -> Figure:
    """What changes at each step, a panel a profile: a thin line a path, and the mean of each kind.

    Args:
        paths: With profiles.

    Raises:
        ValueError: If there are no profiles.
    """
    if not paths.profiles:
        raise ValueError("path_curves needs paths with profiles, but these have none")
    count = len(paths.profiles)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    grid = figure.subplots(1, count, squeeze=False)[0]
    colours = dict(zip(paths.z, palette(len(paths.z)), strict=True))
    steps = np.arange(1, paths.steps + 1)
    for axes, (name, kinds) in zip(grid, paths.profiles.items(), strict=True):
        for kind, values in kinds.items():
            for each in values[:_LINES] if len(values) > 1 else ():
                axes.plot(steps, each, color=colours[kind], linewidth=0.5, alpha=0.3)
            marker = "o" if paths.steps <= 20 else None
            axes.plot(steps, values.mean(axis=0), color=colours[kind], linewidth=1.6, label=kind,
                      marker=marker, markersize=3)  # fmt: skip
        axes.set_title(label(_PANELS.get(name, name), 60 // count + 12))
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    grid[0].legend(loc="best")
    return figure


def _strips(run: Run, paths: walk.PathSet, notes: Mapping[str, Any]) -> Plate:
    kinds = list(paths.z)
    shown = min(max(_ROWS // len(kinds), 1), len(paths.ends))
    points = np.unique(np.linspace(0, paths.steps, min(paths.steps + 1, _ACROSS)).round().astype(int))
    # All kinds between one pair of codes stand together.
    z = np.stack([paths.z[kind][:shown] for kind in kinds], axis=1).reshape(-1, *paths.z[kinds[0]].shape[1:])
    names = [_name(paths, notes, pair, kind) for pair in range(shown) for kind in kinds]
    short = [f"{kind} {pair + 1}" if shown > 1 else kind for pair in range(shown) for kind in kinds]
    if run.of_drawings:
        x = _drawn(run, z[:, points])
        bitmaps = drawing.bitmaps(x.reshape(-1, *x.shape[2:]), side=96).reshape(*x.shape[:2], 1, 96, 96)
        captions = [[str(point) for point in points.tolist()]] * len(z)
        heads = [name.replace("\n", ", ") for name in names]
        figure = sheets.traversals(x, heads, captions, moving.there_and_back(bitmaps, short))
    else:
        images = along(run, z)
        still = pictures.traversals(images[:, points], names)
        figure = sheets.Drawn(style.svg(still), style.png(still), moving.there_and_back(images, short))
    return Plate(
        "paths",
        figure,
        "From one code to another",
        _caption(paths, notes, shown),
        f"Rows of decoded pictures along {', '.join(kinds)} paths between {shown} pairs of codes.",
        chart=False,
    )


def _curves(paths: walk.PathSet, notes: Mapping[str, Any]) -> Plate:
    panels = [_PANELS.get(name, name) for name in paths.profiles]
    thin = "Thin lines are single paths" + (f", the first {_LINES}" if len(paths.ends) > _LINES else "")
    text = f"{thin}; thick ones the mean over all {len(paths.ends)}. " if len(paths.ends) > 1 else ""
    return Plate(
        "path-curves",
        path_curves(paths),
        "What changes at each step",
        f"{text}What is decoded changes by the Euclidean distance between one picture and the next: a path "
        "of constant speed is flat, and the lower of two flat ones is the shorter.",
        f"Line charts against the step: {'; '.join(panels)}; for {', '.join(paths.z)} paths.",
    )


def _name(paths: walk.PathSet, notes: Mapping[str, Any], pair: int, kind: str) -> str:
    start, end = paths.ends[pair].tolist()
    classes = notes.get("classes") or []
    of = f", {label(classes[pair][0], 12)} → {label(classes[pair][1], 12)}" if pair < len(classes) else ""
    return f"{kind}{of}\nrows {start} → {end}"


def _caption(paths: walk.PathSet, notes: Mapping[str, Any], shown: int) -> str:
    count = len(paths.ends)
    chosen = ", ".join(str(each).replace(":", " ") for each in notes.get("pairs", ()))
    several = (
        "Pair" if count == 1 else f"The first {shown} of {count} pairs" if shown < count else f"{count} pairs"
    )
    text = f"{several} of codes, {paths.steps} equal shares of each path"
    if chosen:
        text += f"; chosen: {chosen}"
        within, between = notes.get("within"), notes.get("between")
        text += f", within class {within}" if within else ""
        text += f", between classes {between[0]} and {between[1]}" if between else ""
        text += f" (seed {notes.get('seed', 0)})"
    text += "."
    if "graph" in paths.z:
        near = notes.get("neighbours")
        text += f" A graph path leads over codes of the data, each joined with {near} neighbours."
    if "geodesic" in paths.z:
        text += " A geodesic is the path along which what is decoded changes least"
        text += f", with a cost of leaving the data (weight {notes['cost']:g})." if notes.get("cost") else "."
    return text


def _drawn(run: Run, z: np.ndarray) -> np.ndarray:
    """Drawings (P, T, L, 5); those of one path share their random numbers, so that only the code changes."""
    return np.stack([run.shown(z[:, step]) for step in range(z.shape[1])], axis=1)
