"""How a value measured on samples becomes a Result with its interval."""

from __future__ import annotations

import math

import numpy as np

from zscape.base import Result

# Two-sided 95 % point of the standard normal.
Z95 = 1.959963984540054


def mean_result(
    name: str, values: np.ndarray, *, unit: str, definition: str, seed: int | None = None
) -> Result:
    """The mean of one value per sample; its interval is normal and covers the choice of the samples.

    Args:
        name: Of the result.
        values: (N,) independent values; one alone has no interval.
        unit: Of the values.
        definition: What was measured, in words.
        seed: Of what was drawn to measure it.
    """
    return around(
        name,
        float(values.mean()),
        standard_error(values),
        n=len(values),
        unit=unit,
        definition=definition,
        seed=seed,
    )


def around(
    name: str,
    value: float,
    error: float | None,
    *,
    n: int,
    unit: str,
    definition: str,
    seed: int | None = None,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Result:
    """A value and 1.96 standard errors to either side; no interval without error.

    Args:
        name: Of the result.
        value: The estimate.
        error: Its standard error, if it has one.
        n: Samples it rests on.
        unit: Of the value.
        definition: What was measured, in words.
        seed: Of what was drawn to measure it.
        within: What is possible; the interval is cut there.
    """
    low, high = None, None
    if error is not None:
        low, high = max(value - Z95 * error, within[0]), min(value + Z95 * error, within[1])
    return Result(name, value, low, high, n, unit, definition, seed)


def standard_error(values: np.ndarray) -> float | None:
    """Standard error of the mean of independent values; None for one value, which says nothing of spread."""
    return None if len(values) < 2 else float(values.std(ddof=1)) / math.sqrt(len(values))
