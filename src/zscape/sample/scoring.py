"""Scores of class-conditional samples by a judge that tuning never asked, and the front of accuracy against
likeness."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike

import numpy as np
from jaxtyping import Float

from zscape.base import Result
from zscape.sample._judging import Decode, Judge, decoded, judge_columns, judgement
from zscape.sample._visits import Judged, Visits, mean_cosine, unit_rows
from zscape.sample.by_class import ByClass
from zscape.sample.tuning import Gradient, Tuned, check_settings, tune_on

# Two-sided 95 % point of the standard normal.
_Z95 = 1.959963984540054
# Pictures of each class that a point of the front is scored on.
_SCORED = 1000


@dataclass(frozen=True)
class FrontPoint:
    """One point of the front of accuracy against cosine similarity.

    Attributes:
        weight: Weight of the share judged wrongly, in the objective that was tuned.
        tuned: What tuning found, by the tuning judge and on its own draws.
        accuracy: By the judge that only scores, on fresh draws.
        cosine: On the same fresh draws.
        tuning_accuracy: By the judge that was tuned with, on the same fresh draws.
        efficient: Whether no other point is at least as good in accuracy and cosine and better in one.
    """

    weight: float
    tuned: Tuned
    accuracy: Result
    cosine: Result
    tuning_accuracy: Result
    efficient: bool


def score(
    density: ByClass,
    decode: Decode,
    judge: Judge,
    *,
    tuning_judge: Judge | None = None,
    count: int = 1000,
    seed: int = 1,
) -> list[Result]:
    """Accuracy and cosine similarity of decoded draws, the same number of each class.

    Accuracy is the share of pictures that the judge gives the label asked for, with Wilson's interval. Cosine
    similarity is the mean over pairs of different pictures of one class, then over classes, with the
    interval of its jackknife over pictures. Both take pictures for independent and say nothing of the choice
    of model, judge or data.

    Null: cosine 1 where theta is 0. Bias: none, for draws that nothing was tuned on.

    Cost: C `count` pictures decoded and judged; memory for those of one class.

    Args:
        density: A fitted density.
        decode: Codes (N, D) float64 to pictures (N, ...).
        judge: Pictures to probabilities (N, K), as in `tune`; one that tuning did not ask.
        tuning_judge: The judge that was tuned with, to report beside it.
        count: Pictures of each class.
        seed: Of the draws; another than that of `tune`.

    Returns:
        "class_accuracy" and "class_cosine_similarity", then "class_accuracy_tuning_judge" if there is one.

    Raises:
        ValueError: If count < 2, or a function returns something of another shape or NaN.
    """
    if count < 2:
        raise ValueError(f"score needs count >= 2, but got {count}")
    judges = [judge] if tuning_judge is None else [judge, tuning_judge]
    columns = [judge_columns(each, density.classes_) for each in judges]
    right, cosines, errors = np.zeros(len(judges)), [], []
    for row, label in enumerate(density.classes_.tolist()):
        pictures = decoded(decode, density.sample(count, label, seed=seed))
        for place, (each, column) in enumerate(zip(judges, columns, strict=True)):
            right[place] += (judgement(each, pictures, column).argmax(axis=1) == column.places[row]).sum()
        unit = unit_rows(pictures.reshape(count, -1).astype(np.float64))
        cosines.append(mean_cosine(unit))
        errors.append(_jackknife_error(unit))
    classes = len(cosines)
    what = f"of {count} pictures decoded from draws of each of {classes} classes"
    accuracies = [
        _proportion(name, share, classes * count, f"share {what} that {who} gives the label asked for", seed)
        for name, share, who in zip(
            ("class_accuracy", "class_accuracy_tuning_judge"),
            (right / (classes * count)).tolist(),
            ("the judge", "the judge that was tuned with"),
            strict=False,
        )
    ]
    value, error = float(np.mean(cosines)), float(np.linalg.norm(errors)) / classes
    cosine = Result(
        "class_cosine_similarity",
        value,
        max(value - _Z95 * error, -1.0) if math.isfinite(error) else None,
        min(value + _Z95 * error, 1.0) if math.isfinite(error) else None,
        classes * count,
        "",
        f"mean cosine over pixels between pairs {what}, mean over classes",
        seed,
    )
    return [accuracies[0], cosine, *accuracies[1:]]


def front(
    density: ByClass,
    decode: Decode,
    judges: tuple[Judge, Judge],
    *,
    weights: Sequence[float] = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    parameters: str = "simple",
    search: Gradient | str = "auto",
    count: int = 100,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> list[FrontPoint]:
    """Accuracy against cosine similarity: tune for each weight, score each result on fresh draws.

    The weight of the error in the objective says how many units of cosine one unit of accuracy is worth; the
    published objective is weight 1. What was decoded for one weight is not decoded again for another.

    Cost: for "simple" that of one `tune`, whatever the number of weights, and 1,000 pictures of each class
    for each different result; for the others that of `tune` for each weight.

    Args:
        density: A fitted density; not changed.
        decode: Codes (N, D) float64 to pictures (N, ...).
        judges: The judge to tune with and the judge that scores, trained on other data with another seed.
        weights: Of the error, each tuned for.
        parameters: As in `tune`.
        search: As in `tune`.
        count: Pictures of each class to tune on.
        seed: Of the draws to tune on; those to score are of the seed after it.
        checkpoint: As in `tune`; one file for all weights.
        watch: As in `tune`; counts anew for each weight.

    Returns:
        One point a weight, in their order.

    Raises:
        ValueError: As `tune`, or if there are no weights or the two judges are one.
        RunFormatError: If the checkpoint cannot be read or is of other settings.
    """
    if len(weights) == 0:
        raise ValueError("front needs at least one weight, but got none")
    tuning_judge, judge = judges
    if tuning_judge is judge:
        raise ValueError("front needs two judges, but got the same one twice; train another on other data")
    for weight in weights:
        check_settings(density, parameters=parameters, search=search, weight=weight, count=count)
    points, scored = [], {}
    with Visits(Judged(density, decode, tuning_judge, count=count, seed=seed), checkpoint, watch) as visits:
        for weight in weights:
            tuned = tune_on(visits, density, parameters=parameters, search=search, weight=weight)
            key = (np.asarray(tuned.density.theta).tobytes(), tuned.density.draws)
            if key not in scored:
                scored[key] = score(
                    tuned.density, decode, judge, tuning_judge=tuning_judge, count=_SCORED, seed=seed + 1
                )
            points.append(FrontPoint(weight, tuned, *scored[key], efficient=False))
    return [replace(point, efficient=not any(_beats(other, point) for other in points)) for point in points]


def _beats(one: FrontPoint, other: FrontPoint) -> bool:
    better = one.accuracy.value >= other.accuracy.value and one.cosine.value <= other.cosine.value
    same = one.accuracy.value == other.accuracy.value and one.cosine.value == other.cosine.value
    return better and not same


def _proportion(name: str, share: float, count: int, definition: str, seed: int) -> Result:
    """A share of independent cases with Wilson's interval, which is no point at 0 and 1 either."""
    square = _Z95**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _Z95 / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    # Rounding may leave the share itself outside.
    low, high = max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))
    return Result(name, share, low, high, count, "", definition, seed)


def _jackknife_error(unit: Float[np.ndarray, "N P"]) -> float:
    """Standard error of `mean_cosine` by leaving out each row in turn; nan for two rows, in O(N P)."""
    count = len(unit)
    if count < 3:
        return math.nan
    squares = np.einsum("np,np->n", unit, unit)
    total = unit.sum(axis=0)
    pairs = total @ total - squares.sum()
    # Leaving out a row takes away its cosines with all the others, each counted twice.
    without = (pairs - 2 * (unit @ total - squares)) / ((count - 1) * (count - 2))
    return float(np.sqrt((count - 1) * without.var()))
