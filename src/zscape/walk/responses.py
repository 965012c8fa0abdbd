"""Which latent answers to which known factor: the mean of each latent at each value of a factor."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float, Int

from zscape.base import CodesLike, code_arrays
from zscape.estimates import Z95
from zscape.files import whole_file
from zscape.walk.latents import latent_name

_MOST = 1000  # values of a factor


@dataclass(frozen=True, eq=False)
class Response:
    """How latents answer to one factor. Where a value has one row alone, its interval is NaN.

    Attributes:
        factor: Its name.
        values: (V,) its values, rising.
        counts: (V,) rows of each.
        mean: (V, D) mean of each latent over those rows.
        low: (V, D) lower ends of the 95 % intervals of the means.
        high: (V, D) upper ends.
        share: (D,) share of the variance of each latent between the values, less what chance alone would
            give.
    """

    factor: str
    values: Float[np.ndarray, "V"]
    counts: Int[np.ndarray, "V"]
    mean: Float[np.ndarray, "V D"]
    low: Float[np.ndarray, "V D"]
    high: Float[np.ndarray, "V D"]
    share: Float[np.ndarray, "D"]


def responses(codes: CodesLike, factors: Mapping[str, np.ndarray]) -> list[Response]:
    r"""Mean of each latent as a function of each factor, over all values that the other factors take.

    Intervals are 1.96 standard errors of the mean over the rows of a value, to either side. The share of the
    variance is

    .. math:: 1 - \frac{N - 1}{N - V} \frac{\sum_n (z_n - \bar z_{v(n)})^2}{\sum_n (z_n - \bar z)^2}

    with V values; 0 for a latent that is constant, or a factor with a value a row. It sees any curve, but not
    a factor that changes the spread of a latent and leaves its mean.

    Null: expectation 0 for a latent without a part in the factor, so it can be negative. Bias: O(1/N).
    Cost: O(N (D + log N)) a factor.

    >>> found = responses(np.array([[1.0], [2.0], [5.0], [6.0]]), {"side": np.array([0, 0, 1, 1])})
    >>> found[0].mean.tolist(), found[0].share.round(3).tolist()
    ([[1.5], [5.5]], [0.912])

    Args:
        codes: A table, an array (N, D) of two rows or more, or a pair (mean, logvar); only means are read.
        factors: Values (N,) of each factor by its name, at most 1,000 different ones.

    Raises:
        ValueError: If a factor is not one finite number a row, or has too many values.
    """
    mean, _ = code_arrays(codes, rows=2)
    # Sums of squares lose nothing to a mean far from 0.
    middle = mean.mean(axis=0)
    centred = mean - middle
    return [_response(name, centred, middle, column) for name, column in factors.items()]


def save_responses(found: Sequence[Response], path: str | os.PathLike[str]) -> None:
    """Write responses as parquet, whole or not at all: a row a factor, value and latent.

    Args:
        found: What `responses` gave.
        path: The file to write.
    """
    columns: dict[str, list[object]] = {name: [] for name in ("factor", "latent", "value", "n")}
    numbers: dict[str, list[np.ndarray]] = {name: [] for name in ("mean", "low", "high", "share")}
    for each in found:
        count, latents = each.mean.shape
        columns["factor"] += [each.factor] * (count * latents)
        columns["latent"] += [latent_name(latent) for latent in range(latents)] * count
        columns["value"] += np.repeat(each.values, latents).tolist()
        columns["n"] += np.repeat(each.counts, latents).tolist()
        for name, values in numbers.items():
            array = getattr(each, name)
            values.append(np.tile(array, count) if name == "share" else array.ravel())
    together = {name: np.concatenate([np.empty(0), *values]) for name, values in numbers.items()}
    kinds = {"factor": pa.string(), "latent": pa.string(), "value": pa.float64(), "n": pa.int64()}
    table = pa.table(
        {name: pa.array(values, kinds[name]) for name, values in columns.items()}
        # Without an interval there is none, and not a number that is none.
        | {name: pa.array(values, pa.float64(), from_pandas=True) for name, values in together.items()}
    )
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def _response(name: str, centred: np.ndarray, middle: np.ndarray, column: np.ndarray) -> Response:
    column = np.asarray(column)
    if column.shape != (len(centred),) or column.dtype.kind not in "fiub" or not np.isfinite(column).all():
        raise ValueError(
            f"responses need one finite number a row in factor {name!r}, ({len(centred)},), but got "
            f"{column.dtype} of shape {column.shape}"
        )
    values, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    if len(values) > _MOST:
        raise ValueError(
            f"responses need at most {_MOST:,} values of a factor, but {name!r} has {len(values):,}; bin it, "
            "as with np.digitize"
        )
    sums = _by_value(centred, place, len(values))
    means = sums / counts[:, None]
    squares = _by_value((centred - means[place]) ** 2, place, len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        reach = Z95 * np.sqrt(squares / (counts - 1)[:, None] / counts[:, None])
    reach[counts == 1] = np.nan
    return Response(
        factor=name,
        values=values.astype(np.float64),
        counts=counts,
        mean=middle + means,
        low=middle + means - reach,
        high=middle + means + reach,
        share=_share(squares.sum(axis=0), centred, len(values)),
    )


def _share(within: np.ndarray, centred: np.ndarray, values: int) -> np.ndarray:
    count, whole = len(centred), (centred**2).sum(axis=0)
    varies = np.ptp(centred, axis=0) > 0
    share = np.zeros(len(whole))
    if values == count:
        return share
    share[varies] = 1 - (count - 1) / (count - values) * within[varies] / whole[varies]
    return share


def _by_value(numbers: np.ndarray, place: np.ndarray, values: int) -> Float[np.ndarray, "V D"]:
    """Sums over the rows of each value."""
    sums = [np.bincount(place, weights=column, minlength=values) for column in numbers.T]
    return np.stack(sums, axis=1)
