"""How the measures of disentanglement take factors, share out rows, and give intervals of accuracies."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from zscape.base import CodesLike, code_arrays
from zscape.checks import check_whole
from zscape.estimates import Z95

# Two parts of three train a learner where rows are fewer than asked for; the last third tests it.
_TRAIN_SHARE = 2 / 3
_LEAST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Labelled:
    """Codes with the factors that vary, as classes 0, 1, ..., each of which occurs.

    Attributes:
        z: (N, D) float64 codes.
        factors: Numbers of classes by name, each (N,).
    """

    z: Float[np.ndarray, "N D"]
    factors: dict[str, np.ndarray]

    @property
    def names(self) -> str:
        """Names of the factors, as definitions list them."""
        return ", ".join(self.factors)


def labelled(codes: CodesLike, factors: Mapping[str, np.ndarray], owner: str) -> Labelled:
    """Codes and factors, checked; factors of one value are left out with a warning.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Whole numbers, each (N,).
        owner: What asks for them, in messages.

    Raises:
        TypeError: If factors have no names.
        ValueError: If a factor has another length or is not made of whole numbers, or if none varies.
    """
    z = points_of(codes)
    check_named(factors, owner)
    columns = {name: classes_of(name, values, len(z), owner) for name, values in factors.items()}
    return Labelled(z, varying_factors(columns, owner))


def points_of(codes: CodesLike) -> Float[np.ndarray, "N D"]:
    """Means of codes, at least twelve: enough to train on some and to test on others.

    Raises:
        ValueError: If there are fewer, or as `zscape.base.code_arrays`.
    """
    return code_arrays(codes, rows=_LEAST_ROWS)[0]


def standardised(z: Float[np.ndarray, "N D"], rows: np.ndarray) -> Float[np.ndarray, "N D"]:
    """Codes less their mean, over their standard deviation, both of the given rows; constant ones are 0."""
    spread = z[rows].std(axis=0)
    return (z - z[rows].mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def varying_factors(columns: Mapping[str, np.ndarray], owner: str) -> dict[str, np.ndarray]:
    """The factors that take two values or more; a warning names the others.

    Raises:
        ValueError: If there is none.
    """
    kept = {name: values for name, values in columns.items() if values.min() < values.max()}
    if not kept:
        raise ValueError(
            f"{owner} needs a factor that takes two values or more, but got "
            f"{', '.join(columns) + ', constant over these rows' if columns else 'none'}; "
            "give the columns of factors of the data set"
        )
    if len(kept) < len(columns):
        constant = ", ".join(name for name in columns if name not in kept)
        # The caller of whoever asked through one helper.
        warnings.warn(f"{owner} leaves out what is constant over these rows: {constant}", stacklevel=4)
    return kept


def check_named(factors: object, owner: str) -> None:
    """Refuse factors without names, such as a table (N, F).

    Raises:
        TypeError: If they are no mapping, nor a data frame, which is as good as one.
    """
    if not hasattr(factors, "items"):
        raise TypeError(
            f"{owner} needs factors by name, but got {type(factors).__name__}; give "
            '{"shape": table[:, 0], "scale": table[:, 1]}, a column each'
        )


def check_column(name: str, values: np.ndarray, count: int, owner: str) -> np.ndarray:
    """A factor as an array with one entry a row.

    Raises:
        ValueError: If it has another shape.
    """
    values = np.asarray(values)
    if values.shape != (count,):
        raise ValueError(
            f"{owner} needs one value of each factor a row of codes, ({count},), but {name} has shape "
            f"{values.shape}"
        )
    return values


def classes_of(name: str, values: np.ndarray, count: int, owner: str) -> Int[np.ndarray, "N"]:
    """A factor of whole numbers as classes 0, 1, ....

    Raises:
        ValueError: If it has another shape, or other numbers.
    """
    values = check_column(name, values, count, owner)
    if values.dtype.kind == "f" and np.array_equal(values, np.rint(values)):
        raise ValueError(
            f"{owner} needs factors of whole numbers, the classes, but {name} holds them as {values.dtype}; "
            f"give {name}.astype(int)"
        )
    if values.dtype.kind not in "iub":
        raise ValueError(
            f"{owner} needs factors of whole numbers, the classes, but {name} is {values.dtype}; bin what is "
            f"continuous, np.digitize({name}, edges), and number what is text, np.unique(..., "
            "return_inverse=True)"
        )
    return np.unique(values, return_inverse=True)[1]


def split_rows(count: int, train: int, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train a learner on and others to test it, drawn without replacement.

    Where there are fewer rows than train + test, all are used, two thirds to train.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If `train` or `test` is < 2, or the seed negative.
    """
    check_whole("train", train, least=2)
    check_whole("test", test, least=2)
    check_whole("seed", seed)
    rows = np.random.default_rng(seed).permutation(count)
    if train + test > count:
        train, test = math.floor(_TRAIN_SHARE * count), count
    return rows[:train], rows[train : train + test]


def check_taught(factors: Mapping[str, np.ndarray], rows: np.ndarray, owner: str) -> None:
    """Refuse a choice of rows in which a factor takes one value.

    Raises:
        ValueError: If there is such a factor.
    """
    for name, values in factors.items():
        if np.ptp(values[rows]) == 0:
            raise ValueError(
                f"{owner} needs two values or more of each factor to learn from and to test on, but {name} "
                f"takes one in {len(rows)} rows; give more rows, or leave the factor out"
            )


def commonest_share(given: Labelled, train: np.ndarray, test: np.ndarray) -> float:
    """Accuracy of always naming the commonest class of the training rows, mean over factors."""
    shares = [
        (classes[test] == np.bincount(classes[train]).argmax()).mean() for classes in given.factors.values()
    ]
    return float(np.mean(shares))


def accuracy_interval(values: Float[np.ndarray, "N"] | Bool[np.ndarray, "N"]) -> tuple[float, float]:
    """95 % interval of the mean of independent numbers in [0, 1], as Wilson's for a proportion.

    It has a width where all are equal. Means of several trials a row count for as many rows as their
    variance says.
    """
    mean, variance, count = float(np.mean(values)), float(np.var(values)), len(values)
    # Of equal numbers the variance may be above 0 by rounding.
    effective = count * mean * (1 - mean) / variance if values.min() < values.max() else count
    square = Z95**2 / effective
    middle = (mean + square / 2) / (1 + square)
    half = math.sqrt(mean * (1 - mean) * square + square**2 / 4) / (1 + square)
    # Rounding may take an end past a mean of 0 or 1.
    return max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))
