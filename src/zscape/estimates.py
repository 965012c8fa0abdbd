"""How a value measured on samples becomes a Result with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtrit

from zscape.base import Result

# Two-sided 95 % point of the standard normal.
Z95 = 1.959963984540054
# Resamples of a bootstrap, and numbers of their weights that are held at once.
_RESAMPLES, _HELD = 2000, 1 << 22


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


def bootstrap_results(
    names: Sequence[str],
    values: Float[np.ndarray, "N S"],
    *,
    unit: str,
    definitions: Sequence[str],
    seed: int = 0,
) -> list[Result]:
    """Means over samples of S values of each, with intervals by the bootstrap that lie within the values.

    For what cannot be negative, or has another bound: a normal interval goes beyond it. Ends are quantiles of
    2,000 resampled means, moved out from 2.5 and 97.5 % for what the resamples of few values lack in spread.
    They still are too narrow for very few: of exponential values they cover about 87 % for 5, 91 % for 8 and
    94 % from 12 on; for 3 or less they are no more than the range.

    Cost: O(2000 N S) time.

    Args:
        names: Of the S results.
        values: Independent samples; one alone has no interval.
        unit: Of the values.
        definitions: What was measured, in words.
        seed: Of the resamples.

    References:
        Hesterberg, What Teachers Should Know About the Bootstrap, 2015 (the expanded quantiles).
    """
    count = len(values)
    ends = np.full((2, values.shape[1]), None)
    if count > 1:
        share = float(ndtr(-math.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.975)))
        ends = np.quantile(_resampled_means(values, seed), [share, 1 - share], axis=0).astype(object)
    means = values.mean(axis=0).tolist()
    return [
        Result(name, mean, low, high, count, unit, definition, seed if count > 1 else None)
        for name, mean, low, high, definition in zip(names, means, *ends, definitions, strict=True)
    ]


def bootstrap_result(name: str, values: np.ndarray, *, unit: str, definition: str, seed: int = 0) -> Result:
    """The mean of one value per sample, as `bootstrap_results`.

    Args:
        name: Of the result.
        values: (N,) independent values; one alone has no interval.
        unit: Of the values.
        definition: What was measured, in words.
        seed: Of the resamples.
    """
    return bootstrap_results([name], values[:, None], unit=unit, definitions=[definition], seed=seed)[0]


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


def _resampled_means(values: Float[np.ndarray, "N S"], seed: int) -> Float[np.ndarray, "R S"]:
    """Means of as many values drawn with replacement; the same draws for all S."""
    count = len(values)
    rng = np.random.default_rng(seed)
    # About a value and in units of a range, so that equal values stay equal and large ones finite.
    least, reach = values.min(axis=0), np.ptp(values, axis=0)
    scaled = (values - least) / np.where(reach > 0, reach, 1)
    step = max(1, _HELD // count)
    parts = []
    for start in range(0, _RESAMPLES, step):
        weights = rng.multinomial(count, np.full(count, 1 / count), min(step, _RESAMPLES - start))
        parts.append(weights @ scaled / count)
    return least + reach * np.clip(np.concatenate(parts), 0, 1)
