"""Views of objects that turn: an arc of each is held out, and between two views the true path is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from zscape.data import Images
from zscape.data.images import ARRAYS
from zscape.errors import DataError

# Views from one end of the arc to the other; those between are held out.
ARC = 8
# From view to view: even, since every second view is learned from.
SPANS = (6, 8, 10, 12)
# Ends around the arc, in views from where it begins.
_AROUND = ((0, 8), (-2, 10))


@dataclass(frozen=True, eq=False)
class Turntable:
    """Which row of the data is which view.

    Attributes:
        rows: (O, V) rows of the data by object and view, a whole turn.
        arcs: (O,) the view at which the arc of each object begins.
    """

    rows: Int[np.ndarray, "O V"]
    arcs: Int[np.ndarray, "O"]

    @property
    def degrees(self) -> float:
        """From one view to the next."""
        return 360 / self.rows.shape[1]

    def way(self, pair: ViewPair) -> Int[np.ndarray, "T"]:
        """Rows of the true views from the first to the last of a pair."""
        views = np.arange(pair.first, pair.first + pair.span + 1) % self.rows.shape[1]
        return self.rows[pair.thing, views]

    def pairs(self, count: int, *, seed: int = 0) -> list[ViewPair]:
        """Pairs of views that are learned from, some with every second view between them, some with none.

        Args:
            count: Of the first kind, for each object; of the second there are two.
            seed: Of the choice.
        """
        rng = np.random.default_rng(seed)
        views = self.rows.shape[1]
        found = []
        for thing, arc in enumerate(self.arcs.tolist()):
            for number in range(count):
                span = SPANS[number % len(SPANS)]
                first = arc + ARC + 2 * int(rng.integers((views - ARC - span) // 2 + 1))
                found.append(ViewPair(thing, first, span, across=False))
            found += [ViewPair(thing, arc + low, high - low, across=True) for low, high in _AROUND]
        return found


@dataclass(frozen=True)
class ViewPair:
    """Two views of one object.

    Attributes:
        thing: The object.
        first: The view that the path begins at; views are counted round and round.
        span: Views on to where it ends.
        across: Whether the arc that is held out lies between them.
    """

    thing: int
    first: int
    span: int
    across: bool


def turntable(found: Images, turn: str) -> Images:
    """The same pictures, an object a class, with splits by views.

    Of each object every second view is for training, but for those inside an arc of `ARC` views, which begins
    anywhere: all of these are the test split, and the rest is the validation split.

    Args:
        found: Views of objects, each at all turns once.
        turn: The factor that is the turn; all others and the label say which object it is.

    Raises:
        DataError: If there is no such factor, or the views are no full grid of an even number of turns.
    """
    if turn not in found.factors:
        known = ", ".join(found.factors) or "none"
        raise DataError(f"views need a factor {turn!r}, but {found.name} has {known}")
    others = [column for name, column in found.factors.items() if name != turn]
    others += [] if found.labels is None else [found.labels]
    kinds = np.stack([np.zeros(len(found), np.int64), *others], axis=1)
    things = np.unique(kinds, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    objects, views = int(things.max()) + 1, len(np.unique(found.factors[turn]))
    different = len(np.unique(np.stack([things, found.factors[turn]]), axis=1).T)
    if not len(found) == different == objects * views or views % 2 or views < ARC + max(SPANS):
        raise DataError(
            f"views need every object at the same even number of turns, {ARC + max(SPANS)} or more, but "
            f"{found.name} has {len(found)} pictures of {objects} objects and {views} turns"
        )
    images = Images(
        found.images,
        name=found.name,
        splits={},
        source=found.source,
        # Its splits are not those that the name would give.
        spec={"name": ARRAYS},
        labels=things,
        names=found.names
        if len(found.names) == objects
        else [f"object {each}" for each in range(1, objects + 1)],
        factors=found.factors,
        values=found.values,
    )
    images.splits = _splits(turntable_of(images, turn))
    return images


def turntable_of(data: Images, turn: str) -> Turntable:
    """Which row is which view of what `turntable` gave.

    Args:
        data: Views, labelled by object.
        turn: The factor that is the turn.
    """
    labels = np.asarray(data.labels)
    objects = int(labels.max()) + 1
    rows = np.lexsort((data.factors[turn], labels)).reshape(objects, -1)
    return Turntable(rows, 2 * np.random.default_rng(0).integers(rows.shape[1] // 2, size=objects))


def _splits(table: Turntable) -> dict[str, np.ndarray]:
    place = (np.arange(table.rows.shape[1]) - table.arcs[:, None]) % table.rows.shape[1]
    within = (place > 0) & (place < ARC)
    parts = {
        "train": ~within & (place % 2 == 0),
        "validation": ~within & (place % 2 == 1),
        "test": within,
    }
    return {name: np.sort(table.rows[where]) for name, where in parts.items()}
