"""Figures of walks from code to code: filmstrips, which move too, and what changes at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from zscape import base, codes, drawing, walk
from zscape.report import moving, pictures, sheets, style
from zscape.report.path_curves import PANELS, path_curves, singles
from zscape.report.path_measures import correlation_name, measure_dots
from zscape.report.path_words import among, choice_name, pair_name, searches
from zscape.report.sections import Plate, pictorial
from zscape.report.style import label
from zscape.report.wording import interval, words
from zscape.run import Run

FOLDER = "walk"  # in a run folder, where zscape walk writes
ROWS = 12  # of pictures
_ACROSS = 11  # pictures in a row
_SIDE = 64  # pixels of a drawing that is compared


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


def shown_points(steps: int) -> Int[np.ndarray, "K"]:
    """Which points of paths stand in a row of pictures: evenly spread, both ends among them."""
    return np.unique(np.linspace(0, steps, min(steps + 1, _ACROSS)).round().astype(int))


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
        found.append(_measures(paths, notes, results))
    return tuple(found)


def _picked(choices: tuple[str, ...], most: int) -> list[int]:
    """Pairs to show, in their order: the first of each choice, then the second, until there are so many."""
    seen: dict[str, int] = {}
    turns = []
    for choice in choices:
        turns.append(seen.get(choice, 0))
        seen[choice] = turns[-1] + 1
    # None of the choices is left out, however many kinds of path share the rows.
    return sorted(np.argsort(turns, kind="stable")[: max(most, len(seen))].tolist())


def _strips(run: Run, paths: walk.PathSet, notes: Mapping[str, Any], data: base.Data | None) -> Plate:
    kinds = list(paths.z)
    shown = _picked(paths.choices, ROWS // len(kinds))
    points = shown_points(paths.steps)
    # All kinds between one pair of codes stand together.
    z = np.stack([paths.z[kind][shown] for kind in kinds], axis=1).reshape(-1, *paths.z[kinds[0]].shape[1:])
    pairs = [pair_name(paths, notes, pair) for pair in shown]
    moved = ["\n".join(part for part in (label(kind), *pair) if part) for pair in pairs for kind in kinds]
    ends = None
    if data is not None:
        rows = torch.from_numpy(paths.ends[shown].repeat(len(kinds), axis=0).ravel())
        ends = data.batch(rows, "cpu")[0].numpy()
        ends = ends.reshape(len(z), 2, *ends.shape[1:])
    if run.of_drawings:
        # The originals of drawings show their classes.
        names = [f"{label(kind)}, {name}" for name, _ in pairs for kind in kinds]
        figure = _sheet(run, z[:, points], ends, (names, moved), points.tolist(), together=len(kinds))
    else:
        images = along(run, z)
        heads = [
            ", ".join(filter(None, pair)) if not turn else "" for pair in pairs for turn in range(len(kinds))
        ]
        names = [label(kind) for _ in shown for kind in kinds]
        still = pictures.filmstrips(images[:, points], names, points.tolist(), ends, heads)
        gif = moving.there_and_back(images, moved, together=len(kinds))
        figure = sheets.Drawn(style.svg(still), style.png(still), gif)
    return Plate(
        "paths",
        figure,
        "From one code to another",
        _caption(paths, notes, shown, originals=data is not None),
        f"Rows of decoded pictures along {', '.join(kinds)} paths between {len(shown)} pairs of codes.",
        chart=False,
    )


def _sheet(
    run: Run,
    z: np.ndarray,
    ends: np.ndarray | None,
    names: tuple[list[str], list[str]],
    points: list[int],
    *,
    together: int,
) -> sheets.Drawn:
    """Drawings along paths, and where they are known the originals to their left and right."""
    x = _drawn(run, z)
    bitmaps = drawing.bitmaps(x.reshape(-1, *x.shape[2:]), side=96).reshape(*x.shape[:2], 1, 96, 96)
    gif = moving.there_and_back(bitmaps, names[1], together=together)
    captions = [str(point) for point in points]
    if ends is not None:
        x = sheets.joined([ends[:, :1], x, ends[:, 1:]])
        captions = ["original", *captions, "original"]
    return sheets.traversals(x, names[0], [captions] * len(x), gif)


def _curves(paths: walk.PathSet, notes: Mapping[str, Any]) -> Plate:
    panels = [PANELS.get(name, (name, ""))[0].replace("\n", " ") for name in paths.profiles]
    counts = {choice: int(chosen.sum()) for choice, chosen in paths.chosen.items()}
    over = "; ".join(choice_name(paths, notes, choice) for choice in counts)
    text = f"Of {over}. Each panel has a scale of its own. "
    if max(counts.values()) > 1:
        text += "Thick lines are means over pairs"
        text += ", bands their 95 % intervals over the choice of random pairs" * (counts.get("random", 0) > 1)
        few = singles(len(paths.z), max(counts.values()))
        text += f"; thin lines are single paths, the first {few} of each kind. " if few else ". "
    text += (
        "What is decoded changes by the Euclidean distance between one picture and the next: a path of "
        "constant speed is flat, and the lower of two flat ones is the shorter."
    )
    if "cross_dissolve" in paths.profiles:
        text += (
            " The cross-dissolve index is 0 where a picture is a mixture of the ends of its path, as both "
            "ends are, 1 where the nearest mixture is no nearer than a grey picture, and more where the "
            "picture is flat itself."
        )
    return Plate(
        "path-curves",
        path_curves(paths, notes),
        "What changes at each step",
        text + _style_in_words(notes),
        f"Line charts against the step: {'; '.join(panels)}; for {', '.join(paths.z)} paths.",
    )


def _measures(paths: walk.PathSet, notes: Mapping[str, Any], results: list[base.Result]) -> Plate:
    text = "Means over pairs; one pair, and pairs that were not chosen at random, have no interval."
    if paths.choices.count("random") > 1:
        text = (
            "Means over pairs. Lines are 95 % intervals over the choice of random pairs; those that were not "
            "chosen at random have none."
        )
    text += searches(notes)
    found = {result.name: result for result in results}
    together = {kind: found.get(correlation_name(kind)) for kind in paths.z}
    said = ", ".join(
        "{} {} ({})".format(label(kind), *interval(each))
        for kind, each in together.items()
        if each is not None
    )
    if said:
        text += (
            f" Rank correlation of the style ratio with the cross-dissolve index over random pairs: {said}."
        )
    lines = "; ".join(f"{words(each.name)} {each.value:.4g}" for each in results)
    return Plate("path-measures", measure_dots(results, paths, notes), "Measures of whole paths", text, lines)


def _style_in_words(notes: Mapping[str, Any]) -> str:
    style = str(notes.get("style") or "")
    return f" Style loss: {style}." if style else ""


def _caption(paths: walk.PathSet, notes: Mapping[str, Any], shown: list[int], *, originals: bool) -> str:
    chosen = ", ".join(str(each).replace(":", " ") for each in notes.get("pairs", ()))
    text = (
        f"{_shown_of(paths, shown)}, named by rows of the data set; {paths.steps} steps, equal shares of "
        "each path"
    )
    if chosen:
        text += f"; chosen: {chosen}{',' * bool(among(notes))}{among(notes)} (seed {notes.get('seed', 0)})"
    text += ", beside them the originals of both ends." if originals else "."
    if "graph" in paths.z:
        near = notes.get("neighbours")
        text += f" A graph path leads over codes of the data, each joined with {near} neighbours."
    if "geodesic" in paths.z:
        text += " A geodesic is the path along which what is decoded changes least"
        text += f", with a cost of leaving the data (weight {notes['cost']:g})." if notes.get("cost") else "."
    return text + searches(notes)


def _shown_of(paths: walk.PathSet, shown: list[int]) -> str:
    """How many pairs are shown, and of how many, by their choice where some are left out."""
    count = len(paths.ends)
    if len(shown) == count:
        return "One pair of codes" if count == 1 else f"{count} pairs of codes"
    parts = [
        f"{chosen[shown].sum()} of {chosen.sum():,} {choice}"
        if chosen[shown].sum() < chosen.sum()
        else f"the {choice} one" if chosen.sum() == 1 else f"all {chosen.sum():,} {choice}"
        for choice, chosen in paths.chosen.items()
    ]  # fmt: skip
    many = f" ({', '.join(parts)}; the others are in pairs.csv)" if len(parts) > 1 else ""
    return (
        f"The first {len(shown)} of {count:,} pairs of codes"
        if not many
        else f"{len(shown)} of {count:,} pairs of codes{many}"
    )


def _drawn(run: Run, z: np.ndarray) -> np.ndarray:
    """Drawings (P, T, L, 5); those of one path share their random numbers, so that only the code changes."""
    return np.stack([run.shown(z[:, step]) for step in range(z.shape[1])], axis=1)
