import math

import pytest
import torch

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import GaussianHead
from zscape.terms import PriorCritic, check_critic
from zscape.terms.adversarial import _need_prior

PRIORS = ["gaussian", "mixture", "classes"]


def of_codes(z, y=None):
    head = GaussianHead()
    return Draw(z, y, Posterior(z), z, head(z), Posterior, head, 0, 100)


def critic_for(latent, **settings):
    critic = PriorCritic(**{"width": 32, "depth": 2, **settings})
    critic.build(latent)
    return critic


def trained(critic, codes, *, steps=150):
    """The critic after `steps` batches of 512 codes."""
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        critic.loss(codes(512)).backward()
        optimiser.step()
    return critic


@pytest.mark.parametrize("prior", ["mixture", "classes"])
def test_it_conforms(prior):
    critic = PriorCritic(prior=prior, width=16)
    check_critic(critic)
    assert critic.net is None
    assert not needs_whole_batch(critic)


def test_as_published_it_has_two_layers_of_a_thousand_and_sees_the_label_where_it_must():
    for prior, inputs in (("gaussian", 8), ("mixture", 8), ("classes", 18)):
        critic = PriorCritic(prior=prior)
        critic.build(8)
        sizes = [
            (part.in_features, part.out_features) for part in critic.net if isinstance(part, torch.nn.Linear)
        ]
        assert sizes == [(inputs, 1000), (1000, 1000), (1000, 1)]


def test_codes_that_follow_the_prior_cannot_be_told():
    codes = trained(critic_for(3), lambda count: of_codes(torch.randn(count, 3)))
    draw = of_codes(torch.randn(5000, 3))
    assert codes(draw).item() == pytest.approx(math.log(2), abs=0.05)
    assert codes.loss(draw).item() == pytest.approx(math.log(2), abs=0.02)


def test_a_trained_critic_knows_the_log_ratio_of_the_densities():
    """Codes from N(1, 1): the logit is log p - log q = 1/2 - z, so the term has a closed form."""
    critic = trained(critic_for(1, penalty=0.0), lambda count: of_codes(1 + torch.randn(count, 1)), steps=300)
    grid = torch.linspace(-8, 10, 4001, dtype=torch.float64)
    weight = torch.exp(-0.5 * (grid - 1) ** 2) / math.sqrt(2 * math.pi) * (grid[1] - grid[0])
    exact = (weight * torch.nn.functional.softplus(grid - 0.5)).sum().item()
    found = critic(of_codes(1 + torch.randn(20_000, 1))).item()
    assert found == pytest.approx(exact, abs=0.05)


def test_the_term_moves_codes_towards_the_prior():
    start = torch.randn(256, 2) * 0.3 + 2
    critic = trained(critic_for(2), lambda count: of_codes(torch.randn(count, 2) * 0.3 + 2))
    z = start.clone().requires_grad_()
    critic(of_codes(z)).backward()
    moved = start - 10 * z.grad * len(z)
    assert moved.mean().abs() < start.mean().abs()


@pytest.mark.parametrize("prior", PRIORS)
def test_draws_of_the_prior_are_those_that_it_names(prior):
    critic = critic_for(3, prior=prior, components=4, radius=2.0, std=0.1)
    y = torch.arange(4000) % 3
    draw = of_codes(torch.randn(4000, 3, dtype=torch.float64), y)
    marks = critic._marks(draw)
    drawn = critic._drawn(draw.z, marks)
    assert drawn.dtype == torch.float64
    if prior == "gaussian":
        assert drawn.mean(0).abs().max() < 0.08
        torch.testing.assert_close(torch.cov(drawn.T), torch.eye(3, dtype=torch.float64), atol=0.1, rtol=0)
        return
    means = critic.means(3).double()
    nearest = torch.cdist(drawn, means).argmin(1)
    assert (drawn - means[nearest]).std().item() == pytest.approx(0.1, rel=0.05)
    if prior == "classes":
        assert torch.equal(nearest, y)
    else:
        shares = torch.bincount(nearest, minlength=4) / 4000
        torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.03, rtol=0)


def test_means_lie_on_a_circle_of_the_first_two_latents():
    means = PriorCritic(prior="mixture", components=10, radius=4.0).means(5)
    assert means.shape == (10, 5)
    torch.testing.assert_close(means.norm(dim=1), torch.full((10,), 4.0))
    assert (means[:, 2:] == 0).all()
    chords = (means - means.roll(1, 0)).norm(dim=1)
    torch.testing.assert_close(chords, torch.full((10,), 8 * math.sin(math.pi / 10)))
    assert PriorCritic(prior="mixture", components=3, radius=2.0).means(1).tolist() == [[-2], [0], [2]]
    assert PriorCritic().means(2).tolist() == [[0, 0]]


def test_with_classes_codes_in_another_classs_place_are_told():
    """The same codes, of which only the labels differ: all of the mixture, but in the wrong places."""
    critic = critic_for(2, prior="classes", components=3, radius=3.0)
    means = critic.means(2)

    def placed(count, shift):
        y = torch.arange(count) % 3
        return of_codes(means[(y + shift) % 3] + 0.5 * torch.randn(count, 2), y)

    trained(critic, lambda count: placed(count, 1))
    with torch.no_grad():
        assert critic(placed(3000, 1)).item() > 1.0
        assert critic(placed(3000, 0)).item() < 0.3
    blind = trained(critic_for(2, prior="mixture", components=3, radius=3.0), lambda count: placed(count, 1))
    assert blind(placed(3000, 1)).item() == pytest.approx(math.log(2), abs=0.05)


@pytest.mark.parametrize(("prior", "std"), [("gaussian", 1.0), ("mixture", 0.2)])
def test_the_penalty_is_the_squared_slope_per_standard_deviation(prior, std):
    z = torch.randn(64, 2)
    values = []
    for penalty in (0.0, 2.0):
        torch.manual_seed(0)
        critic = critic_for(2, prior=prior, std=0.2, penalty=penalty)
        torch.manual_seed(1)
        values.append(critic.loss(of_codes(z)).item())
    torch.manual_seed(1)
    drawn = critic._drawn(z, None).requires_grad_()
    slopes = torch.autograd.grad(critic.net(drawn).sum(), drawn)[0]
    expected = 2 * std**2 * slopes.square().sum(1).mean().item()
    assert values[1] - values[0] == pytest.approx(expected, rel=1e-2, abs=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="gaussian, mixture, classes, but got 'swiss'"):
        # As PriorCritic does; under pytest its annotation would speak first.
        _need_prior("swiss")
    for settings, message in (
        ({"width": 0}, "width of PriorCritic needs to be a whole number >= 1, but is 0"),
        ({"depth": 0}, "depth of PriorCritic"),
        ({"components": 0}, "components of PriorCritic"),
        ({"radius": 0.0}, "radius and std > 0"),
        ({"std": math.nan}, "radius and std > 0"),
        ({"std": math.inf}, "all finite, but got 4.0, inf and 1.0"),
        ({"radius": math.inf}, "all finite, but got inf"),
        ({"penalty": math.inf}, "all finite, but got 4.0, 0.5 and inf"),
        ({"penalty": -1.0}, "penalty >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            PriorCritic(**settings)
    with pytest.raises(TypeError, match=r"width of PriorCritic needs to be a whole number >= 1, but is 2.5"):
        PriorCritic.__init__.__wrapped__(PriorCritic(), width=2.5)
    with pytest.raises(ValueError, match=r"has none yet: zscape.fit .* critic.build\(3\)"):
        PriorCritic()(of_codes(torch.randn(5, 3)))
    critic = critic_for(2, prior="classes", components=3)
    with pytest.raises(ValueError, match=r'needs labels for prior="classes", but the batch has none'):
        critic(of_codes(torch.randn(4, 2)))
    for y in ([0, 1, 2, 3], [0, 1, -1, 2]):
        with pytest.raises(ValueError, match=r"labels in 0 to 2, but got .* set components"):
            critic.loss(of_codes(torch.randn(4, 2), torch.tensor(y)))


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_its_own_loss_is_the_same_without_gradients(penalty):
    critic, draw = critic_for(2, penalty=penalty), of_codes(torch.randn(16, 2))
    torch.manual_seed(1)
    expected = critic.loss(draw)
    torch.manual_seed(1)
    with torch.no_grad():
        found = critic.loss(draw)
    assert expected.requires_grad
    assert not found.requires_grad
    assert found.item() == expected.item()
