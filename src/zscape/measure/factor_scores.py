"""Every score of disentanglement at once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np

from zscape.base import Codes, CodesLike, Result
from zscape.measure._factors import labelled
from zscape.measure.information import histogram_information, whole_factors
from zscape.measure.information_aggregate import aggregate_information, is_resolved
from zscape.measure.information_scores import aam, infomec, mig, modularity
from zscape.measure.predictors import Learner, dci, explicitness, sap
from zscape.measure.votes import beta_vae_score, factor_vae_score


def disentanglement(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray] | None = None,
    *,
    learner: Learner = "forest",
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> list[Result]:
    """MIG, AAM, modularity, InfoMEC, DCI, SAP, explicitness and the two scores by votes, of the same rows.

    Give all rows, not a split: no recipe here sees factors, and few rows a cell put too high what latents are
    said to know. MIG, AAM and modularity are by histograms of means and, of codes with log variances none of
    which is as narrow as a point, by densities of the aggregate posterior; InfoMEC is by the latter if it can
    be. What these rows cannot be scored by is left out with a warning that says why: few rows of a value, or
    a single factor. Each score's own page says what it is and misses.

    Cost: a pass over all rows for mutual information; the others learn from at most 10,000 rows and take
    seconds for ten latents and five factors, more with more latents, factors and classes.

    >>> grid = np.indices((6, 6, 6)).reshape(3, -1).T
    >>> scores = disentanglement(1.0 * grid, dict(zip("xyz", grid.T)))
    >>> print(scores[0])
    mig_hist 1 (1 to 1), n = 216

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar).
        factors: Whole numbers, each (N,); if None, those of the table.
        learner: Of DCI.
        seed: Of whatever is drawn at random.
        on_step: Called with the name of each score before it starts.

    Raises:
        TypeError: If codes are no table and no factors are given, or factors have no names.
        ValueError: If codes or factors are not as described or no factor varies.
    """
    if factors is None:
        if not isinstance(codes, Codes):
            raise TypeError("disentanglement needs factors beside arrays of codes: only a table has its own")
        factors = whole_factors(codes)
    # What is wrong with the input is an error; what is left afterwards is a score that they do not admit.
    factors = labelled(codes, factors, "disentanglement").factors
    results: list[Result] = []
    for name, score in _scores(codes, factors, learner, seed):
        if on_step is not None:
            on_step(name)
        try:
            results += score()
        except ValueError as error:
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)
    return results


def _scores(
    codes: CodesLike, factors: Mapping[str, np.ndarray], learner: Learner, seed: int
) -> Iterator[tuple[str, Callable[[], list[Result]]]]:
    information = histogram_information(codes, factors)
    estimated = {"histograms": information}
    if is_resolved(codes):
        information = aggregate_information(codes, factors)
        estimated["densities"] = information
    for how, found in estimated.items():
        for read_off in (mig, aam, modularity):
            yield f"{read_off.__name__} by {how}", partial(_alone, read_off, found)
    yield "infomec", partial(infomec, codes, factors, information, seed=seed)
    yield "dci", partial(dci, codes, factors, learner=learner, seed=seed)
    for score in (sap, explicitness, factor_vae_score, beta_vae_score):
        yield score.__name__, partial(_alone, score, codes, factors, seed=seed)


def _alone(score: Callable[..., Result], *given: object, **settings: object) -> list[Result]:
    return [score(*given, **settings)]
