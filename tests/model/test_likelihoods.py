import pytest
import torch
from torch import distributions

from zscape.model import BernoulliHead, GaussianHead


def test_bernoulli_is_torchs_on_black_and_white():
    output = torch.randn(5, 1, 3, 3, dtype=torch.float64)
    x = torch.randint(0, 2, output.shape).double()
    expected = distributions.Bernoulli(logits=output).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(BernoulliHead()(output).log_prob(x), expected)


def test_bernoulli_on_grey_is_linear_between_black_and_white():
    likelihood = BernoulliHead()(torch.randn(1, 4, dtype=torch.float64))
    black, white = torch.zeros(1, 4).double(), torch.ones(1, 4).double()
    between = 0.3 * likelihood.log_prob(white) + 0.7 * likelihood.log_prob(black)
    torch.testing.assert_close(likelihood.log_prob(black + 0.3), between)


def test_bernoulli_of_probabilities_takes_zero_and_one():
    likelihood = BernoulliHead(probabilities=True)(torch.tensor([[0.0, 1.0, 0.25]]))
    torch.testing.assert_close(likelihood.mean, torch.tensor([[0.0, 1.0, 0.25]]), atol=2e-6, rtol=0)
    assert torch.isfinite(likelihood.log_prob(torch.tensor([[1.0, 0.0, 0.5]]))).all()


@pytest.mark.parametrize("std", [0.3, 1.0, None])
def test_gaussian_is_torchs(std):
    output = torch.randn(5, 2, 3, dtype=torch.float64)
    x = torch.randn_like(output)
    head = GaussianHead(std).double()
    expected = distributions.Normal(output, std or 1.0).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(head(output).log_prob(x), expected, rtol=1e-6, atol=1e-6)


def test_a_learned_std_finds_the_spread_of_the_residuals():
    head = GaussianHead(None)
    residuals = 0.2 * torch.randn(4000, 1)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (-head(torch.zeros(4000, 1)).log_prob(residuals).mean()).backward()
        optimiser.step()
    assert head.log_std.exp().item() == pytest.approx(residuals.square().mean().sqrt().item(), rel=1e-2)


def test_a_fixed_std_has_no_parameter():
    assert not list(GaussianHead(0.5).parameters())
    with pytest.raises(ValueError, match="std > 0"):
        GaussianHead(0.0)


def test_samples_have_the_mean_and_spread_of_the_likelihood():
    bernoulli = BernoulliHead()(torch.full((20_000, 1), -1.0))
    assert bernoulli.sample().mean().item() == pytest.approx(
        torch.sigmoid(torch.tensor(-1.0)).item(), abs=0.02
    )
    gaussian = GaussianHead(0.5)(torch.full((20_000, 1), 2.0))
    assert gaussian.sample().std().item() == pytest.approx(0.5, abs=0.02)


def test_half_precision_output_is_summed_in_full():
    assert BernoulliHead()(torch.zeros(1, 4, dtype=torch.bfloat16)).logits.dtype == torch.float32
    assert GaussianHead()(torch.zeros(1, 4, dtype=torch.bfloat16)).mean.dtype == torch.float32
