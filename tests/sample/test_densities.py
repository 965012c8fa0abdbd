"""Densities against scipy, against their own draws, and with bad input."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from zscape.base import Codes, Density
from zscape.sample import ByClass, Empirical, Gaussian, Mixture, StandardNormal, check_density
from zscape.sample import empirical as empirical_module


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def posteriors(count=60, latents=3):
    return draws(count, latents) @ np.diag(np.arange(1.0, latents + 1)), -1 + 0.3 * draws(
        count, latents, seed=1
    )


def blobs(count=300):
    return np.concatenate([draws(count, 2) - 4, 0.5 * draws(count, 2, seed=1) + 4])


FITTED = {
    "standard normal": lambda: (StandardNormal(3), 3),
    "one latent": lambda: (StandardNormal(1), 1),
    "gaussian": lambda: (Gaussian().fit(draws(200, 3) * [1, 5, 0.1] + 7), 3),
    "gaussian, one latent": lambda: (Gaussian().fit(draws(50, 1)), 1),
    "gaussian of posteriors": lambda: (Gaussian().fit(posteriors()), 3),
    "gaussian, fewer rows than latents": lambda: (Gaussian().fit(draws(8, 20)), 20),
    "mixture": lambda: (Mixture(2).fit(blobs()), 2),
    "mixture of posteriors": lambda: (Mixture(3).fit(posteriors()), 3),
    "mixture of one": lambda: (Mixture(1).fit(draws(50, 4)), 4),
    "aggregate posterior": lambda: (Empirical().fit(posteriors()), 3),
}


@pytest.mark.parametrize("make", FITTED.values(), ids=FITTED)
def test_every_density_conforms(make):
    density, latents = make()
    assert isinstance(density, Density)
    check_density(density, latents)


@pytest.mark.parametrize(
    "make",
    [
        lambda z: StandardNormal(2),
        lambda z: Gaussian().fit(z),
        lambda z: Mixture(3).fit(z),
        lambda z: Empirical().fit((z, np.full_like(z, -1.0))),
    ],
)
def test_densities_integrate_to_1_on_a_grid(make):
    density = make(blobs(20))
    axis = np.linspace(-20, 20, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert np.exp(density.log_prob(grid)).sum() * 0.1**2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("make", FITTED.values(), ids=FITTED)
def test_moments_of_draws_are_those_of_the_density(make):
    density, latents = make()
    z = density.sample(40_000, seed=3)
    other = density.sample(40_000, seed=4)
    scale = z.std(axis=0)
    assert np.allclose(z.mean(axis=0) / scale, other.mean(axis=0) / scale, atol=0.05)
    # Entropy by either half of the draws: log_prob and sample speak of one distribution.
    assert density.log_prob(z[:4000]).mean() == pytest.approx(
        density.log_prob(other[:4000]).mean(), abs=0.05 * latents
    )


def test_standard_normal_is_that_of_scipy():
    z = draws(10, 4)
    assert np.allclose(StandardNormal(4).log_prob(z), multivariate_normal(np.zeros(4)).logpdf(z), rtol=1e-12)
    drawn = StandardNormal(4).sample(50_000, seed=1)
    assert np.allclose(drawn.mean(axis=0), 0, atol=0.02)
    assert np.allclose(np.cov(drawn, rowvar=False), np.eye(4), atol=0.03)


def test_gaussian_of_many_codes_has_their_moments():
    z = draws(5000, 3) @ draws(3, 3, seed=2) + [1, 2, 3]
    density = Gaussian().fit(z)
    assert np.allclose(density.mean_, z.mean(axis=0))
    assert density.shrinkage_ < 0.01
    assert np.allclose(density.covariance_, np.cov(z, rowvar=False), rtol=0.02)
    assert np.allclose(np.diag(density.covariance_), z.var(axis=0, ddof=1), rtol=1e-9)
    assert np.allclose(
        density.log_prob(z[:9]),
        multivariate_normal(density.mean_, density.covariance_).logpdf(z[:9]),
        rtol=1e-10,
    )
    drawn = density.sample(100_000)
    assert np.allclose(np.cov(drawn, rowvar=False), density.covariance_, rtol=0.05, atol=0.05)


def test_shrinkage_is_the_published_formula():
    z = draws(12, 4) @ draws(4, 4, seed=2)
    standard = (z - z.mean(axis=0)) / z.std(axis=0, ddof=1)
    noise = signal = 0.0
    for i in range(4):
        for j in range(4):
            if i != j:
                products = standard[:, i] * standard[:, j]
                noise += 12 / 11**3 * ((products - products.mean()) ** 2).sum()
                signal += (12 / 11 * products.mean()) ** 2
    density = Gaussian().fit(z)
    assert 0.05 < density.shrinkage_ < 0.95
    assert density.shrinkage_ == pytest.approx(noise / signal)
    expected = np.corrcoef(z, rowvar=False) * (1 - noise / signal)
    got = density.covariance_ / np.sqrt(np.outer(np.diag(density.covariance_), np.diag(density.covariance_)))
    other = ~np.eye(4, dtype=bool)
    assert np.allclose(got[other], expected[other])


def test_shrinkage_helps_where_rows_are_few():
    truth = np.diag(np.arange(1.0, 31.0))
    z = draws(15, 30) @ np.sqrt(truth)
    density = Gaussian().fit(z)
    assert density.shrinkage_ > 0.5
    assert np.linalg.matrix_rank(density.covariance_) == 30
    assert np.linalg.norm(density.covariance_ - truth) < 0.7 * np.linalg.norm(np.cov(z, rowvar=False) - truth)


def test_gaussian_scales_with_its_latents():
    z, scale = draws(20, 3) @ draws(3, 3, seed=2), np.array([1.0, 100.0, 0.1])
    a, b = Gaussian().fit(z), Gaussian().fit(z * scale)
    assert 0 < a.shrinkage_ < 1
    assert np.allclose(a.covariance_ * np.outer(scale, scale), b.covariance_, rtol=1e-3)


def test_two_rows_and_constant_latents_still_give_a_density():
    two = Gaussian().fit(np.array([[0.0, 0.0], [2.0, 2.0]]))
    assert two.shrinkage_ == 1
    assert np.allclose(two.covariance_, 2 * np.eye(2))
    z = np.hstack([draws(50, 2), np.full((50, 1), 0.7)])
    density = Gaussian().fit(z)
    assert np.allclose(density.sample(100)[:, 2], 0.7, atol=1e-3)
    assert np.isfinite(density.log_prob(z)).all()


def test_a_constant_is_constant_whatever_its_mean_rounds_to():
    assert np.full(3, 0.1).var() > 0
    z = draws(40, 30)
    none, some = (Gaussian().fit(np.hstack([z, np.full((40, 10), c)])).shrinkage_ for c in (0.0, 0.1))
    assert some == none == pytest.approx(Gaussian().fit(z).shrinkage_)
    with pytest.raises(ValueError, match="all 3 rows are equal"):
        Gaussian().fit(np.full((3, 2), 0.1))
    with pytest.raises(ValueError, match="of a class are equal"):
        ByClass().fit(np.full((3, 2), 0.1), np.zeros(3, int))


def test_the_aggregate_posterior_far_from_the_origin_is_moved_and_no_more():
    mean, logvar = 1e-3 * draws(40, 2), np.full((40, 2), -13.8)
    there = Empirical().fit((mean + 1e6, logvar)).log_prob(mean[:5] + 1e6)
    assert there == pytest.approx(Empirical().fit((mean, logvar)).log_prob(mean[:5]), abs=1e-3)
    with pytest.raises(ValueError, match="at least -600, but the least is -720"):
        Empirical().fit((mean, logvar * 0 - 720)).log_prob(mean)


def test_gaussian_of_posteriors_adds_their_variance():
    mean, logvar = posteriors(3000)
    table = Codes(np.arange(3000), np.full(3000, "train"), mean.astype(np.float32), logvar.astype(np.float32))
    for codes in ((mean, logvar), table):
        found = np.diag(Gaussian().fit(codes).covariance_)
        assert np.allclose(found, mean.var(axis=0, ddof=1) + np.exp(logvar).mean(axis=0), rtol=1e-5)
    assert np.allclose(np.diag(Gaussian().fit(table.mean).covariance_), mean.var(axis=0, ddof=1), rtol=1e-5)


def test_mixture_finds_blobs_and_its_density_is_that_of_scipy():
    density = Mixture(2, seed=1).fit(blobs())
    order = np.argsort(density.means_[:, 0])
    assert np.allclose(density.means_[order], [[-4, -4], [4, 4]], atol=0.2)
    assert np.allclose(density.weights_, 0.5, atol=0.01)
    z = draws(20, 2) * 4
    parts = [
        np.log(weight) + multivariate_normal(mean, covariance).logpdf(z)
        for weight, mean, covariance in zip(
            density.weights_, density.means_, density.covariances_, strict=True
        )
    ]
    assert np.allclose(density.log_prob(z), logsumexp(parts, axis=0), rtol=1e-10)


def test_mixture_draws_are_in_no_order_and_in_proportion():
    density = Mixture(2).fit(np.concatenate([blobs()[:300], blobs()[300:400]]))
    z = density.sample(20_000)
    left = z[:, 0] < 0
    assert left.mean() == pytest.approx(0.75, abs=0.02)
    assert left[:2000].mean() == pytest.approx(left[-2000:].mean(), abs=0.05)
    assert np.allclose(np.cov(z[~left], rowvar=False), 0.25 * np.eye(2), atol=0.08)


def test_mixture_draws_keep_the_correlation_of_the_codes():
    z = draws(500, 2) @ np.array([[1.0, 2.0], [0.0, 0.5]])
    drawn = Mixture(1).fit(z).sample(50_000, seed=1)
    assert np.allclose(np.corrcoef(drawn, rowvar=False), np.corrcoef(z, rowvar=False), atol=0.02)
    assert np.allclose(drawn.std(axis=0), z.std(axis=0), rtol=0.03)


def test_mixture_of_posteriors_is_wider_than_that_of_means():
    mean, _ = posteriors(500)
    wide = Mixture(1, seed=8).fit((mean, np.zeros_like(mean)))
    assert np.allclose(np.diag(wide.covariances_[0]), mean.var(axis=0) + 1, rtol=0.15)


def test_empirical_of_points_draws_those_points_evenly():
    points = draws(5, 2)
    z = Empirical().fit(points).sample(10_000)
    rows = (z[:, None] == points).all(axis=2)
    assert (rows.sum(axis=1) == 1).all()
    assert np.allclose(rows.mean(axis=0), 0.2, atol=0.02)
    with pytest.raises(ValueError, match="only when fitted with log variances"):
        Empirical().fit(points).log_prob(points)


@pytest.mark.parametrize("rows", [7, 1024])
def test_aggregate_posterior_density_is_that_of_scipy_in_any_blocks(monkeypatch, rows):
    monkeypatch.setattr(empirical_module, "_ROWS", rows)
    mean, logvar = posteriors(30)
    z = 3 * draws(20, 3, seed=7)
    parts = [multivariate_normal(m, np.diag(np.exp(v))).logpdf(z) for m, v in zip(mean, logvar, strict=True)]
    density = Empirical().fit((mean, logvar))
    assert np.allclose(density.log_prob(z), logsumexp(parts, axis=0) - np.log(30), rtol=1e-10)


def test_aggregate_posterior_draws_have_its_moments():
    mean, logvar = posteriors()
    z = Empirical().fit((mean, logvar)).sample(100_000)
    assert np.allclose(z.mean(axis=0), mean.mean(axis=0), atol=0.05)
    expected = np.cov(mean, rowvar=False, ddof=0) + np.diag(np.exp(logvar).mean(axis=0))
    assert np.allclose(np.cov(z, rowvar=False), expected, rtol=0.05, atol=0.1)


def test_fit_copies_and_changes_nothing():
    mean, logvar = posteriors()
    before = mean.copy(), logvar.copy()
    density = Empirical().fit((mean, logvar))
    for other in (Gaussian(), Mixture(2)):
        other.fit((mean, logvar))
    assert np.array_equal(mean, before[0])
    assert np.array_equal(logvar, before[1])
    mean += 100
    assert density.sample(10).max() < 50


def test_fitting_repeats_for_a_seed():
    a, b, c = (Mixture(4, seed=seed).fit(posteriors(200)) for seed in (1, 1, 2))
    assert np.array_equal(a.means_, b.means_)
    assert not np.array_equal(a.means_, c.means_)


@pytest.mark.parametrize("density", [Gaussian(), Mixture(3, seed=2), Empirical()])
def test_estimators_clone_and_refuse_before_fit(density):
    assert repr(clone(density)) == repr(density)
    for call in (lambda: density.sample(1), lambda: density.log_prob(draws(2, 2)), density.to_arrays):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            call()
    assert density.fit(draws(20, 2)) is density


@pytest.mark.parametrize("density", [Gaussian(), Mixture(2), Empirical()])
def test_bad_codes_are_refused(density):
    with pytest.raises(ValueError, match="at least"):
        density.fit(draws(0, 2))
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        density.fit(draws(5, 2)[0])
    with pytest.raises(ValueError, match="hold NaN"):
        density.fit(np.where(np.eye(4) > 0, np.nan, 0.0))
    with pytest.raises(ValueError, match="shape of the means"):
        density.fit((draws(5, 2), draws(5, 3)))


def test_other_bad_input_is_refused():
    with pytest.raises(ValueError, match="all 5 rows are equal"):
        Gaussian().fit(np.ones((5, 2)))
    with pytest.raises(ValueError, match="at least 2 rows"):
        Gaussian().fit(np.ones((1, 2)))
    with pytest.raises(ValueError, match="needs at least 10 different codes, but got 5"):
        Mixture().fit(np.repeat(draws(5, 2), 4, axis=0))
    with pytest.raises(ValueError, match="components >= 1"):
        Mixture(0).fit(draws(5, 2))
    with pytest.raises(ValueError, match="dimension >= 1"):
        StandardNormal(0)
    with pytest.raises(ValueError, match="codes of 3 latents, but got 2"):
        StandardNormal(3).log_prob(draws(5, 2))
    for make, _ in (make() for make in FITTED.values()):
        with pytest.raises(ValueError, match="count >= 1, but got 0"):
            make.sample(0)
