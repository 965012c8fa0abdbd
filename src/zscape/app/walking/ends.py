"""Which rows of the codes a walk goes between."""

from __future__ import annotations

import numpy as np

from zscape.app.walking.asked import Between
from zscape.base import Codes
from zscape.errors import SettingError, nearest
from zscape.measure import closest_pairs, furthest_pairs, random_pairs


def rows_between(table: Codes, asked: Between) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rows (P, 2) of the table, the first and the last of each path, and how each pair was chosen.

    Raises:
        SettingError: If a row or class is not in the codes, or there are fewer pairs than asked for.
    """
    if asked.ends is not None:
        start, end = asked.ends
        return np.array([[_row(table, start, "--from"), _row(table, end, "--to")]]), ("given",)
    within = None if asked.within is None else _class_of(table, asked.within, "--within")
    classes = asked.classes
    between = None
    if classes is not None:
        between = _class_of(table, classes[0], "--between"), _class_of(table, classes[1], "--between")
    # Without labels all codes are of one class.
    labels = table.label
    if labels is None or (within is None and between is None):
        labels = np.zeros(len(table), np.int64)
    most = _most(labels, within, between)
    few = [(name, count) for name, count in asked.pairs if count > most]
    if few:
        raise SettingError(
            f"there are {most:,} such pairs of codes, but {few[0][0]}:{few[0][1]} were asked for"
        )
    settings = {"within": within, "between": between}
    found = []
    for name, count in asked.pairs:
        if name == "random":
            found.append(random_pairs(labels, count, seed=asked.seed, **settings))
        else:
            search = closest_pairs if name == "closest" else furthest_pairs
            found.append(search(table.mean, count, labels=labels, **settings).rows)
    return np.concatenate(found), tuple(name for name, count in asked.pairs for _ in range(count))


def _row(table: Codes, row: int, option: str) -> int:
    place = np.flatnonzero(table.id == row)
    if not len(place):
        raise SettingError(
            f"{option} needs a row of the codes, {table.id.min()} to {table.id.max()}, but got {row}"
        )
    return int(place[0])


def _class_of(table: Codes, name: str, option: str) -> int:
    """The class of a name or a number."""
    if table.label is None:
        raise SettingError(f"{option} needs codes with labels, but these have none")
    present = {
        table.names[which] if 0 <= which < len(table.names) else str(which): which
        for which in np.unique(table.label).tolist()
    }
    if name in present:
        return present[name]
    if name.isdecimal() and int(name) in present.values():
        return int(name)
    raise SettingError(f"{option} has {name!r}, but no code is of that class: {nearest(name, present)}")


def _most(labels: np.ndarray, within: int | None, between: tuple[int, int] | None) -> int:
    """How many pairs there are."""
    if between is not None:
        return int((labels == between[0]).sum()) * int((labels == between[1]).sum())
    count = len(labels) if within is None else int((labels == within).sum())
    return count * (count - 1) // 2
