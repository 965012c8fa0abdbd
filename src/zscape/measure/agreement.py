"""Agreement of several models about the same rows: UDR, which ranks models without knowing factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata

from zscape.base import Codes, CodesLike, Result, code_arrays
from zscape.checks import check_number

Similarity = Literal["lasso", "spearman"]
# Penalty of the published regressions, on standardised codes.
_ALPHA = 0.1
# Coordinate descent ends when no coefficient moves more; they are of size 1.
_MOVE, _SWEEPS = 1e-10, 10_000


def udr(
    models: Sequence[CodesLike], *, similarity: Similarity = "lasso", least_kl: float = 0.01
) -> list[Result]:
    r"""Unsupervised disentanglement ranking: how far models agree, latent by latent, up to order and sign.

    R_ab is the size of the coefficient of latent a of another model in a Lasso regression (penalty 0.1, all
    standardised) of latent b of this model; or the absolute rank correlation of the two. Over the informative
    latents of both, A and B in number,

    .. math:: \frac{1}{A + B} \Big( \sum_b \frac{\max_a R_{ab}^2}{\sum_a R_{ab}}
        + \sum_a \frac{\max_b R_{ab}^2}{\sum_b R_{ab}} \Big)

    is 1 where each is one of the other (0.9 by Lasso, which shrinks it). A model's score is the median over
    the other models: train a handful or more with the same settings and other seeds. Entangled models agree
    less, since each has its own rotation; models that all fail alike may agree well.

    Null: 0 for independent latents by Lasso in the limit; by rank correlations, about their sampling noise.
    Bias: up, O(1 / sqrt(N)), at the null. No interval: the definition gives the range over the other models.
    Unchanged by the order, sign and scale of latents.
    Cost: O(M N D^2) time for M models in all, and O(M^2) regressions on D x D moments.

    Args:
        models: Codes of the same rows by two models or more, each a table, an array (N, D), or a pair (mean,
            logvar). D may differ.
        similarity: "lasso" or "spearman".
        least_kl: Latents whose mean KL divergence from N(0, 1) is at most this, in nats, are uninformative.
            Codes without log variances are points, of which all latents that vary count.

    Returns:
        One result a model, in order, called `udr_lasso` or `udr_spearman`. Models without informative latents
        score 0.

    Raises:
        TypeError: If least_kl is no number.
        ValueError: If there are fewer than two models, their rows differ in number or identity or are fewer
            than three, or a setting is none of those.

    References:
        Duan et al., Unsupervised Model Selection for Variational Disentangled Representation Learning, ICLR
        2020. Differs in: nothing; the authors' code averages two means, which is the same for A = B.
    """
    check_number("least_kl", least_kl, least=0)
    if similarity not in ("lasso", "spearman"):
        raise ValueError(f'udr needs similarity "lasso" or "spearman", but got {similarity!r}')
    if len(models) < 2:
        raise ValueError(f"udr needs codes of two models or more, but got {len(models)}")
    _check_same_rows(models)
    used = [_informative(codes, least_kl) for codes in models]
    columns = [
        _standardised(code_arrays(codes)[0][:, keep], similarity)
        for codes, keep in zip(models, used, strict=True)
    ]
    scores = np.array([[_pair_score(other, mine, similarity) for other in columns] for mine in columns])
    return [
        _model_result(scores, model, used, similarity, least_kl, len(columns[0]))
        for model in range(len(models))
    ]


def _check_same_rows(models: Sequence[CodesLike]) -> None:
    counts = [len(code_arrays(codes, rows=3)[0]) for codes in models]
    if len(set(counts)) > 1:
        raise ValueError(f"udr needs codes of the same rows, but the models have {counts} rows")
    ids = [codes.id for codes in models if isinstance(codes, Codes)]
    if any(not np.array_equal(each, ids[0]) for each in ids):
        raise ValueError("udr needs codes of the same rows in one order, but the tables have different ids")


def _informative(codes: CodesLike, least_kl: float) -> Bool[np.ndarray, "D"]:
    """Latents that vary and, of a stochastic encoder, that tell more than `least_kl` nats."""
    mean, logvar = code_arrays(codes)
    keep = np.ptp(mean, axis=0) > 0
    if logvar is not None:
        keep &= 0.5 * (mean**2 + np.expm1(logvar) - logvar).mean(axis=0) > least_kl
    return keep


def _standardised(mean: np.ndarray, similarity: Similarity) -> Float[np.ndarray, "N D"]:
    """Columns of mean 0 and mean square 1, of the codes or of their ranks."""
    values = rankdata(mean, axis=0) if similarity == "spearman" else mean
    values = values - values.mean(axis=0)
    return values / np.sqrt((values**2).mean(axis=0))


def _pair_score(other: np.ndarray, mine: np.ndarray, similarity: Similarity) -> float:
    """How far the latents of `mine` are single latents of `other` and the reverse."""
    if not (other.shape[1] and mine.shape[1]):
        return 0.0
    cross = other.T @ mine / len(mine)
    strength = np.abs(_lasso(other.T @ other / len(other), cross) if similarity == "lasso" else cross)
    total = sum(
        np.divide(
            strength.max(axis) ** 2, strength.sum(axis), out=np.zeros(n), where=strength.max(axis) > 0
        ).sum()
        for axis, n in ((0, mine.shape[1]), (1, other.shape[1]))
    )
    return float(total) / sum(strength.shape)


def _lasso(gram: Float[np.ndarray, "A A"], cross: Float[np.ndarray, "A B"]) -> Float[np.ndarray, "A B"]:
    """Coefficients of all regressions at once: argmin of |y - x w|^2 / 2N + alpha |w|_1, from second moments.

    Coordinate descent, each step exact for one coefficient of every regression.
    """
    weights = np.zeros_like(cross)
    for _ in range(_SWEEPS):
        before = weights.copy()
        for row, products in enumerate(gram):
            # What is left of the moment when all other latents have said their part; gram[row, row] is 1.
            rest = cross[row] - products @ weights + products[row] * weights[row]
            weights[row] = np.sign(rest) * np.maximum(np.abs(rest) - _ALPHA, 0.0) / products[row]
        if np.abs(weights - before).max() < _MOVE:
            break
    return weights


def _model_result(
    scores: np.ndarray,
    model: int,
    used: list[np.ndarray],
    similarity: Similarity,
    least_kl: float,
    count: int,
) -> Result:
    others = np.delete(scores[model], model)
    how = "Lasso coefficients (penalty 0.1)" if similarity == "lasso" else "rank correlations"
    return Result(
        name=f"udr_{similarity}",
        value=float(np.median(others)),
        low=None,
        high=None,
        n=count,
        unit="",
        definition=f"median agreement of model {model} with {len(others)} others, from {others.min():.3g} to "
        f"{others.max():.3g}, by {how}; {used[model].sum()} of {len(used[model])} latents vary and, "
        f"where they have variances, have a mean KL above {least_kl:g} nats",
    )
