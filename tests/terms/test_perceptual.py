"""The perceptual term against its formula; what it keeps, what it leaves alone, and how a fit treats it."""

import functools
import logging
import signal

import numpy as np
import pytest
import torch

import zscape as zs
from zscape import recipes
from zscape.base import Draw, Posterior, Weighted
from zscape.errors import StoppedError
from zscape.terms import Perceptual, check_term, kl, negative_log_likelihood
from zscape.training.settings import describe_objective, rebuild_objective

LAYERS = ["relu1_1", "pool1"]


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.ERROR, logger="zscape")


class Decoded:
    """A likelihood of which only the mean is looked at."""

    def __init__(self, mean):
        self.mean = mean

    def log_prob(self, x):
        raise AssertionError("the term is no likelihood")

    def sample(self):
        raise AssertionError("the term draws nothing")


def term(**settings):
    return Perceptual("vgg16", **{"weights": "random", "layers": LAYERS, **settings})


def _unasked(_):
    raise AssertionError("the term encodes and decodes nothing")


def draw(x, xhat, rows=None):
    q = Posterior(torch.zeros(len(x), 2), torch.zeros(len(x), 2))
    rows = None if rows is None else torch.as_tensor(rows)
    return Draw(x, None, q, q.mean, Decoded(xhat), _unasked, _unasked, step=0, total=1, rows=rows)


def pictures(count, seed=0, side=8, colours=1):
    return torch.rand(count, colours, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", [{}, {"relative": False, "layer_weights": [2.0], "budget_gib": 0.0}])
def test_the_term_conforms(settings):
    check_term(term(layers=["relu1_1"], **settings))


@pytest.mark.parametrize("relative", [True, False])
def test_the_value_is_the_mean_over_the_batch_of_the_formula(relative):
    loss, x, xhat = term(relative=relative, layer_weights=[0.3, 2.0]), pictures(5), pictures(5, seed=1)
    expected = 0.0
    for weight, a, b in zip([0.3, 2.0], loss.reader.read(x), loss.reader.read(xhat), strict=True):
        error = (a - b).square().mean(1)
        expected += weight * (error / (a.square().mean(1) + 1e-6) if relative else error)
    assert loss(draw(x, xhat)).item() == pytest.approx(expected.mean().item(), rel=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_the_term_is_0_where_pictures_are_decoded_exactly(bf16):
    x = pictures(5, colours=3)
    value = term(bf16=bf16)(draw(x, x.clone()))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(0, abs=1e-9)


def test_gradients_reach_what_is_decoded_and_nothing_else():
    loss, x, xhat = term(), pictures(3).requires_grad_(), pictures(3, seed=1).requires_grad_()
    loss.train()
    loss(draw(x, xhat, [0, 1, 2])).backward()
    assert xhat.grad.abs().sum() > 0
    assert x.grad is None
    assert all(parameter.grad is None for parameter in loss.reader.network.parameters())
    assert not any(module.training for module in loss.reader.network.modules())
    # What a fit trains, checks and keeps.
    assert not list(loss.parameters())
    assert not loss.state_dict()


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("rows_kept", [100, 20, 0])
def test_kept_or_not_the_values_are_the_same_bits(bf16, rows_kept):
    x, size = pictures(40), 8 * 8 * 64 + 16 * 64
    a_row = (size * (2 if bf16 else 4) + 8 * 8 * 4) / 2**30
    keeping, forgetting = term(bf16=bf16, budget_gib=rows_kept * a_row), term(bf16=bf16, budget_gib=0.0)
    random = np.random.default_rng(0)
    for seed in range(6):
        rows = random.choice(40, size=int(random.integers(1, 24)), replace=False)
        xhat = pictures(len(rows), seed=seed)
        values = [each(draw(x[rows], xhat, rows)) for each in (keeping, forgetting)]
        assert torch.equal(*values)
    assert len(keeping._kept._rows) <= rows_kept
    assert len(keeping._kept._rows) >= 0.5 * min(rows_kept, 40)
    assert not forgetting._kept._rows


def counted(loss, monkeypatch):
    """Numbers of pictures of which features of the data were worked out."""
    seen = []
    read = type(loss.reader).read_alone

    def counting(self, x):
        seen.append(len(x))
        return read(self, x)

    monkeypatch.setattr(type(loss.reader), "read_alone", counting)
    return seen


def test_features_of_the_data_are_worked_out_once_an_image(monkeypatch):
    loss, x = term(), pictures(6)
    seen = counted(loss, monkeypatch)
    for rows in ([0, 1, 2], [2, 3], [5, 3, 1, 0], [2, 5]):
        loss(draw(x[rows], pictures(len(rows), seed=9), rows))
    assert seen == [3, 1, 1]
    # What is varied at random has no rows.
    loss(draw(x[:2], pictures(2, seed=9)))
    assert seen == [3, 1, 1, 2]


def test_rows_of_another_data_set_are_told_by_their_pictures(monkeypatch):
    loss = term()
    for x in (pictures(4), pictures(4, seed=3), pictures(4, side=6), pictures(4).double()):
        xhat = pictures(4, seed=7, side=x.shape[-1]).to(x)
        for rows in ([0, 1], [1, 2, 3], [0, 3]):
            fresh = term()(draw(x[rows], xhat[rows], rows))
            assert torch.equal(loss(draw(x[rows], xhat[rows], rows)), fresh)


def test_a_spec_describes_the_term_and_gives_it_back(tmp_path):
    state = term().reader.network.state_dict()
    np.savez(tmp_path / "own.npz", **{name: each.numpy() for name, each in state.items()})
    objective = recipes.perceptual_vae(
        "vgg16", weights=tmp_path / "own.npz", layers=LAYERS, preprocessing="caffe", weight=30.0, pixels=1.0
    )
    spec = describe_objective(dict(objective))
    settings = spec["perceptual"]["settings"]
    assert settings["weights"] == str(tmp_path / "own.npz")
    assert len(settings["sha256"]) == 64
    again = rebuild_objective(spec)
    assert describe_objective(again) == spec
    x, xhat = pictures(3), pictures(3, seed=1)
    assert torch.equal(*(each["perceptual"].term(draw(x, xhat)) for each in (objective, again)))


def test_the_recipe_puts_features_in_the_place_of_pixels_or_beside_them():
    make = functools.partial(recipes.perceptual_vae, "vgg16", weights="random", layers=LAYERS)
    alone, beside = make(), make(weight=5.0, pixels=1.0, beta=2.0)
    assert list(alone) == ["reconstruction", "kl", "perceptual"]
    assert alone["reconstruction"] == Weighted(0.0, negative_log_likelihood)
    assert (alone["kl"], beside["kl"]) == (Weighted(1.0, kl), Weighted(2.0, kl))
    assert beside["reconstruction"].weight == 1.0
    assert beside["perceptual"].weight == 5.0
    # Two fits do not share what is kept.
    assert alone["perceptual"].term is not make()["perceptual"].term


@pytest.fixture(scope="module")
def data():
    return zs.data.load("sprites:size=8,scales=2,orientations=2,positions=5")


def fitted(data, out, watch=None, epochs=3, **settings):
    torch.manual_seed(0)
    model = zs.Autoencoder.mlp(data.shape, latent=4, widths=(32,))
    objective = recipes.perceptual_vae(
        "vgg16", weights="random", layers=["relu1_1"], weight=100.0, **settings
    )
    engine = zs.Engine(accelerator="cpu", log_every=3)
    return zs.fit(model, objective, data, out=out, epochs=epochs, batch=32, engine=engine, watch=watch)


def test_a_fit_that_was_stopped_ends_as_one_that_was_not_though_nothing_kept_is_in_the_checkpoint(
    data, tmp_path
):
    def stop(progress):
        if progress.step == 10:
            signal.raise_signal(signal.SIGINT)

    whole = fitted(data, tmp_path / "whole")
    with pytest.raises(StoppedError):
        fitted(data, tmp_path / "stopped", watch=stop)
    resumed = zs.resume(tmp_path / "stopped", data)
    for name in ("weights.safetensors", "last.safetensors"):
        first, second = (run.weights(name) for run in (whole, resumed))
        assert all(torch.equal(first[key], second[key]) for key in first)
    # The checkpoint holds the model and its optimiser, 12 bytes a weight, and not the network.
    weights = sum(each.numel() for each in whole.model.parameters())
    assert (tmp_path / "whole" / "checkpoint.ckpt").stat().st_size < 12 * weights + 20_000
    forgetting = fitted(data, tmp_path / "forgetting", budget_gib=0.0)
    assert all(
        torch.equal(each, whole.weights("last.safetensors")[name])
        for name, each in forgetting.weights("last.safetensors").items()
    )


def test_a_perceptual_fit_brings_features_nearer_than_an_untrained_model(data, tmp_path):
    history = fitted(data, tmp_path / "run", epochs=10).history()
    held_out = history["perceptual"][history["split"] == "validation"]
    assert held_out[-1] < 0.7 * held_out[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_weights": [1.0]}, "layer weight >= 0 for each of 2 layers"),
        ({"layer_weights": [1.0, -1.0]}, "layer weight >= 0"),
        ({"layer_weights": [1.0, float("nan")]}, "layer weight >= 0"),
        ({"budget_gib": -1.0}, "budget_gib >= 0, but got -1"),
        ({"budget_gib": float("nan")}, "budget_gib >= 0"),
        ({"layers": ["relu7"]}, "no layer 'relu7'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        term(**settings)


def test_drawings_and_pictures_that_are_too_small_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"pictures as floats of shape"):
        term()(draw(torch.zeros(3, 7, 5), torch.zeros(3, 7, 5)))
    small = pictures(2, side=1)
    with pytest.raises(
        ValueError, match=r"pool1 needs pictures of at least 2 pixels .* give resize=2 or more"
    ):
        term()(draw(small, small))
    assert term(resize=2)(draw(small, small)).item() == 0


def test_the_recipe_is_reachable_from_a_file_and_from_the_command_line(tmp_path):
    from zscape.app.settings import build, gather

    config = tmp_path / "fit.toml"
    config.write_text(
        '[recipe]\nname = "perceptual_vae"\nnetwork = "squeezenet"\nweights = "random"\nlayers = ["relu1"]\n'
        'resize = 20\npixels = 0.5\n[data]\nname = "digits"\n'
    )
    pairs = ['recipe.layers=["fire2", "relu1"]', "recipe.weight=Warmup(stop=9, steps=10)", "recipe.bf16=true"]
    objective = build(gather(config, {}, pairs)).objective
    settings = objective["perceptual"].term.settings
    assert settings["layers"] == ["fire2", "relu1"]
    assert (settings["network"], settings["weights"]) == ("squeezenet", "random")
    assert (settings["resize"], settings["bf16"]) == (20, True)
    assert objective["perceptual"].weight(10) == 9
    assert objective["reconstruction"].weight == 0.5
