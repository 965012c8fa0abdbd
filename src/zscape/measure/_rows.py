"""How the measures of sets take their data: codes or arrays of any shape, each sample one row of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Num

from zscape.base import LARGEST, Codes, CodesLike, code_arrays

# Numbers of one block; as float64 these are 0.5 MB, which stay in the second-level cache.
BLOCK = 1 << 16
# Products of blocks want this many rows, as long as these are 32 MB at most.
_ROWS, _MOST = 256, 1 << 22
# Rows whose median is the middle of all.
_MIDDLE_ROWS = 512


def rows_of(values: CodesLike, what: str, *, least: int = 1) -> Num[np.ndarray, "N F"]:
    """One row a sample, checked; an array keeps its dtype and is not copied where it need not be.

    Squares of differences under 1e-150 are 0 in float64, and such samples count as equal.

    Args:
        values: A table or a pair (mean, logvar), of which the means are read, or an array (N, *shape).
        what: What it is called in messages.
        least: How many rows are needed.

    Raises:
        ValueError: If there are fewer rows or no features, or the numbers are not real, finite and under
            1e100.
    """
    if isinstance(values, Codes | tuple):
        values, _ = code_arrays(values)
    array = np.asarray(values)
    if array.ndim < 2 or math.prod(array.shape[1:]) == 0:
        raise ValueError(
            f"{what} needs samples of one feature or more, (N, *shape), but got shape {array.shape}"
        )
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what} needs real numbers, but got dtype {array.dtype}")
    if len(array) < least:
        raise ValueError(f"{what} needs at least {least} samples here, but got {len(array)}")
    rows = array.reshape(len(array), math.prod(array.shape[1:]))
    for here, block in float_blocks(rows):
        # A comparison with NaN is false, so this finds NaN as well.
        if not (block.max() < LARGEST and block.min() > -LARGEST):
            good = (np.abs(block) < LARGEST).all(axis=1)
            raise ValueError(
                f"{what} needs finite numbers under {LARGEST:g}, but sample {here.start + good.argmin()} "
                "holds one that is not; leave such samples out"
            )
    return rows


def means_of(codes: CodesLike, *, least: int = 1) -> Num[np.ndarray, "N D"]:
    """Means of codes, checked as `rows_of` does; of their own dtype and not copied, however many they are.

    Raises:
        ValueError: As `rows_of`, or if they are not (N, D).
    """
    mean = codes.mean if isinstance(codes, Codes) else codes[0] if isinstance(codes, tuple) else codes
    if np.ndim(mean) != 2:
        raise ValueError(f"codes need two dimensions, (N, D), but got shape {np.shape(mean)}")
    return rows_of(mean, "codes", least=least)


def two_sets(
    real: CodesLike, generated: CodesLike, *, least: int = 1
) -> tuple[Num[np.ndarray, "N F"], Num[np.ndarray, "M F"]]:
    """Rows of both sets, checked; they may differ in number but not in features.

    Raises:
        ValueError: As `rows_of`, or if the features differ.
    """
    first, second = rows_of(real, "real", least=least), rows_of(generated, "generated", least=least)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            "real and generated need the same number of features, but got "
            f"{first.shape[1]} and {second.shape[1]}"
        )
    return first, second


def float_blocks(rows: np.ndarray) -> Iterator[tuple[slice, Float[np.ndarray, "B F"]]]:
    """Consecutive rows as float64, each block with its place."""
    features = rows.shape[1]
    step = max(BLOCK // features, min(_ROWS, _MOST // features), 1)
    for start in range(0, len(rows), step):
        here = slice(start, min(start + step, len(rows)))
        yield here, rows[here].astype(np.float64, copy=False)


def center_of(rows: np.ndarray) -> Float[np.ndarray, "F"]:
    """Mean row, without a float64 copy of all of them."""
    return sum((block.sum(axis=0) for _, block in float_blocks(rows)), np.zeros(rows.shape[1])) / len(rows)


def middle_of(rows: np.ndarray) -> Float[np.ndarray, "F"]:
    """Median of each feature over 512 rows spread over all: near most rows, wherever a few lie."""
    return np.median(rows[:: -(-len(rows) // _MIDDLE_ROWS)].astype(np.float64), axis=0)
