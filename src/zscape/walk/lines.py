"""Paths between two ends that ask nobody else: straight, around the origin, or straight of even norm.

Sets of paths: P pairs of codes (P, D) become (P, T, D), with T = steps + 1 points of which the first and the
last are the ends.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num

from zscape.checks import check_whole

# Of the angle between two ends: closer to 0 or to a half turn than this, they count as parallel or opposite.
_LEAST_ANGLE = 1e-7
_ONE_PAIR = "; give one pair of codes as start[None] and end[None]"


def linear_path(
    start: Num[np.ndarray, "P D"], end: Num[np.ndarray, "P D"], *, steps: int = 10
) -> Float[np.ndarray, "P T D"]:
    """Straight lines from code to code, in equal steps.

    Null: all points are equal where the ends are. Unchanged, but for its direction, when the ends change
    places.
    Cost: O(P T D).

    >>> linear_path(np.array([[0.0, 0.0]]), np.array([[2.0, 4.0]]), steps=2)[0].tolist()
    [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]

    Args:
        start: Codes to begin at.
        end: Codes to end at.
        steps: From end to end, one less than points.

    Raises:
        TypeError: If steps is no whole number.
        ValueError: If the ends are not of one shape and finite, or steps < 1.
    """
    start, end = checked_ends(start, end, steps)
    return _straight(start, end, _shares(steps))


def spherical_path(
    start: Num[np.ndarray, "P D"], end: Num[np.ndarray, "P D"], *, steps: int = 10
) -> Float[np.ndarray, "P T D"]:
    r"""Arcs around the origin: the direction turns evenly on a great circle, the norm goes evenly.

    .. math:: z_t = \left((1 - t) |a| + t |b|\right) (\cos(t \omega)\, u + \sin(t \omega)\, v)

    with u the direction of a, v perpendicular to u in the plane of a and b, and omega the angle between them.
    So points stay at the radius at which codes of a Gaussian prior lie, which straight lines leave.

    Where that plane is not given: parallel ends make a straight line, as does an end at the origin, which has
    no direction and takes that of the other. Opposite ends turn through the direction nearest to the axis
    along which they are smallest, the first of equals, and in one dimension go straight.

    Unchanged, but for its direction, when the ends change places. Cost: O(P T D).

    >>> spherical_path(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]]), steps=2)[0].round(3).tolist()
    [[1.0, 0.0], [1.414, 1.414], [0.0, 3.0]]

    Args:
        start: Codes to begin at.
        end: Codes to end at.
        steps: From end to end, one less than points.

    Raises:
        TypeError: If steps is no whole number.
        ValueError: If the ends are not of one shape and finite, or steps < 1.

    References:
        Shoemake, Animating Rotation with Quaternion Curves, 1985; White, Sampling Generative Networks, 2016.
        Differs in: of ends of different norm the norm goes evenly, where theirs multiplies the sines with the
        ends as they are; of equal norm, in nothing.
    """
    start, end = checked_ends(start, end, steps)
    # Of numbers near 1 at most, so that their squares stay in range.
    unit = _units(start, end)
    path = _arc(start / unit, end / unit, _shares(steps)) * unit[:, None]
    path[:, 0], path[:, -1] = start, end
    return path


def _arc(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> Float[np.ndarray, "P T D"]:
    norms = np.linalg.norm(start, axis=1), np.linalg.norm(end, axis=1)
    first, last = _directions(start, norms[0]), _directions(end, norms[1])
    first, last = np.where(norms[0][:, None] > 0, first, last), np.where(norms[1][:, None] > 0, last, first)
    # This form keeps its digits where the arc cosine of a product has lost them, at 0 and at a half turn.
    angle = 2 * np.arctan2(np.linalg.norm(last - first, axis=1), np.linalg.norm(last + first, axis=1))
    turn = angle[:, None] * shares
    across = _perpendicular(first, last, angle)
    directions = np.cos(turn)[..., None] * first[:, None] + np.sin(turn)[..., None] * across[:, None]
    path = _straight(norms[0][:, None], norms[1][:, None], shares) * directions
    straight = angle < _LEAST_ANGLE
    if start.shape[1] == 1:
        straight[:] = True
    path[straight] = _straight(start[straight], end[straight], shares)
    return path


def norm_corrected_path(
    start: Num[np.ndarray, "P D"], end: Num[np.ndarray, "P D"], *, steps: int = 10
) -> Float[np.ndarray, "P T D"]:
    r"""Straight lines whose points are brought to the norm between those of the ends.

    .. math:: z_t = \frac{(1 - t) |a| + t |b|}{|(1 - t) a + t b|} \left((1 - t) a + t b\right)

    The directions are those of the straight line, so the path turns fastest in its middle, where a line comes
    nearest to the origin. A point of the line at the origin has no direction and stays there.

    Unchanged, but for its direction, when the ends change places. Cost: O(P T D).

    >>> norm_corrected_path(np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]]), steps=2)[0].round(3).tolist()
    [[2.0, 0.0], [1.414, 1.414], [0.0, 2.0]]

    Args:
        start: Codes to begin at.
        end: Codes to end at.
        steps: From end to end, one less than points.

    Raises:
        TypeError: If steps is no whole number.
        ValueError: If the ends are not of one shape and finite, or steps < 1.
    """
    start, end = checked_ends(start, end, steps)
    shares, unit = _shares(steps), _units(start, end)
    path = _straight(start / unit, end / unit, shares)
    norms = np.linalg.norm(path, axis=2, keepdims=True)
    wanted = _straight(norms[:, 0], norms[:, -1], shares)
    # What rounding leaves of a point at the origin is no direction either.
    has = norms > _LEAST_ANGLE * wanted
    path *= np.divide(wanted, norms, where=has, out=np.ones_like(norms)) * unit[:, None]
    path[:, 0], path[:, -1] = start, end
    return path


def checked_ends(
    start: np.ndarray, end: np.ndarray, steps: int
) -> tuple[Float[np.ndarray, "P D"], Float[np.ndarray, "P D"]]:
    """Ends of paths as float64, checked.

    Raises:
        TypeError: If steps is no whole number.
        ValueError: If they are not two arrays (P, D) of one shape with real, finite numbers, or steps < 1.
    """
    check_whole("steps", steps, least=1)
    start, end = real_numbers(start, "ends of paths"), real_numbers(end, "ends of paths")
    if start.ndim != 2 or start.shape != end.shape or not start.shape[1]:
        raise ValueError(
            f"paths need as many ends as starts, both (P, D) with D >= 1, but got {start.shape} and "
            f"{end.shape}{_ONE_PAIR if start.ndim == end.ndim == 1 else ''}"
        )
    strange = ~(np.isfinite(start).all(axis=1) & np.isfinite(end).all(axis=1))
    if strange.any():
        raise ValueError(f"paths need finite ends, but those of pair {strange.argmax()} are not")
    return start, end


def real_numbers(values: object, what: str) -> Float[np.ndarray, "..."]:
    """Numbers as float64, of any shape.

    Raises:
        ValueError: If they are something else, such as complex ones.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} need real numbers, but got dtype {array.dtype}")
    return array.astype(np.float64, copy=False)


def _units(start: np.ndarray, end: np.ndarray) -> Float[np.ndarray, "P 1"]:
    """Of each pair the largest number, to divide by; 1 where there are zeros only."""
    largest = np.maximum(np.abs(start), np.abs(end)).max(axis=1, keepdims=True)
    # A power of two, which takes no digits.
    return np.ldexp(1.0, np.frexp(np.where(largest > 0, largest, 1))[1] - 1)


def _shares(steps: int) -> Float[np.ndarray, "T"]:
    return np.linspace(0, 1, steps + 1)


def _straight(start: np.ndarray, end: np.ndarray, shares: np.ndarray) -> Float[np.ndarray, "P T D"]:
    t = shares[:, None]
    return (1 - t) * start[:, None] + t * end[:, None]


def _directions(codes: np.ndarray, norms: np.ndarray) -> Float[np.ndarray, "P D"]:
    """Unit vectors; zeros where there is none."""
    return codes / np.where(norms > 0, norms, 1)[:, None]


def _perpendicular(first: np.ndarray, last: np.ndarray, angle: np.ndarray) -> Float[np.ndarray, "P D"]:
    """Unit vectors towards which the first directions turn."""
    towards = last.copy()
    opposite = np.pi - angle < _LEAST_ANGLE
    towards[opposite] = np.eye(first.shape[1])[np.abs(first[opposite]).argmin(axis=1)]
    # Twice, as what rounding leaves along `first` counts where little is left across.
    for _ in range(2):
        towards = towards - (towards * first).sum(axis=1, keepdims=True) * first
        towards = _directions(towards, np.linalg.norm(towards, axis=1))
    return towards
