"""Which latents are in use, what they carry, where their codes lie: against torch, scipy and numpy."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from zscape import walk
from zscape.measure import active_units

RNG = np.random.default_rng(0)
MEAN = RNG.normal(size=(300, 4)) * [2.0, 0.05, 1.0, 0.5]
LOGVAR = RNG.normal(size=(300, 4)) - [2.0, 0.0, 1.0, 3.0]


def test_the_kl_of_a_latent_is_that_of_torch():
    q = torch.distributions.Normal(torch.tensor(MEAN), torch.tensor(LOGVAR).mul(0.5).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).mean(0)
    np.testing.assert_allclose(walk.latent_kl((MEAN, LOGVAR)), expected, rtol=1e-12)


def test_points_have_no_kl():
    with pytest.raises(ValueError, match="needs codes with log variances, but these are points"):
        walk.latent_kl(MEAN)


def test_variances_beyond_float64_are_refused_by_name():
    with pytest.raises(ValueError, match="below 709, the largest that float64 holds, but got 800"):
        walk.latent_kl((np.zeros((1, 1)), np.full((1, 1), 800.0)))


@pytest.mark.parametrize("threshold", [0.001, 0.01, 0.3, 2.0])
def test_active_latents_are_as_many_as_the_measure_counts(threshold):
    found = walk.active(MEAN, threshold=threshold)
    assert found.sum() == active_units(MEAN, threshold=threshold).value


def test_ranks_follow_kl_variance_or_what_is_given():
    order = walk.ranked((MEAN, LOGVAR)).tolist()
    kl = walk.latent_kl((MEAN, LOGVAR))
    assert order == sorted([0, 2, 3], key=lambda latent: -kl[latent])
    assert walk.ranked(MEAN).tolist() == [0, 2, 3]
    assert walk.ranked(MEAN, importance=np.array([1.0, 9.0, 1.0, 5.0])).tolist() == [3, 0, 2]
    assert walk.ranked(MEAN, threshold=0).tolist() == [0, 2, 3, 1]


@pytest.mark.parametrize("importance", [np.zeros(3), np.full(4, np.nan)])
def test_an_importance_that_cannot_be_is_refused(importance):
    with pytest.raises(ValueError, match="a finite importance for each of 4 latents"):
        walk.ranked(MEAN, importance=importance)


def test_quantiles_solve_the_mixture():
    quantiles = (0.001, 0.025, 0.5, 0.9)
    found = walk.aggregate_quantiles((MEAN, LOGVAR), quantiles)
    for latent in range(4):
        shares = norm.cdf(found[latent][:, None], MEAN[:, latent], np.exp(0.5 * LOGVAR[:, latent])).mean(1)
        np.testing.assert_allclose(shares, quantiles, atol=1e-8)


def test_quantiles_are_those_of_many_draws():
    draws = MEAN[:, 0] + np.exp(0.5 * LOGVAR[:, 0]) * np.random.default_rng(1).normal(size=(2000, 300))
    found = walk.aggregate_quantiles((MEAN, LOGVAR), (0.025, 0.975), latents=[0])[0]
    np.testing.assert_allclose(found, np.quantile(draws, (0.025, 0.975)), atol=0.03)


def test_quantiles_of_points_are_those_of_numpy():
    found = walk.aggregate_quantiles(MEAN, (0.1, 0.8), latents=[2, 0])
    np.testing.assert_allclose(found, np.quantile(MEAN[:, [2, 0]], (0.1, 0.8), axis=0).T)


def test_one_gaussian_and_posteriors_without_width():
    one = walk.aggregate_quantiles((np.array([[3.0]]), np.array([[np.log(4.0)]])), (0.025, 0.975))
    np.testing.assert_allclose(one, [[3 - 2 * 1.959964, 3 + 2 * 1.959964]], atol=1e-5)
    steps = np.arange(101.0)[:, None]
    sharp = walk.aggregate_quantiles((steps, np.full((101, 1), -600.0)), (0.1, 0.9))
    np.testing.assert_allclose(sharp, [[10, 90]], atol=1.0)
    same = walk.aggregate_quantiles((np.full((5, 1), 0.1), np.full((5, 1), -2000.0)), (0.1, 0.9))
    np.testing.assert_allclose(same, 0.1)


def test_quantiles_do_not_depend_on_the_order_of_rows_and_follow_a_shift():
    found = walk.aggregate_quantiles((MEAN, LOGVAR), (0.2, 0.7))
    order = np.random.default_rng(2).permutation(300)
    np.testing.assert_allclose(
        walk.aggregate_quantiles((MEAN[order] + 5, LOGVAR[order]), (0.2, 0.7)), found + 5, atol=1e-7
    )


@pytest.mark.parametrize("quantiles", [(0.0, 0.5), (0.5, 1.0), (np.nan,)])
def test_quantiles_at_the_ends_are_refused(quantiles):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        walk.aggregate_quantiles(MEAN, quantiles)


@pytest.mark.parametrize(
    ("latents", "said"),
    [
        ([4], "latents 0 to 3, but got 4"),
        ([-1], "latents 0 to 3, but got -1"),
        ([1, 1], "need to differ"),
        ([], "one or more whole numbers"),
        (np.array([0.5]), "one or more whole numbers"),
        (np.array([[1]]), "one or more whole numbers"),
    ],
)
def test_latents_that_are_not_there_are_refused(latents, said):
    with pytest.raises(ValueError, match=said):
        walk.aggregate_quantiles(MEAN, (0.5,), latents=latents)


def test_nothing_given_is_changed():
    mean, logvar = MEAN.copy(), LOGVAR.copy()
    walk.aggregate_quantiles((mean, logvar), (0.1,))
    walk.ranked((mean, logvar))
    np.testing.assert_array_equal(mean, MEAN)
    np.testing.assert_array_equal(logvar, LOGVAR)
