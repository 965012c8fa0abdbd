"""Numbers that change with the step: weights, capacities and learning rates.

A schedule is any function from the step (0 for the first) to a float. A constant is a plain number. The
classes below are frozen records, so a spec can write them down and a resumed fit can read them back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Warmup:
    """Linear from `start` to `stop` over `steps` steps, then constant.

    >>> [Warmup(stop=1.0, steps=4)(step) for step in (0, 2, 4, 9)]
    [0.0, 0.5, 1.0, 1.0]

    Raises:
        ValueError: If steps < 1.
    """

    stop: float
    steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        _at_least_one("Warmup", "steps", self.steps)

    def __call__(self, step: int) -> float:
        return self.start + (self.stop - self.start) * min(step / self.steps, 1.0)


@dataclass(frozen=True, slots=True)
class Cyclical:
    """Repeated warm-up: in each period, linear from `start` to `stop` over its first `ramp` share, then
    constant.

    >>> [Cyclical(stop=1.0, period=4)(step) for step in (0, 1, 2, 3, 4)]
    [0.0, 0.5, 1.0, 1.0, 0.0]

    Raises:
        ValueError: If period < 1 or ramp is outside (0, 1].

    References:
        Fu et al., Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing, NAACL 2019.
    """

    stop: float
    period: int
    ramp: float = 0.5
    start: float = 0.0

    def __post_init__(self) -> None:
        _at_least_one("Cyclical", "period", self.period)
        if not 0 < self.ramp <= 1:
            raise ValueError(f"Cyclical needs 0 < ramp <= 1, but got {self.ramp}")

    def __call__(self, step: int) -> float:
        share = (step % self.period) / self.period
        return self.start + (self.stop - self.start) * min(share / self.ramp, 1.0)


@dataclass(frozen=True, slots=True)
class CosineDecay:
    """Half a cosine from `start` to `stop` over `steps` steps, after an optional linear warm-up from 0.

    >>> [round(CosineDecay(start=1.0, steps=4)(step), 3) for step in (0, 1, 2, 4, 9)]
    [1.0, 0.854, 0.5, 0.0, 0.0]

    Raises:
        ValueError: If steps < 1 or warmup is outside [0, steps).
    """

    start: float
    steps: int
    stop: float = 0.0
    warmup: int = 0

    def __post_init__(self) -> None:
        _at_least_one("CosineDecay", "steps", self.steps)
        if not 0 <= self.warmup < self.steps:
            raise ValueError(f"CosineDecay needs 0 <= warmup < steps = {self.steps}, but got {self.warmup}")

    def __call__(self, step: int) -> float:
        if step < self.warmup:
            # The first step already moves: a rate of exactly 0 would waste it.
            return self.start * (step + 1) / self.warmup
        share = min((step - self.warmup) / (self.steps - self.warmup), 1.0)
        return self.stop + (self.start - self.stop) * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(frozen=True, slots=True)
class ExponentialDecay:
    """`start` times `factor` to the power of the step, but never below `floor`.

    >>> [ExponentialDecay(start=1.0, factor=0.5, floor=0.2)(step) for step in (0, 1, 9)]
    [1.0, 0.5, 0.2]

    Raises:
        ValueError: If factor is outside (0, 1].
    """

    start: float
    factor: float
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise ValueError(f"ExponentialDecay needs 0 < factor <= 1, but got {self.factor}")

    def __call__(self, step: int) -> float:
        return max(self.start * self.factor**step, self.floor)


@dataclass(frozen=True, slots=True)
class ExponentialApproach:
    """From `start` towards `stop`, the gap between them shrinking by `factor` a step.

    .. math:: stop - (stop - start) factor^{step}

    With start 0.01 and factor 0.99995 this is sketch-rnn's weight of the KL, with stop 1e-5 and factor 0.9999
    its learning rate.

    >>> [ExponentialApproach(start=0.0, stop=1.0, factor=0.5)(step) for step in (0, 1, 3)]
    [0.0, 0.5, 0.875]

    Raises:
        ValueError: If factor is outside (0, 1].

    References:
        Ha and Eck, A Neural Representation of Sketch Drawings, ICLR 2018.
    """

    start: float
    stop: float
    factor: float

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise ValueError(f"ExponentialApproach needs 0 < factor <= 1, but got {self.factor}")

    def __call__(self, step: int) -> float:
        return self.stop - (self.stop - self.start) * self.factor**step


def at(value: float | Schedule, step: int) -> float:
    """The value of a number or schedule at `step`."""
    return value(step) if callable(value) else float(value)


def _at_least_one(owner: str, name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{owner} needs {name} >= 1, but got {value}")
