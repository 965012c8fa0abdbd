"""Distances in blocks against scipy, closed forms and invariances."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from zscape import energy, measure


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


@pytest.mark.parametrize("rows", [4, 25, 60, 1024])
def test_mean_distances_are_those_of_scipy_in_any_blocks(monkeypatch, rows):
    monkeypatch.setattr(energy, "_ROWS", rows)
    z = draws(60, 7)
    assert np.allclose(measure.mean_distances(z), squareform(pdist(z)).sum(axis=1) / 59, rtol=1e-12)


def test_a_triangle_of_3_4_5():
    result = measure.mean_pairwise_distance(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]))
    assert (result.value, result.n, result.seed) == (pytest.approx(4), 3, None)


def test_equal_codes_are_at_distance_0_also_far_from_the_origin():
    assert measure.mean_pairwise_distance(np.full((10, 3), 1e6)).value == 0
    z = draws(50, 3)
    assert measure.mean_pairwise_distance(z + 1e6).value == pytest.approx(pdist(z).mean(), rel=1e-8)


def test_the_interval_of_a_mean_distance_stops_at_0():
    result = measure.mean_pairwise_distance(np.array([[0.0], [0.0], [0.0], [100.0]]))

    # One row in four is 100 away: (100 + 3 * 100 / 3) / 4 = 50, give or take 65.
    assert result.value == 50
    assert result.low == 0
    assert result.high > 100


def test_distance_does_not_change_with_order_and_rotation():
    z = draws(40, 4)
    turned = z[::-1] @ np.linalg.qr(draws(4, 4, seed=2))[0] - 3
    expected = measure.mean_pairwise_distance(z).value
    assert measure.mean_pairwise_distance(turned).value == pytest.approx(expected)


@pytest.mark.parametrize("latents", [1, 2, 16, 512])
def test_distance_of_prior_draws_is_the_closed_form(latents):
    assert energy.normal_spread(1) == pytest.approx(2 / math.sqrt(math.pi))
    result = measure.mean_pairwise_distance(draws(1500, latents))
    assert result.value == pytest.approx(energy.normal_spread(latents), rel=0.03)
    assert f"{energy.normal_spread(latents):.4g}" in result.definition


def test_interval_covers_the_truth():
    truth = energy.normal_spread(3)
    results = [measure.mean_pairwise_distance(draws(100, 3, seed)) for seed in range(300)]
    assert 270 <= sum(result.low <= truth <= result.high for result in results) <= 298


def test_more_codes_than_the_limit_are_thinned_by_seed_and_it_is_said():
    z = draws(500, 3)
    result, again, other = (measure.mean_pairwise_distance(z, limit=100, seed=seed) for seed in (1, 1, 2))
    assert result == again
    assert result.value != other.value
    assert (result.n, result.seed) == (100, 1)
    assert "100 samples chosen at random from 500" in result.definition
    assert result.low < pdist(z).mean() < result.high
    with pytest.raises(ValueError, match="limit needs to be a whole number >= 2, but is 1"):
        measure.mean_pairwise_distance(z, limit=1)


def test_pictures_are_compared_as_rows_and_not_with_the_prior():
    x = np.random.default_rng(0).integers(0, 256, (40, 1, 3, 4)).astype(np.uint8)
    before = x.copy()
    result = measure.mean_pairwise_distance(x)
    assert result.value == pytest.approx(pdist(x.reshape(40, 12).astype(float)).mean(), rel=1e-12)
    assert (result.unit, result.n) == ("data units", 40)
    assert "samples as rows of 12 features" in result.definition
    assert "N(0, I)" not in result.definition
    assert np.allclose(measure.mean_distances(x).mean(), result.value)
    assert np.array_equal(x, before)
    assert measure.mean_pairwise_distance((draws(9, 2), draws(9, 2))).unit == "latent units"


@pytest.mark.parametrize("call", [measure.mean_distances, measure.mean_pairwise_distance])
def test_malformed_samples_are_refused(call):
    x = draws(5, 3)
    for wrong, message in (
        (x[:1], "generated needs at least 2 samples here, but got 1"),
        (x[0], r"one feature or more, \(N, \*shape\), but got shape \(3,\)"),
        (x[:, :0], "one feature or more"),
        (np.where(np.arange(5)[:, None] >= 3, np.inf, x), "sample 3 holds one that is not"),
        (x.astype(str), "real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            call(wrong)
    call(x[:2])


def test_no_n_by_n_matrix_is_held():
    z = draws(6000, 8)
    tracemalloc.start()
    measure.mean_pairwise_distance(z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6 < 6000 * 6000 * 8


def test_two_samples_have_no_interval():
    result = measure.mean_pairwise_distance(np.array([[0.0], [1.0]]))
    assert (result.value, result.low, result.high) == (1.0, None, None)
