import math

import pytest
import torch

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import GaussianHead
from zscape.terms import TotalCorrelationCritic, check_critic
from zscape.terms.critics import _permuted


def of_codes(z):
    head = GaussianHead()
    return Draw(z, None, Posterior(z, None), z, head(z), Posterior, head, 0, 100)


def critic_for(latent, **settings):
    critic = TotalCorrelationCritic(**settings)
    critic.build(latent)
    return critic


def trained(codes, *, steps, width=32):
    """A critic that has seen `steps` batches of 512 codes."""
    critic = critic_for(codes(2).shape[1], width=width, depth=2)
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        critic.loss(of_codes(codes(512))).backward()
        optimiser.step()
    return critic


def test_it_conforms():
    critic = TotalCorrelationCritic(width=16, depth=2)
    check_critic(critic)
    assert critic.net is None
    assert not needs_whole_batch(critic)


def test_as_published_it_has_six_layers_of_a_thousand_and_two_logits():
    net = critic_for(10).net
    linear = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in linear]
    assert sizes == [(10, 1000), *[(1000, 1000)] * 5, (1000, 2)]
    slopes = [layer.negative_slope for layer in net if isinstance(layer, torch.nn.LeakyReLU)]
    assert slopes == [0.2] * 6


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_trained_critic_knows_the_total_correlation_of_gaussian_codes(correlation):
    def codes(count):
        z = torch.randn(count, 2)
        return torch.stack([z[:, 0], correlation * z[:, 0] + math.sqrt(1 - correlation**2) * z[:, 1]], 1)

    critic = trained(codes, steps=150)
    draw = of_codes(codes(20_000))
    exact = -0.5 * math.log(1 - correlation**2)
    with torch.no_grad():
        assert critic(draw).item() == pytest.approx(exact, abs=0.1)
        # The best there is: an entropy of log 2 less the Jensen-Shannon divergence.
        assert critic.loss(draw).item() == pytest.approx(math.log(2) if not correlation else 0.5595, abs=0.02)


def test_the_best_loss_of_the_test_above():
    """Jensen-Shannon divergence of N(0, C) and N(0, I) at correlation 0.8, by quadrature."""
    axis = torch.linspace(-8, 8, 801, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    covariance = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
    zero, one = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    joint, product = (
        torch.distributions.MultivariateNormal(zero, matrix).log_prob(points) for matrix in (covariance, one)
    )
    ratio = joint - product
    loss = joint.exp() * torch.nn.functional.softplus(-ratio)
    loss = 0.5 * (loss + product.exp() * torch.nn.functional.softplus(ratio)).sum() * (axis[1] - axis[0]) ** 2
    assert loss.item() == pytest.approx(0.5595, abs=1e-4)


@pytest.mark.parametrize(("count", "latent"), [(2, 2), (2, 5), (7, 3), (8, 8), (3, 9)])
def test_permuted_codes_keep_every_marginal(count, latent):
    z = torch.arange(count * latent, dtype=torch.float64).reshape(count, latent)
    permuted = _permuted(z)
    torch.testing.assert_close(permuted.sort(0)[0], z)
    if latent <= count:
        # The rows come from as many samples as there are latents.
        samples = (permuted // latent).long()
        assert all(len(set(row.tolist())) == latent for row in samples)


def test_permuted_codes_differ_from_call_to_call():
    z = torch.randn(16, 4)
    assert not torch.equal(_permuted(z), _permuted(z))


def test_the_halves_of_a_batch_are_drawn_at_random():
    """A batch sorted by what it holds must not look like two kinds of codes."""
    sizes = torch.sort(torch.randn(64, 1), 0)[0].expand(-1, 1)
    critic = critic_for(1, width=8, depth=1)
    seen = []
    critic.net.register_forward_hook(lambda net, args, result: seen.append(args[0].mean().item()))
    for _ in range(40):
        critic.loss(of_codes(sizes))
    left = torch.tensor(seen[::2])
    assert abs(left.mean()) < 5 * left.std() / 40**0.5
    assert left.std() > 0.03


def test_building_again_starts_anew():
    critic = TotalCorrelationCritic(width=8, depth=1)
    with pytest.raises(ValueError, match=r"has none yet: zscape.fit .* critic.build\(3\)"):
        critic(of_codes(torch.randn(5, 3)))
    for latent in (3, 4):
        critic.build(latent)
        assert critic(of_codes(torch.randn(5, latent))).shape == ()


def test_what_cannot_be_is_refused():
    for settings in ({"width": 0}, {"depth": 0}):
        with pytest.raises(ValueError, match="width and depth >= 1"):
            TotalCorrelationCritic(**settings)
    critic = critic_for(2, width=4, depth=1)
    with pytest.raises(ValueError, match=r"four codes or more, .* holds 3"):
        critic.loss(of_codes(torch.randn(3, 2)))
    assert torch.isfinite(critic.loss(of_codes(torch.randn(4, 2))))
