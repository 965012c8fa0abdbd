import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from zscape.base import Draw, Posterior, needs_whole_batch
from zscape.model import Autoencoder, GaussianHead
from zscape.terms import (
    InterpolationCritic,
    MixingCritic,
    check_critic,
    check_term,
    cycle_consistency,
    interpolation_smoothness,
)
from zscape.terms.interpolation import _pairs

SMALL = {"channels": (8, 16), "dense": 16}
CRITICS = [MixingCritic, InterpolationCritic]


class Pictures:
    """Pictures of 4x4 that are a linear map of codes; the encoder inverts it."""

    def __init__(self, latent=3, *, scale=1.0, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.matrix = torch.linalg.qr(torch.randn(16, latent, generator=generator))[0].T * scale
        self.back = torch.linalg.pinv(self.matrix)
        self.head = GaussianHead()

    def decode(self, z):
        return self.head((z @ self.matrix).reshape(-1, 1, 4, 4))

    def encode(self, x):
        return Posterior(x.flatten(1) @ self.back)

    def draw(self, z, *, encode=None):
        decoded = self.decode(z)
        return Draw(decoded.mean, None, Posterior(z), z, decoded, encode or self.encode, self.decode, 0, 100)


class Says(nn.Module):
    """A critic's network that says the same to every picture, or what a function says."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, pictures):
        if callable(self.value):
            return Posterior(self.value(pictures)[:, None])
        return Posterior(torch.full((len(pictures), 1), float(self.value)))


def with_network(critic, net):
    critic.net = net
    return critic


@pytest.mark.parametrize("term", [cycle_consistency, interpolation_smoothness])
def test_terms_conform(term):
    check_term(term)
    assert not needs_whole_batch(term)


@pytest.mark.parametrize("kind", CRITICS)
def test_critics_conform(kind):
    critic = kind(channels=(4, 8), dense=8)
    check_critic(critic)
    assert critic.net is None


@pytest.mark.parametrize("count", [2, 3, 8, 9])
def test_everyone_has_another_as_partner_and_only_the_last_may_be_a_second(count):
    z = torch.arange(float(count))[:, None]
    draw = replace(Pictures(1).draw(z), x=torch.zeros(count, 1, 4, 4))
    here, there = _pairs(draw)
    assert torch.equal(here, z)
    assert (here != there).all()
    even = count - count % 2
    assert sorted(there[:even, 0].tolist()) == z[:even, 0].tolist()


def test_mixtures_lie_between_a_code_and_its_partner_and_nearer_to_the_partner():
    pictures = Pictures()
    z = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    draw = pictures.draw(z)
    mixed, weights = MixingCritic()._mixed(draw)
    assert weights.min() >= 0
    assert weights.max() <= 0.5
    assert weights.mean().item() == pytest.approx(0.25, abs=0.01)
    partners = z.reshape(-1, 2, 3).flip(1).reshape(-1, 3)
    expected = weights[:, None] * z + (1 - weights[:, None]) * partners
    torch.testing.assert_close(pictures.encode(mixed).mean, expected, atol=1e-4, rtol=0)


def test_a_critic_that_says_one_number_has_the_losses_worked_by_hand():
    """With weights uniform on [0, 1/2]: E(c - a)^2 = 1/48 + (c - 1/4)^2, and c^2 for what is no mixture."""
    draw = Pictures().draw(torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0)))
    for said in (0.0, 0.125, 0.25):
        critic = with_network(MixingCritic(), Says(said))
        assert critic(draw).item() == pytest.approx(said**2)
        expected = 1 / 48 + (said - 0.25) ** 2 + said**2
        assert critic.loss(draw).item() == pytest.approx(expected, rel=0.02)
    # The least of them, as the docstring says.
    assert math.isclose(1 / 48 + 2 * 0.125**2, 5 / 96)


def test_a_critic_that_knows_every_weight_has_no_loss():
    """Of mixtures of (0, 1) and (1, 0) the smaller coordinate is the weight, of these codes themselves 0."""
    pictures = Pictures(2)
    z = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(500, 1)
    draw = pictures.draw(z)

    def knows(x):
        return pictures.encode(x).mean.amin(1)

    critic = with_network(MixingCritic(), Says(knows))
    assert critic.loss(draw).item() == pytest.approx(0, abs=1e-10)
    assert critic(draw).item() == pytest.approx(1 / 12, rel=0.1)


@pytest.mark.parametrize("gamma", [0.0, 0.2, 1.0])
def test_what_is_no_mixture_lies_between_data_and_reconstruction(gamma):
    draw = Pictures().draw(torch.randn(6, 3))
    draw = replace(draw, x=draw.x + 1)
    seen = []
    critic = with_network(MixingCritic(gamma=gamma), Says(lambda x: seen.append(x) or x.sum((1, 2, 3))))
    critic.loss(draw)
    torch.testing.assert_close(seen[0][6:], draw.decoded.mean + gamma)


@pytest.mark.parametrize("kind", CRITICS)
def test_a_new_critic_learns_to_tell_mixtures_of_far_codes(kind):
    """Data are codes at the corners of a square; what lies between them is told."""
    torch.manual_seed(0)
    pictures = Pictures(2, scale=3.0)
    critic = kind(**SMALL)
    critic.build(2, (1, 4, 4))
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)

    def batch():
        return pictures.draw(torch.randint(2, (256, 2)).float() * 2 - 1)

    start = critic.loss(batch()).item()
    for _ in range(150):
        optimiser.zero_grad()
        critic.loss(batch()).backward()
        optimiser.step()
    end, term = critic.loss(batch()).item(), critic(batch()).item()
    # A quarter of the pairs are of equal codes, whose mixtures cannot be told.
    if kind is MixingCritic:
        assert end < 0.035 < 5 / 96 < start
        assert term > 1.5 / 64
    else:
        assert end < 0.5 < start
        assert term > 1.0


def test_interpolants_of_data_without_corners_cannot_be_told():
    """Where every batch holds one code, what is decoded between is the data: the null of both critics."""
    torch.manual_seed(0)
    pictures = Pictures(2)
    for kind, value, own in ((MixingCritic, 1 / 64, 5 / 96), (InterpolationCritic, math.log(2), math.log(2))):
        critic = kind(**SMALL)
        critic.build(2, (1, 4, 4))
        optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
        for _ in range(100):
            optimiser.zero_grad()
            critic.loss(pictures.draw(torch.randn(1, 2).expand(256, 2))).backward()
            optimiser.step()
        draw = pictures.draw(torch.randn(1, 2).expand(2000, 2))
        assert critic(draw).item() == pytest.approx(value, rel=0.3)
        assert critic.loss(draw).item() == pytest.approx(own, rel=0.1)


def test_passing_for_data_is_a_cross_entropy():
    draw = Pictures().draw(torch.randn(10, 3))
    for logit in (-2.0, 0.0, 3.0):
        critic = with_network(InterpolationCritic(), Says(logit))
        wrong, right = (math.log1p(math.exp(sign * logit)) for sign in (-1, 1))
        assert critic(draw).item() == pytest.approx(wrong)
        assert critic.loss(draw).item() == pytest.approx(0.5 * (wrong + right))


def test_an_encoder_that_inverts_the_decoder_is_consistent():
    pictures = Pictures()
    z = torch.randn(5000, 3, generator=torch.Generator().manual_seed(0))
    assert cycle_consistency(pictures.draw(z)).item() == pytest.approx(0, abs=1e-10)
    # An encoder that is off by a vector, or halves the code: E|z_t|^2 = 2/3 D for codes from N(0, I).
    off = pictures.draw(
        z, encode=lambda x: Posterior(pictures.encode(x).mean + torch.tensor([1.0, 2.0, 2.0]))
    )
    assert cycle_consistency(off).item() == pytest.approx(9, rel=1e-5)
    half = pictures.draw(z, encode=lambda x: Posterior(0.5 * pictures.encode(x).mean))
    assert cycle_consistency(half).item() == pytest.approx(0.25 * 2 / 3 * 3, rel=0.05)


def test_a_linear_decoder_moves_by_the_distance_of_the_pictures():
    draw = Pictures(scale=2.0).draw(torch.randn(10, 3))
    ends = draw.x.flatten(1)
    squares = (ends - ends.reshape(5, 2, 16).flip(1).reshape(10, 16)).square().sum(1)
    assert interpolation_smoothness(draw).item() == pytest.approx(squares.mean().item(), rel=1e-5)


def test_the_speed_of_a_curved_decoder_is_that_of_small_steps():
    torch.manual_seed(0)
    model = Autoencoder.conv((1, 8, 8), latent=3, channels=(4, 8), dense=8).double()
    z = torch.randn(6, 3, dtype=torch.float64)
    x = torch.rand(6, 1, 8, 8, dtype=torch.float64)
    draw = Draw(x, None, Posterior(z), z, model.decode(z), model.encode, model.decode, 0, 100)
    torch.manual_seed(1)
    value = interpolation_smoothness(draw).item()
    torch.manual_seed(1)
    t = torch.rand(6, 1, dtype=torch.float64)
    there = z.reshape(3, 2, 3).flip(1).reshape(6, 3)
    ends = [model.decode(torch.lerp(z, there, t + step)).mean for step in (1e-5, -1e-5)]
    speed = (ends[0] - ends[1]) / 2e-5
    assert value == pytest.approx(speed.flatten(1).square().sum(1).mean().item(), rel=1e-5)


def test_without_gradients_the_speed_is_the_same_and_has_none():
    torch.manual_seed(0)
    model = Autoencoder.mlp((1, 4, 4), latent=2, widths=(8,))
    z = model.encode(torch.rand(4, 1, 4, 4)).mean
    x = torch.rand(4, 1, 4, 4)
    draw = Draw(x, None, Posterior(z), z, model.decode(z), model.encode, model.decode, 0, 100)
    torch.manual_seed(1)
    with_them = interpolation_smoothness(draw)
    torch.manual_seed(1)
    with torch.no_grad():
        without = interpolation_smoothness(draw.detach())
    assert without.item() == with_them.item()
    assert with_them.requires_grad
    assert not without.requires_grad


@pytest.mark.parametrize("kind", CRITICS)
@pytest.mark.parametrize("shape", [(1, 2, 2), (3, 5, 9), (1, 64, 64)])
def test_networks_are_made_for_pictures_of_any_size(kind, shape):
    critic = kind(channels=(4, 8, 8, 8), dense=8)
    critic.build(5, shape)
    assert critic.net(torch.rand(3, *shape)).mean.shape == (3, 1)
    convolutions = [part for part in critic.net if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == min(4, int(math.log2(min(shape[1:]))))


@pytest.mark.parametrize("kind", CRITICS)
def test_what_cannot_be_is_refused(kind):
    for settings in ({"channels": ()}, {"channels": (0,)}, {"dense": 0}):
        with pytest.raises(ValueError, match=f"{kind.__name__} needs channels and dense >= 1"):
            kind(**settings)
    critic = kind(**SMALL)
    draw = Pictures().draw(torch.randn(4, 3))
    with pytest.raises(ValueError, match=r"has none yet: zscape.fit .*build\(latent, \(1, 4, 4\)\)"):
        critic(draw)
    for shape in ((8, 5), (1, 1, 9), (16,)):
        with pytest.raises(ValueError, match=r"needs pictures \(C, H, W\) of 2x2 or more"):
            critic.build(3, shape)


@pytest.mark.parametrize("gamma", [-0.1, 1.1, math.nan])
def test_gamma_is_a_share(gamma):
    with pytest.raises(ValueError, match=r"gamma in \[0, 1\], but got"):
        MixingCritic(gamma=gamma)


@pytest.mark.parametrize("term", [cycle_consistency, interpolation_smoothness])
def test_drawings_and_single_samples_are_refused(term):
    draw = Pictures().draw(torch.randn(4, 3))
    with pytest.raises(ValueError, match=r"needs pictures \(B, C, H, W\), but the samples are \(4, 9, 5\)"):
        term(replace(draw, x=torch.zeros(4, 9, 5)))
    with pytest.raises(ValueError, match="two samples or more, but the batch holds 1"):
        term(Pictures().draw(torch.randn(1, 3)))
