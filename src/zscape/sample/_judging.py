"""Decoders and judges as functions of arrays, with what they return checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Decode = Callable[[np.ndarray], np.ndarray]
Judge = Callable[[np.ndarray], np.ndarray]


class LabelledJudge:
    """Any classifier of pictures as a judge that says which class each column of its probabilities is.

    What reads probabilities takes the columns of a judge by its `classes_`, as a `zscape.judge.Judge` or a
    classifier of scikit-learn has it. A bare function has none, and then must have one column for each class
    of the density, in their order. A classifier of all ten digits for a density of one of them::

        judge = LabelledJudge(lambda pictures: softmax(net(pictures)), range(10))
        score(ByClass().fit(threes, labels), run.decode, judge)

    >>> judge = LabelledJudge(lambda pictures: np.eye(3)[:2], [4, 7, 9])
    >>> judge.classes_[judge(np.zeros((2, 8, 8))).argmax(axis=1)]
    array([4, 7])

    Args:
        probabilities: Pictures (N, ...) to probabilities (N, K).
        classes: (K,) labels of the columns, different whole numbers.

    Attributes:
        probabilities: As given.
        classes_: (K,) int64.

    Raises:
        ValueError: If the labels are not different whole numbers below 2^63.
    """

    def __init__(self, probabilities: Judge, classes: Sequence | np.ndarray) -> None:
        labels = np.asarray(classes)
        whole = labels.ndim == 1 and labels.dtype.kind in "iu" and len(np.unique(labels)) == len(labels)
        if not whole or (len(labels) and labels.max() > np.iinfo(np.int64).max):
            raise ValueError(
                f"LabelledJudge needs a different whole number below 2^63 for each column, "
                f"but got {classes!r}; "
                "number classes with names by their columns, range(K)"
            )
        self.probabilities, self.classes_ = probabilities, labels.astype(np.int64)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) of the classes for each picture."""
        return self.probabilities(pictures)


@dataclass(frozen=True)
class Columns:
    """Where a judge has the probabilities of the classes of a density.

    Attributes:
        places: The column of each class.
        number: Columns that the judge must give, K.
        named: Whether the judge itself says what its columns are.
    """

    places: np.ndarray
    number: int
    named: bool


def judge_columns(judge: Judge, classes: np.ndarray) -> Columns:
    """The column of the judge's probabilities for each class of a density.

    Raises:
        ValueError: If the judge does not know a class.
    """
    named = hasattr(judge, "classes_")
    known = np.asarray(getattr(judge, "classes_", classes)).tolist()
    missing = [label for label in classes.tolist() if label not in known]
    if missing:
        raise ValueError(
            f"the judge must know every class of the density, but lacks {missing[0]!r}; it knows "
            f"{', '.join(map(repr, known))}"
        )
    return Columns(np.array([known.index(label) for label in classes.tolist()]), len(known), named)


def judged_pictures(
    decode: Decode, judge: Judge, codes: np.ndarray, columns: Columns
) -> tuple[Float[np.ndarray, "N pixels"], Float[np.ndarray, "N K"]]:
    """Pictures of codes as rows of pixels, and the judge's probabilities, both checked."""
    pictures = decoded(decode, codes)
    return pictures.reshape(len(codes), -1).astype(np.float64), judgement(judge, pictures, columns)


def decoded(decode: Decode, codes: np.ndarray) -> np.ndarray:
    """Pictures of codes, checked.

    Raises:
        ValueError: If there is not one picture a code, or they hold NaN or infinity.
    """
    pictures = np.asarray(decode(codes))
    if pictures.ndim < 2 or len(pictures) != len(codes):
        raise ValueError(f"decode must give {len(codes)} pictures, but gave shape {pictures.shape}")
    if not np.isfinite(pictures).all():
        raise ValueError("decoded pictures need finite numbers, but hold NaN or infinity")
    return pictures


def judgement(judge: Judge, pictures: np.ndarray, columns: Columns) -> Float[np.ndarray, "N K"]:
    """The judge's probabilities for pictures, checked.

    Raises:
        ValueError: If there is not one row a picture and one column a class, or they hold NaN or infinity.
    """
    probabilities = np.asarray(judge(pictures))
    if probabilities.shape != (len(pictures), columns.number):
        remedy = (
            f"its classes_ name {columns.number} classes"
            if columns.named
            else "it has no classes_, so it needs one column for each class asked about; if it has others, "
            "say which: zscape.sample.LabelledJudge(judge, classes)"
        )
        raise ValueError(
            f"the judge must give probabilities ({len(pictures)}, {columns.number}), but gave shape "
            f"{probabilities.shape}; {remedy}"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("the judge's probabilities need to be finite, but hold NaN or infinity")
    return probabilities
