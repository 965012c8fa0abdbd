"""Active units, aggregate moments and correlation against closed forms, nulls and invariances."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from zscape import measure
from zscape.base import Codes


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def rotation(latents, seed=1):
    return np.linalg.qr(draws(latents, latents, seed))[0]


def table(mean, logvar=None):
    return Codes(id=np.arange(len(mean)), split=np.full(len(mean), "test"), mean=mean, logvar=logvar)


def by_name(results):
    return {result.name: result for result in results}


def test_active_units_counts_variances_above_the_threshold():
    z = np.tile([[1.0], [-1.0]], (50, 4)) * np.sqrt([1.0, 0.011, 0.009, 0.0])
    assert np.allclose(z.var(axis=0), [1, 0.011, 0.009, 0])
    result = measure.active_units(z)
    assert (result.value, result.n, result.unit) == (2.0, 100, "latents")
    assert "of the 4 latents" in result.definition
    assert measure.active_units(z, threshold=0.5).value == 1
    assert measure.active_units(z, threshold=0.0).value == 3
    # The divisor is N - 1: 0.16^2 / 2 is above the threshold, half of that would not be.
    assert measure.active_units(np.array([[0.0], [0.16]])).value == 1


def test_active_units_interval_holds_latents_that_could_be_either():
    # Ten latents of variance exactly at the threshold: an estimate calls about half of them active.
    result = measure.active_units(np.sqrt(0.01) * draws(200, 10))
    assert result.low == 0
    assert 0 < result.value < 10
    assert result.high == 10
    clear = measure.active_units(draws(200, 10) * ([1.0] * 4 + [0.001] * 6))
    assert (clear.low, clear.value, clear.high) == (4, 4, 4)


def test_active_units_reads_means_only():
    z = draws(50, 3)
    assert measure.active_units(table(z, 5 + z)) == measure.active_units(z)


def test_aggregate_covariance_is_that_of_draws_from_the_posteriors():
    mean, logvar = draws(400, 3) @ np.diag([1.0, 0.1, 2.0]), 0.3 * draws(400, 3, seed=5)
    center, covariance = measure.aggregate_covariance((mean, logvar))
    std = np.repeat(np.exp(0.5 * logvar), 500, axis=0)
    many = np.repeat(mean, 500, axis=0) + std * draws(200_000, 3, seed=9)
    assert np.allclose(center, many.mean(axis=0), atol=0.02)
    assert np.allclose(covariance, np.cov(many, rowvar=False), atol=0.03)


def test_moments_of_hand_worked_codes():
    # Mean (3, 4); variances 2 and 0; plus 0.5 from every posterior.
    mean = np.array([[2.0, 4.0], [4.0, 4.0]])
    found = by_name(measure.aggregate_moments((mean, np.full((2, 2), np.log(0.5)))))
    norm = found["aggregate_mean_norm"]
    assert norm.value == pytest.approx(np.sqrt(25 - 2 / 2))
    # Variance of the square: 4 * (9 * 2) / 2 - 2 * 4 / 4.
    limits = np.sqrt(24 + np.array([-1, 1]) * 1.959964 * np.sqrt(36 - 2))
    assert (norm.low, norm.high) == pytest.approx(limits, rel=1e-6)
    assert found["aggregate_variance"].value == pytest.approx((2.5 + 0.5) / 2)
    expected = np.sqrt(25 + (np.sqrt(2.5) - 1) ** 2 + (np.sqrt(0.5) - 1) ** 2)
    assert found["aggregate_wasserstein"].value == pytest.approx(expected)


def test_wasserstein_is_the_bures_formula():
    z = draws(300, 4) @ draws(4, 4, seed=3) + 1.0
    center, covariance = measure.aggregate_covariance(z)
    expected = center @ center + np.trace(covariance + np.eye(4) - 2 * sqrtm(covariance).real)
    value = by_name(measure.aggregate_moments(z))["aggregate_wasserstein"].value
    assert value == pytest.approx(np.sqrt(expected), rel=1e-9)


def test_moments_do_not_change_with_rotation():
    z = draws(200, 5) * [1, 2, 3, 0.1, 0.5] + [1, 0, 0, 0, 2]
    for a, b in zip(measure.aggregate_moments(z), measure.aggregate_moments(z @ rotation(5)), strict=True):
        assert a.value == pytest.approx(b.value)


def test_moments_are_null_for_the_prior_as_often_as_they_say():
    inside = {"aggregate_mean_norm": 0, "aggregate_variance": 0}
    scores = []
    for seed in range(200):
        found = by_name(measure.aggregate_moments(draws(300, 6, seed)))
        inside["aggregate_mean_norm"] += found["aggregate_mean_norm"].low == 0
        variance = found["aggregate_variance"]
        inside["aggregate_variance"] += variance.low <= 1 <= variance.high
        scores.append(found["aggregate_wasserstein"].value)
    assert inside["aggregate_mean_norm"] >= 185
    assert 180 <= inside["aggregate_variance"] <= 199
    # The definition promises about sqrt((6 + 42 / 4) / 300) = 0.2345.
    assert "0.235" in found["aggregate_wasserstein"].definition
    assert np.sqrt(np.mean(np.square(scores))) == pytest.approx(0.2345, rel=0.03)


def test_mean_norm_covers_the_truth():
    inside = 0
    for seed in range(300):
        result = measure.aggregate_moments(draws(200, 4, seed) + 0.3 * np.eye(4)[0])[0]
        inside += result.low <= 0.3 <= result.high
    assert 270 <= inside <= 298


def test_correlation_is_that_of_numpy_less_its_floor():
    z = draws(100, 4) @ draws(4, 4, seed=2)
    r = np.corrcoef(z, rowvar=False)
    expected = np.mean(r[~np.eye(4, dtype=bool)] ** 2) - 1 / 99
    assert measure.offdiagonal_correlation(z).value == pytest.approx(expected)


def test_correlation_of_copies_is_1_less_the_floor():
    column = draws(50, 1)
    result = measure.offdiagonal_correlation(np.hstack([column, -3 * column + 2]))
    assert result.value == pytest.approx(1 - 1 / 49)
    assert result.high == pytest.approx(result.low)


def test_correlation_is_null_for_independent_latents_also_where_the_naive_form_is_not():
    # Finding 3 of the definitions: 32 codes of 128 latents look correlated; the mean square is 1/31 by chance
    # alone.
    results = [measure.offdiagonal_correlation(draws(32, 128, seed)) for seed in range(40)]
    values = np.array([result.value for result in results])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(40)
    assert values.std() < 0.1 / 31
    assert np.mean([result.low <= 0 <= result.high for result in results]) >= 0.9


def test_correlation_interval_covers_the_truth():
    mixing = np.linalg.cholesky(np.array([[1.0, 0.6], [0.6, 1.0]]))
    results = [measure.offdiagonal_correlation(draws(400, 2, seed) @ mixing.T) for seed in range(200)]
    assert 0.9 <= np.mean([result.low <= 0.36 <= result.high for result in results]) <= 0.99


def test_correlation_does_not_change_with_order_scale_and_shift_but_with_rotation():
    z = draws(60, 5) @ draws(5, 5, seed=2)
    value = measure.offdiagonal_correlation(z).value
    assert measure.offdiagonal_correlation(z[::-1, [3, 1, 0, 4, 2]]).value == pytest.approx(value)
    assert measure.offdiagonal_correlation(z * [1, -2, 30, 1e-6, 5] + 7).value == pytest.approx(value)
    assert measure.offdiagonal_correlation(z @ rotation(5)).value != pytest.approx(value, rel=1e-2)


def test_constant_latents_are_left_out_of_correlation():
    z = draws(60, 3)
    padded = np.hstack([z, np.full((60, 2), 0.1)])
    result = measure.offdiagonal_correlation(padded)
    assert result.value == pytest.approx(measure.offdiagonal_correlation(z).value)
    assert "2 constant latents left out" in result.definition


@pytest.mark.parametrize(
    ("function", "least"),
    [
        (measure.active_units, 2),
        (measure.aggregate_moments, 2),
        (measure.pca_spectrum, 2),
        (measure.pca_results, 2),
        (measure.offdiagonal_correlation, 3),
    ],
)
def test_bad_codes_are_refused(function, least):
    z = draws(5, 3)
    for count in range(least):
        with pytest.raises(ValueError, match=f"at least {least} rows here, but got {count}"):
            function(z[:count])
    for wrong in (z[0], z[None], z[:, :0]):
        with pytest.raises(ValueError, match=r"two dimensions, \(N, D\)"):
            function(wrong)
    with pytest.raises(
        ValueError, match=r"2 of 5 rows hold NaN or infinity, or larger ones \(first: row 3\)"
    ):
        function(np.where(np.arange(5)[:, None] >= 3, np.inf, z))
    with pytest.raises(ValueError, match=r"finite numbers under 1e\+100, but 5 of 5 rows"):
        function(1e160 * (1 + np.abs(z)))
    with pytest.raises(ValueError, match="real numbers"):
        function(z.astype(str))
    function(z[:least])


def test_codes_are_not_changed():
    z = draws(20, 3)
    logvar = draws(20, 3, seed=1)
    before = z.copy(), logvar.copy()
    for function in (
        measure.active_units,
        measure.aggregate_moments,
        measure.pca_results,
        measure.offdiagonal_correlation,
        measure.mean_pairwise_distance,
    ):
        function((z, logvar))
    assert np.array_equal(z, before[0])
    assert np.array_equal(logvar, before[1])


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="threshold >= 0"):
        measure.active_units(draws(5, 2), threshold=-1.0)
    with pytest.raises(ValueError, match="two latents that vary, but got 1 of 2"):
        measure.offdiagonal_correlation(np.hstack([draws(5, 1), np.ones((5, 1))]))
