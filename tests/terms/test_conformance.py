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
        mmd,
        functools.partial(mmd, sampled=True),
        functools.partial(mmd, unbiased=False),
        functools.partial(mmd, bandwidth=median_bandwidth),
        functools.partial(mmd, bandwidth=dimension_bandwidth, scale=0.5),
        functools.partial(mmd, bandwidth=2.0),
    ],
    ids=str,
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
