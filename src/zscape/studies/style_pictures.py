"""The pictures of style-paths' page: codes in the plane, strips along paths, curves of what changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from zscape import measure, walk
from zscape.report.pictures import filmstrips, traversals
from zscape.report.profiles import profile_curves, shape_against_dissolve
from zscape.studies.evidence import counted
from zscape.studies.page import Page
from zscape.studies.sparse_measures import Subject
from zscape.studies.style_evidence import HELD_OUT, Evidence, parts_of
from zscape.studies.style_fits import AAE, AE, KINDS, PAINTINGS, TRIPLET, VAE, VIEWS
from zscape.studies.style_plates import lines, planes
from zscape.studies.style_profiles import (
    LONG_STEPS,
    LONGEST,
    RANDOM,
    SHORTEST,
    STEPS,
    kind_of,
    pictures_along,
)
from zscape.studies.style_turns import ARC, turntable_of
from zscape.studies.style_views import ACROSS, DISSOLVE, FLOOR, PATHS, against, along

Subjects = Mapping[str, Subject]
_SHOWN = (AE, TRIPLET, AAE)  # kinds whose curves are drawn


def of_paintings(page: Page, found: Evidence, subjects: Subjects) -> None:
    """Held-out codes in the plane of their first two components."""
    codes = {kind: parts_of(subject.codes)[HELD_OUT] for kind, subject in subjects.items()}
    seed = found.scale.seeds[0]
    page.picture(
        "planes",
        planes(
            {kind: measure.pca_map(each) for kind, each in codes.items()},
            np.asarray(codes[AE].label),
            found.data[PAINTINGS].names,
        ),
        alt="Held-out codes of each model in the plane of their first two principal components, coloured "
        "by style",
        caption=f"Held-out codes in the plane of their first two principal components; seed {seed}.",
    )


def of_profiles(page: Page, found: Evidence, subjects: Subjects) -> None:
    """Style loss along paths, its shape against dissolving, and strips of pictures."""
    seed = found.scale.seeds[0]
    sets = {kind: found.found[PAINTINGS, kind, seed]["profiles"]["sets"] for kind in KINDS}
    drawn = {
        f"{kind.replace('adversarial', 'adv.')}, {of}": np.concatenate(_of(sets[kind], RANDOM, of))
        for of in ("within", "between")
        for kind in _SHOWN
    }
    page.picture(
        "profiles",
        profile_curves(drawn, shared=False),
        alt=f"Style loss of each step of paths within and between classes, of {', '.join(_SHOWN)}",
        caption=f"Style loss along straight paths between random held-out codes of {', '.join(_SHOWN)}: mean "
        "with its 95 % interval "
        f"over paths, and single paths behind it; each panel at its own scale; seed {seed}.",
    )
    extreme = {
        kind: _over_means(
            {
                f"{how}, {of}": np.concatenate(_of(sets[kind], how, of))
                for of in ("within", "between")
                for how in (SHORTEST, LONGEST)
            }
        )
        for kind in KINDS
    }
    page.picture(
        "profiles-extreme",
        lines(extreme, across="step along the path", up="style loss over its mean"),
        alt="Style loss along the shortest and the longest paths, a panel a model",
        caption="Style loss along the shortest and the longest path of each class and of each two, each over "
        f"its mean along the path; means over classes; seed {seed}.",
    )
    single = {kind: found.found[PAINTINGS, kind, seed]["profiles"]["long"] for kind in KINDS}
    long = {
        kind: _over_means(
            {f"{each['how']}, {kind_of(each['classes'])}": np.array(each["profiles"]) for each in every}
        )
        for kind, every in single.items()
    }
    page.picture(
        "profiles-long",
        lines(long, across=f"step of {LONG_STEPS}", up="style loss over its mean"),
        alt=f"Style loss along four paths in {LONG_STEPS} steps, a panel a model",
        caption=f"The same in {LONG_STEPS} steps, for single paths; seed {seed}.",
    )
    _scatter(page, sets, seed)
    _strips(page, found, subjects, seed)


def _of(sets: list[dict[str, Any]], how: str, of: str) -> list[np.ndarray]:
    """Profiles of the paths that were chosen in one way, within or between classes."""
    return [
        np.array(each["profiles"]) for each in sets if each["how"] == how and kind_of(each["classes"]) == of
    ]


def _over_means(sets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mean over paths of profiles, each over its own mean; of those sets and paths where anything happens."""
    moving = {name: profiles[profiles.mean(axis=1) > 0] for name, profiles in sets.items()}
    return {
        name: (profiles / profiles.mean(axis=1, keepdims=True)).mean(axis=0)
        for name, profiles in moving.items()
        if len(profiles)
    }


def _shaped(sets: list[dict[str, Any]]) -> list[tuple[float, float, list[int]]]:
    """Ratio, cross-dissolve index and ends of the random paths along which something happens."""
    every = (
        path
        for each in sets
        if each["how"] == RANDOM
        for path in zip(each["ratio"], each["dissolve"], each["rows"], strict=True)
    )
    return [(ratio, index, rows) for ratio, index, rows in every if ratio is not None and index is not None]


def _scatter(page: Page, sets: Mapping[str, list[dict[str, Any]]], seed: int) -> None:
    ratio, index, groups, count = [], [], {}, 0
    for kind in KINDS:
        every = [(shape, dissolve) for shape, dissolve, _ in _shaped(sets[kind])]
        ratio += [shape for shape, _ in every]
        index += [dissolve for _, dissolve in every]
        groups[kind] = np.arange(count, len(ratio))
        count = len(ratio)
    if not ratio:
        return
    page.picture(
        "shape-against-dissolve",
        shape_against_dissolve(np.array(ratio), np.array(index), groups),
        alt="The shape of style profiles against the cross-dissolve index, a dot a path",
        caption="Each random path: the ratio of its style profile (above 1: a horseshoe) against its "
        f"cross-dissolve index; seed {seed}. The report's reading would have dots rise from left to right.",
    )


def _strips(page: Page, found: Evidence, subjects: Subjects, seed: int) -> None:
    """One path between two classes in every model, and the paths of one model that differ most."""
    names = found.data[PAINTINGS].names
    label = np.asarray(parts_of(subjects[AE].codes)[HELD_OUT].label)
    first, second = np.unique(label)[:2].tolist()
    rows = measure.random_pairs(label, 1, between=(first, second), seed=seed)
    images = [_along(subject, rows)[0] for subject in subjects.values()]
    page.picture(
        "strips",
        filmstrips(
            np.stack(images),
            list(subjects),
            range(STEPS + 1),
            _ends(subjects[AE], rows).repeat(len(images), 0),
        ),
        alt="Rows of pictures decoded along the straight path between the same two paintings, a row a model",
        caption="The straight path between the codes of the same two held-out pictures, "
        f"{names[first]} and {names[second]}, in every model, with the pictures themselves at its ends; seed "
        f"{seed}.",
    )
    for kind in (AE, VAE):
        every = _shaped(found.found[PAINTINGS, kind, seed]["profiles"]["sets"])
        if not every:
            continue
        chosen = {
            "most of a horseshoe": max(every, key=lambda each: each[0]),
            "least of a horseshoe": min(every, key=lambda each: each[0]),
            "dissolves least": max(every, key=lambda each: each[1]),
            "dissolves most": min(every, key=lambda each: each[1]),
        }
        rows = np.array([rows for *_, rows in chosen.values()])
        page.picture(
            f"strips-{kind.lower()}",
            filmstrips(
                _along(subjects[kind], rows),
                [
                    f"{name}\nratio {ratio:.3g}, index {index:.2g}"
                    for name, (ratio, index, _) in chosen.items()
                ],
                range(STEPS + 1),
                _ends(subjects[kind], rows),
            ),
            alt=f"Rows of pictures along the paths of {kind} with the most extreme style profiles",
            caption=f"{kind}: of all random paths those whose style profile has the highest and the "
            "lowest ratio, and those with the highest and the lowest cross-dissolve index, with the pictures "
            f"themselves at the ends; seed {seed}.",
        )


def of_views(page: Page, found: Evidence, subjects: Subjects) -> None:
    """Distances from the true views along paths across the gap, and strips of one pair."""
    seed = found.scale.seeds[0]
    table = turntable_of(subjects[AE].data, found.scale.turn)
    curves = {
        kind: {
            path: np.mean(found.of(VIEWS, kind, "quality", path, "curve"), axis=0)
            for path in (*PATHS, FLOOR, DISSOLVE)
        }
        for kind in KINDS
    }
    page.picture(
        "distances",
        lines(
            curves,
            across="view from the first",
            up="rms to the nearest true view",
            start=0,
            plain=(FLOOR, DISSOLVE),
        ),
        alt="Distance of decoded points to the nearest true view along paths, a panel a model",
        caption=f"Distance to the nearest true view along paths over the {ARC} views of the gap, means over "
        f"{len(table.rows)} objects and {counted(found.scale.seeds)}.",
    )
    gains = {
        kind: max(found.gains(kind, path, ACROSS, "nearest").mean() for path in PATHS[1:]) for kind in KINDS
    }
    pair = next(each for each in table.pairs(0) if each.span == ARC)
    true = subjects[AE].pictures(table.way(pair))
    for kind in dict.fromkeys((AE, max(gains, key=gains.__getitem__))):
        subject = subjects[kind]
        made = along(subject, table, [pair], found.scale.iterations) | against(subject, table, [pair])
        rows = {"true views": true, **{path: made[path][0] for path in (FLOOR, *PATHS, DISSOLVE)}}
        page.picture(
            f"turns-{kind.lower().replace(' ', '-')}",
            traversals(np.stack(list(rows.values())), list(rows)),
            alt=f"Rows of pictures: true views of an object that turns, and paths of {kind} from end to end",
            caption=f"{kind}: {subject.data.names[pair.thing]} over its gap, of which only the first and the "
            f"last view are trained on; seed {seed}.",
        )


def _ends(subject: Subject, rows: np.ndarray) -> Float[np.ndarray, "P 2 C H W"]:
    """The held-out pictures that paths lead from and to."""
    pictures = subject.pictures(parts_of(subject.codes)[HELD_OUT].id[rows.ravel()])
    return pictures.reshape(*rows.shape, *pictures.shape[1:])


def _along(subject: Subject, rows: np.ndarray) -> np.ndarray:
    """Pictures along straight paths between held-out codes."""
    codes = parts_of(subject.codes)[HELD_OUT]
    z = walk.linear_path(codes.mean[rows[:, 0]], codes.mean[rows[:, 1]], steps=STEPS)
    return pictures_along(subject, z)
