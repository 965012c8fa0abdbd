"""Disentanglement by votes on batches that share a factor: the FactorVAE and the beta-VAE score.

Rows are grouped by the values of each factor once; batches are then drawn for thousands of votes at a time.
Factors need not form a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from zscape.base import CodesLike, Result
from zscape.checks import check_number, check_whole
from zscape.measure._factors import Labelled, accuracy_interval, labelled, split_rows

# Rows drawn at once: with ten latents their codes are 5 MB.
_DRAWN = 1 << 16


def factor_vae_score(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    votes: int = 10_000,
    test: int = 5_000,
    batch: int = 64,
    least_std: float = 0.05,
    seed: int = 0,
) -> Result:
    """How surely the latent that varies least tells which factor a batch shares.

    Each vote draws a factor, a value of it (that of a random row) and a batch of rows with this value. Its
    latent is the one whose variance in the batch is the smallest share of its variance over all rows. Every
    latent stands for the factor that it was drawn with most often in `votes` votes; the score is the share of
    `test` further votes, on rows of their own, in which it is right.

    Null: 1 / F for codes that know nothing of the F factors. Bias: of a mean over batches as drawn, none but
    that of the majority, O(1 / votes). Several latents a factor cost nothing; several factors a latent do.
    Rotation need cost nothing either: five factors rotated into ten latents score 0.99, for each factor still
    has a latent that it moves most. Read it beside MIG or DCI.
    The interval is binomial: it covers the drawing of votes, not the choice of rows; repeat it with other
    seeds to see what the split of the rows does. Cost: O((votes + test) * batch * D) time, bounded memory.

    >>> grid = np.indices((8, 8, 8)).reshape(3, -1).T
    >>> factors = dict(zip("xyz", grid.T))
    >>> factor_vae_score(grid * [1.0, 2.0, 3.0], factors, votes=200, test=100).value
    1.0

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Whole numbers, each (N,).
        votes: By which latents are given factors.
        test: Votes that are scored.
        batch: Rows a vote.
        least_std: Latents of a smaller standard deviation over all rows have no vote; the score is 0 where
            none has one. In latent units.
        seed: Of the split of the rows and of all draws.

    Raises:
        TypeError: If a setting is no number.
        ValueError: If codes or factors are not as described, a factor has no value of two rows, votes or test
            is < 2, batch < 2, or least_std negative.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018; settings of Locatello et al., ICML 2019.
        Differs in: votes are tested on other rows; values are drawn by how often they occur.
    """
    check_number("least_std", least_std, least=0)
    given = labelled(codes, factors, "factor_vae_score")
    std = given.z.std(axis=0, ddof=1)
    used = std >= max(least_std, np.finfo(np.float64).tiny)
    scaled = given.z[:, used] / std[used]
    count = int(used.sum())
    how = (
        f"share of {test:,} votes, on rows of their own, in which the latent of least relative variance in "
        f"{batch} rows that share a factor belongs to this factor by {votes:,} other votes; {count} of "
        f"{len(used)} latents have a standard deviation of {least_std:g} or more"
    )
    sides = _sides(given, votes, test, batch, seed)
    if not count:
        return Result("factor_vae_score", 0.0, None, None, test, "", f"{how}, so that the score is 0", seed)
    table = np.zeros((count, len(given.factors)), dtype=np.int64)
    (train_factors, train_rows), (test_factors, test_rows) = (
        (side.factors, side.sharing(batch)) for side in sides
    )
    np.add.at(table, (_quietest(scaled, train_rows), train_factors), 1)
    right = table.argmax(axis=1)[_quietest(scaled, test_rows)] == test_factors
    return _scored("factor_vae_score", right, given, how, seed)


def beta_vae_score(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    votes: int = 10_000,
    test: int = 5_000,
    batch: int = 64,
    seed: int = 0,
) -> Result:
    """How well a linear classifier tells which factor pairs share, from their mean difference of codes.

    Each vote draws a factor and a batch of pairs of rows with one value of it each; what is classified is the
    mean over the batch of |z - z'|. A logistic regression (L2, C = 1, intercept) learns from `votes` votes
    and is scored on `test` votes of other rows.

    Null: 1 / F for codes that know nothing of the F factors. Bias: low, for it learns from finitely many
    votes. It is 1 for many codes that are not disentangled, such as rotated ones; read it beside MIG or DCI.
    The interval is binomial: it covers the drawing of test votes, not the choice of rows or training; repeat
    it with other seeds. Cost: O((votes + test) * batch * D) time, bounded memory, and the regression.

    Args:
        codes: A table, an array (N, D) or a pair (mean, logvar), of which the means are read.
        factors: Whole numbers, each (N,). Two or more must vary.
        votes: To learn from.
        test: Votes that are scored.
        batch: Pairs a vote.
        seed: Of the split of the rows and of all draws.

    Raises:
        TypeError: If a setting is no number.
        ValueError: If codes or factors are not as described, fewer than two factors vary, a factor has no
            value of two rows, votes or test is < 2, or batch < 2.

    References:
        Higgins et al., beta-VAE, ICLR 2017; settings of Locatello et al., ICML 2019. Differs in: votes are
        tested on other rows; features are divided by their largest before the regression, so that the
        penalty does not depend on the units of the codes.
    """
    given = labelled(codes, factors, "beta_vae_score")
    if len(given.factors) < 2:
        raise ValueError(f"beta_vae_score needs two factors that vary, but got {given.names} alone")
    train, tested = _sides(given, votes, test, batch, seed)
    features = _differences(given.z, train.pairs(batch))
    if len(set(train.factors.tolist())) < 2:
        raise ValueError(
            f"beta_vae_score needs votes on two factors, but {votes} fell on one; give more votes"
        )
    model = make_pipeline(MaxAbsScaler(), LogisticRegression(max_iter=2000)).fit(features, train.factors)
    right = model.predict(_differences(given.z, tested.pairs(batch))) == tested.factors
    how = (
        f"share of {test:,} votes, on rows of their own, in which a logistic regression (C = 1) on {votes:,} "
        f"other votes names the factor shared by each of {batch} pairs, from the mean |z - z'| over them"
    )
    return _scored("beta_vae_score", right, given, how, seed)


class _Groups:
    """Rows by the value of each factor, and the factors of a number of votes on them."""

    def __init__(self, given: Labelled, rows: np.ndarray, votes: int, random: np.random.Generator) -> None:
        self.factors = random.integers(len(given.factors), size=votes)
        self._random = random
        self._order, self._start, self._count, self._shared = [], [], [], []
        for name, values in given.factors.items():
            classes = values[rows]
            order = np.argsort(classes, kind="stable")
            counts = np.bincount(classes)
            ends = np.cumsum(counts)
            # A row alone with its value would make a batch of copies of itself.
            shared = order[counts[classes[order]] > 1]
            if not len(shared):
                raise ValueError(
                    f"votes need values of {name} that two rows or more share, but the {len(rows)} rows of "
                    "one side have none; give more rows, bin the factor, or leave it out"
                )
            self._order.append(rows[order])
            self._start.append((ends - counts)[classes])
            self._count.append(counts[classes])
            self._shared.append(shared)
        self._rows = rows

    def sharing(self, batch: int) -> Iterator[Int[np.ndarray, "V B"]]:
        """Rows of each vote, all with one value of its factor; some votes at a time."""
        for factors in self._chunks(batch):
            first = self._first(factors[:, None])
            yield self._like(np.broadcast_to(factors[:, None], (len(factors), batch)), first)

    def pairs(self, batch: int) -> Iterator[tuple[Int[np.ndarray, "V B"], Int[np.ndarray, "V B"]]]:
        """Both rows of each pair of each vote, with one value of its factor; some votes at a time."""
        for factors in self._chunks(batch):
            several = np.broadcast_to(factors[:, None], (len(factors), batch))
            first = self._first(several)
            yield self._rows[first], self._like(several, first)

    def _chunks(self, batch: int) -> Iterator[np.ndarray]:
        step = max(1, _DRAWN // batch)
        return (self.factors[start : start + step] for start in range(0, len(self.factors), step))

    def _first(self, factors: np.ndarray) -> np.ndarray:
        """A row for each factor, as its position on this side; one that shares its value with others."""
        chosen = np.empty(factors.shape, dtype=np.int64)
        for factor, shared in enumerate(self._shared):
            here = factors == factor
            chosen[here] = shared[self._random.integers(len(shared), size=np.count_nonzero(here))]
        return chosen

    def _like(self, factors: np.ndarray, first: np.ndarray) -> np.ndarray:
        """A row for each factor that has its value in common with the row at position `first`."""
        first = np.broadcast_to(first, factors.shape)
        rows = np.empty(factors.shape, dtype=np.int64)
        for factor, order in enumerate(self._order):
            here = factors == factor
            likes = first[here]
            rows[here] = order[self._start[factor][likes] + self._random.integers(self._count[factor][likes])]
        return rows


def _sides(given: Labelled, votes: int, test: int, batch: int, seed: int) -> tuple[_Groups, _Groups]:
    """Votes to learn from and votes to score, on rows of their own: two thirds of all, and the rest."""
    check_whole("votes", votes, least=2)
    check_whole("test", test, least=2)
    check_whole("batch", batch, least=2)
    count = len(given.z)
    train_rows, test_rows = split_rows(count, count, count, seed)
    random = np.random.default_rng([seed, 1])
    return _Groups(given, train_rows, votes, random), _Groups(given, test_rows, test, random)


def _quietest(scaled: np.ndarray, drawn: Iterator[np.ndarray]) -> Int[np.ndarray, "V"]:
    """The latent of least variance in the rows of each vote."""
    return np.concatenate([scaled[rows].var(axis=1).argmin(axis=1) for rows in drawn])


def _differences(z: np.ndarray, drawn: Iterator[tuple[np.ndarray, np.ndarray]]) -> Float[np.ndarray, "V D"]:
    return np.concatenate([np.abs(z[first] - z[second]).mean(axis=1) for first, second in drawn])


def _scored(name: str, right: Bool[np.ndarray, "V"], given: Labelled, how: str, seed: int) -> Result:
    low, high = accuracy_interval(right)
    definition = (
        f"{how}; factors {given.names}; chance is {1 / len(given.factors):.3g}; the interval is that of the "
        "drawing of votes from these rows"
    )
    return Result(name, float(right.mean()), low, high, len(right), "", definition, seed)
