import signal
from typing import get_args

import numpy as np
import pytest
import torch

import zscape as zs
from zscape import recipes
from zscape.base import Weighted
from zscape.errors import StoppedError
from zscape.schedules import Warmup
from zscape.terms import (
    InterpolationCritic,
    MixingCritic,
    PriorCritic,
    RememberedCovariance,
    TotalCorrelationCritic,
    correlation,
    covariance,
    covariance_floor,
    cycle_consistency,
    interpolation_smoothness,
    kl,
    mmd,
    sparsity,
    squared_error,
    total_correlation,
    triplet,
)
from zscape.training import Adam, Engine
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
    usual = recipes.decorrelated_vae()["correlation"]
    assert (usual.weight, usual.term.func, usual.term.keywords) == (0.01, correlation, {"of": "mean"})
    whole = recipes.decorrelated_vae(2.0, form="unbiased", beta=0.5)
    assert list(whole) == ["reconstruction", "kl", "covariance", "covariance_floor"]
    assert whole["kl"] == Weighted(0.5, kl)
    assert whole["covariance"] == Weighted(2.0, covariance)
    paper = recipes.decorrelated_vae(form="paper")
    assert paper["covariance"].term.func is covariance
    assert paper["covariance"].term.keywords == {"unbiased": False, "of": "z"}
    assert paper["covariance_floor"].weight == 0
    assert paper["covariance_floor"].term.func is covariance_floor
    assert paper["covariance_floor"].term.keywords == {"of": "z"}
    assert recipes.decorrelated_vae(1.0, form="correlation")["correlation"] == Weighted(1.0, correlation)
    memories = [recipes.decorrelated_vae(form="memory")["covariance"].term for _ in range(2)]
    assert isinstance(memories[0], RememberedCovariance)
    # Two fits must not remember each other's codes.
    assert memories[0] is not memories[1]


def test_kinds_of_dip_vae():
    means, aggregate = (recipes.dip_vae(kind)["covariance"].term.keywords for kind in (1, 2))
    assert means == {"unbiased": False, "of": "mean", "diagonal": 10.0}
    assert aggregate == {"unbiased": False, "of": "aggregate", "diagonal": 1.0}
    assert recipes.dip_vae(weight=3.0)["covariance"].weight == 3.0


def test_the_recipes_of_disentanglement():
    annealed = recipes.annealed_vae()["kl"]
    assert (annealed.weight, annealed.term) == (1000.0, kl)
    assert [annealed.capacity(step) for step in (0, 50_000, 200_000)] == [0, 12.5, 25]
    tcvae = recipes.beta_tcvae()
    assert tcvae["kl"] == Weighted(1.0, kl)
    assert tcvae["total_correlation"].weight == 5
    assert tcvae["total_correlation"].term.func is total_correlation
    assert tcvae["total_correlation"].term.keywords == {"estimator": "weighted"}
    factor = recipes.factor_vae()["total_correlation"]
    assert factor.weight == 35
    assert isinstance(factor.term, TotalCorrelationCritic)
    assert factor.term.settings == {"width": 1000, "depth": 6}
    sparse = recipes.sparse_vae(2.0, of="outputs", beta=0.5)
    assert sparse["kl"].weight == 0.5
    assert sparse["sparsity"].weight == 2
    assert sparse["sparsity"].term.func is sparsity
    assert sparse["sparsity"].term.keywords == {"of": "outputs"}


def test_the_recipes_that_shape_by_classes_and_critics():
    shaped = recipes.triplet_vae(3.0, margin=0.5, mining="semi-hard", beta=0.4)
    assert shaped["kl"] == Weighted(0.4, kl)
    assert (shaped["triplet"].weight, shaped["triplet"].term.func) == (3.0, triplet)
    assert shaped["triplet"].term.keywords == {"margin": 0.5, "mining": "semi-hard"}
    adversarial = recipes.adversarial_autoencoder(2.0, prior="classes", components=3)
    assert adversarial["reconstruction"] == Weighted(1.0, squared_error)
    assert adversarial["prior"].weight == 2
    assert isinstance(adversarial["prior"].term, PriorCritic)
    assert adversarial["prior"].term.settings["prior"] == "classes"
    assert adversarial["prior"].term.settings["components"] == 3
    mixing = recipes.acai(8.0, gamma=0.1)["mixing"]
    assert (mixing.weight, mixing.term.settings["gamma"]) == (8.0, 0.1)
    assert isinstance(mixing.term, MixingCritic)
    parts = recipes.aeai(2.0, cycle=0.2, smoothness=0.3)
    assert isinstance(parts["interpolation"].term, InterpolationCritic)
    assert parts["interpolation"].weight == 2
    assert parts["cycle_consistency"] == Weighted(0.2, cycle_consistency)
    assert parts["interpolation_smoothness"] == Weighted(0.3, interpolation_smoothness)


@pytest.mark.parametrize(
    "objective",
    [
        *(recipes.decorrelated_vae(form=form) for form in get_args(recipes.Form)),
        recipes.annealed_vae(Warmup(stop=8.0, steps=30)),
        recipes.beta_tcvae(estimator="stratified"),
        recipes.factor_vae(),
        recipes.sparse_vae(of="z"),
        recipes.triplet_vae(mining="semi-hard"),
        recipes.adversarial_autoencoder(prior="classes"),
        recipes.acai(),
        recipes.aeai(),
    ],
)
def test_a_recipe_is_rebuilt_from_what_a_spec_keeps(objective):
    spec = describe_objective(dict(objective))
    assert describe_objective(rebuild_objective(spec)) == spec


def test_beta_tcvae_at_one_and_a_weight_of_zero_are_the_vae_exactly(data, tmp_path):
    weights = []
    for name, objective in (
        ("vae", recipes.vae()),
        ("tcvae", recipes.beta_tcvae(1.0)),
        ("factor", small_critic(0.0)),
        ("sparse", recipes.sparse_vae(0.0)),
    ):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=3, widths=(16,))
        run = zs.fit(model, objective, data, out=tmp_path / name, epochs=1)
        weights.append(run.weights("last.safetensors"))
    for other in weights[1:]:
        assert all(torch.equal(tensor, other[key]) for key, tensor in weights[0].items())


def small_critic(gamma=35.0):
    part = Weighted(gamma, TotalCorrelationCritic(width=32, depth=2))
    return {**recipes.factor_vae(), "total_correlation": part}


def small_prior(prior="gaussian", weight=1.0):
    part = Weighted(weight, PriorCritic(prior=prior, width=32))
    return {**recipes.adversarial_autoencoder(), "prior": part}


def small_acai(weight=8.0):
    return {**recipes.acai(), "mixing": Weighted(weight, MixingCritic(channels=(8, 16), dense=16))}


def small_aeai():
    critic = InterpolationCritic(channels=(8, 16), dense=16)
    return {**recipes.aeai(), "interpolation": Weighted(1.0, critic)}


@pytest.mark.parametrize("bf16", [False, True])
def test_every_recipe_that_shapes_codes_resumes_bit_for_bit(bf16, data, tmp_path):
    objectives = {
        "annealed": recipes.annealed_vae(Warmup(stop=8.0, steps=15)),
        "tcvae": recipes.beta_tcvae(),
        "stratified": recipes.beta_tcvae(estimator="stratified"),
        "factor": small_critic(),
        "sparse": recipes.sparse_vae(of="outputs"),
        "triplet": recipes.triplet_vae(),
        "prior": small_prior("classes"),
        "acai": small_acai(),
        "aeai": small_aeai(),
    }

    def stop_in_the_second_epoch(progress):
        if progress.step == 13:
            signal.raise_signal(signal.SIGTERM)

    for name, objective in objectives.items():
        found = []
        for watch in (None, stop_in_the_second_epoch):
            torch.manual_seed(0)
            model = zs.Autoencoder.mlp(data.shape, latent=3, widths=(16,))
            out = tmp_path / f"{name}-{len(found)}"
            options = {"epochs": 2, "engine": Engine(log_every=1, bf16=bf16), "watch": watch}
            if watch is None:
                run = zs.fit(model, objective, data, out=out, **options)
            else:
                # What the caller draws must not be what the critic begins with, nor what it has learned.
                torch.rand(7)
                with pytest.raises(StoppedError):
                    zs.fit(model, objective, data, out=out, **options)
                assert len(zs.Run(out).history()["step"]) < len(found[0].history()["step"])
                # Rebuilt from spec.json, critic and all.
                run = zs.resume(out, data)
            found.append(run)
        one, two = (run.weights("last.safetensors") for run in found)
        assert all(torch.equal(tensor, two[key]) for key, tensor in one.items()), name
        critics = [
            torch.load(run.path / "checkpoint.ckpt", weights_only=True)["modules"][1:] for run in found
        ]
        assert len(critics[0]) == (name in ("factor", "prior", "acai", "aeai"))
        for before, after in zip(*critics, strict=True):
            assert all(torch.equal(tensor, after[key]) for key, tensor in before.items())
        columns = [run.history() for run in found]
        assert all(np.isfinite(columns[0][key]).all() for key in objective)
        np.testing.assert_array_equal(columns[0]["total"], columns[1]["total"])


def test_the_seed_of_the_fit_is_that_of_the_critic(data, tmp_path):
    starts = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=3, widths=(16,))
        torch.rand(len(starts))
        objective = small_critic()
        zs.fit(model, objective, data, out=tmp_path / str(len(starts)), epochs=1, seed=seed)
        starts.append(objective["total_correlation"].term.net[0].bias.detach().clone())
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


def test_the_capacity_is_reached_and_held(data, tmp_path):
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,))
    objective = recipes.annealed_vae(Warmup(stop=6.0, steps=80), gamma=100.0)
    run = zs.fit(model, objective, data, out=tmp_path / "run", epochs=16, engine=Engine(log_every=5))
    history = run.history()
    rows = history["split"] == "train"
    step, value = history["step"][rows], history["kl"][rows]
    assert value[step > 110] == pytest.approx(6.0, abs=0.6)
    half = (step > 35) & (step < 50)
    assert value[half] == pytest.approx(np.minimum(6 * (step[half] - 3) / 80, 6), abs=0.8)


@pytest.mark.parametrize("of", ["mean", "z", "outputs"])
def test_sparse_codes_have_a_smaller_norm_than_a_vaes(of, data, tmp_path):
    norms = []
    for weight in (0.0, 3.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,))
        objective = recipes.sparse_vae(weight, of=of, beta=0.3)
        run = zs.fit(model, objective, data, out=tmp_path / f"{weight}", epochs=10)
        norms.append(np.abs(zs.encode(run.model, data).of("test").mean).sum(1).mean())
    assert norms[1] < 0.75 * norms[0]


def test_the_critic_lowers_the_correlation_of_codes(data, tmp_path):
    """Of codes whose covariance nothing else pulls at: a weak KL leaves them correlated."""
    found = []
    for gamma in (0.0, 20.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=3, widths=(64,))
        objective = {**small_critic(gamma), "kl": Weighted(0.01, kl)}
        run = zs.fit(model, objective, data, out=tmp_path / f"{gamma}", epochs=20)
        found.append(squared_correlation(zs.encode(run.model, data).of("test").mean))
    assert found[1] < found[0] / 2


def squared_correlation(z):
    matrix = np.corrcoef(z.T) ** 2
    return matrix.sum() - np.trace(matrix)


@pytest.mark.parametrize(
    ("form", "weight"), [("means", 0.1), ("unbiased", 20.0), ("memory", 20.0), ("correlation", 20.0)]
)
def test_decorrelated_codes_are_less_correlated_than_a_vaes(form, weight, data, tmp_path):
    """Held-out codes of a plain autoencoder, whose latents nothing else decorrelates."""
    found = {}
    for given in (0.0, weight):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,))
        objective = recipes.decorrelated_vae(given, form=form, beta=0.01)
        run = zs.fit(
            model, objective, data, out=tmp_path / f"{given}", epochs=10, engine=Engine(log_every=10)
        )
        codes = zs.encode(run.model, data).of("test")
        found[given] = squared_correlation(codes.mean)
    assert found[weight] < found[0.0] / 2


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


def test_triplets_bring_classes_together(data, tmp_path):
    """More of the variance of held-out codes lies between classes than in the model without the term."""
    found = []
    for weight in (0.0, 5.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,))
        objective = recipes.triplet_vae(weight, beta=0.1)
        run = zs.fit(model, objective, data, out=tmp_path / f"{weight}", epochs=8)
        codes = zs.encode(run.model, data).of("test")
        means = np.stack([codes.mean[codes.label == label].mean(0) for label in range(10)])
        within = ((codes.mean - means[codes.label]) ** 2).sum()
        found.append(within / ((codes.mean - codes.mean.mean(0)) ** 2).sum())
    # 0.31 without it.
    assert found[1] < 0.75 * found[0]


def test_the_prior_critic_brings_codes_to_the_prior(data, tmp_path):
    adam = Adam(rate=3e-3, betas=(0.5, 0.999))
    found = []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=2, widths=(64,), stochastic=False)
        objective = small_prior(weight=weight)
        run = zs.fit(model, objective, data, out=tmp_path / f"{weight}", epochs=20, optimiser=adam)
        found.append(np.sqrt((zs.encode(run.model, data).of("test").mean ** 2).mean()))
    # Of draws of the prior that is 1.
    assert found[1] < 0.6 * found[0]


def test_acai_makes_mixtures_that_its_critic_cannot_place(data, tmp_path):
    """Against a critic that looks on and moves nothing."""
    found = []
    for weight in (0.0, 30.0):
        torch.manual_seed(0)
        model = zs.Autoencoder.mlp(data.shape, latent=6, widths=(64,), stochastic=False)
        run = zs.fit(model, small_acai(weight), data, out=tmp_path / f"{weight}", epochs=15)
        history = run.history()
        rows = history["split"] == "validation"
        found.append(history["mixing"][rows][-1])
    assert found[1] < 0.7 * found[0]


def small_features():
    return recipes.perceptual_vae("vgg16", weights="random", layers=["relu1_1"])


@pytest.mark.parametrize("name", recipes.__all__)
def test_every_recipe_learns(name, data, tmp_path):
    torch.manual_seed(0)
    points = ("autoencoder", "adversarial_autoencoder", "acai", "aeai")
    model = zs.Autoencoder.mlp(data.shape, latent=4, widths=(64,), stochastic=name not in points)
    # As published, critics take longer than all other recipes together; trained features need a file.
    made = {
        "acai": small_acai,
        "adversarial_autoencoder": small_prior,
        "aeai": small_aeai,
        "factor_vae": small_critic,
        "perceptual_vae": small_features,
    }
    objective = made.get(name, getattr(recipes, name))()
    run = zs.fit(model, objective, data, out=tmp_path / "run", epochs=8)
    history = run.history()
    losses = history["total"]
    if "total_correlation" in history:
        # Mostly a constant by the estimator, and 0 to a critic that has yet to learn.
        losses = losses - history["total_correlation.weight"] * history["total_correlation"]
    losses = losses[history["split"] == "validation"]
    assert losses[-1] < 0.85 * losses[0]
