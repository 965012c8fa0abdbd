import math

import numpy as np
import pytest
import torch
from scipy import stats

from zscape.model.mixture import CORRELATION_BOUND, LOG_STD_BOUND, PointMixture

MIXTURES = 4


def made(*shape, scale=1.0):
    return PointMixture.read(scale * torch.randn(*shape, 6 * MIXTURES + 3, dtype=torch.float64))


def repeated(mixture, count):
    parts = (getattr(mixture, name) for name in PointMixture.__slots__)
    return PointMixture(*(part.expand(count, *part.shape) for part in parts))


def covariance(mixture, m):
    (across, down), correlation = mixture.log_stds[m].exp().tolist(), mixture.correlations[m].item()
    return [[across**2, correlation * across * down], [correlation * across * down, down**2]]


def test_offsets_have_the_density_that_scipy_gives_them():
    mixture, offsets = made(), torch.randn(50, 2, dtype=torch.float64)
    weights = torch.softmax(mixture.weights, 0).tolist()
    expected = sum(
        weight * stats.multivariate_normal(mixture.means[m].tolist(), covariance(mixture, m)).pdf(offsets)
        for m, weight in enumerate(weights)
    )
    np.testing.assert_allclose(mixture.log_offset(offsets).exp().numpy(), expected, rtol=1e-9)


def test_densities_integrate_to_one():
    side = torch.linspace(-25, 25, 1001, dtype=torch.float64)
    grid = torch.cartesian_prod(side, side)
    for seed in range(3):
        torch.manual_seed(seed)
        mixture = made(scale=0.5)
        mass = mixture.log_offset(grid).exp().sum().item() * (side[1] - side[0]).item() ** 2
        assert mass == pytest.approx(1.0, abs=1e-6)
    pens = mixture.log_pen(torch.eye(3, dtype=torch.float64))
    assert pens.exp().sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(pens, torch.log_softmax(mixture.pen, 0))


def test_each_part_is_read_from_its_own_place():
    output = torch.arange(15.0)
    mixture = PointMixture.read(output)
    assert mixture.weights.tolist() == [0, 1]
    assert mixture.means.tolist() == [[2, 3], [4, 5]]
    torch.testing.assert_close(mixture.log_stds, 7 * torch.tanh(torch.tensor([[6.0, 7], [8, 9]]) / 7))
    torch.testing.assert_close(mixture.correlations, 0.999 * torch.tanh(torch.tensor([10.0, 11])))
    assert mixture.pen.tolist() == [12, 13, 14]


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4, 1e10])
@pytest.mark.parametrize("raw", [0.0, 1e3, -1e3])
def test_nothing_overflows(size, raw):
    output = torch.full((5, 6 * MIXTURES + 3), raw, requires_grad=True)
    offsets = size * torch.tensor([[0.0, 0], [1, 1], [-1, 1], [1e-3, 0], [0, -1]])
    mixture = PointMixture.read(output)
    value = (mixture.log_offset(offsets) + mixture.log_pen(torch.eye(3)[[0, 1, 2, 0, 1]])).sum()
    (gradient,) = torch.autograd.grad(value, output)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


def test_a_point_met_exactly_has_a_bounded_density():
    output = torch.zeros(6 * MIXTURES + 3)
    output[3 * MIXTURES : 6 * MIXTURES] = -1e6
    at_most = 2 * LOG_STD_BOUND - math.log(2 * math.pi) - 0.5 * math.log(1 - CORRELATION_BOUND**2)
    density = PointMixture.read(output).log_offset(torch.zeros(2)).item()
    assert density == pytest.approx(at_most, abs=1e-3)


def test_half_precision_is_read_in_full():
    mixture = PointMixture.read(torch.zeros(15, dtype=torch.bfloat16))
    assert mixture.weights.dtype == mixture.pen.dtype == torch.float32


def test_choices_follow_the_density():
    mixture = made()
    noise = torch.rand(200_000, 4, dtype=torch.float64)
    rows = repeated(mixture, 200_000).choose(noise, 1.0)
    torch.testing.assert_close(rows[:, 2:].mean(0), torch.softmax(mixture.pen, 0), atol=0.005, rtol=0)
    offsets = rows[rows[:, 4] == 0, :2]
    weights = torch.softmax(mixture.weights, 0)
    mean = weights @ mixture.means
    spread = sum(
        weight * (torch.tensor(covariance(mixture, m)) + torch.outer(centre - mean, centre - mean))
        for m, (weight, centre) in enumerate(zip(weights, mixture.means, strict=True))
    )
    error = 6 * torch.sqrt(spread.diagonal() / len(offsets))
    assert ((offsets.mean(0) - mean).abs() < error).all()
    torch.testing.assert_close(offsets.T.cov(), spread, rtol=0.05, atol=0.05 * spread.max().item())


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_temperature_multiplies_the_variance_and_divides_log_odds(temperature):
    mixture = PointMixture(
        torch.tensor([0.0, 1.0]),
        torch.tensor([[0.0, 0.0], [1e4, 0.0]]),
        torch.log(torch.tensor([[1.0, 3.0], [2.0, 0.5]])),
        torch.tensor([0.6, -0.3]),
        torch.tensor([0.0, 1.0, -40.0]),
    )
    rows = repeated(mixture, 100_000).choose(torch.rand(100_000, 4), temperature)
    far = rows[:, 0] > 5e3
    assert far.float().mean().item() == pytest.approx(1 / (1 + math.exp(-1 / temperature)), abs=0.01)
    assert rows[:, 3].mean().item() == pytest.approx(1 / (1 + math.exp(-1 / temperature)), abs=0.01)
    near = rows[~far, :2].T.cov() / temperature
    torch.testing.assert_close(near, torch.tensor([[1.0, 1.8], [1.8, 9.0]]), rtol=0.08, atol=0.08)


def test_at_temperature_zero_the_likeliest_is_chosen_whatever_the_noise():
    mixture = made()
    rows = repeated(mixture, 9).choose(torch.rand(9, 4, dtype=torch.float64), 0.0)
    best = int(mixture.weights.argmax())
    pen = torch.nn.functional.one_hot(mixture.pen.argmax(), 3)
    offset = mixture.means[best] if not pen[2] else torch.zeros(2)
    assert torch.equal(rows, torch.cat([offset, pen]).double().expand(9, 5))


def test_the_end_is_the_end_row():
    mixture = PointMixture.read(torch.tensor([0.0] * 12 + [0.0, 0.0, 50.0]))
    assert repeated(mixture, 3).choose(torch.rand(3, 4), 1.0).tolist() == [[0, 0, 0, 0, 1]] * 3
