import math

import pytest
import torch

from zscape.base import Draw, Posterior
from zscape.model import BernoulliHead, GaussianHead
from zscape.terms import negative_log_likelihood, squared_error


def draw(x, output, head):
    z = torch.zeros(len(x), 1, dtype=x.dtype)
    return Draw(x, None, Posterior(z), z, head(output), Posterior, head, step=0, total=1)


def test_squared_error_sums_pixels_and_averages_samples():
    x = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    assert (
        squared_error(draw(x, x - torch.tensor([[1.0, 2.0], [0.0, 3.0]]), GaussianHead())).item()
        == (5 + 9) / 2
    )


def test_squared_error_of_exact_reconstruction_is_zero():
    x = torch.rand(3, 1, 4, 4)
    assert squared_error(draw(x, x, GaussianHead())).item() == 0


def test_gaussian_likelihood_is_half_the_squared_error_and_a_constant():
    x, output = torch.rand(3, 8, dtype=torch.float64), torch.rand(3, 8, dtype=torch.float64)
    pass_ = draw(x, output, GaussianHead().double())
    constant = 8 * 0.5 * math.log(2 * math.pi)
    assert negative_log_likelihood(pass_).item() == pytest.approx(
        0.5 * squared_error(pass_).item() + constant
    )


def test_bernoulli_likelihood_by_hand():
    x, output = torch.tensor([[1.0, 0.0]]), torch.tensor([[math.log(3.0), 0.0]])
    # Probabilities 3/4 and 1/2.
    expected = -math.log(0.75) - math.log(0.5)
    assert negative_log_likelihood(draw(x, output, BernoulliHead())).item() == pytest.approx(
        expected, rel=1e-6
    )
