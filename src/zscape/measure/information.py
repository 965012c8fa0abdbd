"""Mutual information between latents and factors, of which MIG, AAM, modularity and InfoMEC are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from zscape.base import Codes, CodesLike
from zscape.checks import check_whole
from zscape.measure import _histograms

# Numbers kept of what rows add to the estimates, and the least and greatest number of rows for that.
_KEPT, _ROWS = 1 << 21, (512, 8192)


@dataclass(frozen=True, eq=False)
class Information:
    """Mutual information of each latent with each factor, by one estimator, with what intervals need.

    Attributes:
        matrix: (D, F) nats.
        entropies: (F,) entropies of the factors in nats, corrected as the matrix is.
        names: Of the factors.
        n: Rows it rests on; for the sampled estimator, draws.
        estimator: "hist", "aggregate" or "mc", which ends the names of results.
        corrected: Whether the bias of finitely many rows was taken off.
        definition: How it was estimated, in words.
        influence: (R, D, F) what each of R rows, drawn at random, adds to the matrix to first order: its
            variance over n is that of the estimate.
        surprisal: (R, F) the same of the entropies.
        seed: Of what was drawn at random, if anything was.
    """

    matrix: Float[np.ndarray, "D F"]
    entropies: Float[np.ndarray, "F"]
    names: tuple[str, ...]
    n: int
    estimator: str
    corrected: bool
    definition: str
    influence: Float[np.ndarray, "R D F"] = field(repr=False)
    surprisal: Float[np.ndarray, "R F"] = field(repr=False)
    seed: int | None = None

    def error(
        self, slope: Float[np.ndarray, "D F"], entropy_slope: Float[np.ndarray, "F"] | None = None
    ) -> float:
        """Standard error of a quantity with these derivatives, by the delta method over rows.

        Args:
            slope: By the matrix.
            entropy_slope: By the entropies; 0 if not given.
        """
        used = np.flatnonzero(slope)
        values = self.influence.reshape(len(self.influence), -1)[:, used] @ slope.ravel()[used]
        if entropy_slope is not None:
            values = values + self.surprisal @ entropy_slope
        return float(values.std() / np.sqrt(self.n))


def histogram_information(
    codes: CodesLike,
    factors: Mapping[str, np.ndarray],
    *,
    bins: int = 20,
    weights: np.ndarray | None = None,
    corrected: bool = True,
) -> Information:
    r"""Mutual information between binned codes and factors, from the joint histograms of all rows.

    .. math:: I(b_j; v_k) = \sum_{b, v} p(b, v) \log \frac{p(b, v)}{p(b) p(v)}

    with b_j the bin of latent j among `bins` of equal width between its least and greatest value, edges as
    numpy.histogram has them. Of stochastic codes the means are read.

    Null: expectation 0 for a latent that knows nothing of a factor. Bias: the plug-in value is high by about
    (bins - 1)(K - 1) / 2N for K classes, which is taken off by the rule of Miller and Madow for cells that
    occur: of 40 classes and 20 bins 0.007 nats or less are left at N = 10,000, but 0.15 to 0.18 of 0.43 at
    N = 1,000, where most cells hold one row or none.
    Binning itself loses information: a latent that equals a factor of more classes than bins has log(bins).
    Unchanged by permuting rows or latents, by scaling or shifting a latent, and by relabelling classes; not
    by other monotone maps, for bins have equal width.
    Cost: O(N D F) time, less where classes are few, O(N + D bins sum K) memory.

    Args:
        codes: A table, an array (N, D) with N >= 2, or a pair (mean, logvar); only means are read.
        factors: Whole numbers, each (N,), in any combinations. Constant ones are left out with a warning.
        bins: Bins of each latent, two or more.
        weights: (N,) weights of the rows; equal if not given.
        corrected: False for plug-in values.

    Raises:
        TypeError: If `bins` is no whole number.
        ValueError: If codes, factors or weights are not as described, or no factor varies.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, ICML 2019 (20 bins, plug-in). Differs in: all rows, and the correction.
        Miller, Note on the Bias of Information Estimates, 1955.
    """
    check_whole("bins", bins, least=2)
    rows = _histograms.rows_of(codes, factors, weights, "histogram_information")
    latents = rows.mean.shape[1]
    groups = _histograms.groups_of(rows, bins)
    tables = [_histograms.Tables(groups, bins, rows.weights) for _ in range(latents)]
    some, kept = chosen_rows(len(rows.mean), latents * len(rows.sizes)), []
    for block, cells in _histograms.equal_bins(rows.mean, bins):
        for table, row in zip(tables, cells, strict=True):
            table.add(block, row)
        kept.append(cells[:, some[(some >= block.start) & (some < block.stop)] - block.start])
    counts = [table.of_factors() for table in tables]
    effective = rows.effective if corrected else None
    matrix = [[_histograms.information_of(table, effective=effective) for table in each] for each in counts]
    entropies, surprisal = entropies_of(rows, some, [table.sum(axis=1) for table in counts[0]], corrected)
    return Information(
        matrix=np.array(matrix),
        entropies=entropies,
        names=tuple(rows.factors),
        n=len(rows.mean),
        estimator="hist",
        corrected=corrected,
        definition=f"mutual information by histograms of {bins} equal bins of the means, "
        + ("corrected by Miller and Madow" if corrected else "plug-in")
        + ("" if rows.weights is None else ", rows weighted"),
        influence=_influence(rows, counts, np.concatenate(kept, axis=1), some),
        surprisal=surprisal,
    )


def whole_factors(codes: Codes) -> dict[str, np.ndarray]:
    """The factors of a table that mutual information can be measured of: whole numbers that vary.

    Args:
        codes: Codes with factors, or without.
    """
    return {
        name: column
        for name, column in codes.factors.items()
        if column.dtype.kind in "iub" and len(column) and column.min() < column.max()
    }


def entropies_of(
    rows: _histograms.Rows, some: np.ndarray, totals: list[np.ndarray], corrected: bool
) -> tuple[Float[np.ndarray, "F"], Float[np.ndarray, "R F"]]:
    """Entropies of the factors, by Miller and Madow if corrected, and what each of `some` rows adds to them.

    Args:
        rows: All rows.
        some: Rows whose influence is asked for.
        totals: Weight of each class, one array a factor.
        corrected: Whether the bias is taken off.
    """
    weight = 1.0 if rows.weights is None else rows.weights[some]
    entropies, added = [], []
    for column, total in zip(rows.factors.values(), totals, strict=True):
        shares = total / total.sum()
        plain = _histograms.entropy(shares)
        entropies.append(plain + corrected * (np.count_nonzero(shares) - 1) / (2 * rows.effective))
        added.append(weight * (-np.log(shares[column[some]]) - plain))
    return np.array(entropies), np.stack(added, axis=1).astype(np.float32)


def chosen_rows(count: int, numbers: int) -> np.ndarray:
    """Rows whose influence is kept, `numbers` of each: all if few, else drawn at random with seed 0."""
    most = int(np.clip(_KEPT // numbers, *_ROWS))
    return np.arange(count) if count <= most else np.sort(np.random.default_rng(0).integers(count, size=most))


def _influence(
    rows: _histograms.Rows, counts: list[list[np.ndarray]], cells: np.ndarray, some: np.ndarray
) -> Float[np.ndarray, "R D F"]:
    """What each of `some` rows, in these cells of each latent, adds to plug-in information."""
    columns = [column[some] for column in rows.factors.values()]
    influence = np.empty((len(some), len(counts), len(columns)), np.float32)
    for latent, tables in enumerate(counts):
        for factor, (table, column) in enumerate(zip(tables, columns, strict=True)):
            pointwise = _pointwise(table)
            mean = float((pointwise * table).sum() / table.sum())
            influence[:, latent, factor] = pointwise[column, cells[latent]] - mean
    if rows.weights is not None:
        influence *= rows.weights[some, None, None]
    return influence


def _pointwise(table: np.ndarray) -> np.ndarray:
    """log p(v, b) / (p(v) p(b)) of each cell; 0 where nothing is counted."""
    expected = table.sum(axis=1, keepdims=True) * (table.sum(axis=0, keepdims=True) / table.sum())
    ratio = np.divide(table, expected, out=np.ones(table.shape), where=table > 0)
    return np.log(ratio)
