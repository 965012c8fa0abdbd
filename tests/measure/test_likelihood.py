"""Bounds on log p(x) against a model whose log p(x) is known: probabilistic PCA."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from zscape import measure

FEATURES, LATENTS, NOISE = 5, 2, 0.4


class Linear:
    """x = W z + noise, where p(x) and p(z | x) are Gaussian in closed form, here with diagonal posteriors."""

    def __init__(self, rows=40):
        random = np.random.default_rng(0)
        # Orthogonal columns make the exact posterior covariance diagonal, as encoders say it.
        basis, _ = np.linalg.qr(random.standard_normal((FEATURES, LATENTS)))
        self.weights = basis * [1.5, 0.5]
        self.x = random.standard_normal((rows, LATENTS)) @ self.weights.T + NOISE * random.standard_normal(
            (rows, FEATURES)
        )
        precision = np.eye(LATENTS) + self.weights.T @ self.weights / NOISE**2
        self.mean = self.x @ self.weights / NOISE**2 @ np.linalg.inv(precision)
        self.logvar = np.broadcast_to(-np.log(np.diag(precision)), self.mean.shape).copy()
        self.calls = []

    def log_prob(self, x, z):
        self.calls.append(len(z))
        error = ((x - z @ self.weights.T) ** 2).sum(axis=1)
        return -0.5 * (error / NOISE**2 + FEATURES * np.log(2 * np.pi * NOISE**2))

    def exact(self):
        covariance = self.weights @ self.weights.T + NOISE**2 * np.eye(FEATURES)
        return multivariate_normal(np.zeros(FEATURES), covariance).logpdf(self.x)

    def wrong(self):
        return self.mean + 0.3, self.logvar + 0.5


def test_kl_is_that_of_torch():
    random = np.random.default_rng(0)
    mean, logvar = random.standard_normal((2, 6, 3))
    posterior = torch.distributions.Normal(torch.tensor(mean), torch.tensor(np.exp(0.5 * logvar)))
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(dim=1).numpy()
    assert np.allclose(measure.kl_per_sample((mean, logvar)), expected, rtol=1e-12)


def test_kl_of_a_posterior_next_to_the_prior_keeps_its_digits():
    value = measure.kl_per_sample((np.zeros((1, 1)), np.full((1, 1), 1e-7)))[0]
    assert value == pytest.approx(0.25e-14, rel=1e-6, abs=0)


@pytest.mark.parametrize("samples", [1, 3, 50])
def test_exact_posteriors_make_the_bound_exact_without_variance(samples):
    model = Linear()
    bounds = measure.importance_bound_per_sample(
        model.x, (model.mean, model.logvar), model.log_prob, samples=samples, seed=7
    )
    assert np.allclose(bounds, model.exact(), rtol=0, atol=1e-10)


def test_wrong_posteriors_give_a_bound_that_more_samples_tighten():
    model = Linear(rows=400)
    exact = model.exact().mean()
    values = [
        measure.importance_bound(model.x, model.wrong(), model.log_prob, samples=samples).value
        for samples in (1, 5, 50, 1000)
    ]
    assert values == sorted(values)
    assert values[0] < exact - 0.3
    assert values[-1] == pytest.approx(exact, abs=0.01)


def test_elbo_is_log_p_minus_the_divergence_from_the_true_posterior():
    model = Linear(rows=400)
    mean, logvar = model.wrong()
    gap = 0.5 * (
        np.exp(logvar - model.logvar)
        + (mean - model.mean) ** 2 / np.exp(model.logvar)
        - 1
        - (logvar - model.logvar)
    ).sum(axis=1)
    expected = (model.exact() - gap).mean()
    for result in (
        measure.elbo(model.x, (mean, logvar), model.log_prob, samples=200),
        measure.importance_bound(model.x, (np.repeat(mean, 1, 0), logvar), model.log_prob, samples=1, seed=3),
    ):
        assert result.value == pytest.approx(expected, abs=0.2)
    assert measure.elbo(model.x, (mean, logvar), model.log_prob, samples=200).value == pytest.approx(
        expected, abs=0.02
    )


def test_one_draw_of_the_bound_averages_to_the_elbo():
    model = Linear(rows=20)
    codes = model.wrong()
    seeds = [
        measure.importance_bound_per_sample(model.x, codes, model.log_prob, samples=1, seed=seed)
        for seed in range(2000)
    ]
    expected = measure.elbo_per_sample(model.x, codes, model.log_prob, samples=20_000, seed=99)
    error = np.std(seeds, axis=0) / np.sqrt(2000)
    assert (np.abs(np.mean(seeds, axis=0) - expected) < 5 * error).all()


def test_batches_do_not_change_the_draws_and_bound_what_is_decoded_at_once():
    model = Linear()
    whole = measure.importance_bound_per_sample(model.x, model.wrong(), model.log_prob, samples=4)
    model.calls.clear()
    pieces = measure.importance_bound_per_sample(model.x, model.wrong(), model.log_prob, samples=4, batch=7)
    assert np.allclose(whole, pieces, rtol=1e-12)
    assert max(model.calls) == 7
    assert sum(model.calls) == 4 * 40


def test_seed_fixes_the_value_and_is_recorded():
    model = Linear()
    first, again, other = (
        measure.importance_bound(model.x, model.wrong(), model.log_prob, samples=2, seed=seed)
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first.value != other.value
    assert (first.seed, first.n, first.unit) == (5, 40, "nats")
    assert first.low < first.value < first.high


def test_far_log_probabilities_do_not_underflow():
    model = Linear()
    shifted = measure.importance_bound_per_sample(
        model.x, (model.mean, model.logvar), lambda x, z: model.log_prob(x, z) - 1e5, samples=10
    )
    assert np.allclose(shifted, model.exact() - 1e5, rtol=1e-12)


def test_draws_of_probability_0_count_as_0():
    model = Linear()
    flip = np.arange(len(model.x)) % 2 == 0

    def sometimes(x, z):
        sometimes.call += 1
        return np.where(flip & (sometimes.call % 2 == 0), -np.inf, model.log_prob(x, z))

    sometimes.call = 0
    bounds = measure.importance_bound_per_sample(model.x, (model.mean, model.logvar), sometimes, samples=2)
    assert np.allclose(bounds, model.exact() - np.where(flip, np.log(2), 0), atol=1e-10)


@pytest.mark.parametrize("bound", [measure.elbo, measure.importance_bound])
def test_bad_input_is_refused(bound):
    model = Linear()
    codes = (model.mean, model.logvar)
    with pytest.raises(ValueError, match="with log variances"):
        bound(model.x, model.mean, model.log_prob)
    with pytest.raises(ValueError, match="40 and 39 rows"):
        bound(model.x, (model.mean[1:], model.logvar[1:]), model.log_prob)
    with pytest.raises(ValueError, match="shape of the means"):
        bound(model.x, (model.mean, model.logvar[:, :1]), model.log_prob)
    with pytest.raises(ValueError, match=r"returned shape \(40, 5\)"):
        bound(model.x, codes, lambda x, z: x)
    with pytest.raises(ValueError, match="returned NaN"):
        bound(model.x, codes, lambda x, z: np.full(len(z), np.nan))
    with pytest.raises(ValueError, match="40 of 40 have probability 0"):
        bound(model.x, codes, lambda x, z: np.full(len(z), -np.inf))
    with pytest.raises(ValueError, match="samples >= 1"):
        bound(model.x, codes, model.log_prob, samples=0)
    with pytest.raises(ValueError, match="seed needs to be a whole number >= 0, but is -1"):
        bound(model.x, codes, model.log_prob, seed=-1)
    with pytest.raises(ValueError, match="batch >= 1"):
        bound(model.x, codes, model.log_prob, batch=0)
    with pytest.raises(ValueError, match="1 of 40 rows hold NaN"):
        bound(
            model.x, (np.where(np.arange(40)[:, None] == 3, np.nan, model.mean), model.logvar), model.log_prob
        )
