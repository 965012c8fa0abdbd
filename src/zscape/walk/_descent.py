"""Many small minimisations side by side: limited-memory BFGS in which every problem has a step of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Problems by number, and their unknowns, to a value of each.
Objective = Callable[[Int[Tensor, "A"], Float[Tensor, "A K D"]], Float[Tensor, "A"]]
# An approximate inverse of the Hessian, applied problem by problem.
Precondition = Callable[[Float[Tensor, "P K D"]], Float[Tensor, "P K D"]]

_MEMORY = 10  # steps that are remembered
_HALVINGS = 15  # of a step that does not lead down
_ENOUGH = 1e-4  # of the decrease that the slope promises
# Where gains fade as 1 / steps, as on ReLU networks, the last half of the steps gained what is still to come;
# on a convolutional decoder of 64 latents it was 0.22 to 1 times that.
_LATELY = 5  # steps that this half has at least
_STILL = 2
# The memory sees steep directions before flat ones, and by this factor at most promised too little in trials.
_DOUBT = 1000


@dataclass
class Descent:
    """How far P minimisations have come.

    Attributes:
        unknowns: (P, K, D).
        values: Values (P,) before the first step and after each.
        steps: (P,) taken.
        excess: (P,) by how much a value is estimated to be above its minimum, see `minimised`.
        converged: (P,) whether that is little.
    """

    unknowns: Float[Tensor, "P K D"]
    values: list[Float[Tensor, "P"]]
    steps: Int[Tensor, "P"]
    excess: Float[Tensor, "P"]
    converged: Bool[Tensor, "P"]
    _stuck: Bool[Tensor, "P"] = field(init=False)

    def __post_init__(self) -> None:
        self._stuck = torch.zeros_like(self.converged)

    @property
    def going(self) -> Int[Tensor, "A"]:
        """Numbers of the problems that are not at an end."""
        return (~self.converged & ~self._stuck).nonzero()[:, 0]

    def judge(self, promised: Float[Tensor, "P"], tolerance: float) -> None:
        """Estimate the excess of the problems that go on, of which the next step promises so much."""
        lately = torch.full_like(promised, torch.inf)
        # A problem that goes on took a step each time.
        taken = len(self.values) - 1
        if taken >= _LATELY:
            lately = _STILL * (self.values[-1 - max(taken // 2, _LATELY)] - self.values[-1])
        excess = torch.minimum(_DOUBT * promised, torch.maximum(promised, lately))
        going = self.going
        self.excess[going] = excess[going]
        self.converged[going] = excess[going] <= tolerance * self.values[-1][going]

    def give_up(self, which: Int[Tensor, "A"]) -> None:
        """Leave problems as they are that no step improves."""
        self._stuck[which] = True


def minimised(
    objective: Objective,
    begin: Float[Tensor, "P K D"],
    *,
    precondition: Precondition,
    tolerance: float,
    most: int,
) -> Descent:
    """Minimise P objectives of K D unknowns each.

    A problem is at its end when its estimated excess is at most `tolerance` of its value. A quadratic would
    fall by half the slope along the next step; that is too little where the memory has not seen all
    directions. The excess is twice what the last half of the steps, or the last five, have gained, but at
    most 1,000 times what the quadratic promises.

    Args:
        objective: Differentiable, each value in its own unknowns only.
        begin: Where to begin.
        precondition: Symmetric and positive.
        tolerance: Relative.
        most: Steps.
    """
    count = len(begin)
    every = torch.arange(count, device=begin.device)
    value, slope = _with_gradient(objective, every, begin)
    none = torch.zeros(count, dtype=torch.long, device=begin.device)
    descent = Descent(begin, [value], none, torch.zeros_like(value), torch.zeros_like(none, dtype=torch.bool))
    memory = _Memory(precondition)
    for _ in range(most):
        towards = memory.towards(slope)
        descent.judge(-0.5 * _dot(slope, towards), tolerance)
        if not len(descent.going):
            return descent
        moved, value, new = _stepped(objective, descent, towards, slope)
        memory.learn(moved - descent.unknowns, new - slope)
        descent.unknowns, slope = moved, new
        descent.values.append(value)
    descent.judge(-0.5 * _dot(slope, memory.towards(slope)), tolerance)
    return descent


class _Memory:
    """The last steps of all problems, and what they say of the inverse Hessian of each."""

    def __init__(self, precondition: Precondition) -> None:
        self._precondition = precondition
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        self._scale: Tensor | None = None

    def learn(self, step: Float[Tensor, "P K D"], change: Float[Tensor, "P K D"]) -> None:
        """Remember a step and the change of the gradient on it."""
        curvature = _dot(step, change)
        # A step against the curvature, or none, says nothing of a minimum: such a pair is left out by a
        # weight of 0.
        useful = curvature > 1e-7 * torch.sqrt(_dot(step, step) * _dot(change, change))
        weight = torch.where(useful, 1 / torch.where(useful, curvature, 1), 0)
        self._pairs = [*self._pairs, (step, change, weight)][-_MEMORY:]
        size = _dot(change, self._precondition(change))
        scale = torch.where(useful & (size > 0), curvature / torch.where(size > 0, size, 1), 1)
        self._scale = scale if self._scale is None else torch.where(useful, scale, self._scale)

    def towards(self, slope: Float[Tensor, "P K D"]) -> Float[Tensor, "P K D"]:
        """The step that the memory thinks leads to the minimum."""
        rest, shares = slope, []
        for step, change, weight in reversed(self._pairs):
            share = weight * _dot(step, rest)
            rest = rest - _times(share, change)
            shares.append(share)
        rest = self._precondition(rest)
        if self._scale is not None:
            rest = _times(self._scale, rest)
        for (step, change, weight), share in zip(self._pairs, reversed(shares), strict=True):
            rest = rest + _times(share - weight * _dot(change, rest), step)
        return -rest


def _stepped(
    objective: Objective, descent: Descent, towards: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Each problem that goes on moved so far that it falls; unknowns, values and gradients of all."""
    unknowns, value, gradient = descent.unknowns.clone(), descent.values[-1].clone(), slope.clone()
    promised = _dot(slope, towards)
    pending, length = descent.going, 1.0
    for _ in range(_HALVINGS):
        trial = descent.unknowns[pending] + length * towards[pending]
        found, new = _with_gradient(objective, pending, trial)
        falls = found <= value[pending] + _ENOUGH * length * promised[pending]
        taken = pending[falls]
        unknowns[taken], value[taken], gradient[taken] = trial[falls], found[falls], new[falls]
        descent.steps[taken] += 1
        pending, length = pending[~falls], length / 2
        if not len(pending):
            break
    descent.give_up(pending)
    return unknowns, value, gradient


def _with_gradient(objective: Objective, which: Tensor, unknowns: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        unknowns = unknowns.detach().requires_grad_()
        value = objective(which, unknowns)
        (gradient,) = torch.autograd.grad(value.sum(), unknowns)
    return value.detach(), gradient


def _dot(one: Tensor, other: Tensor) -> Float[Tensor, "P"]:
    return (one * other).flatten(1).sum(1)


def _times(scale: Float[Tensor, "P"], values: Float[Tensor, "P K D"]) -> Float[Tensor, "P K D"]:
    return scale[:, None, None] * values
