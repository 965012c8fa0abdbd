import numpy as np
import pytest

import zscape as zs
from zscape.app.settings import build, gather, known_settings
from zscape.errors import SettingError
from zscape.schedules import ExponentialApproach, Warmup
from zscape.terms import RememberedCovariance


def terms_of(*pairs):
    return build(gather(None, {}, pairs)).objective


def test_settings_of_a_covariance():
    parts = terms_of(
        "recipe.name=dip_vae", "recipe.kind=1", "covariance.unbiased=true", "covariance.diagonal=2"
    )
    term = parts["covariance"].term
    keywords = {**term.func.keywords, **term.keywords} if hasattr(term.func, "keywords") else term.keywords
    assert keywords == {"unbiased": True, "of": "mean", "diagonal": 2}


def test_a_covariance_is_added_to_a_recipe():
    parts = terms_of("covariance.weight=0.5", "covariance.of=z", "covariance_floor.weight=0")
    assert parts["covariance"].weight == 0.5
    assert parts["covariance"].term.keywords == {"of": "z"}
    assert parts["covariance_floor"].weight == 0


def test_a_memory_takes_settings_of_its_own():
    parts = terms_of(
        "recipe.name=decorrelated_vae",
        "recipe.form=memory",
        "covariance.size=64",
        "covariance.of=z",
        "recipe.beta=ExponentialApproach(start=0.01, stop=1, factor=0.99995)",
    )
    term = parts["covariance"].term
    assert isinstance(term, RememberedCovariance)
    assert term.settings == {"size": 64, "unbiased": True, "of": "z", "diagonal": 0.0}
    assert parts["kl"].weight == ExponentialApproach(start=0.01, stop=1, factor=0.99995)


def test_the_recipes_of_disentanglement_take_their_settings():
    annealed = terms_of(
        "recipe.name=annealed_vae", "recipe.capacity=Warmup(stop=8, steps=500)", "recipe.gamma=50"
    )
    assert annealed["kl"].capacity == Warmup(stop=8, steps=500)
    assert annealed["kl"].weight == 50
    critic = terms_of(
        "recipe.name=factor_vae", "recipe.gamma=6", "total_correlation.width=64", "total_correlation.depth=2"
    )["total_correlation"]
    assert critic.weight == 6
    assert critic.term.settings == {"width": 64, "depth": 2}
    stratified = terms_of("recipe.name=beta_tcvae", "recipe.beta=3", "recipe.estimator=stratified")
    assert stratified["total_correlation"].weight == 2
    sparse = terms_of("recipe.name=sparse_vae", "recipe.of=outputs", "sparsity.weight=4")["sparsity"]
    assert (sparse.weight, sparse.term.keywords) == (4, {"of": "outputs"})
    added = terms_of("index_code_information.weight=0", "dimensionwise_kl.weight=2", "sparsity.weight=1")
    assert {"index_code_information", "dimensionwise_kl", "sparsity"} < set(added)


def test_the_recipes_with_critics_take_their_settings():
    prior = terms_of(
        "recipe.name=adversarial_autoencoder", "recipe.prior=classes", "prior.width=16", "prior.weight=3"
    )["prior"]
    assert prior.weight == 3
    assert prior.term.settings["prior"] == "classes"
    assert prior.term.settings["width"] == 16
    mixing = terms_of("recipe.name=acai", "recipe.gamma=0.5", "mixing.channels=[8]")["mixing"]
    assert mixing.term.settings == {"gamma": 0.5, "channels": [8], "dense": 128}
    parts = terms_of("recipe.name=aeai", "recipe.cycle=2", "interpolation.dense=8", "kl.weight=0.1")
    assert parts["cycle_consistency"].weight == 2
    assert parts["interpolation"].term.settings["dense"] == 8
    assert parts["kl"].weight == 0.1
    shaped = terms_of("recipe.name=triplet_vae", "recipe.mining=semi-hard", "triplet.squared=false")[
        "triplet"
    ]
    assert {"mining": "semi-hard", "squared": False}.items() <= shaped.term.keywords.items()
    # Added to another recipe, and new for every fit.
    added = [terms_of("mixing.weight=5", "prior.weight=1", "triplet.weight=2") for _ in range(2)]
    assert {"kl", "mixing", "prior", "triplet"} < set(added[0])
    assert added[0]["prior"].term is not added[1]["prior"].term


@pytest.mark.parametrize(
    ("name", "stochastic"), [("acai", False), ("aeai", False), ("triplet_vae", True), ("vae", True)]
)
def test_models_of_points_are_made_for_recipes_of_points(name, stochastic):
    settings = gather(None, {}, (f"recipe.name={name}", "model.widths=[8]"))
    assert build(settings).model.to_spec()["stochastic"] == stochastic


@pytest.mark.parametrize(
    "pairs",
    [
        ("recipe.name=annealed_vae", "recipe.capacity=Warmup(stop=8, steps=10)"),
        ("recipe.name=beta_tcvae", "total_correlation.estimator=stratified"),
        ("recipe.name=factor_vae", "total_correlation.width=16", "total_correlation.depth=2"),
        ("recipe.name=sparse_vae", "recipe.of=outputs", "index_code_information.weight=0"),
        ("recipe.name=adversarial_autoencoder", "recipe.prior=mixture", "prior.width=16"),
        ("recipe.name=acai", "mixing.channels=[4]", "mixing.dense=8", "triplet.weight=1"),
        ("recipe.name=aeai", "interpolation.channels=[4]", "interpolation.dense=8"),
    ],
)
def test_what_was_asked_of_a_recipe_is_fitted(pairs, tmp_path):
    asked = ("epochs=2", "batch=256", "model.widths=[16]", "model.latent=3", "engine.log_every=1", *pairs)
    fits = []
    for number in range(2):
        request = build(gather(None, {}, asked))
        out = tmp_path / str(number)
        fits.append(zs.fit(request.model, request.objective, request.data, out=out, **request.options))
    # The words say all there is to say: a second fit of them is the first, its critic included.
    one, two = (run.history() for run in fits)
    assert len(one["step"]) == 2 * 5 + 2
    for name in request.objective:
        assert np.isfinite(one[name]).all()
        np.testing.assert_array_equal(one[name], two[name])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (
            ("covariance.weight=1", "covariance.of=mu"),
            "covariance.of needs z or mean or aggregate, but got 'mu'",
        ),
        (("recipe.name=dip_vae", "recipe.kind=3"), "recipe.kind needs 1 or 2, but got 3"),
        (("recipe.name=dip_vae", "recipe.kind=true"), "recipe.kind needs 1 or 2, but got True"),
        (
            ("recipe.name=decorrelated_vae", "recipe.form=best"),
            "means or unbiased or paper or memory or correlation",
        ),
        (("covariance.weight=1", "covariance.size=9"), "unknown setting 'covariance.size'"),
        (("recipe.name=decorrelated_vae", "recipe.form=memory", "covariance.size=0"), "size >= 1, but got 0"),
        (("recipe.name=factor_vae", "total_correlation.width=0"), "width and depth >= 1, but got 0 and 6"),
        (
            ("recipe.name=factor_vae", "total_correlation.estimator=weighted"),
            "unknown setting 'total_correlation.estimator'",
        ),
        (
            ("recipe.name=beta_tcvae", "recipe.estimator=exact"),
            "needs weighted or stratified, but got 'exact'",
        ),
        (("recipe.name=triplet_vae", "recipe.mining=easy"), "needs all or hard or semi-hard, but got 'easy'"),
        (("recipe.name=acai", "recipe.gamma=2"), r"gamma in \[0, 1\], but got 2"),
        (("prior.weight=1", "prior.std=0"), "radius and std > 0"),
        (("mixing.channels=[4]",), "has no term 'mixing'; to add it, give it a weight"),
        (("recipe.name=sparse_vae", "recipe.of=logvar"), "needs mean or z or outputs, but got 'logvar'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(pairs, message):
    with pytest.raises(SettingError, match=message) as caught:
        terms_of(*pairs)
    assert "\n" not in str(caught.value)


def test_settings_that_recipes_share_are_listed_with_the_default_of_each():
    known = known_settings()
    assert known["recipe.weight"][1] == (
        "32.0 (acai), 1.0 (adversarial_autoencoder), 0.01 (decorrelated_vae), 10.0 (dip_vae), "
        "1000.0 (mmd_vae), 1000.0 (perceptual_vae), 1.0 (sparse_vae), 1.0 (triplet_vae)"
    )
    assert known["recipe.capacity"][1] == "Warmup(stop=25.0, steps=100000, start=0.0) (annealed_vae)"
    assert known["total_correlation.width"] == ("a whole number", "1000")
    assert known["total_correlation.estimator"] == ("weighted or stratified", "weighted")
    assert known["recipe.kind"] == ("1 or 2", "2 (dip_vae)")
    assert known["covariance.of"] == ("z or mean or aggregate", "mean")
    assert known["covariance.size"] == ("a whole number", "1024")
