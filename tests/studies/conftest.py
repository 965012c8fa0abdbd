"""A small fitted model, and both studies at their smallest scale, made once."""

import pytest

from zscape import codes, data, recipes, studies
from zscape.model import Autoencoder
from zscape.studies.keeping import Wanted, fitted


@pytest.fixture(scope="session")
def digits():
    return data.load("digits")


@pytest.fixture(scope="session")
def small(digits):
    """From changed settings to a model that is fitted in a second."""
    settings = {"name": "vae", "objective": recipes.vae(), "epochs": 6, "batch": 64, "seed": 3, "rate": 5e-3}

    def build():
        return Autoencoder.mlp(digits.shape, latent=2, widths=(32,))

    return lambda **changes: Wanted(build=build, **settings | changes)


@pytest.fixture(scope="session")
def run(small, digits, tmp_path_factory):
    """A fitted run with its codes; tests only read it."""
    return fitted(tmp_path_factory.mktemp("models"), small(), digits)


@pytest.fixture(scope="session")
def train(run):
    return codes.load(run.codes_path).of("train")


@pytest.fixture(scope="session")
def diverse(tmp_path_factory):
    """The folder of diverse-sampling at scale smoke, and what its progress told."""
    return _study("diverse-sampling", tmp_path_factory)


@pytest.fixture(scope="session")
def by_class(tmp_path_factory):
    """The folder of class-generation at scale smoke, and what its progress told."""
    return _study("class-generation", tmp_path_factory)


def _study(name, tmp_path_factory):
    out, told = tmp_path_factory.mktemp(name) / "smoke", []
    page = studies.run(name, scale="smoke", out=out, watch=lambda *news: told.append(news))
    assert page == out / "page" / "index.md"
    return out, told
