"""Drawings as arrays: stroke-3, stroke-5, lines of points, and from one to the other.

A drawing is a path of a pen. As *stroke-3* it is an array (n, 3) of (dx, dy, lift): the offset from the
point before, and 1 where the pen lifts after this point. The path starts at the origin, which is drawn but
not stored. As *stroke-5* it is a row (T, 5) of a batch, (dx, dy, down, lift, end): one of the last three is
1. The n points of the drawing come first, and rows (0, 0, 0, 0, 1) fill the rest; there is always at least
one of these, so that the end can be learned. As *lines* it is a list of arrays (k, 2), the points that the
pen touches before it lifts. x grows to the right and y downwards.

References:
    Ha and Eck, A Neural Representation of Sketch Drawings, 2018 (the two forms).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32, Int64, Num

# Their shapes, (n, 3) and (k, 2), are checked here by hand: the message can then name the one that is wrong.
Sketch = np.ndarray
Line = np.ndarray
# Before it simplifies, Quick, Draw! scales a drawing into a square of this side with one unit between points.
BOX = 255.0
_SPACING = 1.0
# Points at work at a time when many drawings are simplified: as many as stay in a cache.
_POINTS_A_CHUNK = 100_000


def to_stroke5(sketches: Sequence[Sketch], *, length: int | None = None) -> Float32[np.ndarray, "N T 5"]:
    """Drawings of stroke-3 as one padded batch of stroke-5.

    >>> to_stroke5([np.array([[3, 0, 0], [0, 4, 1]])])[0].tolist()
    [[3.0, 0.0, 1.0, 0.0, 0.0], [0.0, 4.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]]

    Args:
        sketches: Arrays (n, 3) of any numbers of points. Offsets are taken as they are.
        length: T, the rows of each; None for those of the longest and one more.

    Raises:
        ValueError: If an array is not (n, 3), or `length` leaves no row for the end of the longest.
    """
    flat, counts = joined(sketches)
    needed = int(counts.max(initial=0)) + 1
    length = needed if length is None else length
    if length < needed:
        raise ValueError(
            f"the longest drawing has {needed - 1} points and needs {needed} rows with its end, but length "
            f"is {length}; give at least {needed}, or leave long drawings out"
        )
    x = np.zeros((len(counts), length, 5), dtype=np.float32)
    x[..., 4] = np.arange(length) >= counts[:, None]
    held = x[..., 4] == 0  # in order of drawing and point, as the flat points are
    lifts = flat[:, 2] > 0.5
    x[held] = np.column_stack([flat[:, :2], ~lifts, lifts, np.zeros(len(flat))])
    return x


def to_stroke3(x: Num[np.ndarray, "N T 5"]) -> list[Float32[np.ndarray, "_ 3"]]:
    """Drawings of a stroke-5 batch as stroke-3, without the padding.

    Args:
        x: Stroke-5, one-hot in its last three columns; a drawing without an end has T points.
    """
    counts = lengths(x)
    flat = x[x[..., 4] == 0][:, [0, 1, 3]].astype(np.float32)
    return np.split(flat, np.cumsum(counts)[:-1]) if len(counts) else []


def lengths(x: Num[np.ndarray, "N T 5"]) -> Int64[np.ndarray, "N"]:
    """Number of points of each drawing of a stroke-5 batch."""
    return (x[..., 4] == 0).sum(axis=1, dtype=np.int64)


def polylines(sketch: Sketch) -> list[Float32[np.ndarray, "_ 2"]]:
    """The lines of a drawing in absolute points, the first of them starting at the origin.

    >>> [line.tolist() for line in polylines(np.array([[3, 0, 1], [0, 4, 0], [1, 0, 1]]))]
    [[[0.0, 0.0], [3.0, 0.0]], [[3.0, 4.0], [4.0, 4.0]]]

    Args:
        sketch: Stroke-3, (n, 3). Without points it has no line.

    Raises:
        ValueError: If the array is not (n, 3).
    """
    flat, _ = joined([sketch])
    if not len(flat):
        return []
    # Summed in float64, so that long paths do not drift.
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(flat[:, :2], axis=0, dtype=np.float64)])
    ends = np.flatnonzero(flat[:-1, 2] > 0.5) + 2
    return np.split(points.astype(np.float32), ends)


def from_polylines(lines: Sequence[Line]) -> Float32[np.ndarray, "_ 3"]:
    """A drawing of stroke-3 from its lines, moved so that the first begins at the origin.

    A first line of one point, which stroke-3 cannot say, becomes a line from that point to itself.

    >>> from_polylines([np.array([[5, 5], [8, 5]]), np.array([[8, 9]])]).tolist()
    [[3.0, 0.0, 1.0], [0.0, 4.0, 1.0]]

    Args:
        lines: Arrays (k, 2) of absolute points; empty lines are passed by.

    Raises:
        ValueError: If a line is not (k, 2).
    """
    return sketches_from_lines([lines])[0]


def sketches_from_lines(drawings: Sequence[Sequence[Line]]) -> list[Float32[np.ndarray, "_ 3"]]:
    """Many drawings from their lines at once; each as `from_polylines` makes it.

    Raises:
        ValueError: If a line is not (k, 2).
    """
    drawings = [[line for line in lines if len(line)] for lines in drawings]
    drawings = [
        [np.repeat(lines[0], 2, axis=0), *lines[1:]] if lines and len(lines[0]) == 1 else lines
        for lines in drawings
    ]
    points, counts = _flat_lines([line for lines in drawings for line in lines])
    flat = np.zeros((len(points), 3), dtype=np.float32)
    flat[1:, :2] = np.diff(points, axis=0)
    flat[np.cumsum(counts) - 1, 2] = 1
    lines_a_drawing = np.array([len(lines) for lines in drawings], dtype=np.int64)
    line_ends = np.concatenate([[0], np.cumsum(counts)])
    ends = line_ends[np.cumsum(lines_a_drawing)]
    # The first row of each drawing is the way from the drawing before it.
    return [each[1:] for each in np.split(flat, ends[:-1])] if len(drawings) else []


def simplify(lines: Sequence[Line], epsilon: float) -> list[Float[np.ndarray, "_ 2"]]:
    """Fewer points for each line, by Ramer, Douglas and Peucker: none left out is over `epsilon` away.

    A line is replaced by the segment between its ends unless one of its points is further than `epsilon` from
    that segment; then it is cut at the furthest, and each part treated likewise. The distance is to the
    segment and not, as in some codes, to the infinite line: so the bound also holds where a line turns back.

    Cost: all lines are cut at once, level by level, so a million points take about a second.

    Args:
        lines: Arrays (k, 2), of one drawing or of many.
        epsilon: Largest distance, in the units of the points; 0 leaves out only what lies on a segment.

    Returns:
        Subsets of the points, float64, with the ends of each line.

    Raises:
        ValueError: If a line is not (k, 2) or not finite, or epsilon is below 0.

    References:
        Douglas and Peucker, 1973; Ramer, 1972.
    """
    if not epsilon >= 0:
        raise ValueError(f"epsilon needs to be at least 0, but got {epsilon}")
    points, counts = _flat_lines(lines)
    ends = np.cumsum(counts)
    kept = np.zeros(len(points), dtype=bool)
    kept[(ends - counts)[counts > 0]] = True
    kept[ends[counts > 0] - 1] = True
    first, last = ends - counts, ends - 1
    while True:
        cuttable = last - first > 1
        first, last = first[cuttable], last[cuttable]
        if not len(first):
            break
        furthest, far = _furthest(points, first, last)
        cut = far > epsilon * epsilon
        middle = furthest[cut]
        kept[middle] = True
        first, last = np.concatenate([first[cut], middle]), np.concatenate([middle, last[cut]])
    left = np.concatenate([[0], np.cumsum(kept)])[ends]
    return np.split(points[kept], left[:-1]) if len(counts) else []


def _furthest(points: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each stretch the point furthest from the segment between its ends, and its squared distance."""
    counts = last - first - 1
    begins = np.cumsum(counts) - counts
    stretch = np.repeat(np.arange(len(counts)), counts)
    inner = np.arange(counts.sum()) + (first + 1 - begins)[stretch]
    # Columns and not rows of two: a sum over two neighbours is slow.
    (x, y), (x_end, y_end) = points[first].T, (points[last] - points[first]).T
    squared = np.maximum(x_end * x_end + y_end * y_end, np.finfo(np.float64).tiny)
    x_away, y_away = points[inner, 0] - x[stretch], points[inner, 1] - y[stretch]
    share = np.clip(x_away * (x_end / squared)[stretch] + y_away * (y_end / squared)[stretch], 0, 1)
    x_away -= share * x_end[stretch]
    y_away -= share * y_end[stretch]
    distance = x_away * x_away + y_away * y_away
    far = np.maximum.reduceat(distance, begins)
    at_most = np.flatnonzero(distance == far[stretch])
    furthest = np.empty(len(counts), dtype=np.int64)
    furthest[stretch[at_most[::-1]]] = inner[at_most[::-1]]  # of equals the first is written last, and stays
    return furthest, far


def simplify_raw(
    drawings: Sequence[Sequence[Line]], *, epsilon: float = 2.0
) -> list[list[Float[np.ndarray, "_ 2"]]]:
    """Raw drawings simplified as Quick, Draw! documents its own: boxed, resampled, simplified.

    Each drawing is moved to the origin and scaled by one factor so that its larger side is 255; its lines get
    points one unit apart; `simplify` then thins them. Its numbers are not rounded.

    Args:
        drawings: Of each drawing the lines (k, 2); empty lines are left out.
        epsilon: Of `simplify`, in units of the box.

    Raises:
        ValueError: If a line is not (k, 2) or not finite, or epsilon is below 0.
    """
    result: list[list[np.ndarray]] = []
    waiting: list[list[np.ndarray]] = []
    count = 0
    for lines in drawings:
        resampled = _resampled(_boxed([line for line in lines if len(line)]))
        waiting.append(resampled)
        count += sum(map(len, resampled))
        if count > _POINTS_A_CHUNK:
            result += _simplified(waiting, epsilon)
            waiting, count = [], 0
    return result + _simplified(waiting, epsilon)


def _simplified(drawings: Sequence[Sequence[np.ndarray]], epsilon: float) -> list[list[np.ndarray]]:
    thinned = iter(simplify([line for lines in drawings for line in lines], epsilon))
    return [[next(thinned) for _ in lines] for lines in drawings]


def _boxed(lines: list[np.ndarray]) -> list[np.ndarray]:
    if not lines:
        return []
    points, counts = _flat_lines(lines)
    points = points - points.min(axis=0)
    side = points.max()
    points = points * (BOX / side) if side > 0 else points
    return np.split(points, np.cumsum(counts)[:-1])


def _resampled(lines: list[np.ndarray]) -> list[np.ndarray]:
    """Points one unit apart along each line, its last point kept."""
    result = []
    for line in lines:
        steps = np.hypot(*np.diff(line, axis=0).T)
        way = np.concatenate([[0.0], np.cumsum(steps)])
        at = np.append(np.arange(0.0, way[-1], _SPACING), way[-1])
        result.append(np.column_stack([np.interp(at, way, line[:, 0]), np.interp(at, way, line[:, 1])]))
    return result


def joined(sketches: Sequence[Sketch]) -> tuple[Num[np.ndarray, "P 3"], Int64[np.ndarray, "N"]]:
    """All points of all drawings in one array, and the number of points of each.

    Raises:
        ValueError: If an array is not (n, 3).
    """
    wrong = next((number for number, each in enumerate(sketches) if each.shape[1:] != (3,)), None)
    if wrong is not None:
        raise ValueError(
            f"a drawing needs shape (n, 3), offsets and lift, but number {wrong} has {sketches[wrong].shape}"
        )
    counts = np.array([len(each) for each in sketches], dtype=np.int64)
    return (np.concatenate(sketches) if len(counts) else np.zeros((0, 3), dtype=np.float32)), counts


def _flat_lines(lines: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All points of all lines in float64, and the number of points of each line."""
    wrong = next((line for line in lines if line.ndim != 2 or line.shape[1] != 2), None)
    if wrong is not None:
        raise ValueError(f"a line needs shape (k, 2), absolute points, but one has {wrong.shape}")
    counts = np.array([len(line) for line in lines], dtype=np.int64)
    points = np.concatenate([np.zeros((0, 2)), *lines]).astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError("lines need finite points, but some are NaN or infinite; leave those lines out")
    return points, counts
