"""What the study style-paths measures on straight paths between codes: what style does, and dissolves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from zscape import measure, walk
from zscape.base import Codes
from zscape.model import FeatureReader
from zscape.studies.sparse_measures import Subject

STEPS = 10  # as published, and the longer ones too
LONG_STEPS = 100
RANDOM, SHORTEST, LONGEST = "random", "shortest", "longest"
# A hump that stands out by less of a profile's range is a wiggle.
PROMINENCE = 0.1
_AT_ONCE = 32  # paths that are decoded together
# What is said of a model along whose paths nothing happens at all: its style profiles are flat.
_STILL = {"ratio": 1.0, "maxima": 0.0, "dissolve": 0.0, "style": 0.0}


@dataclass(frozen=True)
class Chosen:
    """Pairs of codes, one path each.

    Attributes:
        how: "random", "shortest" or "longest".
        classes: Of the first and the last code.
        rows: (P, 2) rows of the codes.
    """

    how: str
    classes: tuple[int, int]
    rows: np.ndarray


def profiles(subject: Subject, codes: Codes, reader: FeatureReader, *, pairs: int) -> dict[str, Any]:
    """Style loss and dissolving along paths within and between classes, as JSON can hold it.

    Args:
        subject: The model.
        codes: With labels; paths begin and end there.
        reader: The network that sees pictures.
        pairs: Random pairs in each class, and between each two; as many as there are, where they are fewer.
    """
    sets = list(chosen(codes, pairs, seed=subject.seed))
    found = [_profiled(subject, codes, reader, each, STEPS) for each in sets]
    long = [_profiled(subject, codes, reader, each, LONG_STEPS) for each in _few(sets)]
    of_random = [each for each in found if each["how"] == RANDOM]
    shape, maxima, dissolve = (
        defined([each[name] for each in of_random]) for name in ("ratio", "maxima", "dissolve")
    )
    return {
        "sets": found,
        "long": long,
        "ratio and dissolve": correlated(shape, dissolve, subject.seed),
        "maxima and dissolve": correlated(maxima, dissolve, subject.seed),
        **{
            f"{name}, {kind}": _mean(
                [each[name] for each in of_random if kind_of(each["classes"]) == kind], _STILL[name]
            )
            for name in ("ratio", "maxima", "dissolve", "style")
            for kind in ("within", "between")
        },
    }


def chosen(codes: Codes, pairs: int, *, seed: int) -> Iterator[Chosen]:
    """Random pairs within each class and between each two, and of each the shortest and the longest."""
    label = np.asarray(codes.label)
    distances = measure.class_distances(codes, seed=seed)
    sizes = [int((label == which).sum()) for which in distances.labels]
    for one, first in enumerate(distances.labels.tolist()):
        for other, second in list(enumerate(distances.labels.tolist()))[one:]:
            same = one == other
            most = sizes[one] * (sizes[one] - 1) // 2 if same else sizes[one] * sizes[other]
            where: dict[str, Any] = {"within": first} if same else {"between": (first, second)}
            rows = measure.random_pairs(label, min(pairs, most), **where, seed=seed)
            yield Chosen(RANDOM, (first, second), rows)
            yield Chosen(SHORTEST, (first, second), distances.shortest_rows[one, other][None])
            yield Chosen(LONGEST, (first, second), distances.longest_rows[one, other][None])


def correlated(shape: np.ndarray, dissolve: np.ndarray, seed: int) -> dict[str, float]:
    """Rank correlation over the paths that have both, with its interval.

    Where one of the two does not vary, or of fewer than four paths, nothing is known: 0, from -1 to 1.
    """
    both = np.isfinite(shape) & np.isfinite(dissolve)
    if both.sum() < 4 or np.ptp(shape[both]) == 0 or np.ptp(dissolve[both]) == 0:
        return {"value": 0.0, "low": -1.0, "high": 1.0, "n": int(both.sum())}
    found = measure.shape_correlation(shape[both], dissolve[both], seed=seed)
    low, high = (-1.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)
    return {"value": found.value, "low": low, "high": high, "n": found.n}


def defined(values: Sequence[Sequence[float | None]]) -> Float[np.ndarray, "N"]:
    """Values of several sets of paths in a row, NaN for those that JSON holds as null."""
    return np.concatenate([np.array(each, dtype=float) for each in values])


def pictures_along(subject: Subject, z: np.ndarray) -> np.ndarray:
    """What codes on paths (P, T, D) stand for, (P, T, C, H, W)."""
    return subject.decoded(z.reshape(-1, z.shape[2])).reshape(*z.shape[:2], *subject.data.shape)


def kind_of(classes: Sequence[int]) -> str:
    """Whether a path is within a class or between two, of the classes of its ends."""
    return "within" if classes[0] == classes[1] else "between"


def _profiled(
    subject: Subject, codes: Codes, reader: FeatureReader, pairs: Chosen, steps: int
) -> dict[str, Any]:
    losses, dissolve = [], []
    for start in range(0, len(pairs.rows), _AT_ONCE):
        rows = pairs.rows[start : start + _AT_ONCE]
        z = walk.linear_path(codes.mean[rows[:, 0]], codes.mean[rows[:, 1]], steps=steps)
        x = pictures_along(subject, z)
        losses.append(measure.style_profiles(x, reader).losses)
        dissolve.append(measure.cross_dissolve(x).of_paths)
    profile = np.concatenate(losses)
    shape = measure.profile_shape(profile, prominence=PROMINENCE)
    return {
        "how": pairs.how,
        "classes": list(pairs.classes),
        "rows": pairs.rows.tolist(),
        "profiles": profile.tolist(),
        "ratio": _or_null(shape.ratio),
        "maxima": shape.maxima.tolist(),
        "dissolve": _or_null(np.concatenate(dissolve)),
        "style": profile.sum(axis=1).tolist(),
    }


def _or_null(values: np.ndarray) -> list[float | None]:
    """As JSON can hold it: a path of equal pictures has no shape."""
    return [float(value) if np.isfinite(value) else None for value in values]


def _mean(values: Sequence[Sequence[float | None]], still: float) -> float:
    """Over the paths that have a value; what is said where none has."""
    every = defined(values)
    every = every[np.isfinite(every)]
    return float(every.mean()) if len(every) else still


def _few(sets: list[Chosen]) -> Iterator[Chosen]:
    """A random path within a class and one between two; the shortest and the longest of the first class."""
    for kind in ("within", "between"):
        first = next(each for each in sets if each.how == RANDOM and kind_of(each.classes) == kind)
        yield Chosen(RANDOM, first.classes, first.rows[:1])
    for how in (SHORTEST, LONGEST):
        yield next(each for each in sets if each.how == how and kind_of(each.classes) == "within")
