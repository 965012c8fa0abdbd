"""Directions that stand for an attribute: differences of class means; how straight they are; analogies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from zscape.base import Codes, CodesLike, Result, code_arrays

Score = Callable[[np.ndarray], np.ndarray]
"""Codes (N, D) to how much of the attribute each shows, (N,), such as a judge's logit of what is decoded."""

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Attribute:
    """The axis from the mean of codes without an attribute to the mean of those with it.

    Attributes:
        start: (D,) mean of those without.
        end: (D,) mean of those with.
        separation: How well the place on such an axis tells the two apart, on codes that it was not made of.
    """

    start: Float[np.ndarray, "D"]
    end: Float[np.ndarray, "D"]
    separation: Result

    @property
    def vector(self) -> Float[np.ndarray, "D"]:
        """From the one mean to the other, (D,)."""
        return self.end - self.start

    def place(self, z: Num[np.ndarray, "... D"]) -> Float[np.ndarray, "..."]:
        """Where codes lie along the axis: 0 at the mean of those without, 1 at the mean of those with.

        Args:
            z: Codes of any number, such as paths (P, T, D).

        Raises:
            ValueError: If the two means are equal.
        """
        size = float(self.vector @ self.vector)
        if not size:
            raise ValueError("a place on an axis needs two means that differ, but they are equal")
        return (np.asarray(z, dtype=np.float64) - self.start) @ self.vector / size

    def moved(
        self, z: Num[np.ndarray, "N D"], strengths: Sequence[float] | np.ndarray
    ) -> Float[np.ndarray, "N S D"]:
        """Codes with so much of the vector added, each by each strength; 1 leads from mean to mean.

        Args:
            z: Codes to change.
            strengths: Multiples of the vector.
        """
        z = np.asarray(z, dtype=np.float64)
        return z[:, None] + np.asarray(strengths, dtype=np.float64)[:, None] * self.vector


@dataclass(frozen=True, eq=False)
class Linearity:
    """How a score answers as an attribute is added.

    Attributes:
        strengths: (S,) multiples of the vector.
        responses: (N, S) score of each code with so much added.
        slope: What a whole vector adds to the score.
        straight: Share of what the strength does to the score that a straight line accounts for.
    """

    strengths: Float[np.ndarray, "S"]
    responses: Float[np.ndarray, "N S"]
    slope: Result
    straight: Result


def attribute_vector(
    codes: CodesLike,
    present: Bool[np.ndarray, "N"],
    *,
    absent: Bool[np.ndarray, "N"] | None = None,
    seed: int = 0,
) -> Attribute:
    """The difference of the mean of codes that have an attribute and of those that have not.

    Its separation is the chance that a code with the attribute lies further along such an axis than one
    without (the area under the ROC curve), where every code is placed on an axis made from the other half of
    the codes; its interval is by bootstrap over codes, the axes held.

    Null: 0.5 in expectation where the attribute is random. Bias: downwards, as an axis from half of the codes
    is less exact than one from all. Cost: O(N D + B N log N) for B = 1,000 resamples.

    >>> rng = np.random.default_rng(0)
    >>> has = np.arange(200) % 2 == 0
    >>> codes = rng.normal(size=(200, 2)) + has[:, None] * [4.0, 0.0]
    >>> found = attribute_vector(codes, has)
    >>> float(found.vector[0].round()), found.separation.value > 0.99
    (4.0, True)

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar), of which only means are read.
        present: Which have the attribute.
        absent: Which have not; all the others if not given.
        seed: Of the halves and the bootstrap.

    Raises:
        ValueError: If a mask is not one truth value a code, the two overlap, or fewer than two codes are of
            either.
    """
    mean, _ = code_arrays(codes)
    present = _mask(present, len(mean), "present")
    absent = ~present if absent is None else _mask(absent, len(mean), "absent")
    if (present & absent).any():
        raise ValueError(
            f"attribute_vector needs codes of one kind or the other, but {(present & absent).sum()} are both"
        )
    if min(present.sum(), absent.sum()) < 2:
        raise ValueError(
            "attribute_vector needs two codes or more with the attribute and two without, but got "
            f"{present.sum()} and {absent.sum()}"
        )
    separation = _separation(mean[present], mean[absent], seed)
    return Attribute(mean[absent].mean(axis=0), mean[present].mean(axis=0), separation)


def class_axis(
    codes: CodesLike, first: int, second: int, *, labels: Int[np.ndarray, "N"] | None = None, seed: int = 0
) -> Attribute:
    """The axis from the mean of one class to that of another; `place` puts codes and paths on it.

    >>> axis = class_axis(np.array([[0.0], [2.0], [4.0], [6.0]]), 0, 1, labels=np.array([0, 0, 1, 1]))
    >>> axis.place(np.array([[1.0], [3.0], [5.0]])).tolist()
    [0.0, 0.5, 1.0]

    Args:
        codes: A table, an array (N, D), or a pair (mean, logvar), of which only means are read.
        first: Class at 0.
        second: Class at 1.
        labels: Class of each code; those of the table if not given.
        seed: Of the halves and the bootstrap of its separation, see `attribute_vector`.

    Raises:
        ValueError: If there are no labels, the classes are one, or fewer than two codes are of either.
    """
    if labels is None:
        labels = codes.label if isinstance(codes, Codes) else None
    if labels is None:
        raise ValueError("class_axis needs labels, but got codes without; give labels=, one a code")
    if first == second:
        raise ValueError(f"class_axis needs two classes, but got {first} twice")
    labels = np.asarray(labels)
    return attribute_vector(codes, labels == second, absent=labels == first, seed=seed)


def attribute_linearity(
    attribute: Attribute,
    z: Num[np.ndarray, "N D"],
    *,
    score: Score,
    strengths: Sequence[float] | np.ndarray = (-1.0, -0.5, 0.0, 0.5, 1.0),
    seed: int = 0,
) -> Linearity:
    r"""How a score answers to the strength of an attribute: whether twice the vector does twice as much.

    With s_nk the score of code n at strength k less its mean over the strengths, and a_k the strength less
    its mean,

    .. math:: \beta = \frac{\sum_{nk} a_k s_{nk}}{N \sum_k a_k^2}, \qquad
        \text{straight} = \frac{\beta^2 N \sum_k a_k^2}{\sum_{nk} s_{nk}^2}

    Intervals are by bootstrap over codes.

    Null: straight is 1 where every code answers by the same straight line, 0 where the answer has no trend; a
    random answer gives 1 / (N (S - 1)) in expectation. Cost: N S codes scored.

    Args:
        attribute: Such as `attribute_vector` gives.
        z: Codes to begin at, two or more; best such that have no part in the attribute.
        score: How much of the attribute codes show.
        strengths: Multiples of the vector, three or more.
        seed: Of the bootstrap.

    Raises:
        ValueError: If there are fewer than two codes or three different strengths, or scores are not finite
            numbers, one a code.
    """
    z, strengths = np.asarray(z, dtype=np.float64), np.asarray(strengths, dtype=np.float64)
    if z.ndim != 2 or len(z) < 2 or strengths.ndim != 1 or len(np.unique(strengths)) < 3:
        raise ValueError(
            "attribute_linearity needs two codes or more, (N, D), and three different strengths or more, "
            f"but got {z.shape} and {strengths.tolist()}"
        )
    flat = attribute.moved(z, strengths).reshape(-1, z.shape[1])
    answers = np.asarray(score(flat), dtype=np.float64)
    if answers.shape != (len(flat),) or not np.isfinite(answers).all():
        raise ValueError(
            f"attribute_linearity needs a finite score for each of {len(flat)} codes, but got "
            f"{answers.shape} with {int((~np.isfinite(answers)).sum())} that are not"
        )
    responses = answers.reshape(len(z), len(strengths))
    rows = np.random.default_rng(seed).integers(len(z), size=(_RESAMPLES, len(z)))
    slope, straight = _line(responses, strengths, np.arange(len(z))[None])
    slopes, shares = _line(responses, strengths, rows)
    text = (
        f"of the score in the strength of the attribute, {len(strengths)} strengths from {strengths.min():g} "
        f"to {strengths.max():g}, over {len(z)} codes; bootstrap over codes"
    )
    return Linearity(
        strengths,
        responses,
        _result("attribute_slope", slope[0], slopes, len(z), f"least-squares slope {text}", seed),
        _result("attribute_linearity", straight[0], shares, len(z),
                f"share of the variation within codes that one straight line accounts for, {text}", seed),
    )  # fmt: skip


def analogy(
    a: Num[np.ndarray, "... D"], b: Num[np.ndarray, "... D"], c: Num[np.ndarray, "... D"]
) -> Float[np.ndarray, "... D"]:
    """What is to c as b is to a: c + (b - a).

    >>> analogy(np.array([1.0, 0.0]), np.array([1.0, 2.0]), np.array([5.0, 5.0])).tolist()
    [5.0, 7.0]

    Args:
        a: Codes.
        b: What became of them.
        c: Codes of which the same is to become.

    Raises:
        ValueError: If the three are not of one dimension and finite.
    """
    codes = [np.asarray(each, dtype=np.float64) for each in (a, b, c)]
    shapes = [each.shape for each in codes]
    if not all(shapes) or len({shape[-1:] for shape in shapes}) > 1:
        raise ValueError(f"analogy needs codes of one dimension, but got shapes {shapes}")
    if not all(np.isfinite(each).all() for each in codes):
        raise ValueError("analogy needs finite codes, but some are not")
    return codes[2] + (codes[1] - codes[0])


def _mask(mask: np.ndarray, count: int, what: str) -> Bool[np.ndarray, "N"]:
    mask = np.asarray(mask)
    if mask.shape != (count,) or mask.dtype != bool:
        raise ValueError(
            f"attribute_vector needs {what} as one truth value for each of {count} codes, but got "
            f"{mask.dtype} of shape {mask.shape}"
        )
    return mask


def _separation(present: np.ndarray, absent: np.ndarray, seed: int) -> Result:
    """Area under the ROC curve of places on axes made of the other half."""
    rng = np.random.default_rng(seed)
    halves = [rng.permutation(len(each)) % 2 for each in (present, absent)]
    places = [np.empty(len(each)) for each in (present, absent)]
    for half in (0, 1):
        made_of = [each[of != half] for each, of in zip((present, absent), halves, strict=True)]
        start, end = made_of[1].mean(axis=0), made_of[0].mean(axis=0)
        # Each on a scale of its own: 0 and 1 at the two means, so that the halves can be compared.
        size = max(float((end - start) @ (end - start)), np.finfo(float).tiny)
        for each, of, place in zip((present, absent), halves, places, strict=True):
            place[of == half] = (each[of == half] - start) @ (end - start) / size
    # Resampled among themselves, so that both kinds are there every time.
    areas = [
        _area(rng.choice(places[0], len(places[0])), rng.choice(places[1], len(places[1])))
        for _ in range(_RESAMPLES)
    ]
    count = len(present) + len(absent)
    return _result("attribute_separation", _area(*places), np.array(areas), count,
                   "area under the ROC curve of the place on the axis between the means, each code on the "
                   "axis of the "
                   "half without it; bootstrap over codes, axes held", seed)  # fmt: skip


def _area(present: np.ndarray, absent: np.ndarray) -> float:
    """Share of pairs in which the present one lies higher; equal ones count half."""
    order = np.sort(absent)
    below, upto = np.searchsorted(order, present, "left"), np.searchsorted(order, present, "right")
    return float((below + upto).mean() / (2 * len(absent)))


def _line(
    responses: np.ndarray, strengths: np.ndarray, rows: Int[np.ndarray, "B N"]
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and straightness over each choice of rows."""
    inner = responses - responses.mean(axis=1, keepdims=True)
    centred = strengths - strengths.mean()
    along, whole = inner @ centred, (inner**2).sum(axis=1)
    size = float(centred @ centred)
    slope = along[rows].mean(axis=1) / size
    total = whole[rows].mean(axis=1)
    return slope, np.divide(slope**2 * size, total, where=total > 0, out=np.zeros(len(rows)))


def _result(name: str, value: float, resampled: np.ndarray, n: int, definition: str, seed: int) -> Result:
    low, high = np.quantile(resampled, (0.025, 0.975))
    return Result(name, float(value), float(low), float(high), n, "", definition, seed)
