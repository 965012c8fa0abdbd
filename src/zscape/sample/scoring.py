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
from zscape.estimates import Z95, around
from zscape.sample._inputs import checked_count
from zscape.sample._judging import Decode, Judge, decoded, judge_columns, judgement
from zscape.sample._visits import Judged, Visits, mean_cosine, unit_rows
from zscape.sample.by_class import ByClass
from zscape.sample.tuning import Gradient, Trial, check_settings, described, tune_on

# Pictures of each class that a point of the front is scored on.
_SCORED = 1000
# Of the error in the objective, where none are given.
_WEIGHTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, repr=False)
class FrontPoint:
    """One point of the front of accuracy against cosine similarity.

    Attributes:
        density: The density with its theta.
        trial: What tuning saw of it, by the tuning judge and on its own draws.
        weight: Least weight of the share judged wrongly that tuning came here for; None for "simple", where
            every cell is looked at.
        accuracy: By the judge that only scores, on fresh draws.
        cosine: On the same fresh draws.
        tuning_accuracy: By the judge that was tuned with, on the same fresh draws.
        efficient: Whether no other point is at least as good in accuracy and cosine and better in one.
    """

    density: ByClass
    trial: Trial
    weight: float | None
    accuracy: Result
    cosine: Result
    tuning_accuracy: Result
    efficient: bool

    def __repr__(self) -> str:
        return (
            f"FrontPoint(accuracy {self.accuracy.value:.4g}, cosine {self.cosine.value:.4g}, "
            f"{'' if self.efficient else 'not '}efficient, {described(self.trial.theta, self.trial.draws)})"
        )


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
        ValueError: If count < 2, seed < 0, or a function returns something of another shape or NaN.
    """
    if checked_count(count, "score") < 2:
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
    error = float(np.linalg.norm(errors)) / classes
    cosine = around(
        "class_cosine_similarity",
        float(np.mean(cosines)),
        error if math.isfinite(error) else None,
        n=classes * count,
        unit="",
        definition=f"mean cosine over pixels between pairs {what}, mean over classes",
        seed=seed,
        within=(-1.0, 1.0),
    )
    return [accuracies[0], cosine, *accuracies[1:]]


def front(
    density: ByClass,
    decode: Decode,
    judges: tuple[Judge, Judge],
    *,
    weights: Sequence[float] | None = None,
    parameters: str = "simple",
    search: Gradient | str = "auto",
    count: int = 100,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> list[FrontPoint]:
    """Accuracy against cosine similarity: settings that no other beats on tuning draws, scored on fresh ones.

    For "simple" these are all cells of the grid that no other cell beats, in both accuracy and cosine, by the
    tuning judge. For "medium1" and "medium2" they are what `tune` finds for each weight of the error, which
    says how many units of cosine one unit of accuracy is worth; the published objective is weight 1. What was
    decoded for one weight is not decoded again for another. `least_cosine` picks a point.

    Bias: none in the scores of a point; that it is efficient is said of estimates.

    Cost: for "simple" that of one `tune`, for the others that of `tune` for each weight; then 1,000 pictures
    of each class for each point, of which "simple" has at most 41.

    Args:
        density: A fitted density; not changed.
        decode: Codes (N, D) float64 to pictures (N, ...).
        judges: The judge to tune with and the judge that scores, trained on other data with another seed.
        weights: Of the error, each tuned for; 0.3, 1, 3, 10, 30 and 100 if not given. Not for "simple".
        parameters: As in `tune`.
        search: As in `tune`.
        count: Pictures of each class to tune on.
        seed: Of the draws to tune on; those to score are of the seed after it.
        checkpoint: As in `tune`; one file for all weights.
        watch: As in `tune`; counts anew for each weight.

    Returns:
        One point a different setting, the most accurate first.

    Raises:
        ValueError: As `tune`, or if there are no weights, or some for "simple", or the two judges are one.
        TypeError: If there are not two judges.
        RunFormatError: If the checkpoint cannot be read or is of other settings.
    """
    tuning_judge, judge = _two_judges(judges)
    if parameters == "simple" and weights is not None:
        raise ValueError("front looks at every cell of 'simple', whatever the weights; leave weights out")
    weights = _WEIGHTS if weights is None else weights
    if len(weights) == 0:
        raise ValueError("front needs at least one weight, but got none")
    for weight in weights:
        check_settings(density, parameters=parameters, search=search, weight=weight, count=count)
    with Visits(Judged(density, decode, tuning_judge, count=count, seed=seed), checkpoint, watch) as visits:
        if parameters == "simple":
            every = tune_on(visits, density, parameters=parameters, search=search, weight=1.0).history
            trials = [(None, trial) for trial in _unbeaten(every)]
        else:
            tuned = {
                weight: tune_on(visits, density, parameters=parameters, search=search, weight=weight)
                for weight in sorted(weights)
            }
            trials = [(weight, found.history[-1]) for weight, found in tuned.items()]
    different = {_effective(trial): (weight, trial) for weight, trial in reversed(trials)}
    points = []
    for weight, trial in different.values():
        theta = {"simple": trial.theta[0, 0].item(), "medium1": trial.theta[0]}.get(parameters, trial.theta)
        chosen = density.scaled(theta, draws=trial.draws)
        scores = score(chosen, decode, judge, tuning_judge=tuning_judge, count=_SCORED, seed=seed + 1)
        points.append(FrontPoint(chosen, trial, weight, *scores, efficient=False))
    points = [replace(point, efficient=not any(_beats(other, point) for other in points)) for point in points]
    return sorted(points, key=lambda point: (-point.accuracy.value, point.cosine.value))


def least_cosine(points: Sequence[FrontPoint], accuracy: float) -> FrontPoint:
    """The point whose pictures are least alike among those of at least some accuracy.

    Bias: it is chosen by the numbers that it holds, so its accuracy is a little too good where others are
    near; `score` with a seed of your own says how much.

    Args:
        points: What `front` returned.
        accuracy: Needed share of pictures to which the scoring judge gives the label asked for, in [0, 1].

    Raises:
        ValueError: If no point is as accurate.
    """
    enough = [point for point in points if point.accuracy.value >= accuracy]
    if not enough:
        most = max((point.accuracy.value for point in points), default=math.nan)
        raise ValueError(f"no point has an accuracy of at least {accuracy}; the highest is {most:.4g}")
    return min(enough, key=lambda point: point.cosine.value)


def _two_judges(judges: object) -> tuple[Judge, Judge]:
    """The judge to tune with and the one that scores, checked."""
    if not isinstance(judges, tuple | list) or len(judges) != 2:
        came = f"{len(judges)} of them" if isinstance(judges, tuple | list) else type(judges).__name__
        raise TypeError(
            f"front needs two judges, (one to tune with, one that scores), but got {came}; train another on "
            "other data, or use tune and score"
        )
    if judges[0] is judges[1]:
        raise ValueError("front needs two judges, but got the same one twice; train another on other data")
    return judges[0], judges[1]


def _unbeaten(trials: Sequence[Trial]) -> list[Trial]:
    """Trials beside which no other is at least as accurate and as little alike, the first of equal ones."""
    left = [
        trial
        for trial in trials
        if not any(
            other.accuracy >= trial.accuracy
            and other.cosine <= trial.cosine
            and (other.accuracy, other.cosine) != (trial.accuracy, trial.cosine)
            for other in trials
        )
    ]
    return list({(trial.accuracy, trial.cosine): trial for trial in reversed(left)}.values())[::-1]


def _effective(trial: Trial) -> bytes:
    """What theta and the number of draws do together, by which equal settings are known."""
    return (trial.theta / math.sqrt(trial.draws)).tobytes()


def _beats(one: FrontPoint, other: FrontPoint) -> bool:
    better = one.accuracy.value >= other.accuracy.value and one.cosine.value <= other.cosine.value
    same = one.accuracy.value == other.accuracy.value and one.cosine.value == other.cosine.value
    return better and not same


def _proportion(name: str, share: float, count: int, definition: str, seed: int) -> Result:
    """A share of independent cases with Wilson's interval, which is no point at 0 and 1 either."""
    square = Z95**2 / count
    middle = (share + square / 2) / (1 + square)
    half = Z95 / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
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
