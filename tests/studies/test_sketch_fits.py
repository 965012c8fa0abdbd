"""The objective in nats a drawing against the published one, and what is fitted."""

import pytest
import torch

from zscape.base import Draw, Posterior, at
from zscape.errors import DataError
from zscape.studies import sketch_fits
from zscape.studies.order import Order
from zscape.studies.sketch_covariance import SCALES
from zscape.studies.sketch_fits import BASE, Fit, Setting, grid


class Given:
    """A likelihood of known values."""

    mean = None

    def __init__(self, nats):
        self.nats = nats

    def log_prob(self, x):
        return -self.nats

    def sample(self):
        return self.nats


def test_the_objective_is_the_published_one_times_the_length_of_drawings():
    batch, latents, penalty_weight, step, steps = 12, 6, 0.5, 700, 2000
    generator = torch.Generator().manual_seed(0)
    mean, logvar, noise = torch.randn(3, batch, latents, generator=generator, dtype=torch.float64)
    nats = torch.rand(batch, generator=generator, dtype=torch.float64)
    z = mean + (logvar / 2).exp() * noise
    draw = Draw(
        x=z, y=None, q=Posterior(mean, logvar), z=z, decoded=Given(nats), encode=Posterior, decode=Given,
        step=step, total=steps,
    )  # fmt: skip
    terms = sketch_fits.objective(Setting("paper", penalty_weight), latents, steps)
    ours = sum(at(part.weight, step) * part.term(draw) for part in terms.values())

    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (logvar / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    covariance = torch.cov(z.T)
    penalty = covariance.square().sum() - covariance.diagonal().square().sum()
    weight = 1 - 0.99 * 0.99999 ** (step * 5000 / steps)
    published = nats.mean() / 100 + weight * divergence.mean() + penalty_weight * penalty
    torch.testing.assert_close(ours, 100 * published)


@pytest.mark.parametrize("steps", [100, 5000])
def test_both_decays_run_through_the_published_range(steps):
    weight = sketch_fits.objective(BASE, 128, steps)["kl"].weight
    assert at(weight, 0) == pytest.approx(0.01 * 100 / 128)
    assert at(weight, steps) == pytest.approx((1 - 0.99 * 0.99999**5000) * 100 / 128)
    assert at(weight, steps) == pytest.approx(sketch_fits.last_kl_weight() * 100 / 128)


def test_the_pull_is_the_only_difference_of_the_form_identity():
    terms = sketch_fits.objective(Setting("identity", 0.25), 4, 10)
    assert terms["covariance"].weight == 25
    assert terms["covariance"].term.keywords == {"of": "aggregate", "diagonal": 1.0}
    means = sketch_fits.objective(Setting("means", 0.25), 4, 10)["covariance"]
    assert (means.weight, means.term.keywords) == (25, {"of": "mean"})
    assert terms.keys() == sketch_fits.objective(Setting("unbiased", 0.25), 4, 10).keys()


def test_fits_are_as_published(tmp_path):
    scale, order = SCALES["smoke"], Order("sketch-covariance", "smoke", tmp_path)
    data = sketch_fits.loaded(order, scale, "doodles")
    asked = sketch_fits.wanted(Fit("doodles", BASE, 3), scale, data)
    steps = sketch_fits.steps_of(scale, data)
    assert steps == asked.epochs * (len(data.splits["train"]) // 32)
    assert (asked.batch, asked.clip_norm, asked.seed) == (32, 100.0, 3)
    assert at(asked.rate, 0) == 1e-3
    assert at(asked.rate, steps) == pytest.approx(1e-3 * 0.9999**5000)
    lengths = (data.batch(torch.arange(len(data)), "cpu")[0][..., 4] == 0).sum(1)
    assert 11 <= lengths.min() <= lengths.max() <= 100
    assert sketch_fits.seconds(Fit("doodles", BASE, 3), scale, data) > 0


def test_grids_hold_the_base_once_and_names_differ():
    settings = grid("paper", "memory", weights=(0.5, 2.0))
    assert settings[0] == BASE
    assert len(settings) == 5
    assert len({Fit("cat", setting, seed).name for setting in settings for seed in (0, 1)}) == 10
    assert [str(setting) for setting in settings[:2]] == ["λ = 0", "paper, λ = 0.5"]


def test_images_are_refused(tmp_path):
    from dataclasses import replace

    order = Order("sketch-covariance", "smoke", tmp_path)
    with pytest.raises(DataError, match="digits"):
        sketch_fits.loaded(order, replace(SCALES["smoke"], data="{}"), "digits")
