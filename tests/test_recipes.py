import numpy as np
import pytest
import torch

import zscape as zs
from zscape import recipes
from zscape.base import Weighted
from zscape.terms import (
    RememberedCovariance,
    correlation,
    covariance,
    covariance_floor,
    kl,
    mmd,
    squared_error,
)
from zscape.training import Engine
from zscape.training.settings import describe_objective, rebuild_objective


@pytest.fixture(scope="module")
def data():
    return zs.data.load("digits")


def test_beta_one_is_the_vae_exactly():
    assert recipes.beta_vae(1.0) == recipes.vae()
    assert recipes.beta_vae(3.0)["kl"] == Weighted(3.0, kl)


def test_terms_of_the_recipes():
    assert recipes.autoencoder() == {"reconstruction": Weighted(1.0, squared_error)}
    assert recipes.mmd_vae()["mmd"] == Weighted(1000.0, mmd)


def test_forms_of_the_decorrelated_vae():
    whole = recipes.decorrelated_vae(2.0, beta=0.5)
    assert list(whole) == ["reconstruction", "kl", "covariance", "covariance_floor"]
    assert whole["kl"] == Weighted(0.5, kl)
    assert whole["covariance"] == Weighted(2.0, covariance)
    paper = recipes.decorrelated_vae(form="paper")
    assert paper["covariance"].term.func is covariance
    assert paper["covariance"].term.keywords == {"unbiased": False, "of": "z"}
    assert paper["covariance_floor"].weight == 0
    assert paper["covariance_floor"].term.func is covariance_floor
    assert paper["covariance_floor"].term.keywords == {"of": "z"}
    assert recipes.decorrelated_vae(form="correlation")["correlation"] == Weighted(1.0, correlation)
    memories = [recipes.decorrelated_vae(form="memory")["covariance"].term for _ in range(2)]
    assert isinstance(memories[0], RememberedCovariance)
    # Two fits must not remember each other's codes.
    assert memories[0] is not memories[1]


def test_kinds_of_dip_vae():
    means, aggregate = (recipes.dip_vae(kind)["covariance"].term.keywords for kind in (1, 2))
    assert means == {"unbiased": False, "of": "mean", "diagonal": 10.0}
    assert aggregate == {"unbiased": False, "of": "aggregate", "diagonal": 1.0}
    assert recipes.dip_vae(weight=3.0)["covariance"].weight == 3.0


@pytest.mark.parametrize("form", ["unbiased", "paper", "memory", "correlation"])
def test_a_decorrelated_vae_is_rebuilt_from_what_a_spec_keeps(form):
    spec = describe_objective(dict(recipes.decorrelated_vae(form=form)))
    assert describe_objective(rebuild_objective(spec)) == spec


def squared_correlation(z):
    matrix = np.corrcoef(z.T) ** 2
    return matrix.sum() - np.trace(matrix)


@pytest.mark.parametrize("form", ["unbiased", "memory", "correlation"])
def test_decorrelated_codes_are_less_correlated_than_a_vaes(form, data, tmp_path):
    """Held-out codes of a plain autoencoder, whose latents nothing else decorrelates."""
    found = {}
    for weight in (0.0, 20.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,))
        objective = recipes.decorrelated_vae(weight, form=form, beta=0.01)
        run = zs.fit(
            model, objective, data, out=tmp_path / f"{weight}", epochs=10, engine=Engine(log_every=10)
        )
        codes = zs.encode(run.model, data).of("test")
        found[weight] = squared_correlation(codes.mean)
    assert found[20.0] < found[0.0] / 2


def test_the_floor_is_a_column_beside_the_penalty(data, tmp_path):
    """At weight 0 it changes nothing; the published penalty of a fresh model is near it."""
    weights = []
    for name in ("with", "without"):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=32, widths=(16,))
        objective = dict(recipes.decorrelated_vae(form="paper"))
        if name == "without":
            del objective["covariance_floor"]
        run = zs.fit(model, objective, data, out=tmp_path / name, epochs=1, batch=32)
        weights.append(run.weights("last.safetensors"))
        if name == "with":
            history = run.history()
            assert history["covariance_floor"][0] > 10
            assert history["covariance"][0] == pytest.approx(history["covariance_floor"][0], rel=0.5)
    assert all(torch.equal(tensor, weights[1][key]) for key, tensor in weights[0].items())


@pytest.mark.parametrize("name", recipes.__all__)
def test_every_recipe_learns(name, data, tmp_path):
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=4, widths=(64,), stochastic=name != "autoencoder")
    run = zs.fit(model, getattr(recipes, name)(), data, out=tmp_path / "run", epochs=8)
    history = run.history()
    losses = history["total"][history["split"] == "validation"]
    assert losses[-1] < 0.85 * losses[0]
