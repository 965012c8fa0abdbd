"""A small fitted model, all studies at their smallest scale, made once, and evidence made up."""

from dataclasses import replace

import numpy as np
import pytest

from zscape import codes, data, recipes, studies
from zscape.model import Autoencoder
from zscape.studies import class_evidence, sketch_covariance, sketch_evidence
from zscape.studies.class_generation import SCALES
from zscape.studies.class_measures import METHODS, REPEATS, SIMPLE, Subject
from zscape.studies.keeping import Wanted, fitted
from zscape.studies.order import Order
from zscape.studies.page import Page
from zscape.studies.sketch_fits import BASE
from zscape.studies.sketch_measures import FITTED, PRIOR


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


@pytest.fixture(scope="session")
def sketches(tmp_path_factory):
    """The folder of sketch-covariance at scale smoke, and what its progress told."""
    return _study("sketch-covariance", tmp_path_factory)


@pytest.fixture(scope="session")
def sparse(tmp_path_factory):
    """The folder of sparse-disentanglement at scale smoke, and what its progress told."""
    return _study("sparse-disentanglement", tmp_path_factory)


@pytest.fixture(scope="session")
def style_walks(tmp_path_factory):
    """The folder of style-paths at scale smoke, and what its progress told."""
    return _study("style-paths", tmp_path_factory)


def _study(name, tmp_path_factory):
    out, told = tmp_path_factory.mktemp(name) / "smoke", []
    page = studies.run(name, scale="smoke", out=out, watch=lambda *news: told.append(news))
    assert page == out / "page" / "index.md"
    return out, told


@pytest.fixture
def written():
    """From a section and its evidence to a page of that section alone."""

    def of(section, evidence):
        page = Page(evidence.order, "")
        section(page, evidence)
        return page

    return of


@pytest.fixture
def by_hand(run, train, tmp_path, monkeypatch):
    """Evidence of class-generation: cosines, accuracies and differences by seed, the same for both kinds."""
    scale = replace(SCALES["smoke"], seeds=(0, 1, 2), weights=(1.0,))
    judge = _Classes()
    # What the page asks of a subject: its classes.
    subject = object.__new__(Subject)
    for name, value in {"run": run, "train": train, "tuning": judge, "scoring": judge, "seed": 0}.items():
        object.__setattr__(subject, name, value)

    def of(cosines=(0.7,) * 3, accuracies=(0.99,) * 3, gaps=(0.0,) * 3, name="mnist"):
        models = []
        for kind in ("mmd", "elbo"):
            for seed, cosine, accuracy, gap in zip(scale.seeds, cosines, accuracies, gaps, strict=True):
                found = {
                    "fronts": {method: [_point(cosine, accuracy)] for method in METHODS},
                    "curves": {SIMPLE: [{"theta": 1.0, "cosine": cosine, "accuracy": accuracy}]},
                    "repeats": [{"repeats": n, "cosine": gap, "accuracy": gap} for n in REPEATS],
                }
                models.append(class_evidence.Model(kind, 10, seed, subject, found))
        images = data.load("digits")
        monkeypatch.setattr(images, "name", name)
        order = Order("class-generation", "smoke", tmp_path)
        return class_evidence.Evidence(order, scale, images, models)

    return of


@pytest.fixture
def sketched(tmp_path):
    """Evidence of sketch-covariance by setting: what differs from the base, for each of three seeds."""

    def of(changes):
        settings = (BASE, *changes)
        scale = replace(sketch_covariance.SCALES["smoke"], grids={"doodles": settings}, seeds=(0, 1, 2))
        models = [
            sketch_evidence.Model(
                "doodles", setting, seed, _sketch_found(changes.get(setting, ({},) * 3)[seed])
            )
            for setting in settings
            for seed in scale.seeds
        ]
        order = Order("sketch-covariance", "smoke", tmp_path)
        drawings = {"doodles": data.load("doodles:count=64")}
        return sketch_evidence.Evidence(order, scale, drawings, models)

    return of


def _sketch_found(changes):
    drawn = {"ratio": 0.5, "vendi of picture": 0.5, "coverage of picture": 0.5}
    prior = drawn | {
        "ratio": changes.get("prior ratio", 0.5),
        "vendi of picture": changes.get("prior vendi", 0.5),
        "coverage of picture": changes.get("prior coverage", 0.5),
    }
    base = {"nll": 100.0, "correlation": 10.0, "variance": 5.0, "penalty": 1.0, "floor": 1.0, "overall": 1.0}
    return base | {"pairwise": 4.0, PRIOR: prior, FITTED: drawn} | changes


class _Classes:
    classes_ = np.arange(10)


def _point(cosine, accuracy):
    tuned = {"cosine": cosine, "accuracy": accuracy, "objective": cosine + 1 - accuracy}
    return {
        "weight": 1.0, "theta": 0.5, "draws": 1, "seconds": 7.0, "tuned": tuned, "tuning accuracy": accuracy,
        **tuned,
    }  # fmt: skip
