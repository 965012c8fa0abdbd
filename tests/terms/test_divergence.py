import functools

import numpy as np
import pytest
import torch
from torch import distributions

from zscape.base import Draw, Posterior
from zscape.model import GaussianHead
from zscape.terms import dimension_bandwidth, kl, median_bandwidth, mmd, zhao_bandwidth


def of_posterior(mean, logvar=None, z=None):
    z = mean if z is None else z
    return Draw(mean, None, Posterior(mean, logvar), z, GaussianHead()(mean), Posterior, GaussianHead(), 0, 1)


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def test_kl_is_torchs():
    mean, logvar = double(7, 5), double(7, 5)
    posterior = distributions.Normal(mean, (0.5 * logvar).exp())
    prior = distributions.Normal(torch.zeros(()).double(), torch.ones(()).double())
    expected = distributions.kl_divergence(posterior, prior).sum(1).mean()
    torch.testing.assert_close(kl(of_posterior(mean, logvar)), expected)


def test_kl_of_the_prior_is_zero():
    zero = torch.zeros(4, 3)
    assert kl(of_posterior(zero, zero)).item() == 0


def test_free_bits_charge_each_latent_at_least_their_due():
    mean = torch.tensor([[0.0, 3.0], [0.0, 1.0]]).double()
    draw = of_posterior(mean, torch.zeros_like(mean))
    assert kl(draw).item() == pytest.approx((4.5 + 0.5) / 2)
    assert kl(draw, free_bits=0.25).item() == pytest.approx(0.25 + 2.5)
    assert kl(draw, free_bits=4.0).item() == pytest.approx(8.0)


def test_free_bits_below_their_due_carry_no_gradient():
    mean = torch.full((2, 2), 0.01, requires_grad=True)
    kl(of_posterior(mean, torch.zeros(2, 2)), free_bits=0.5).backward()
    assert mean.grad.abs().sum() == 0


def test_kl_without_a_variance_says_what_to_do():
    with pytest.raises(ValueError, match="stochastic=True or drop the kl term"):
        kl(of_posterior(torch.zeros(2, 2)))


def test_bandwidths_are_the_published_kernels():
    z = double(6, 8)
    # Zhao: exp(-mean_d(delta^2) / D); pythae: exp(-|delta|^2 / (2 D h^2)).
    delta = (z[0] - z[1]).square()
    assert torch.exp(-delta.sum() / (2 * zhao_bandwidth(z) ** 2)) == pytest.approx(
        torch.exp(-delta.mean() / 8)
    )
    assert torch.exp(-delta.sum() / (2 * dimension_bandwidth(z) ** 2)) == pytest.approx(
        torch.exp(-delta.sum() / (2 * 8))
    )
    pairs = torch.cdist(z, z)[torch.triu_indices(6, 6, 1).unbind()]
    assert median_bandwidth(z).item() == pytest.approx(pairs.median().item())


@pytest.mark.parametrize("std", [0.7, 2.0])
@pytest.mark.parametrize("latent", [1, 3, 10])
def test_the_priors_part_is_its_expectation(std, latent):
    """Against quadrature: the integrals factorise over dimensions."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / weights.sum()
    z = double(1, latent)
    between = np.prod([(weights * np.exp(-((x - nodes) ** 2) / (2 * std**2))).sum() for x in z[0].numpy()])
    differences = (nodes[:, None] - nodes[None, :]) ** 2
    both = (weights[:, None] * weights[None, :] * np.exp(-differences / (2 * std**2))).sum() ** latent
    # One code: the biased estimate of its own part is k(z, z) = 1.
    value = mmd(of_posterior(z), bandwidth=std, unbiased=False).item()
    assert value == pytest.approx(1 - 2 * between + both, rel=1e-9)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("unbiased", [False, True])
def test_mmd_against_loops_over_pairs(sampled, unbiased):
    z = double(5, 3)
    torch.manual_seed(3)
    value = mmd(of_posterior(z), bandwidth=1.3, unbiased=unbiased, sampled=sampled).item()
    torch.manual_seed(3)
    prior = torch.randn_like(z)

    def kernel(a, b):
        return np.exp(-float((a - b).square().sum()) / (2 * 1.3**2))

    def mean_within(points):
        pairs = [
            kernel(a, b) for i, a in enumerate(points) for j, b in enumerate(points) if i != j or not unbiased
        ]
        return np.mean(pairs)

    if sampled:
        expected = mean_within(z) + mean_within(prior) - 2 * np.mean([kernel(a, b) for a in z for b in prior])
    else:
        variance = 1.3**2
        towards = [
            (variance / (variance + 1)) ** 1.5 * np.exp(-float(a.square().sum()) / 2 / (variance + 1))
            for a in z
        ]
        expected = mean_within(z) - 2 * np.mean(towards) + (variance / (variance + 2)) ** 1.5
    assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sampled", [False, True])
def test_unbiased_mmd_of_the_prior_is_zero_on_average(sampled):
    term = functools.partial(mmd, bandwidth=1.0, sampled=sampled)
    values = np.array([term(of_posterior(double(16, 4))).item() for _ in range(3000)])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    assert values.min() < 0
    biased = np.mean(
        [mmd(of_posterior(double(16, 4)), bandwidth=1.0, unbiased=False).item() for _ in range(300)]
    )
    assert biased > 0.02


def test_mmd_sees_a_shift_and_a_collapse():
    prior = mmd(of_posterior(double(256, 4)), bandwidth=1.0).item()
    shifted = mmd(of_posterior(double(256, 4) + 1), bandwidth=1.0).item()
    collapsed = mmd(of_posterior(torch.zeros(256, 4).double()), bandwidth=1.0).item()
    assert shifted > 10 * abs(prior)
    assert collapsed > 10 * abs(prior)


def test_mmd_does_not_depend_on_the_order_of_codes():
    z = double(20, 3)
    assert mmd(of_posterior(z)).item() == pytest.approx(mmd(of_posterior(z.flip(0))).item(), rel=1e-12)


def test_coincident_codes_have_a_finite_gradient():
    z = torch.zeros(4, 2, requires_grad=True)
    mmd(of_posterior(z)).backward()
    assert torch.isfinite(z.grad).all()


def test_scale_multiplies_the_bandwidth():
    z = double(9, 3)
    doubled = mmd(of_posterior(z), bandwidth=dimension_bandwidth, scale=2.0)
    torch.testing.assert_close(doubled, mmd(of_posterior(z), bandwidth=2 * dimension_bandwidth(z)))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="two or more codes, but the batch holds 1"):
        mmd(of_posterior(double(1, 2)))
    with pytest.raises(ValueError, match="bandwidth > 0"):
        mmd(of_posterior(double(4, 2)), bandwidth=0.0)
    with pytest.raises(ValueError, match="free_bits >= 0"):
        kl(of_posterior(double(4, 2), double(4, 2)), free_bits=-1.0)
