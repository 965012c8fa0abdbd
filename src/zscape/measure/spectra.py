"""Spectra of codes, all and class by class, against a null in which columns are permuted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import eigh

from zscape.base import CodesLike, Result
from zscape.checks import check_whole
from zscape.measure._labels import class_rows, labels_of
from zscape.measure._rows import center_of, float_blocks, means_of

# Codes that a class needs to have a spectrum.
_LEAST = 3
_QUANTILE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class NullSpectrum:
    """Shares of the first R principal components in the variance, beside those of permuted columns.

    Attributes:
        label: The class; None for all codes.
        count: Codes it rests on.
        ratios: (R,) shares, descending.
        null_mean: (R,) mean share of the component of the same place over permutations.
        null_high: (R,) 95 % quantile of that share.
    """

    label: int | None
    count: int
    ratios: Float[np.ndarray, "R"]
    null_mean: Float[np.ndarray, "R"]
    null_high: Float[np.ndarray, "R"]

    @property
    def components(self) -> int:
        """How many of the first components lie above that quantile, without a gap (Horn's rule)."""
        # A share of all there is, 1, is not above itself.
        above = self.ratios > self.null_high * (1 + 1e-12)
        return int(len(above) if above.all() else above.argmin())


def parallel_analysis(
    codes: CodesLike, *, components: int = 10, permutations: int = 20, seed: int = 0
) -> NullSpectrum:
    """Shares of the first principal components, and what they would be if latents did not go together.

    For the null each column is permuted on its own, which keeps every variance and breaks every correlation.
    With few codes in many latents the first shares are high by chance: the null says how high.

    Null: shares within those of the permutations; of independent latents about one set in twenty has
    `components` of 1 or more. Bias: none of the null; a share itself is high by what the null shows. Not
    unchanged by rotation, as the null depends on the axes: codes with a diagonal covariance are at the null.
    Cost: O(P N D min(N, D) + P min(N, D)^3) time for P permutations, by the smaller side; 8 N D bytes.

    Args:
        codes: A table, an array (N, D) with N >= 3, or a pair (mean, logvar); only means are read.
        components: Shares that are wanted; fewer are given where N - 1 or D is smaller.
        permutations: How often the columns are permuted; fewer than 19 are passed by chance more often.
        seed: Of the permutations.

    Raises:
        TypeError: If a number is not whole.
        ValueError: If there are fewer than three rows, they are malformed, or a number is < 1 (the seed < 0).

    References:
        Horn, A rationale and test for the number of factors, Psychometrika 1965. Buja and Eyuboglu, Remarks
        on parallel analysis, 1992 (by permutation). Differs in: nothing.
    """
    return _analysis(means_of(codes, least=_LEAST), None, components, permutations, seed)


def components_above_null(
    codes: CodesLike, *, permutations: int = 20, limit: int = 2000, seed: int = 0
) -> Result:
    """How many of the first ten components hold more than they would if latents did not go together.

    `NullSpectrum.components` of `parallel_analysis`, as a result. No interval: fewer codes show fewer.

    Null: 0, but for one set of independent latents in twenty. Bias: low for few codes.
    Cost: that of `parallel_analysis` of at most `limit` codes.

    Args:
        codes: A table, an array (N, D) with N >= 3, or a pair (mean, logvar); only means are read.
        permutations: How often the columns are permuted.
        limit: Codes that are looked at; of more, that many are chosen at random.
        seed: Of the permutations and the choice.

    Raises:
        TypeError: If a number is not whole.
        ValueError: As `parallel_analysis`, or if limit < 3.
    """
    check_whole("limit", limit, least=_LEAST)
    check_whole("seed", seed)
    rows = means_of(codes, least=_LEAST)
    total = len(rows)
    if total > limit:
        rows = rows[np.random.default_rng(seed).choice(total, limit, replace=False)]
    found = _analysis(rows, None, 10, permutations, seed)
    chosen = f" chosen at random from {total:,}" if total > limit else ""
    return Result(
        name="components_above_null",
        value=float(found.components),
        low=None,
        high=None,
        n=len(rows),
        unit="components",
        definition=f"first principal components, of {len(found.ratios)}, whose share of the variance is "
        f"above the 95 % quantile of that of permuted columns ({permutations} permutations of "
        f"{len(rows):,} codes{chosen})",
        seed=seed,
    )


def class_spectra(
    codes: CodesLike,
    labels: Int[np.ndarray, "N"] | None = None,
    *,
    components: int = 10,
    permutations: int = 20,
    seed: int = 0,
) -> list[NullSpectrum]:
    """`parallel_analysis` of all codes, then of each class of three codes or more by itself.

    Args:
        codes: A table, an array (N, D) with N >= 3, or a pair (mean, logvar); only means are read.
        labels: Class of each row; of a table its own if not given.
        components: Shares that are wanted.
        permutations: How often the columns are permuted, for each spectrum.
        seed: Of the permutations.

    Raises:
        TypeError: If a number is not whole.
        ValueError: As `parallel_analysis`, or if labels are missing or malformed.
    """
    rows = means_of(codes, least=_LEAST)
    labels = labels_of(codes, labels, len(rows), "class_spectra")
    classes, counts = np.unique(labels, return_counts=True)
    spectra = [_analysis(rows, None, components, permutations, seed)]
    for which in classes[counts >= _LEAST].tolist():
        spectra.append(_analysis(rows[class_rows(labels, which)], which, components, permutations, seed))
    return spectra


def _analysis(
    rows: np.ndarray, label: int | None, components: int, permutations: int, seed: int
) -> NullSpectrum:
    check_whole("components", components, least=1)
    check_whole("permutations", permutations, least=1)
    check_whole("seed", seed)
    rng = np.random.default_rng(seed)
    # A row a latent, so that each is permuted in place.
    columns = np.empty(rows.shape[::-1])
    center = center_of(rows)
    for here, block in float_blocks(rows):
        columns[:, here] = (block - center).T
    total = float(np.einsum("dn,dn->", columns, columns))
    number = min(components, len(rows) - 1, len(columns))
    ratios = _leading_shares(columns, number, total)
    null = np.empty((permutations, number))
    for each in null:
        rng.permuted(columns, axis=1, out=columns)
        each[:] = _leading_shares(columns, number, total)
    # Of n draws the largest is passed by one in n + 1 of what is like them, which other quantiles forget.
    high = np.quantile(null, _QUANTILE, axis=0, method="weibull")
    return NullSpectrum(label, len(rows), ratios, null.mean(axis=0), high)


def _leading_shares(columns: np.ndarray, number: int, total: float) -> np.ndarray:
    """First shares of centred codes (D, N) in their total sum of squares."""
    if total == 0:
        return np.zeros(number)
    products = columns @ columns.T if len(columns) <= columns.shape[1] else columns.T @ columns
    size = len(products)
    values = eigh(products, eigvals_only=True, subset_by_index=(size - number, size - 1), overwrite_a=True)
    return np.clip(values[::-1], 0.0, None) / total
