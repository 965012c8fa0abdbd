"""Tuning of class-conditional samples: the spread of each class, so that pictures differ and stay of their
class."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from zscape.errors import nearest
from zscape.sample._inputs import checked_count
from zscape.sample._judging import Decode, Judge
from zscape.sample._visits import Judged, Visits
from zscape.sample.by_class import ByClass

_PARAMETERS = ("simple", "medium1", "medium2")
_SEARCHES = ("auto", "grid", "coordinates")
# The published grid.
_THETAS = tuple(step / 10 for step in range(11))
_DRAWS = (1, 2, 3, 5)
# The objective is float32 inside, so a step that gains less than this is noise.
_LBFGS = {"ftol": 1e-6, "gtol": 1e-5, "maxiter": 100}
# Cells that are still walked through one by one: three latents.
_CELLS = len(_THETAS) ** 3


@dataclass(frozen=True)
class Gradient:
    """A search that follows gradients: decoder and judge once more, as functions of tensors.

    Attributes:
        decode: Codes (B, D), float32, to pictures.
        logits: Pictures to unnormalised log probabilities (B, K), columns as those of the judge.
    """

    decode: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """One setting that a search came to.

    Attributes:
        theta: (C, D).
        draws: Draws averaged into one.
        objective: cosine + weight (1 - accuracy).
        cosine: Mean over classes.
        accuracy: Mean over classes.
    """

    theta: np.ndarray
    draws: int
    objective: float
    cosine: float
    accuracy: float

    def __repr__(self) -> str:
        return (
            f"Trial(objective {self.objective:.4g}, cosine {self.cosine:.4g}, accuracy {self.accuracy:.4g}, "
            f"{described(self.theta, self.draws)})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Tuned:
    """What `tune` found. Its numbers are those of the draws tuned on, and so a little too good.

    Attributes:
        density: The density with the theta found.
        objective: cosine + weight (1 - accuracy).
        cosine: Mean cosine similarity of pictures of one class.
        accuracy: Share of pictures that the tuning judge gives the label asked for.
        evaluations: Sets of `count` pictures of one class that were decoded and judged, gradients included.
        history: Every cell of a grid that all classes share; otherwise the start and every better setting
            after it. The smallest objective among them is the one found.
    """

    density: ByClass
    objective: float
    cosine: float
    accuracy: float
    evaluations: int
    history: tuple[Trial, ...]

    def __repr__(self) -> str:
        return (
            f"Tuned(objective {self.objective:.4g}, cosine {self.cosine:.4g}, accuracy {self.accuracy:.4g}, "
            f"{described(self.density.theta, self.density.draws)}, {self.evaluations} evaluations, "
            f"{len(self.history)} in history)"
        )


def described(theta: ArrayLike, draws: int) -> str:
    """Theta in few words: the number where there is one, otherwise its range."""
    values = np.asarray(theta)
    low, high = values.min(), values.max()
    shown = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g} {values.shape}"
    return f"theta {shown}" + (f", draws {draws}" if draws > 1 else "")


def tune(
    density: ByClass,
    decode: Decode,
    judge: Judge,
    *,
    parameters: str = "simple",
    search: Gradient | str = "auto",
    weight: float = 1.0,
    count: int = 100,
    seed: int = 0,
    checkpoint: str | PathLike[str] | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> Tuned:
    r"""Choose theta of a fitted density by the published objective.

    .. math:: \frac{1}{C} \sum_y \Big( \frac{1}{M (M - 1)} \sum_{i \ne j} \cos(x_{yi}, x_{yj})
              + w \big(1 - \tfrac{1}{M} \sum_i 1[\mathrm{judge}(x_{yi}) = y]\big) \Big)

    over M = `count` decoded pictures of each class, cosines over pixels. All settings of theta are compared
    on the same random numbers, so the objective is a function of theta alone.

    Three sets of parameters, as published: "simple" is one theta and the number of draws n; "medium1" a theta
    for each latent; "medium2" one for each latent and class. The published grids are theta in
    {0, 0.1, ..., 1} and n in {1, 2, 3, 5}. Since n only divides theta by its square root, the 44 cells of
    "simple" are 41 settings; and since the objective is a sum over classes, "medium2" is C searches of D
    numbers rather than one of C D.

    Searches:

    - "grid" looks at every cell: "simple" always, the others up to three latents.
    - "coordinates" changes one theta at a time to the best value of the grid, until no change of one
      helps. It starts from the best single theta, and works with any functions.
    - `Gradient(decode, logits)` follows the gradient through decoder and judge within [0, 1] from the same
      start (L-BFGS-B), with the probability of the label in place of whether it is the largest. The start is
      kept where the end is no better by the objective above.
    - "auto" is "grid" where that can be, otherwise "coordinates".

    With a run and a `zscape.judge.Judge`::

        through = Gradient(lambda z: run.model.decode(z).mean, judge.logits)
        tuned = tune(density, run.decode, judge, parameters="medium2", search=through)

    Null: with a judge that always gives the label asked for, theta goes to its upper end where pictures grow
    less alike with theta. Bias: of the draws it was tuned on; use `score`. There is no promise that the best
    theta lies within the range: at 0 pictures of a class are equal and cosine is 1 (of a mixture, as many
    pictures as components are left).

    Cost: C M pictures decoded and judged a setting: 41 settings for "simple", 10 D a sweep of coordinates.

    Args:
        density: A fitted density; not changed, and its theta and draws are not read.
        decode: Codes (N, D) float64 to pictures (N, ...), such as `run.decode`.
        judge: Pictures to probabilities (N, K); columns follow its `classes_` if it has them (see
            `LabelledJudge`), otherwise there is one for each class of the density.
        parameters: What may differ.
        search: How; `Gradient(...)` for "medium1" and "medium2" alone.
        weight: Of the share of pictures judged wrongly.
        count: Pictures of each class, M.
        seed: Of the draws.
        checkpoint: File of what was decoded and judged so far, kept when stopped; the next call with the same
            density, functions, count and seed goes on from there to the same result, bit for bit. Other
            weights, parameters and searches may share it. The functions are known again by what they make of
            200 codes of each class, but for rounding, so these are decoded and judged first.
        watch: Called after each decoded set with their number and the best objective so far (infinite before
            the first).

    Returns:
        The density with its theta set, and how it was found.

    Raises:
        ValueError: If a setting is out of range or unknown, a grid is too large, or a function returns
            something of another shape.
        TypeError: If the search is neither a name nor a Gradient.
        RunFormatError: If the checkpoint cannot be read or is of other settings or functions.
    """
    check_settings(density, parameters=parameters, search=search, weight=weight, count=count)
    with Visits(Judged(density, decode, judge, count=count, seed=seed), checkpoint, watch) as visits:
        return tune_on(visits, density, parameters=parameters, search=search, weight=weight)


def tune_on(
    visits: Visits, density: ByClass, *, parameters: str, search: Gradient | str, weight: float
) -> Tuned:
    """As `tune`, on draws that are there already and what is known of them."""
    visits.begin()
    if isinstance(search, Gradient):
        visits.follow((search.decode, search.logits))
    descent = _Descent(visits, weight)
    if parameters == "simple":
        best = descent.cells()
        theta: float | np.ndarray = float(best.theta[0, 0])
    else:
        classes = np.arange(visits.judged.classes)
        best = descent.refine([classes] if parameters == "medium1" else list(classes[:, None]), search)
        theta = best.theta[0] if parameters == "medium1" else best.theta
    found = density.scaled(theta, draws=best.draws)
    return Tuned(found, best.objective, best.cosine, best.accuracy, visits.made, tuple(descent.history))


class _Descent:
    """The way of one search: values of settings, and the better ones it came by."""

    def __init__(self, visits: Visits, weight: float) -> None:
        self.visits, self.weight = visits, weight
        self.classes, self.latents = visits.judged.classes, visits.judged.latents
        self.history: list[Trial] = []

    def value(self, rows: np.ndarray, theta: np.ndarray) -> float:
        """Objective of some classes at one theta (D,)."""
        measured = [self.visits.measure(int(row), theta) for row in rows]
        return float(np.mean([cosine + self.weight * (1 - accuracy) for cosine, accuracy in measured]))

    def note(self, theta: np.ndarray, draws: int = 1) -> None:
        """Add theta (C, D) to the history."""
        measured = [self.visits.measure(row, theta[row] / math.sqrt(draws)) for row in range(self.classes)]
        cosine, accuracy = np.mean(measured, axis=0).tolist()
        objective = cosine + self.weight * (1 - accuracy)
        self.history.append(Trial(theta, draws, objective, cosine, accuracy))
        self.visits.best = min(self.visits.best, objective)

    def cells(self) -> Trial:
        """The 44 cells of one theta and a number of draws; the best, of equal ones that of fewest draws."""
        for draws, theta in itertools.product(_DRAWS, _THETAS):
            self.note(np.full((self.classes, self.latents), theta), draws)
        return min(self.history, key=lambda trial: trial.objective)

    def refine(self, groups: list[np.ndarray], search: Gradient | str) -> Trial:
        """Search a theta (D,) for each group of classes, from the best single one."""
        singles = [
            np.full(self.latents, theta / math.sqrt(draws))
            for draws, theta in itertools.product(_DRAWS, _THETAS)
        ]
        theta = np.zeros((self.classes, self.latents))
        for rows in groups:
            theta[rows] = min(singles, key=lambda single: self.value(rows, single))
        self.note(theta)
        for rows in groups:
            for better in self._walk(rows, theta[rows[0]], search):
                theta = theta.copy()
                theta[rows] = better
                self.note(theta)
        return self.history[-1]

    def _walk(self, rows: np.ndarray, start: np.ndarray, search: Gradient | str) -> Iterator[np.ndarray]:
        """Ever better settings for some classes."""
        if isinstance(search, Gradient):
            return self._slide(rows, start, search)
        if search == "grid" or (search == "auto" and _cells(self.latents) <= _CELLS):
            return self._grid(rows, start)
        return self._coordinates(rows, start)

    def _grid(self, rows: np.ndarray, start: np.ndarray) -> Iterator[np.ndarray]:
        least = self.value(rows, start)
        for cell in itertools.product(_THETAS, repeat=self.latents):
            theta = np.array(cell)
            if (value := self.value(rows, theta)) < least:
                least = value
                yield theta

    def _coordinates(self, rows: np.ndarray, start: np.ndarray) -> Iterator[np.ndarray]:
        theta, least, idle = start, self.value(rows, start), 0
        # Values fall strictly among finitely many settings, so this ends.
        for latent in itertools.cycle(range(self.latents)):
            best = min(
                (_changed(theta, latent, value) for value in _THETAS),
                key=lambda other: self.value(rows, other),
            )
            idle += 1
            if (value := self.value(rows, best)) < least:
                theta, least, idle = best, value, 0
                yield theta
            if idle == self.latents:
                return

    def _slide(self, rows: np.ndarray, start: np.ndarray, search: Gradient) -> Iterator[np.ndarray]:
        through = (search.decode, search.logits)

        def slope(theta: np.ndarray) -> tuple[float, np.ndarray]:
            slopes = [self.visits.slope(int(row), theta, self.weight, through) for row in rows]
            total = np.mean(slopes, axis=0)
            return float(total[0]), total[1:]

        bounds = [(_THETAS[0], _THETAS[-1])] * self.latents
        found = minimize(slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_LBFGS)
        end = np.clip(found.x, _THETAS[0], _THETAS[-1])
        if self.value(rows, end) < self.value(rows, start):
            yield end


def _changed(theta: np.ndarray, latent: int, value: float) -> np.ndarray:
    other = theta.copy()
    other[latent] = value
    return other


def _cells(latents: int) -> int:
    return len(_THETAS) ** latents


def check_settings(
    density: ByClass, *, parameters: str, search: Gradient | str, weight: float, count: int
) -> None:
    """Refuse settings that no search can work with.

    Raises:
        ValueError: If one is out of range or unknown, or a grid is too large.
        TypeError: If the search is neither a name nor a Gradient.
    """
    check_is_fitted(density)
    latents = density.means_.shape[2]
    if parameters not in _PARAMETERS:
        raise ValueError(f"unknown parameters {parameters!r}: {nearest(parameters, _PARAMETERS)}")
    if not isinstance(search, Gradient | str):
        raise TypeError(
            f"search needs to be one of {', '.join(_SEARCHES)}, or a Gradient(decode, logits), "
            f"but got {search!r}"
        )
    if not isinstance(search, Gradient) and search not in _SEARCHES:
        raise ValueError(
            f"unknown search {search!r}: {nearest(search, _SEARCHES)}, or a Gradient(decode, logits)"
        )
    if parameters == "simple" and search not in ("auto", "grid"):
        raise ValueError("'simple' is always solved on its grid; leave search out")
    if parameters != "simple" and search == "grid" and _cells(latents) > _CELLS:
        raise ValueError(
            f"the grid of {parameters!r} over {latents} latents has {_cells(latents):.2g} cells, but at most "
            f"{_CELLS} are walked through; use search='coordinates' or a Gradient"
        )
    checked_count(count, "tune")
    if not (math.isfinite(weight) and weight >= 0) or count < 2:
        raise ValueError(f"tune needs weight >= 0 and count >= 2, but got {weight} and {count}")
