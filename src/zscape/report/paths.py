"""Figures of walks from code to code: filmstrips, which move too, and what changes at each step."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape import base, codes, drawing, walk
from zscape.report import moving, pictures, sheets, style
from zscape.report.path_measures import measure_dots
from zscape.report.sections import Plate, pictorial
from zscape.report.style import WIDTH, label, palette, styled
from zscape.report.wording import in_powers, power_of
from zscape.run import Run

FOLDER = "walk"  # in a run folder, where zscape walk writes
_ROWS = 12  # of pictures
_ACROSS = 11  # pictures in a row
_LINES = 30  # paths of a kind that have a line of their own
_SIDE = 64  # pixels of a drawing that is compared
_PANELS = {
    "length": "length in codes",
    "decoded": "length in pictures",
    "cross_dissolve": "cross-dissolve index",
    "style_loss": "style loss",
}
_DASHES = (
    "solid",
    (0, (4, 1.5)),
    (0, (1, 1)),
    (0, (6, 1, 1, 1)),
    (0, (2, 2)),
)  # by kind, as lines may coincide


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


def path_plates(
    run: Run,
    paths: walk.PathSet,
    notes: Mapping[str, Any],
    results: list[base.Result],
    data: base.Data | None = None,
) -> tuple[Plate, ...]:
    """Pictures along paths, where samples are pictures, curves of what changes, and measures of whole paths.

    Args:
        run: What decodes.
        paths: The paths.
        notes: As `zscape walk` keeps them.
        results: As `path_results` has them.
        data: The data set, to show the originals of the ends; None for none.
    """
    # Paths of a user's own may have ends that are no rows of the data.
    if data is not None and not ((paths.ends >= 0) & (paths.ends < len(data))).all():
        data = None
    found = [_strips(run, paths, notes, data)] if pictorial(run) else []
    if paths.profiles:
        found.append(_curves(paths, notes))
    if "decoded" in paths.profiles:
        found.append(_measures(paths, results))
    return tuple(found)


@styled()
def path_curves(paths: walk.PathSet) -> Figure:
    """What changes at each step, a row a choice of pairs and a panel a profile: the mean of each kind.

    A thin line is a path. The range is that of the means and of nine tenths of single values.

    Args:
        paths: With profiles.

    Raises:
        ValueError: If there are no profiles.
    """
    if not paths.profiles:
        raise ValueError("path_curves needs paths with profiles, but these have none")
    members = paths.chosen
    figure = Figure(figsize=(WIDTH, 0.5 + 2.1 * len(members)), layout="constrained")
    grid = figure.subplots(len(members), len(paths.profiles), squeeze=False, sharex=True, sharey="col")
    for column, (name, kinds) in zip(grid.T, paths.profiles.items(), strict=True):
        top = max(_top(values[chosen]) for values in kinds.values() for chosen in members.values())
        power = power_of(top)
        for axes, chosen in zip(column, members.values(), strict=True):
            _curves_of(
                axes, {kind: values[chosen] / 10**power for kind, values in kinds.items()}, list(paths.z)
            )
        column[0].set_title(in_powers(label(_PANELS.get(name, name), 40), power), fontsize=8.5)
        column[0].set_ylim(0, 1.08 * top / 10**power or 1)
        column[-1].set_xlabel("step")
    if len(members) > 1:
        for axes, (choice, chosen) in zip(grid[:, 0], members.items(), strict=True):
            axes.set_ylabel(f"{choice} ({chosen.sum()})")
    if len(paths.z) > 1:
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(paths.z))
    return figure


def _curves_of(axes: Axes, profiles: Mapping[str, np.ndarray], kinds: Sequence[str]) -> None:
    """Single paths and the mean of each kind, in the look that it has of all kinds."""
    looks = dict(zip(kinds, zip(palette(len(kinds)), itertools.cycle(_DASHES), strict=False), strict=True))
    for kind, values in profiles.items():
        colour, dashes = looks[kind]
        steps = np.arange(1, values.shape[1] + 1)
        if len(values) > 1:
            axes.plot(steps, values[:_LINES].T, color=colour, linewidth=0.5, alpha=0.3)
        axes.plot(
            steps, _mean(values), color=colour, linewidth=1.6, linestyle=dashes, label=kind, markersize=3,
            marker="o" if len(steps) <= 20 else None,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _top(values: np.ndarray) -> float:
    """What a panel reaches up to: the mean, and nine tenths of the values."""
    defined = values[np.isfinite(values)]
    return max(
        float(np.nanmax(_mean(values), initial=0)), float(np.quantile(defined, 0.9)) if len(defined) else 0
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over paths of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    return np.divide(np.where(defined, values, 0).sum(axis=0), count, where=count > 0,
                     out=np.full(values.shape[1], np.nan))  # fmt: skip


def _picked(choices: tuple[str, ...], most: int) -> list[int]:
    """Pairs to show, in their order: the first of each choice, then the second, until there are so many."""
    seen: dict[str, int] = {}
    turns = []
    for choice in choices:
        turns.append(seen.get(choice, 0))
        seen[choice] = turns[-1] + 1
    return sorted(np.argsort(turns, kind="stable")[:most].tolist())


def _strips(run: Run, paths: walk.PathSet, notes: Mapping[str, Any], data: base.Data | None) -> Plate:
    kinds = list(paths.z)
    shown = _picked(paths.choices, max(_ROWS // len(kinds), 1))
    points = np.unique(np.linspace(0, paths.steps, min(paths.steps + 1, _ACROSS)).round().astype(int))
    # All kinds between one pair of codes stand together.
    z = np.stack([paths.z[kind][shown] for kind in kinds], axis=1).reshape(-1, *paths.z[kinds[0]].shape[1:])
    names = [_name(paths, notes, pair, kind) for pair in shown for kind in kinds]
    short = [f"{kind} {pair + 1}" if len(shown) > 1 else kind for pair in shown for kind in kinds]
    ends = None
    if data is not None:
        rows = torch.from_numpy(paths.ends[shown].repeat(len(kinds), axis=0).ravel())
        ends = data.batch(rows, "cpu")[0].numpy()
        ends = ends.reshape(len(z), 2, *ends.shape[1:])
    if run.of_drawings:
        figure = _sheet(run, z[:, points], ends, (names, short), points.tolist())
    else:
        images = along(run, z)
        still = pictures.filmstrips(images[:, points], names, points.tolist(), ends)
        figure = sheets.Drawn(style.svg(still), style.png(still), moving.there_and_back(images, short))
    return Plate(
        "paths",
        figure,
        "From one code to another",
        _caption(paths, notes, len(shown), originals=data is not None),
        f"Rows of decoded pictures along {', '.join(kinds)} paths between {len(shown)} pairs of codes.",
        chart=False,
    )


def _sheet(
    run: Run, z: np.ndarray, ends: np.ndarray | None, names: tuple[list[str], list[str]], points: list[int]
) -> sheets.Drawn:
    """Drawings along paths, and where they are known the originals to their left and right."""
    x = _drawn(run, z)
    bitmaps = drawing.bitmaps(x.reshape(-1, *x.shape[2:]), side=96).reshape(*x.shape[:2], 1, 96, 96)
    moved = moving.there_and_back(bitmaps, names[1])
    captions = [str(point) for point in points]
    if ends is not None:
        x = sheets.joined([ends[:, :1], x, ends[:, 1:]])
        captions = ["original", *captions, "original"]
    # Letters of a drawing have no arrows, and its originals show the classes.
    first = [name.partition("\n")[0].replace("→", "to") for name in names[0]]
    return sheets.traversals(x, first, [captions] * len(x), moved)


def _curves(paths: walk.PathSet, notes: Mapping[str, Any]) -> Plate:
    panels = [_PANELS.get(name, name) for name in paths.profiles]
    counts = {choice: int(chosen.sum()) for choice, chosen in paths.chosen.items()}
    most = max(counts.values())
    thin = "Thin lines are single paths" + (f", the first {_LINES}" if most > _LINES else "")
    over = ", ".join(f"{count} {choice} ones" for choice, count in counts.items())
    text = f"{thin}; thick ones the mean over {over}. " if most > 1 else ""
    text += (
        "What is decoded changes by the Euclidean distance between one picture and the next: a path of "
        "constant speed is flat, and the lower of two flat ones is the shorter."
    )
    if "cross_dissolve" in paths.profiles:
        text += " The index is 0 where the picture after the step is a mixture of the ends of its path."
    return Plate(
        "path-curves",
        path_curves(paths),
        "What changes at each step",
        text + _style_in_words(notes),
        f"Line charts against the step: {'; '.join(panels)}; for {', '.join(paths.z)} paths.",
    )


def _measures(paths: walk.PathSet, results: list[base.Result]) -> Plate:
    text = "Means over pairs; one pair, and pairs that were not chosen at random, have no interval."
    if "random" in paths.choices:
        text = (
            "Means over pairs. Lines are 95 % intervals over the choice of random pairs; those that were not "
            "chosen at random have none."
        )
    together = [each for each in results if each.name.endswith("shape_correlation")]
    if together:
        said = ", ".join(
            f"{each.name.removeprefix('random_').removesuffix('_shape_correlation')} {each.value:.2f} "
            f"({each.low:.2f} to {each.high:.2f})"
            for each in together
        )
        text += (
            f" Rank correlation of the style ratio with the cross-dissolve index over random pairs: {said}."
        )
    lines = "; ".join(f"{each.name.replace('_', ' ')} {each.value:.4g}" for each in results)
    return Plate("path-measures", measure_dots(results, paths), "Measures of whole paths", text, lines)


def _style_in_words(notes: Mapping[str, Any]) -> str:
    style = str(notes.get("style") or "")
    return f" Style loss: {style}." if style else ""


def _name(paths: walk.PathSet, notes: Mapping[str, Any], pair: int, kind: str) -> str:
    start, end = paths.ends[pair].tolist()
    choice = "" if paths.choices[pair] == "given" else f"{paths.choices[pair]}, "
    classes = notes.get("classes") or []
    lines = [f"{choice}{kind}, {start} → {end}"]
    if pair < len(classes):
        lines.append(" → ".join(label(each, 16) for each in classes[pair]))
    return "\n".join(lines)


def _caption(paths: walk.PathSet, notes: Mapping[str, Any], shown: int, *, originals: bool) -> str:
    count = len(paths.ends)
    chosen = ", ".join(str(each).replace(":", " ") for each in notes.get("pairs", ()))
    several = "One pair" if count == 1 else f"{shown} of {count} pairs" if shown < count else f"{count} pairs"
    text = (
        f"{several} of codes, named by rows of the data set; {paths.steps} steps, equal shares of each path"
    )
    if chosen:
        text += f"; chosen: {chosen}"
        within, between = notes.get("within"), notes.get("between")
        text += f", within class {within}" if within else ""
        text += f", between classes {between[0]} and {between[1]}" if between else ""
        text += f" (seed {notes.get('seed', 0)})"
    text += ", beside them the originals of both ends." if originals else "."
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
