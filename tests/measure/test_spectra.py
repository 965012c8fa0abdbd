"""Spectra beside their null: against the spectrum, a known number of factors, and no factor."""

import numpy as np
import pytest

from zscape import measure
from zscape.base import Codes


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


@pytest.mark.parametrize(("count", "latents"), [(200, 6), (12, 40), (20, 20), (3, 2)])
def test_ratios_are_those_of_the_spectrum(count, latents):
    z = draws(count, latents) * np.linspace(3, 1, latents) + 5
    found = measure.parallel_analysis(z, components=5, permutations=2)
    expected = measure.pca_spectrum(z).ratios[: min(5, count - 1, latents)]
    np.testing.assert_allclose(found.ratios, expected, atol=1e-12)
    assert found.null_mean.shape == found.null_high.shape == found.ratios.shape
    assert (found.label, found.count) == (None, count)


def test_the_null_is_a_permutation_of_each_column():
    z = draws(60, 4)
    z[:, 1] += 2 * z[:, 0]
    found = measure.parallel_analysis(z, permutations=3, seed=4)
    rng = np.random.default_rng(4)
    columns, shares = (z - z.mean(axis=0)).T.copy(), []
    for _ in range(3):
        rng.permuted(columns, axis=1, out=columns)
        shares.append(measure.pca_spectrum(columns.T).ratios)
    np.testing.assert_allclose(found.null_mean, np.mean(shares, axis=0), atol=1e-12)
    np.testing.assert_allclose(found.null_high, np.max(shares, axis=0), atol=1e-12)
    # Each column keeps its variance, so that the total is that of the codes.
    assert found.null_mean.sum() == pytest.approx(1)


def test_one_set_of_independent_latents_in_twenty_is_above_the_null():
    found = [measure.parallel_analysis(draws(40, 5, seed), seed=seed).components > 0 for seed in range(400)]
    # 20 expected; 33 is three standard deviations more.
    assert 7 <= sum(found) <= 33


@pytest.mark.parametrize(("count", "latents"), [(400, 20), (60, 300)])
@pytest.mark.parametrize("factors", [0, 1, 3])
def test_as_many_components_as_factors_lie_above_the_null(count, latents, factors):
    signal = draws(count, factors, 1) @ draws(factors, latents, 2)
    found = measure.parallel_analysis(3 * signal + draws(count, latents, 3))
    assert found.components == factors


def test_unequal_variances_alone_are_no_factor():
    """The null keeps the variance of every column, which a null of equal variances would not."""
    found = measure.parallel_analysis(draws(500, 10) * np.logspace(1, -1, 10))
    assert found.ratios[0] > 0.4
    assert found.components == 0


def test_classes_are_analysed_each_alone():
    z, labels = draws(90, 5), np.repeat([4, 2, 9], [40, 48, 2])
    z[labels == 2] += 3 * draws(48, 1, 1) * np.arange(5)
    table = Codes(np.arange(90), np.full(90, "test"), z.astype(np.float32), label=labels)
    whole, two, four = measure.class_spectra(table, permutations=5)
    assert [each.label for each in (whole, two, four)] == [None, 2, 4]
    assert [each.count for each in (whole, two, four)] == [90, 48, 40]
    alone = measure.parallel_analysis(table.mean[labels == 2], permutations=5)
    np.testing.assert_array_equal(two.ratios, alone.ratios)
    np.testing.assert_array_equal(two.null_high, alone.null_high)
    assert (two.components, four.components) == (1, 0)


def test_codes_that_are_all_equal_have_no_component():
    found = measure.parallel_analysis(np.full((9, 3), 0.5))
    np.testing.assert_array_equal(found.ratios, 0)
    assert found.components == 0


def test_wrong_numbers_are_refused():
    for settings, message in (
        ({"components": 0}, "components needs"),
        ({"permutations": 0}, "permutations needs"),
        ({"seed": -1}, "seed needs"),
    ):
        with pytest.raises(ValueError, match=message):
            measure.parallel_analysis(draws(9, 3), **settings)
    with pytest.raises(ValueError, match="at least 3 samples"):
        measure.parallel_analysis(draws(2, 3))
    with pytest.raises(ValueError, match="class_spectra needs labels"):
        measure.class_spectra(draws(9, 3))


def test_components_above_the_null_are_a_result():
    z = 3 * draws(400, 3, 1) @ draws(3, 20, 2) + draws(400, 20, 3)
    found = measure.components_above_null(z)
    assert (found.value, found.n, found.low) == (3, 400, None)
    some = measure.components_above_null(z, limit=200, seed=3)
    assert (some.value, some.n, some.seed) == (3, 200, 3)
    assert "200 codes chosen at random from 400" in some.definition
