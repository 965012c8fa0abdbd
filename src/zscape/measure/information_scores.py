"""Scores of disentanglement that are read off a matrix of mutual information."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from zscape.base import CodesLike, Result, code_arrays
from zscape.checks import check_whole
from zscape.estimates import around
from zscape.measure._factors import check_taught, labelled
from zscape.measure.information import Information

# A latent with a smaller share of the widest range is idle, as in the published code of InfoMEC.
_IDLE = 1 / 20


def mig(information: Information) -> Result:
    r"""Mutual information gap: how far the latent that knows most of a factor is ahead of the next.

    .. math:: \frac{1}{F} \sum_k \frac{I_{(1)k} - I_{(2)k}}{H(v_k)}

    with I_(1)k, I_(2)k the largest and second largest information of a latent about factor k, negative
    estimates taken as 0. With one latent the second is 0. The name ends with the estimator, for each gives
    another number.

    Null: 0 for latents that know nothing, or where two know the same. Bias: that of the matrix nearly
    cancels in the difference; at the null high by the gap between the largest two of D errors. The interval
    is by the delta method over rows taken as independent, also where they form a grid.
    Cost: O(D F) beside the matrix.

    >>> from zscape.measure import histogram_information
    >>> code = np.arange(1000) % 10
    >>> mig(histogram_information(np.stack([code, 0 * code], axis=1), {"digit": code})).value
    1.0

    Args:
        information: By any estimator.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018 (its estimator is "mc").
        Locatello et al., 2019 ("hist").
    """
    matrix, order = _clamped(information)
    factors, entropies = np.arange(matrix.shape[1]), information.entropies
    second = matrix[order[1], factors] if len(matrix) > 1 else np.zeros(len(factors))
    gaps = (matrix[order[0], factors] - second) / entropies
    slope = np.zeros_like(matrix)
    slope[order[0], factors] = 1 / entropies
    if len(matrix) > 1:
        slope[order[1], factors] = -1 / entropies
    # Where the estimate is cut off at 0 the slope stays: the error of both is what says that they may differ.
    return _scored(
        "mig",
        information,
        gaps.mean(),
        information.error(slope / len(factors), -gaps / entropies / len(factors)),
        "mean over factors of the gap between the largest and the second largest information of a latent "
        "about it, over the entropy of the factor",
    )


def aam(information: Information) -> Result:
    r"""Axis alignment metric: what share of the information about a factor its best latent has alone.

    .. math:: \frac{1}{F} \sum_k \frac{\max(0, I_{(1)k} - \sum_{j \ge 2} I_{(j)k})}{I_{(1)k}}

    with negative estimates taken as 0 and 0/0 as 0. It does not say how much a latent knows: read it beside
    `mig`.

    Null: 0 where two latents share a factor evenly. Bias: each idle latent takes off what it is thought to
    know, which for uncorrected histograms is a third of a nat in all for ten latents, 40 classes and 10,000
    rows. Where no latent knows anything it is a ratio of noise, and its interval wide.
    The interval is by the delta method over rows taken as independent.
    Cost: O(D F) beside the matrix.

    Args:
        information: By any estimator.

    References:
        Dubois et al., disentangling-vae, 2019. Differs in: that code estimates the entropy of every latent
        from a mix of all, and gives a perfect code 0.5; here it has 1.
    """
    matrix, order = _clamped(information)
    factors = np.arange(matrix.shape[1])
    best = matrix[order[0], factors]
    others = matrix.sum(axis=0) - best
    known = best > 0
    safe = np.where(known, best, 1.0)
    shares = np.where(known, np.maximum(best - others, 0) / safe, 0.0)
    # As for `mig`, estimates that are cut off at 0 keep their slope: they might as well have come out above.
    slope = np.where(np.broadcast_to(known, matrix.shape), -1 / safe, 0.0)
    slope[order[0], factors] = np.where(known, others / safe**2, 0.0)
    return _scored(
        "aam",
        information,
        shares.mean(),
        information.error(slope / len(factors)),
        "mean over factors of the largest information of a latent about it less that of all others, over the "
        "largest, at least 0",
    )


def modularity(information: Information) -> Result:
    r"""Whether each latent knows of one factor only.

    .. math:: \frac{1}{D} \sum_j 1 - \frac{\sum_k m_{jk}^2 - \max_k m_{jk}^2}{(F - 1) \max_k m_{jk}^2}

    with m the information, negative estimates taken as 0; latents that know nothing score 0.

    Null: 0 for a latent that knows all factors alike. Noise has no null: a latent that knows nothing but is
    not estimated as 0 scores what its errors give. Bias: of uncorrected information, that of the largest
    bias (K - 1) looks like knowledge.
    The interval is by the delta method over rows taken as independent.
    Cost: O(D F) beside the matrix.

    Args:
        information: By any estimator, of two factors or more.

    Raises:
        ValueError: If there is one factor.

    References:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, NeurIPS 2018.
    """
    _check_information(information)
    latents, factors = information.matrix.shape
    if factors < 2:
        raise ValueError(
            f"modularity needs two factors or more that vary, but got {information.names[0]} alone"
        )
    matrix = np.maximum(information.matrix, 0)
    best = matrix.max(axis=1)
    known = best > 0
    safe = np.where(known, best, 1.0)
    rest = (matrix**2).sum(axis=1) - best**2
    # Rounding may take an even row under 0.
    scores = np.where(known, np.maximum(1 - rest / (safe**2 * (factors - 1)), 0.0), 0.0)
    slope = np.where(known[:, None], -2 * matrix / (safe**2 * (factors - 1))[:, None], 0.0)
    slope[np.arange(latents), matrix.argmax(axis=1)] = np.where(
        known, 2 * rest / (safe**3 * (factors - 1)), 0
    )
    return _scored(
        "modularity",
        information,
        scores.mean(),
        information.error(slope / latents),
        "mean over latents of 1 less the squared information about other factors than the best known, over "
        "its square and their number",
    )


def infomec(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    information: Information,
    *,
    rows: int = 10_000,
    seed: int = 0,
) -> list[Result]:
    r"""InfoMEC: modularity, compactness and explicitness in shares of information.

    With :math:`m_{jk} = I_{jk} / H(v_k)` over the latents whose range is over 1/20 of the widest,

    - `infom_*`, mean over latents of max_k m / sum_k m, mapped so that 1/F is 0 and 1 stays;
    - `infoc_*`, mean over factors of max_j m / sum_j m, mapped so that 1/D is 0 and 1 stays;
    - `infoe`, mean over factors of 1 - H(v_k | z) / H(v_k), the entropies being what logistic regression on
      all standardised latents, and the shares of the classes alone, pay for rows they have not seen, in nats.

    A latent or factor without information counts as evenly shared, 0. One active latent is compact, 1.

    Null: 0 for latents, or factors, whose information is even; infoe is about 0, and may be negative, for
    codes that know nothing. Bias: infom and infoc that of the matrix; a latent that is noise but not idle
    moves infom at random. infoe is low, for it learns from half of the rows; it does not change with
    invertible linear maps, but for the penalty.
    Intervals are by the delta method over rows taken as independent.
    Cost: F logistic regressions, twice, on half of the rows; seconds.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar); means are read.
        factors: Whole numbers, each (N,).
        information: Of the same codes and factors, by any estimator.
        rows: Rows for infoe; drawn at random where there are more.
        seed: Of the draw and the halves.

    Raises:
        TypeError: If `rows` or `seed` is no whole number.
        ValueError: If codes and factors are not those of `information` in number or name, or there is only
            one factor.

    References:
        Hsu et al., Disentanglement via Latent Quantization, NeurIPS 2023. Differs in: the estimator of
        information is the one given, theirs is of nearest neighbours; infoe is of rows not learnt from, with
        an L2 penalty (C = 1) and classes as they occur.
    """
    _check_information(information)
    mean, _ = code_arrays(codes)
    latents, count = information.matrix.shape
    names = tuple(name for name in factors if name in information.names)
    if mean.shape[1] != latents or names != information.names:
        raise ValueError(
            f"infomec needs the information of these codes and factors, but it is of {latents} latents and "
            f"{', '.join(information.names)}, and the codes are of {mean.shape[1]} and {', '.join(factors)}"
        )
    if count < 2:
        raise ValueError(f"infomec needs two factors or more that vary, but got {names[0]} alone")
    span = np.ptp(mean, axis=0)
    active = span > _IDLE * span.max()
    found = [_shared("infom", information, active), _shared("infoc", information, active)]
    return [*found, _infoe(codes, {name: factors[name] for name in names}, rows, seed)]


def _shared(name: str, information: Information, active: np.ndarray) -> Result:
    """infom or infoc: how far from even the information of each latent, or about each factor, is shared."""
    matrix = np.maximum(information.matrix[active], 0) / information.entropies
    by_latent = name == "infom"
    table = matrix if by_latent else matrix.T
    lines, parts = table.shape
    sums, best = table.sum(axis=1), table.max(axis=1, initial=0)
    known = sums > 0
    safe = np.where(known, sums, 1.0)
    if parts > 1:
        shares = np.where(known, (best / safe - 1 / parts) * parts / (parts - 1), 0.0)
    else:
        shares = known.astype(float)
    slope = np.zeros_like(table)
    if parts > 1:
        slope -= np.where(known, best / safe**2, 0.0)[:, None]
        slope[np.arange(lines), table.argmax(axis=1)] += np.where(known, 1 / safe, 0.0)
        slope *= parts / (parts - 1) / max(lines, 1)
    whole = np.zeros_like(information.matrix)
    whole[active] = (slope if by_latent else slope.T) / information.entropies
    what = (
        "latents of the largest share of a factor in what it knows"
        if by_latent
        else ("factors of the largest share of a latent in what is known of it")
    )
    return _scored(
        name,
        information,
        shares.mean() if lines else 0.0,
        information.error(whole),
        f"mean over {what}, information over entropy of the factor, with an even share mapped to 0; "
        f"{int(active.sum())} active latents of {len(active)}",
    )


def _infoe(codes: CodesLike, factors: Mapping[str, np.ndarray], rows: int, seed: int) -> Result:
    check_whole("rows", rows, least=12)
    check_whole("seed", seed)
    given = labelled(codes, factors, "infomec")
    drawn = np.random.default_rng(seed).permutation(len(given.z))[:rows]
    half = len(drawn) // 2
    # Of each factor what the codes save and what is paid without them, of rows of both halves in turn.
    saved, paid = [], []
    for taught, asked in ((drawn[:half], drawn[half:]), (drawn[half:], drawn[:half])):
        check_taught(given.factors, taught, "infomec")
        scaler = StandardScaler().fit(given.z[taught])
        seen, unseen = (np.asarray(scaler.transform(given.z[part])) for part in (taught, asked))
        losses = [_losses(seen, unseen, column[taught], column[asked]) for column in given.factors.values()]
        paid.append(np.stack([alone for _, alone in losses], axis=1))
        saved.append(np.stack([alone - with_codes for with_codes, alone in losses], axis=1))
    bills, savings = np.concatenate(paid), np.concatenate(saved)
    mean = bills.mean(axis=0)
    shares = savings.mean(axis=0) / mean
    per_row = ((savings - shares * bills) / mean).mean(axis=1)
    return around(
        "infoe",
        float(shares.mean()),
        float(per_row.std() / np.sqrt(len(per_row))),
        n=len(per_row),
        unit="",
        definition="mean over factors of the share of its entropy that logistic regression (L2, C = 1) on "
        f"standardised codes takes off, in nats of unseen rows, two halves in turn, of {given.names}",
        seed=seed,
    )


def _losses(
    seen: np.ndarray, unseen: np.ndarray, taught: np.ndarray, asked: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Nats paid for each unseen row, with the codes and without."""
    size = int(max(taught.max(), asked.max())) + 1
    model = LogisticRegression(max_iter=1000).fit(seen, taught)
    chances = np.zeros((len(unseen), size))
    chances[:, model.classes_] = model.predict_proba(unseen)
    shares = np.bincount(taught, minlength=size) / len(taught)
    places = np.arange(len(asked)), asked
    # As if each class had been seen once more, for one that was not seen would cost infinitely much.
    with_codes, alone = (
        -np.log((len(taught) * each + 1) / (len(taught) + size)) for each in (chances[places], shares[asked])
    )
    return with_codes, alone


def _clamped(information: Information) -> tuple[np.ndarray, np.ndarray]:
    """The matrix with negative estimates as 0, and its latents by factor, best first."""
    _check_information(information)
    order = np.argsort(-information.matrix, axis=0, kind="stable")
    return np.maximum(information.matrix, 0), order


def _check_information(information: object) -> None:
    """Refuse codes in the place of what they know, the likeliest slip."""
    if not isinstance(information, Information):
        raise TypeError(
            f"scores of information need what histogram_information(codes, factors), or another estimator, "
            f"gives, but got {type(information).__name__}"
        )


def _scored(name: str, information: Information, value: float, error: float, how: str) -> Result:
    return around(
        f"{name}_{information.estimator}",
        float(value),
        error,
        n=information.n,
        unit="",
        definition=f"{how}; {information.definition}; factors {', '.join(information.names)}",
        seed=information.seed,
        # Draws may take an estimate over 1.
        within=(0.0, max(1.0, float(value))),
    )
