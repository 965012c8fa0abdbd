import functools

import pytest
import torch
from torch import nn

from zscape.base import Critic, whole_batch
from zscape.terms import (
    check_critic,
    check_term,
    dimension_bandwidth,
    kl,
    median_bandwidth,
    mmd,
    negative_log_likelihood,
    squared_error,
)


class PriorCritic(Critic):
    """A minimal adversarial prior, written without a single detach."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, draw):
        return nn.functional.softplus(-self.net(draw.z)).mean()

    def loss(self, draw):
        real = self.net(torch.randn_like(draw.z))
        return (nn.functional.softplus(-real) + nn.functional.softplus(self.net(draw.z))).mean()


@pytest.mark.parametrize(
    "term",
    [
        negative_log_likelihood,
        squared_error,
        kl,
        functools.partial(kl, free_bits=0.1),
        functools.partial(kl, free_bits=5.0),
        mmd,
        functools.partial(mmd, sampled=True),
        functools.partial(mmd, unbiased=False),
        functools.partial(mmd, bandwidth=median_bandwidth),
        functools.partial(mmd, bandwidth=dimension_bandwidth, scale=0.5),
        functools.partial(mmd, bandwidth=2.0),
        functools.partial(mmd, bandwidth=0.3),
    ],
)
def test_every_term_of_ours_conforms(term):
    check_term(term)


def test_a_critic_conforms():
    check_critic(PriorCritic())


def moves_nothing(draw):
    return draw.z.detach().sum()


def changes_its_argument(draw):
    draw.x.mul_(2)
    return draw.z.mean()


class Aimless(PriorCritic):
    def loss(self, draw):
        return super().loss(draw) * 0


@pytest.mark.parametrize(
    ("term", "failed"),
    [
        (lambda draw: draw.z, "scalar tensor, but it gave shape"),
        (lambda draw: float(draw.z.detach().sum()), "scalar tensor, but it gave float"),
        (
            lambda draw: draw.z.sum().float() if draw.z.dtype == torch.float64 else draw.z.sum(),
            "inputs' type",
        ),
        (lambda draw: draw.z.mean() / 0, "finite value"),
        (moves_nothing, "depends on the model"),
        (changes_its_argument, "left as they were"),
        (lambda draw: 0 * draw.z.mean(), "all gradients are zero"),
        (lambda draw: (draw.z.square().sum() * 0).sqrt(), "finite gradients"),
        (lambda draw: draw.z.square().mean().sqrt(), "mean over samples"),
        (lambda draw: draw.z.sum(), "mean over samples"),
    ],
)
def test_what_does_not_conform_is_named(term, failed):
    with pytest.raises(ValueError, match=failed):
        check_term(term)


def test_a_term_that_differs_from_call_to_call_is_named():
    calls = iter(range(100))
    with pytest.raises(ValueError, match="one value for one seed"):
        check_term(lambda draw: draw.z.mean() * (1 + next(calls)))


def test_the_mark_excuses_from_being_a_mean():
    check_term(whole_batch(lambda draw: draw.z.square().mean().sqrt()))


def test_a_critic_that_cannot_learn_is_named():
    with pytest.raises(ValueError, match="reaches the critic's parameters"):
        check_critic(Aimless())


@whole_batch
def summed(draw):
    return draw.z.square().sum()


@whole_batch
def summed_at_random(draw):
    return (draw.z.square() * torch.rand_like(draw.z)).sum()


def random_sum(draw):
    return (draw.z.square() * torch.rand_like(draw.z)).sum()


def crashes_without_labels(draw):
    return (draw.z.mean(1) * draw.y.to(draw.z.dtype)).mean()


def crashes_without_log_variances(draw):
    return draw.q.logvar.exp().mean()


def refuses_without_a_word(draw):
    if draw.y is None:
        raise ValueError
    return draw.z.mean()


def is_nan_without_labels(draw):
    return draw.z.mean() * (float("nan") if draw.y is None else 1)


def switches_gradients_on(draw):
    torch.set_grad_enabled(True)
    return draw.z.mean()


@pytest.mark.parametrize(
    ("term", "failed"),
    [
        (summed, "does not grow with the batch"),
        (summed_at_random, "does not grow with the batch"),
        (random_sum, "mean over samples"),
        (lambda draw: (draw.z.square() * torch.rand(())).mean().sqrt(), "mean over samples"),
        (crashes_without_labels, "without labels, but it raised AttributeError"),
        (crashes_without_log_variances, "without log variances, but it raised AttributeError"),
        (refuses_without_a_word, "a reason if it needs labels"),
        (is_nan_without_labels, "finite value"),
        (switches_gradients_on, "gradient mode"),
    ],
)
def test_what_looks_right_and_is_wrong_is_named(term, failed):
    with pytest.raises(ValueError, match=failed):
        check_term(term)
    assert torch.is_grad_enabled()


def test_a_term_that_switches_gradients_off_is_named():
    def switches(draw):
        value = draw.z.mean()
        torch.set_grad_enabled(False)
        return value

    with pytest.raises(ValueError, match="gradient mode"):
        check_term(switches)
    assert torch.is_grad_enabled()


def needs_labels(draw):
    if draw.y is None:
        raise ValueError("this term needs labels")
    return (draw.z.square().mean(1) * draw.y).mean()


def random_mean(draw):
    return (draw.z * torch.randn_like(draw.z)).square().mean()


@whole_batch
def correlation(draw):
    return torch.corrcoef(draw.z.T).square().sum()


@pytest.mark.parametrize("term", [needs_labels, random_mean, correlation])
def test_right_terms_of_a_user_conform(term):
    check_term(term)


def test_a_critic_is_left_as_it_was():
    critic = PriorCritic()
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    check_term(critic)
    check_critic(critic)
    after = critic.state_dict()
    assert all(value.dtype == torch.float32 for value in after.values())
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.grad is None for parameter in critic.parameters())


class Meddler(PriorCritic):
    """Its own loss moves the model by itself."""

    def loss(self, draw):
        if torch.is_grad_enabled():
            draw.z.mean().backward(retain_graph=True)
        return super().loss(draw)


class Summing(PriorCritic):
    def loss(self, draw):
        return super().loss(draw) * len(draw.z)


class Detached(PriorCritic):
    def loss(self, draw):
        return super().loss(draw).detach()


@pytest.mark.parametrize(
    ("critic", "failed"),
    [
        (Meddler, "leaves the model alone"),
        (Summing, "critic's own loss that does not grow with the batch"),
        (Detached, "no gradient history"),
    ],
)
def test_a_critic_whose_own_loss_is_wrong_is_named(critic, failed):
    with pytest.raises(ValueError, match=failed):
        check_critic(critic())


class Penalised(PriorCritic):
    """With a penalty on its own gradient, which needs gradients switched on."""

    def loss(self, draw):
        z = draw.z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(self.net(z).sum(), z, create_graph=True)
        return super().loss(draw) + slope.square().sum(1).mean()


def test_a_critic_with_a_gradient_penalty_conforms():
    check_critic(Penalised())
