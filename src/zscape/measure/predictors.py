"""Disentanglement by what classifiers can read from codes: DCI, SAP and explicitness.

Each metric shares out the rows at random: some train its learners, others test them. The intervals cover the
choice of the test rows; repeat a metric with other seeds to see what the training rows do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from zscape.base import CodesLike, Result
from zscape.estimates import around, standard_error
from zscape.measure._factors import (
    accuracy_interval,
    check_column,
    check_named,
    check_taught,
    classes_of,
    commonest_share,
    labelled,
    points_of,
    split_rows,
    standardised,
    varying_factors,
)

Learner = Literal["boosting", "forest"]
# Of larger codes the support vector machine may not come to an end.
_LARGEST = 1e60
# Latents and factors of smaller variance count as constant, as in the published study.
_CONSTANT = 1e-12


def dci(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    learner: Learner = "boosting",
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> list[Result]:
    r"""Disentanglement, completeness and informativeness, from importances R of latents for factors.

    .. math:: D = \sum_j \rho_j (1 - H_F(R_{j\cdot} / \textstyle\sum_k R_{jk})), \quad
        \rho_j = \sum_k R_{jk} / \textstyle\sum_{jk} R_{jk}

    - `dci_disentanglement`: D; 1 where every latent in use tells of one factor. H is an entropy to base F.
    - `dci_completeness`: the same with latents and factors exchanged; 1 where one latent tells all of a
      factor.
    - `dci_informativeness`: accuracy on test rows, mean over factors. Published code calls it an error, but
      higher is better.

    Null: 0, 0 and chance, which the definition gives, for codes that know nothing; the first two are above 0
    by as much as importances of noise differ. Where all latents are constant, both are 0; with one factor
    disentanglement is 1, with one latent completeness. Bias: disentanglement and completeness depend on the
    learner and on `train`, so that only results of one learner compare; the suffix names any but the
    published one. They rest on one choice of the training rows and have no interval.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Whole numbers, each (N,).
        learner: "boosting" is the published one, scikit-learn's gradient boosting with defaults: a tree a
            class and round, minutes for factors of many values. "forest" is 30 trees of depth 8 on all
            latents, 12 to 20 times as fast; noisy and rotated codes score lower with it (0.49 for 0.68, and
            0.20 for 0.29, in a trial of 10 latents and 3 factors).
        train: Rows to learn from; with fewer than train + test rows, two thirds of all.
        test: Rows to test on.
        seed: Of the split and the learner.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If codes or factors are not as described, the learner has no such name, or a factor takes
            one value in the training rows.

    References:
        Eastwood and Williams, A Framework for the Quantitative Evaluation of Disentangled Representations,
        ICLR 2018; learner and sizes of Locatello et al., ICML 2019. Differs in: no 1e-11 is added to the
        shares.
    """
    given = labelled(codes, factors, "dci")
    rows, others = split_rows(len(given.z), train, test, seed)
    check_taught(given.factors, rows, "dci")
    # Trees see no scale, but hold numbers as float32.
    z = standardised(given.z, rows)
    importance, right = (
        np.empty((z.shape[1], len(given.factors))),
        np.empty((len(others), len(given.factors))),
    )
    for column, classes in enumerate(given.factors.values()):
        model = _tree_learner(learner, seed).fit(z[rows], classes[rows])
        importance[:, column] = model.feature_importances_
        right[:, column] = model.predict(z[others]) == classes[others]
    suffix = "" if learner == "boosting" else f"_{learner}"
    how = f"{_LEARNERS[learner]}, {len(rows):,} training rows, factors {given.names}"
    chance = commonest_share(given, rows, others)
    per_row = right.mean(axis=1)
    return [
        Result(
            name=f"dci_{name}{suffix}",
            value=value,
            low=None,
            high=None,
            n=len(rows),
            unit="",
            definition=f"1 less the entropy of importances over {over}, mean weighted by importance, {how}",
            seed=seed,
        )
        for name, value, over in (
            ("disentanglement", _purity(importance), "the factors for each latent"),
            ("completeness", _purity(importance.T), "the latents for each factor"),
        )
    ] + [
        Result(
            f"dci_informativeness{suffix}",
            float(per_row.mean()),
            *accuracy_interval(per_row),
            n=len(others),
            unit="",
            definition=f"accuracy on {len(others):,} test rows, mean over factors, {how}; the commonest "
            f"classes alone score {chance:.3g}",
            seed=seed,
        )
    ]


def sap(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> Result:
    """Separated attribute predictability: how far the best latent of a factor leads the second best.

    A latent's score for a factor is the test accuracy of a linear support vector machine (C = 0.01, balanced
    class weights) that reads it alone. For a continuous factor, one of floating-point numbers, it is the
    squared correlation over the test rows. The lead is averaged over factors.

    Null: 0 for codes that know nothing. Bias: up, for the best of D scores on finitely many rows lead by
    chance; O(1 / sqrt(test)). Scores of constant latents are those of one class named always, and 0 for
    continuous factors; with one latent the second score is 0.
    The interval is normal, over the test rows, for the two latents found best. Cost: a machine for each
    latent and factor, which grows with the classes.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Each (N,): whole numbers are classes, floating-point numbers continuous.
        train: Rows to learn from; with fewer than train + test rows, two thirds of all.
        test: Rows to score on.
        seed: Of the split.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If codes or factors are not as described, codes are beyond 1e60, or a factor takes one
            value in the training or the test rows.

    References:
        Kumar et al., Variational Inference of Disentangled Latent Concepts, ICLR 2018; learner and sizes of
        Locatello et al., ICML 2019. Differs in: correlations are over test rows.
    """
    z = points_of(codes)
    if np.abs(z).max() > _LARGEST:
        raise ValueError(f"sap needs codes up to {_LARGEST:g}, but one is {np.abs(z).max():.3g}; train again")
    columns = _varying_columns(factors, len(z))
    continuous = [name for name, values in columns.items() if values.dtype.kind == "f"]
    rows, others = split_rows(len(z), train, test, seed)
    for side in (rows, others):
        check_taught(columns, side, "sap")
    leads = []
    for name, column in columns.items():
        if name in continuous:
            squares, influence = _squared_correlations(z[others], column[others])
            leads.append(_lead(squares, squares + influence))
        else:
            right = _svm_right(z, column, rows, others)
            leads.append(_lead(right.mean(axis=0), right))
    values = np.mean(leads, axis=0)
    return around(
        "sap",
        float(values.mean()),
        standard_error(values),
        n=len(others),
        unit="",
        definition="score of the best latent less that of the second best, mean over factors "
        f"{', '.join(columns)}; scores are test accuracies of a linear SVM (C = 0.01, balanced classes) on "
        f"one latent, {len(rows):,} rows to train and {len(others):,} to test"
        + (f"; squared correlations for {', '.join(continuous)}" if continuous else ""),
        seed=seed,
        within=(0.0, 1.0),
    )


def explicitness(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    train: int = 10_000,
    test: int = 5_000,
    seed: int = 0,
) -> Result:
    """How well a linear reading of all latents finds each value of each factor: area under the ROC curve.

    For each class a logistic regression (L2, C = 1) on standardised codes against all other classes. Its area
    on test rows is averaged over the classes of a factor, then over factors. Classes that no test row, no
    training row, or every one of them has, are left out.

    Null: 0.5 for codes that know nothing. Bias: low, for it learns from finitely many rows. Unchanged, but
    for the penalty, by invertible linear maps: it says nothing of axes. A factor whose middle values lie
    between others on a line is not linear class by class and scores low for them.
    The interval is normal, over test rows (DeLong's variance of all areas together).

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Whole numbers, each (N,).
        train: Rows to learn from; with fewer than train + test rows, two thirds of all.
        test: Rows to test on.
        seed: Of the split.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If codes or factors are not as described, a factor takes one value in the training or the
            test rows, or no class that was learnt occurs in the test rows.

    References:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, NeurIPS 2018.
        Differs in: factors count alike, whatever number of classes they have.
    """
    given = labelled(codes, factors, "explicitness")
    rows, others = split_rows(len(given.z), train, test, seed)
    for side in (rows, others):
        check_taught(given.factors, side, "explicitness")
    scaled = standardised(given.z, rows)
    seen, unseen = scaled[rows], scaled[others]
    values = np.mean(
        [_areas(name, seen, unseen, each[rows], each[others]) for name, each in given.factors.items()], axis=0
    )
    return around(
        "explicitness",
        float(values.mean()),
        standard_error(values),
        n=len(others),
        unit="",
        definition="area under the ROC curve of logistic regressions (C = 1) on standardised codes, each "
        f"class against the others, mean over classes, then over factors {given.names}; "
        f"{len(rows):,} rows to train and {len(others):,} to test; chance is 0.5",
        seed=seed,
        within=(0.0, 1.0),
    )


_LEARNERS = {
    "boosting": "gradient boosting (100 rounds of trees of depth 3)",
    "forest": "a forest of 30 trees of depth 8 on all latents",
}


def _tree_learner(learner: str, seed: int) -> GradientBoostingClassifier | RandomForestClassifier:
    match learner:
        case "boosting":
            return GradientBoostingClassifier(random_state=seed)
        case "forest":
            # A choice among few latents at each split would give noise a part of what a perfect code says.
            everything: Any = None  # the stubs know of texts only
            return RandomForestClassifier(
                n_estimators=30, max_depth=8, max_features=everything, random_state=seed
            )
    raise ValueError(f'dci needs learner "boosting" or "forest", but got {learner!r}')


def _purity(importance: Float[np.ndarray, "D F"]) -> float:
    """1 less the entropy of each row, to the base of its length, mean weighted by the row sums."""
    total = importance.sum()
    if total == 0:
        return 0.0
    if importance.shape[1] == 1:
        return 1.0
    sums = importance.sum(axis=1, keepdims=True)
    shares = np.divide(importance, sums, out=np.zeros_like(importance), where=sums > 0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    purity = 1 + (shares * logs).sum(axis=1) / np.log(importance.shape[1])
    return float((purity * sums[:, 0]).sum() / total)


def _varying_columns(factors: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    check_named(factors, "sap")
    columns = {name: _finite_or_classes(name, values, count) for name, values in factors.items()}
    return varying_factors(columns, "sap")


def _finite_or_classes(name: str, values: np.ndarray, count: int) -> np.ndarray:
    """A factor as float64 where it is continuous, otherwise as classes."""
    if np.asarray(values).dtype.kind != "f":
        return classes_of(name, values, count, "sap")
    column = check_column(name, values, count, "sap").astype(np.float64)
    if not np.isfinite(column).all():
        raise ValueError(f"sap needs finite factors, but {name} holds NaN or infinity; leave those rows out")
    return column


def _svm_right(
    z: np.ndarray, classes: np.ndarray, rows: np.ndarray, others: np.ndarray
) -> Float[np.ndarray, "N D"]:
    """Which test rows a machine on each latent alone gets right, as 0 and 1."""
    right = np.empty((len(others), z.shape[1]))
    # With many rows of one feature the primal is the quicker way to the same machine, and has no chance.
    dual: Any = False  # the stubs know of texts only
    for latent, column in enumerate(z.T[:, :, None]):
        machine = LinearSVC(C=0.01, class_weight="balanced", dual=dual).fit(column[rows], classes[rows])
        right[:, latent] = machine.predict(column[others]) == classes[others]
    return right


def _squared_correlations(
    z: np.ndarray, values: np.ndarray
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "N D"]]:
    """Squared correlation of each latent with a factor, and what each row adds to it to first order."""
    columns = np.column_stack([z, values.astype(np.float64)])
    columns = columns - columns.mean(axis=0)
    variance = (columns**2).mean(axis=0)
    varies = variance > _CONSTANT
    columns = columns / np.sqrt(np.where(varies, variance, 1.0))
    columns[:, ~varies] = 0.0
    latents, factor = columns[:, :-1], columns[:, -1:]
    correlation = (latents * factor).mean(axis=0)
    influence = 2 * correlation * (latents * factor - correlation * (latents**2 + factor**2) / 2)
    return correlation**2, influence


def _lead(scores: np.ndarray, per_row: np.ndarray) -> np.ndarray:
    """Value of the best latent less that of the second best, (N,), whose mean is the lead of the scores."""
    if len(scores) == 1:
        return per_row[:, 0]
    second, best = np.argsort(scores, kind="stable")[-2:]
    return per_row[:, best] - per_row[:, second]


def _areas(
    name: str, seen: np.ndarray, unseen: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Mean area over classes plus the influence of each test row on it, (N,): its mean is the area."""
    model = OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(seen, train)
    scores = model.decision_function(unseen)
    # Two classes have one score, of the second against the first.
    scores = scores[:, None] if scores.ndim == 1 else scores
    positive = model.classes_[-1:] if scores.shape[1] == 1 else model.classes_
    belongs = test[:, None] == positive
    counts = belongs.sum(axis=0)
    used = (counts > 0) & (counts < len(test))
    if not used.any():
        raise ValueError(
            f"explicitness needs classes that training and test rows share, but {name} has none in "
            f"{len(test)} test rows; give more rows, bin the factor, or leave it out"
        )
    return _area_rows(scores[:, used], belongs[:, used]).mean(axis=1)


def _area_rows(scores: Float[np.ndarray, "N K"], belongs: np.ndarray) -> Float[np.ndarray, "N K"]:
    """For each class, numbers whose mean is its area and whose spread is that of the area (DeLong)."""
    count, positives = len(scores), belongs.sum(axis=0)
    ranks = rankdata(scores, axis=0)
    inner = np.empty_like(ranks)
    for column, members in enumerate(belongs.T):
        inner[members, column] = rankdata(scores[members, column])
        inner[~members, column] = rankdata(scores[~members, column])
    # The share of the other side that a row is on the right side of; ties count half.
    below = ranks - inner
    right = np.where(belongs, below / (count - positives), 1 - below / positives)
    area = np.where(belongs, right, 0.0).sum(axis=0) / positives
    side = np.where(belongs, positives, count - positives)
    return area + (right - area) * count / side
