import pytest
import torch

import zscape as zs
from zscape import recipes
from zscape.base import Weighted
from zscape.terms import kl, mmd, squared_error


@pytest.fixture(scope="module")
def data():
    return zs.data.load("digits")


def test_beta_one_is_the_vae_exactly():
    assert recipes.beta_vae(1.0) == recipes.vae()
    assert recipes.beta_vae(3.0)["kl"] == Weighted(3.0, kl)


def test_terms_of_the_recipes():
    assert recipes.autoencoder() == {"reconstruction": Weighted(1.0, squared_error)}
    assert recipes.mmd_vae()["mmd"] == Weighted(1000.0, mmd)


@pytest.mark.parametrize("name", recipes.__all__)
def test_every_recipe_learns(name, data, tmp_path):
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=4, widths=(64,), stochastic=name != "autoencoder")
    run = zs.fit(model, getattr(recipes, name)(), data, out=tmp_path / "run", epochs=8)
    history = run.history()
    losses = history["total"][history["split"] == "validation"]
    assert losses[-1] < 0.85 * losses[0]
