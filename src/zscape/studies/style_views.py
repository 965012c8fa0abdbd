"""What the study style-paths measures on paths between views of an object, whose true path is known."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from zscape import measure, walk
from zscape.base import Codes
from zscape.studies.sparse_measures import Subject
from zscape.studies.style_profiles import pictures_along
from zscape.studies.style_turns import ARC, Turntable, ViewPair

LINEAR, SPHERICAL, GRAPH, GEODESIC = "linear", "spherical", "graph", "geodesic"
ON_DATA = "geodesic on the data"
PATHS = (LINEAR, SPHERICAL, GRAPH, GEODESIC, ON_DATA)
# What the distances of paths are read against.
FLOOR, DISSOLVE = "codes of the true views", "ends dissolved"
SEEN, ACROSS = "between seen views", "across the gap"
NEIGHBOURS = 10


def quality(subject: Subject, table: Turntable, pairs: list[ViewPair], *, iterations: int) -> dict[str, Any]:
    """Distances of decoded points to the true views, by path, kind of pair and object, as JSON can hold it.

    A distance is the root mean square over pixels, of the points between the ends of a path: `nearest` to the
    nearest of all true views of the object, `pace` to the view at that share of the way. `curve` is the first
    point by point, over the arc, ends included, a mean over objects.

    Args:
        subject: The model.
        table: Which row is which view.
        pairs: Between which views.
        iterations: Of the search for geodesics, at most.
    """
    distances: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    curves: dict[str, list[np.ndarray]] = defaultdict(list)
    alike: dict[int, list[ViewPair]] = defaultdict(list)
    for pair in pairs:
        alike[pair.span].append(pair)
    for group in alike.values():
        images = {**along(subject, table, group, iterations), **against(subject, table, group)}
        for path, every in images.items():
            for pair, x in zip(group, every, strict=True):
                nearest, pace = errors(subject, table, pair, x)
                of = ACROSS if pair.across else SEEN
                distances[path, of, "nearest"][pair.thing].append(float(nearest[1:-1].mean()))
                distances[path, of, "pace"][pair.thing].append(float(pace[1:-1].mean()))
                if pair.across and pair.span == ARC:
                    curves[path].append(nearest)
    found: dict[str, Any] = {path: {"curve": np.mean(each, axis=0).tolist()} for path, each in curves.items()}
    for (path, of, name), things in distances.items():
        values = [float(np.mean(things[each])) for each in sorted(things)]
        found[path].setdefault(of, {})[name] = values
    return found


def along(
    subject: Subject, table: Turntable, pairs: list[ViewPair], iterations: int
) -> dict[str, Float[np.ndarray, "P T C H W"]]:
    """Pictures along paths of each kind between pairs of one span, a step a view."""
    return {name: pictures_along(subject, z) for name, z in paths(subject, table, pairs, iterations).items()}


def paths(
    subject: Subject, table: Turntable, pairs: list[ViewPair], iterations: int
) -> dict[str, Float[np.ndarray, "P T D"]]:
    """Paths of each kind between pairs of one span; those that follow the data know the training split."""
    ways = np.array([table.way(pair) for pair in pairs])
    start, end = (subject.codes.mean[ways[:, side]].astype(np.float64) for side in (0, -1))
    steps, data = ways.shape[1] - 1, subject.codes.of("train")
    graph = walk.graph_paths(start, end, codes=data, steps=steps, neighbours=_neighbours(data)).z
    cost = walk.distance_cost(data, neighbours=NEIGHBOURS)
    with subject.model.evaluating() as device:
        search = walk.Search(finer=1, iterations=iterations, device=str(device))

        def found(**settings: Any) -> np.ndarray:  # noqa: ANN401 (of geodesic_paths)
            return walk.geodesic_paths(
                start,
                end,
                decode=lambda z: subject.model.decode(z).mean,
                steps=steps,
                search=search,
                **settings,
            ).z

        geodesic, on_data = found(), found(cost=cost, begin=graph)
    return {
        LINEAR: walk.linear_path(start, end, steps=steps),
        SPHERICAL: walk.spherical_path(start, end, steps=steps),
        GRAPH: graph,
        GEODESIC: geodesic,
        ON_DATA: on_data,
    }


def against(
    subject: Subject, table: Turntable, pairs: list[ViewPair]
) -> dict[str, Float[np.ndarray, "P T C H W"]]:
    """What paths are read against: what the model makes of the true views, and of the ends, dissolved."""
    ways = np.array([table.way(pair) for pair in pairs])
    made = pictures_along(subject, subject.codes.mean[ways])
    share = np.linspace(0, 1, ways.shape[1]).reshape(1, -1, 1, 1, 1)
    return {FLOOR: made, DISSOLVE: (1 - share) * made[:, :1] + share * made[:, -1:]}


def errors(
    subject: Subject, table: Turntable, pair: ViewPair, x: Float[np.ndarray, "T C H W"]
) -> tuple[Float[np.ndarray, "T"], Float[np.ndarray, "T"]]:
    """Of each point of a path the distance to the nearest true view, and to that at its share of the way."""
    views = subject.pictures(table.rows[pair.thing]).reshape(table.rows.shape[1], -1).astype(np.float64)
    points = x.reshape(len(x), -1).astype(np.float64)
    gaps = cdist(points, views) / np.sqrt(views.shape[1])
    place = np.arange(pair.first, pair.first + pair.span + 1) % len(views)
    return gaps.min(axis=1), gaps[np.arange(len(points)), place]


def _neighbours(data: Codes) -> int:
    """So many of each code that there is a way between any two of an object: `NEIGHBOURS`, or more."""
    label, count = np.asarray(data.label), NEIGHBOURS
    while count < len(data) - 1:
        rows = measure.nearest_neighbours(data, count).rows
        places = np.arange(len(data) + 1) * count
        joined = csr_array((np.ones(rows.size), rows.ravel(), places), shape=(len(data), len(data)))
        parts = connected_components(joined, directed=False)[1]
        if all(len(np.unique(parts[label == thing])) == 1 for thing in np.unique(label)):
            return count
        count *= 2
    return len(data) - 1
