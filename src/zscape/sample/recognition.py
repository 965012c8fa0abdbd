"""Codes that decode to their class, as a judge sees it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from zscape.base import Codes, CodesLike, code_arrays
from zscape.sample._inputs import checked_labels
from zscape.sample._judging import Decode, Judge, decoded, judge_columns, judgement

# Codes decoded at a time.
_ROWS = 1024


def recognised(
    codes: CodesLike,
    decode: Decode,
    judge: Judge,
    *,
    labels: np.ndarray | None = None,
    least: float = 0.9,
) -> Bool[np.ndarray, "N"]:
    """Whether the decoded picture of each code has its label with at least a given probability.

    Statistics of a class are pulled off by codes between classes, which decode to something else; leave them
    out before the fit::

        kept = recognised(codes, run.decode, judge)
        density = ByClass("mixture").fit(codes.take(kept))

    What is left is the class as the judge is sure of it: narrower, and without the rarest ways to write a
    digit. Use a judge that may tune, never the one that scores.

    Null: all true for least = 0. Cost: N pictures decoded and judged, 1,024 at a time.

    Args:
        codes: A table, an array (N, D) or a pair; means are decoded.
        decode: Codes (N, D) float64 to pictures (N, ...).
        judge: Pictures to probabilities (N, K), columns by its `classes_` if it has them (see
            `LabelledJudge`), otherwise one for each of the sorted labels.
        labels: (N,) whole numbers; those of the table if not given.
        least: Probability of the own label that is needed, in [0, 1].

    Raises:
        ValueError: If least is out of range, there is not one label a code, the judge lacks a class, or a
            function returns something of another shape or NaN.
    """
    if not 0 <= least <= 1:
        raise ValueError(f"recognised needs least in [0, 1], but got {least}")
    mean, _ = code_arrays(codes)
    labels = checked_labels(codes.label if labels is None and isinstance(codes, Codes) else labels, mean)
    classes, places = np.unique(labels, return_inverse=True)
    columns = judge_columns(judge, classes)
    wanted = columns.places[places]
    kept = np.empty(len(mean), dtype=bool)
    for start in range(0, len(mean), _ROWS):
        rows = slice(start, start + _ROWS)
        probabilities = judgement(judge, decoded(decode, mean[rows]), columns)
        kept[rows] = np.take_along_axis(probabilities, wanted[rows, None], axis=1)[:, 0] >= least
    return kept
