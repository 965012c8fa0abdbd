"""Move points downhill in energy distance: the objective with its gradient, L-BFGS, the order of points."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from scipy.optimize import minimize

from zscape.energy import Cloud
from zscape.sample._targets import Field

# Per step, in units of the target's spread over the number of points: twice what independent draws have.
_LEAST_GAIN = 1e-9
# Steps of one descent: as many as this number of pairs times latents allows, within bounds.
_WORK = 1e10
_FEWEST, _MOST = 100, 2000


@dataclass(frozen=True)
class Shape:
    """What is asked of the points beside the target.

    Attributes:
        count: Points that move, J.
        avoid: (K, D) points that stay, or None.
        weights: (J,) of sum 1, or None for equal ones.
        free: Whether the weights move too.
        centre: (D,) of the target.
        scale: Length by which coordinates are divided, so that units do not matter.
        radii: (J,) distances from the centre at which the points stay, or None.
    """

    count: int
    avoid: np.ndarray | None
    weights: np.ndarray | None
    free: bool
    centre: np.ndarray
    scale: float
    radii: np.ndarray | None = None

    @property
    def share(self) -> float:
        """Share of the moving points in the whole set."""
        return self.count / (self.count + (0 if self.avoid is None else len(self.avoid)))


@dataclass(frozen=True)
class Problem:
    """The objective as a function of one vector: scaled coordinates, then logits of free weights.

    Where radii are given the coordinates stand for directions.

    Attributes:
        field: Potential of the target; its smoothing is that of all parts.
        shape: What is asked of the points.
        unit: What values are divided by.
    """

    field: Field
    shape: Shape
    unit: float

    @functools.cached_property
    def held(self) -> Cloud | None:
        """The points that stay."""
        avoid = self.shape.avoid
        return None if avoid is None else Cloud(avoid, smoothing=self.field.smoothing)

    def energy(self, points: np.ndarray, weights: np.ndarray | None) -> tuple[float, np.ndarray, np.ndarray]:
        r"""The part of the distance of the whole set that depends on the moving points, over their share.

        .. math:: \sum_j w_j \Big(P(x_j) - \frac{s}{2} \sum_k w_k h(x_j - x_k) - (1 - s) Q(x_j)\Big)

        for potentials P of the target and Q of the avoided points, and share s of the moving ones.

        Returns:
            The value, its gradient by the points, (J, D), and by the weights, (J,).
        """
        share = self.shape.share
        potential, pull = self.field.potential_with_gradient(points)
        moving = Cloud(points, smoothing=self.field.smoothing, weights=weights)
        own, push = moving.own_potential_with_gradient()
        if self.held is not None:
            fixed, away = self.held.potential_with_gradient(points)
            potential, pull = potential - (1 - share) * fixed, pull - (1 - share) * away
        each = np.full(len(points), 1 / len(points)) if weights is None else weights
        value = each @ (potential - 0.5 * share * own)
        return float(value), each[:, None] * (pull - share * push), potential - share * own

    def pack(self, points: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """The vector of a set of points."""
        flat = ((points - self.shape.centre) / self.shape.scale).ravel()
        return flat if weights is None or not self.shape.free else np.concatenate([flat, np.log(weights)])

    def unpack(self, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Points and weights of a vector."""
        shape = self.shape
        split = shape.count * len(shape.centre)
        offsets = shape.scale * vector[:split].reshape(shape.count, -1)
        if shape.radii is not None:
            offsets *= (shape.radii / np.linalg.norm(offsets, axis=1))[:, None]
        if not shape.free:
            return shape.centre + offsets, shape.weights
        # A weight of 0 would be no weight, and have no logit.
        raised = np.maximum(np.exp(vector[split:] - vector[split:].max()), 1e-200)
        return shape.centre + offsets, raised / raised.sum()

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient, in units of the spread of the target over the number of points."""
        shape = self.shape
        points, weights = self.unpack(vector)
        value, slopes, by_weight = self.energy(points, weights)
        if shape.radii is None:
            gradient = shape.scale * slopes.ravel()
        else:
            gradient = self._along_the_shell(vector, slopes, shape.radii).ravel()
        if shape.free and weights is not None:
            gradient = np.concatenate([gradient, weights * (by_weight - weights @ by_weight)])
        return value / self.unit, gradient / self.unit

    def _along_the_shell(self, vector: np.ndarray, slopes: np.ndarray, radii: np.ndarray) -> np.ndarray:
        """Gradient by coordinates of which only the direction counts."""
        directions = vector.reshape(slopes.shape)
        lengths = np.linalg.norm(directions, axis=1)[:, None]
        directions = directions / lengths
        across = slopes - (slopes * directions).sum(axis=1)[:, None] * directions
        return across * radii[:, None] / lengths


def descend(
    problem: Problem, start: np.ndarray, *, codes: int, told: Callable[[int], None] | None = None
) -> tuple[np.ndarray, float]:
    """The vector and the value at the end of L-BFGS.

    It stops when a step gains less than 1e-9 of the spread of the target over the number of points, or after
    2000 steps; after fewer, at least 100, when each is long.

    Args:
        problem: The objective.
        start: The vector to start from.
        codes: Number of codes in the problem's field, which says how long a step is.
        told: Called with the number of the step after each.
    """
    # Values near 0 keep the stop, which scipy makes relative to them, absolute.
    offset = problem(start)[0]
    done = itertools.count(1)
    count, latents = problem.shape.count, len(problem.shape.centre)
    pairs = count * (codes + count / 2)
    most = int(np.clip(_WORK / (pairs * (latents + 10)), _FEWEST, _MOST))

    def shifted(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = problem(vector)
        return value - offset, gradient

    def watched(_: np.ndarray) -> None:
        if told is not None:
            told(next(done))

    options = {"maxcor": 10, "ftol": _LEAST_GAIN, "gtol": 0.0, "maxiter": most, "maxfun": 2 * most}
    found = minimize(shifted, start, jac=True, method="L-BFGS-B", callback=watched, options=options)
    return found.x, found.fun + offset


def order(problem: Problem, points: np.ndarray, weights: np.ndarray | None) -> Int[np.ndarray, "J"]:
    """Indices that order points so that each prefix, with the avoided points, is near the target.

    Each next point is the one that leaves the least distance. O(J^2 D) time, O(J D) memory.

    Args:
        problem: Potential of the target, and avoided points.
        points: (J, D).
        weights: (J,), or None.
    """
    each = np.ones(len(points)) if weights is None else weights * len(points)
    potential = problem.field.potential_with_gradient(points)[0]
    smoothing, avoid, held = problem.field.smoothing, problem.shape.avoid, problem.held
    # Of the chosen points, the avoided ones first: their weight, and sums of weight * h to each point, to the
    # target and among themselves.
    mass, summed, outer, inner = 0.0, np.zeros(len(points)), 0.0, 0.0
    if avoid is not None and held is not None:
        mass = float(len(avoid))
        summed += mass * held.potential(points)
        outer = float(problem.field.potential_with_gradient(avoid)[0].sum())
        inner = mass**2 * held.spread()
    left, indices = np.ones(len(points), bool), []
    centred = points - points.mean(axis=0)
    squared = np.einsum("jd,jd->j", centred, centred)
    for _ in range(len(points)):
        outers, inners, total = outer + each * potential, inner + 2 * each * summed, mass + each
        # The square of a total may be below the least number.
        index = int(np.argmin(np.where(left, outers / total - 0.5 * (inners / total) / total, np.inf)))
        mass, outer, inner = float(total[index]), float(outers[index]), float(inners[index])
        indices.append(index)
        left[index] = False
        gaps = squared + squared[index] - 2 * (centred @ centred[index])
        summed += each[index] * (np.sqrt(np.clip(gaps, 0, None) + smoothing**2) - smoothing)
    return np.array(indices, np.int64)
