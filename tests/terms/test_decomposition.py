import functools
import itertools
import math
from dataclasses import replace

import pytest
import torch

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import GaussianHead
from zscape.terms import check_term, dimensionwise_kl, index_code_information, kl, total_correlation
from zscape.terms.decomposition import _densities, _need_estimator

PARTS = (index_code_information, total_correlation, dimensionwise_kl)
ESTIMATORS = ("weighted", "stratified")


def pass_of(mean, logvar, z=None, size=None):
    z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean) if z is None else z
    head = GaussianHead()
    return Draw(mean, None, Posterior(mean, logvar), z, head(z), Posterior, head, 0, 100, size=size)


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def log_density(z, mean, logvar):
    """(len(z), len(mean), D), by another implementation."""
    return torch.distributions.Normal(mean, torch.exp(0.5 * logvar)).log_prob(z[:, None])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("part", PARTS)
def test_they_conform(part, estimator):
    term = functools.partial(part, estimator=estimator)
    check_term(term)
    assert needs_whole_batch(term)


@pytest.mark.parametrize("part", PARTS)
def test_of_the_whole_data_set_the_stratified_estimator_is_exact(part):
    mean, logvar = double(30, 3), double(30, 3) - 1
    draw = pass_of(mean, logvar, size=30)
    densities = log_density(draw.z, mean, logvar)
    own = densities.sum(2).diagonal()
    joint = densities.sum(2).exp().mean(1).log()
    marginals = densities.exp().mean(1).log()
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(draw.z)
    exact = {
        "index_code_information": own - joint,
        "total_correlation": joint - marginals.sum(1),
        "dimensionwise_kl": (marginals - prior).sum(1),
    }
    value = part(draw, estimator="stratified")
    assert value.item() == pytest.approx(exact[part.__name__].mean().item(), rel=1e-12)


def test_the_stratified_density_is_unbiased_over_all_batches_that_hold_the_sample():
    """For N = 7 and B = 3, all ordered pairs of others beside sample 0; against the published weights too."""
    mean, logvar, z = double(7, 2), double(7, 2), double(7, 2)
    exact = log_density(z[:1], mean, logvar).sum(2).exp().mean()
    ours, published = [], []
    for others in itertools.permutations(range(1, 7), 2):
        rows = [0, *others]
        draw = pass_of(mean[rows], logvar[rows], z[rows], size=7)
        ours.append(_densities(draw, "stratified", "test").aggregate[0].exp())
        own, one, other = log_density(z[:1], mean[rows], logvar[rows]).sum(2)[0].exp()
        published.append(own / 7 + one / 2 + other * (7 - 2) / (7 * 2))
    ours, published = torch.stack(ours), torch.stack(published)
    assert ours.mean().item() == pytest.approx(exact.item(), rel=1e-12)
    assert published.mean().item() == pytest.approx(exact.item(), rel=1e-12)
    # Ours is the mean over the two orders of the others, which can only spread less.
    assert ours.std() < published.std()


@pytest.mark.parametrize(("batch", "latent", "size"), [(16, 3, 1000), (64, 4, 512), (2, 10, 50_000)])
def test_the_null_of_each_estimator(batch, latent, size):
    """All posteriors equal: nothing is coded and nothing is correlated."""
    mean, logvar = double(1, latent).expand(batch, -1), double(1, latent).expand(batch, -1)
    draw = pass_of(mean, logvar, size=size)
    for term in (total_correlation, index_code_information):
        assert term(draw, estimator="stratified").item() == pytest.approx(0, abs=1e-9)
    rest = (latent - 1) * math.log(size)
    assert total_correlation(draw).item() == pytest.approx(rest, rel=1e-9)
    assert index_code_information(draw).item() == pytest.approx(math.log(size), rel=1e-9)
    prior = pass_of(torch.zeros_like(mean), torch.zeros_like(mean), size=size)
    assert dimensionwise_kl(prior, estimator="stratified").item() == pytest.approx(0, abs=1e-9)
    assert dimensionwise_kl(prior).item() == pytest.approx(-latent * math.log(size), rel=1e-9)


def test_the_largest_bias_of_each_estimator():
    """Posteriors far from each other in every latent: each code tells its sample, D times over."""
    mean = 1000 * torch.arange(16.0, dtype=torch.float64)[:, None].expand(-1, 3)
    draw = pass_of(mean, torch.zeros_like(mean), size=1000)
    assert total_correlation(draw).item() == pytest.approx(2 * math.log(1000 * 16), rel=1e-9)
    assert total_correlation(draw, estimator="stratified").item() == pytest.approx(2 * math.log(1000))
    assert index_code_information(draw).item() == pytest.approx(math.log(1000 * 16), rel=1e-9)
    assert index_code_information(draw, estimator="stratified").item() == pytest.approx(math.log(1000))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_of_a_gaussian_aggregate_it_is_the_closed_form(correlation):
    """A data set of Gaussian means, moments exact, as one batch; N(0, C) has -log det C / 2."""
    torch.manual_seed(0)
    covariance = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    std = 0.4
    means = torch.linalg.cholesky(covariance - std**2 * torch.eye(2, dtype=torch.float64))
    points = double(1200, 2)
    points -= points.mean(0)
    points = torch.linalg.solve_triangular(torch.linalg.cholesky(points.T.cov()), points.T, upper=False).T
    mean = points @ means.T
    draw = pass_of(mean, torch.full_like(mean, 2 * math.log(std)), size=1200)
    value = total_correlation(draw, estimator="stratified").item()
    assert value == pytest.approx(-0.5 * math.log(1 - correlation**2), abs=0.03)
    # The mutual information of a Gaussian channel, likewise.
    information = index_code_information(draw, estimator="stratified").item()
    expected = 0.5 * torch.logdet(covariance / std**2).item()
    assert information == pytest.approx(expected, abs=0.05)
    assert dimensionwise_kl(draw, estimator="stratified").item() == pytest.approx(0, abs=0.03)


def test_independent_latents_on_a_grid_have_none():
    grid = torch.cartesian_prod(*[torch.arange(4.0, dtype=torch.float64)] * 2)
    draw = pass_of(grid, torch.full_like(grid, -1.0), size=16)
    assert total_correlation(draw, estimator="stratified").item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_three_parts_add_up_to_the_kl(estimator):
    mean, logvar = double(9, 3), double(9, 3)
    draw = pass_of(mean, logvar, size=100)
    total = sum(part(draw, estimator=estimator) for part in PARTS)
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * logvar))
    prior = torch.distributions.Normal(0.0, 1.0)
    sampled = (posterior.log_prob(draw.z) - prior.log_prob(draw.z)).sum(1).mean()
    assert total.item() == pytest.approx(sampled.item(), rel=1e-10)
    # On average over the noise that is the KL in closed form.
    many = torch.stack(
        [
            sum(part(pass_of(mean, logvar, size=100), estimator=estimator) for part in PARTS)
            for _ in range(300)
        ]
    )
    error = many.std().item() / len(many) ** 0.5
    assert many.mean().item() == pytest.approx(kl(draw).item(), abs=5 * error)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_order_and_direction_of_the_latents_do_not_matter(estimator):
    mean, logvar, z = double(8, 4), double(8, 4), double(8, 4)
    value = total_correlation(pass_of(mean, logvar, z, size=99), estimator=estimator)
    rows, latents = torch.randperm(8), torch.randperm(4)

    def turned(part):
        return part[rows][:, latents]

    other = pass_of(-turned(mean), turned(logvar), -turned(z), size=99)
    torch.testing.assert_close(total_correlation(other, estimator=estimator), value)
    # Nor does scale, for each latent's own.
    scale = torch.tensor([0.1, 1.0, 3.0, 100.0], dtype=torch.float64)
    scaled = pass_of(mean * scale, logvar + 2 * scale.log(), z * scale, size=99)
    torch.testing.assert_close(total_correlation(scaled, estimator=estimator), value)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_single_precision_holds_where_densities_do_not(estimator):
    """Densities of e^-1000 and e^1000 are neither 0 nor infinite by their logarithms."""
    mean, logvar = 30 * double(64, 20), 4 * double(64, 20) - 8
    draw = pass_of(mean, logvar, size=50_000)
    exact = total_correlation(draw, estimator=estimator).item()
    single = pass_of(mean.float(), logvar.float(), draw.z.float(), size=50_000)
    single.q.mean.requires_grad_()
    value = total_correlation(single, estimator=estimator)
    assert value.item() == pytest.approx(exact, rel=1e-3)
    (gradient,) = torch.autograd.grad(value, single.q.mean)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("part", PARTS)
def test_what_it_needs_is_asked_for(part):
    draw = pass_of(double(4, 2), double(4, 2), size=100)
    name = part.__name__
    with pytest.raises(ValueError, match=f"{name} needs the size of the data set, .* size=50_000"):
        part(replace(draw, size=None))
    with pytest.raises(ValueError, match=f"{name} needs a stochastic encoder"):
        part(replace(draw, q=Posterior(draw.q.mean)))
    with pytest.raises(ValueError, match=r"two codes or more .* got 4 of 3"):
        part(replace(draw, size=3))
    with pytest.raises(ValueError, match="got 1 of 100"):
        part(pass_of(double(1, 2), double(1, 2), size=100))


def test_another_estimator_is_refused():
    # Under pytest the annotation speaks first, elsewhere this message does.
    unchecked = getattr(_need_estimator, "__wrapped__", _need_estimator)
    with pytest.raises(ValueError, match="weighted or stratified, but got 'exact'"):
        unchecked("exact")


def test_a_pull_towards_independence_lowers_the_exact_value():
    """Descent on the batch's estimate makes correlated means independent, at the true value too."""
    torch.manual_seed(0)
    mixing = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=torch.float64, requires_grad=True)
    logvar = torch.full((400, 2), 2 * math.log(0.3), dtype=torch.float64)
    points = double(400, 2)

    def exact():
        mean = points @ mixing.T
        return total_correlation(pass_of(mean, logvar, size=400), estimator="stratified").item()

    for estimator in ESTIMATORS:
        with torch.no_grad():
            mixing.copy_(torch.tensor([[1.0, 0.0], [0.8, 0.6]]))
        before = exact()
        optimiser = torch.optim.Adam([mixing], lr=0.04)
        for _ in range(60):
            rows = torch.randperm(400)[:64]
            draw = pass_of(points[rows] @ mixing.T, logvar[rows], size=400)
            optimiser.zero_grad()
            total_correlation(draw, estimator=estimator).backward()
            optimiser.step()
        assert exact() < before / 3
