"""Paths that follow the data: shortest ways over a graph of neighbouring codes, then smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from scipy import sparse
from scipy.ndimage import gaussian_filter1d
from scipy.sparse.csgraph import connected_components, dijkstra
from sklearn.neighbors import NearestNeighbors

from zscape.base import CodesLike, code_arrays
from zscape.checks import check_whole
from zscape.walk.lengths import at_constant_speed
from zscape.walk.lines import checked_ends

# An edge between equal codes; csgraph takes a stored 0 for an edge in some of its methods, not in all.
_LEAST = 1e-300
# Points that a way is smoothed on, for each of its edges and each step asked for.
_FINE = 16
# Numbers of distances from several starts that are held at a time.
_AT_ONCE = 1 << 24


@dataclass(frozen=True, eq=False)
class GraphPaths:
    """Paths over a graph of neighbours.

    Attributes:
        z: (P, T, D) codes, in equal steps.
        rows: Of each path the rows of the codes it was led through, between its ends; of any number, and
            without rows that are equal to an end.
        lengths: (P,) of the ways over the graph, before smoothing, in units of codes.
    """

    z: Float[np.ndarray, "P T D"]
    rows: tuple[np.ndarray, ...]
    lengths: Float[np.ndarray, "P"]


def graph_paths(
    start: Num[np.ndarray, "P D"],
    end: Num[np.ndarray, "P D"],
    *,
    codes: CodesLike,
    steps: int = 10,
    neighbours: int = 10,
    power: float = 2.0,
    smoothing: float = 1.0,
) -> GraphPaths:
    """Shortest ways from code to code over codes of the data, so that paths stay where data are.

    Every code is joined with its nearest neighbours, and the ends with theirs, and with each other where they
    are no farther apart than the farthest neighbour of one of them; an edge costs its length to a power.
    With power 1 the way is the shortest, which takes long edges where it may; above, many short edges are
    cheaper than a long one, so that it keeps to where codes are dense. The way is then smoothed by a Gaussian
    along its length, its ends held, and cut into equal steps.

    Null: straight where codes lie densely on a line, and between ends much nearer to each other than to data;
    equal ends stay. Unchanged, but for its direction, when the ends change places, and by a rotation of
    everything.
    Cost: O(N^2 D) for neighbours (O(N log N) up to 15 latents), in blocks, once; O(N log N) for each start.

    >>> line = np.arange(11.0)[:, None] * [1.0, 2.0]
    >>> found = graph_paths(line[:1], line[-1:], codes=line, neighbours=2, steps=2)
    >>> found.z[0].round(6).tolist(), found.rows[0].tolist()
    ([[0.0, 0.0], [5.0, 10.0], [10.0, 20.0]], [1, 2, 3, 4, 5, 6, 7, 8, 9])

    Args:
        start: Codes to begin at, of the data or not.
        end: Codes to end at.
        codes: Where the data are: a table, an array (N, D) with N >= 2, or a pair (mean, logvar), of which
            only means are read.
        steps: From end to end, one less than points.
        neighbours: Of each code, itself not counted.
        power: Of the length of an edge. Must be >= 1; the square is the usual one.
        smoothing: Standard deviation of the Gaussian, in distances to the farthest of the neighbours, a mean
            along the way; 0 leaves corners as they are.

    Raises:
        TypeError: If steps or neighbours is no whole number.
        ValueError: If ends and codes are not of one dimension, a number of theirs is not finite or 1e100 or
            larger, a setting is out of range, or neighbours are too few for a way; then the message says how
            many would do.

    References:
        Tenenbaum et al., A Global Geometric Framework for Nonlinear Dimensionality Reduction, 2000 (power 1);
        Hwang et al., Shortest Path through Random Points, 2016 (powers above).
    """
    start, end = (code_arrays(each, rows=0)[0] for each in checked_ends(start, end, steps))
    mean, _ = code_arrays(codes, rows=2)
    _check(start, mean, neighbours, power, smoothing)
    nodes = np.concatenate([mean, start, end])
    graph = _Graph(nodes, len(mean), neighbours)
    apart = graph.apart()
    if len(apart):
        raise ValueError(_advice(graph, int(apart[0])))
    ways = graph.ways(power)
    z = [_smooth(nodes[way], steps, smoothing * graph.reach[way].mean()) for way in ways]
    return GraphPaths(
        np.stack(z) if z else np.empty((0, steps + 1, mean.shape[1])),
        tuple(way[1:-1] for way in ways),
        np.array([float(np.linalg.norm(np.diff(nodes[way], axis=0), axis=1).sum()) for way in ways]),
    )


def _check(start: np.ndarray, mean: np.ndarray, neighbours: int, power: float, smoothing: float) -> None:
    if start.shape[1] != mean.shape[1]:
        raise ValueError(
            f"graph_paths needs ends and codes of one dimension, but got {start.shape[1]} and {mean.shape[1]}"
        )
    check_whole("neighbours", neighbours, least=1)
    if not (1 <= power < np.inf and 0 <= smoothing < np.inf):
        raise ValueError(
            f"graph_paths needs power >= 1 and smoothing >= 0, but got power={power} and "
            f"smoothing={smoothing}"
        )


class _Graph:
    """Each node and its neighbours among the first `known`; after those come P starts, and P ends.

    Attributes:
        lengths: (nodes, neighbours) to the neighbours.
        places: (nodes, neighbours) which they are.
        reach: (nodes,) length to the farthest.
        direct: (P,) length from start to end.
        joined: (P,) whether that is an edge.
    """

    def __init__(self, nodes: np.ndarray, known: int, neighbours: int) -> None:
        self.nodes, self.known, self.neighbours = nodes, known, neighbours
        self.pairs = (len(nodes) - known) // 2
        search = NearestNeighbors(n_neighbors=min(neighbours, known - 1)).fit(nodes[:known])
        # Asked without points, it leaves out each code itself.
        lengths, places = search.kneighbors()
        if self.pairs:
            more = search.kneighbors(nodes[known:])
            lengths, places = np.concatenate([lengths, more[0]]), np.concatenate([places, more[1]])
        self.lengths, self.places = np.maximum(lengths, _LEAST), places
        self.reach = lengths[:, -1]
        starts, ends = slice(known, known + self.pairs), slice(known + self.pairs, None)
        self.direct = np.linalg.norm(nodes[starts] - nodes[ends], axis=1)
        self.joined = self.direct <= np.maximum(self.reach[starts], self.reach[ends])

    def apart(self) -> np.ndarray:
        """The pairs between whose ends there is no way."""
        parts = connected_components(self._edges(slice(0, self.known), 1.0), directed=False)[1]
        reached = parts[self.places[self.known :]]
        first, last = reached[: self.pairs], reached[self.pairs :]
        return np.flatnonzero(~self.joined & ~(first[:, :, None] == last[:, None]).any(axis=(1, 2)))

    def ways(self, power: float) -> list[np.ndarray]:
        """Nodes of the shortest way of each pair, by lengths to a power."""
        among = self._edges(slice(0, self.known), power)
        starts = self._edges(slice(self.known, self.known + self.pairs), power)
        ends = self._edges(slice(self.known + self.pairs, len(self.nodes)), power)
        # One way only from a start and to an end, so that no way of another pair leads through them.
        graph = sparse.csr_array(among.maximum(among.T) + starts + ends.T + self._between_ends(power))
        ways = []
        at_once = max(_AT_ONCE // len(self.nodes), 1)
        for first in range(0, self.pairs, at_once):
            numbers = np.arange(self.known + first, self.known + min(first + at_once, self.pairs))
            _, before = dijkstra(graph, indices=numbers, return_predecessors=True)
            for start, back in zip(numbers.tolist(), before, strict=True):
                way = [start + self.pairs]
                while way[-1] != start:
                    way.append(int(back[way[-1]]))
                ways.append(self._without_ends(np.array(way[::-1])))
        return ways

    def _without_ends(self, way: np.ndarray) -> np.ndarray:
        """A way without the codes that are equal to its ends."""
        codes = self.nodes[way]
        between = (codes != codes[0]).any(axis=1) & (codes != codes[-1]).any(axis=1)
        between[0] = between[-1] = True
        return way[between]

    def _between_ends(self, power: float) -> sparse.csr_array:
        count, starts = len(self.nodes), self.known + np.flatnonzero(self.joined)
        cost = self._costs(self.direct[self.joined], power)
        return sparse.csr_array((cost, (starts, starts + self.pairs)), shape=(count, count))

    def _edges(self, of: slice, power: float) -> sparse.csr_array:
        count = len(self.nodes)
        rows = np.repeat(np.arange(count)[of], self.places.shape[1])
        cost = self._costs(self.lengths[of], power).ravel()
        return sparse.csr_array((cost, (rows, self.places[of].ravel())), shape=(count, count))

    def _costs(self, lengths: np.ndarray, power: float) -> np.ndarray:
        # Shares of the longest, which no power takes out of range.
        return np.maximum((lengths / self.lengths.max()) ** power, _LEAST)


def _advice(graph: _Graph, pair: int) -> str:
    """What to say of a pair with no way, and how many neighbours would make one for all."""
    more, last = graph.neighbours, graph.known - 1
    while more < last:
        more = min(2 * more, last)
        if not len(_Graph(graph.nodes, graph.known, more).apart()):
            break
    return (
        f"graph_paths needs a way over neighbouring codes, but with neighbours={graph.neighbours} the "
        f"{graph.known} codes fall into parts, and the ends of pair {pair} lie in two of them; "
        f"neighbours={more} (--neighbours {more}) joins them"
    )


def _smooth(way: np.ndarray, steps: int, width: float) -> Float[np.ndarray, "T D"]:
    """A way with its corners rounded over a width, in equal steps."""
    edges = np.linalg.norm(np.diff(way, axis=0), axis=1)
    if width == 0 or np.count_nonzero(edges) < 2:
        return at_constant_speed(way[None], steps=steps)[0]
    fine = _FINE * max(len(edges), steps)
    z = at_constant_speed(way[None], steps=fine)[0]
    points = min(width * fine / edges.sum(), fine / 2)
    # Turned over at its ends, a way goes on as it came, so that the Gaussian leaves them where they are.
    reach = min(int(4 * points) + 1, fine)
    before, after = 2 * z[0] - z[reach:0:-1], 2 * z[-1] - z[-2 : -reach - 2 : -1]
    smooth = gaussian_filter1d(np.concatenate([before, z, after]), points, axis=0, radius=reach)
    smooth = smooth[reach : reach + len(z)]
    smooth[0], smooth[-1] = way[0], way[-1]
    return at_constant_speed(smooth[None], steps=steps)[0]
