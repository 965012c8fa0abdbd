import json

import numpy as np
import pytest
import torch
from torch import nn

from zscape.base import Posterior
from zscape.errors import SettingError
from zscape.model import Autoencoder, BernoulliHead, GaussianHead


@pytest.mark.parametrize("side", [8, 28, 32, 45, 64, 101, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_gives_back_the_size_it_was_given(side, channels):
    stages = (8, 8) if side == 8 else (8, 8, 8, 8)
    model = Autoencoder.conv((channels, side, side + 1), latent=5, channels=stages, dense=16)
    x = torch.rand(2, channels, side, side + 1)
    q = model.encode(x)
    assert q.mean.shape == q.logvar.shape == (2, 5)
    assert model.decode(q.mean).mean.shape == x.shape


def test_the_default_conv_is_four_strided_convolutions_and_a_dense_layer_each_way():
    model = Autoencoder.conv((3, 64, 64), latent=64)
    strides = [m.stride for m in model.encoder.modules() if isinstance(m, nn.Conv2d)]
    dense = [m for m in model.encoder.modules() if isinstance(m, nn.Linear)]
    assert strides == [(2, 2)] * 4
    assert [m.out_features for m in dense] == [256, 128]  # the dense layer, then mean and log variance


def test_the_published_networks_are_two_arguments():
    softplus = Autoencoder.mlp((1, 28, 28), latent=20, widths=(500, 500), activation=nn.Softplus)
    assert sum(p.numel() for p in softplus.parameters()) == (
        784 * 500 + 500 + 500 * 500 + 500 + 500 * 40 + 40 + 20 * 500 + 500 + 500 * 500 + 500 + 500 * 784 + 784
    )
    relu = Autoencoder.mlp((1, 28, 28), latent=2, widths=(784,) * 5, activation=nn.ReLU)
    assert sum(isinstance(m, nn.ReLU) for m in relu.modules()) == 10


@pytest.mark.parametrize(
    "make",
    [
        lambda: Autoencoder.mlp((1, 6, 5), latent=3, widths=(7, 9), activation=nn.GELU, stochastic=False),
        lambda: Autoencoder.conv((3, 16, 16), latent=3, channels=(4, 6), dense=10, head=GaussianHead(0.2)),
        lambda: Autoencoder.mlp((4,), latent=2, head=GaussianHead(None)),
        lambda: Autoencoder.mlp((4,), latent=2, head=BernoulliHead(probabilities=True)),
    ],
)
def test_spec_alone_rebuilds_the_model(make):
    model = make()
    again = Autoencoder.from_spec(json.loads(json.dumps(model.to_spec())))
    again.load_state_dict(model.state_dict())
    x = torch.rand(3, *model.shape)
    z = model.encode(x).mean
    assert torch.equal(again.encode(x).mean, z)
    assert torch.equal(again.decode(z).log_prob(x), model.decode(z).log_prob(x))
    assert again.to_spec() == model.to_spec()


def test_foreign_networks_wrap_in_one_line():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.logvar = nn.Linear(16, 3), nn.Linear(16, 3)

        def forward(self, x):
            return self.mean(x.flatten(1)), self.logvar(x.flatten(1))

    encoder, decoder = Encoder(), nn.Sequential(nn.Linear(3, 16), nn.Sigmoid())
    model = Autoencoder(encoder, decoder, shape=(1, 4, 4), latent=3, head=BernoulliHead(probabilities=True))
    x = torch.rand(2, 1, 4, 4)
    q = model.encode(x)
    assert torch.equal(q.mean, encoder(x)[0])
    assert torch.equal(q.logvar, encoder(x)[1])
    assert torch.allclose(model.decode(q.mean).mean, decoder(q.mean).reshape(2, 1, 4, 4), atol=1e-6)
    with pytest.raises(SettingError, match=r"zscape\.Run\(path, model=model\)"):
        Autoencoder.from_spec(model.to_spec())


def test_a_decoder_may_give_a_likelihood_of_its_own():
    class Decoder(nn.Module):
        def forward(self, z):
            return GaussianHead(0.5)(z.sum(1, keepdim=True))

    model = Autoencoder(nn.Identity(), Decoder(), shape=(1,), latent=1)
    assert torch.equal(model.decode(torch.ones(2, 1)).mean, torch.ones(2, 1))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Autoencoder.mlp((4,), latent=0), "latent >= 1"),
        (lambda: Autoencoder.mlp((4,), latent=2, widths=()), "one or more widths"),
        (
            lambda: Autoencoder.mlp((4,), latent=2, activation=nn.Softmax),
            "among .*Softplus.* but got Softmax",
        ),
        (lambda: Autoencoder.conv((4,), latent=2), "shape .C, H, W."),
        (
            lambda: Autoencoder.conv((1, 8, 8), latent=2),
            "at least 16 pixels a side, but got 8x8; give at most 3",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_an_encoder_of_the_wrong_width_is_named():
    model = Autoencoder(nn.Flatten(), nn.Linear(3, 4), shape=(4,), latent=3)
    with pytest.raises(ValueError, match=r"mean of shape \(2, 3\), but gave \(2, 4\)"):
        model.encode(torch.zeros(2, 4))


def test_a_decoder_of_the_wrong_width_is_named():
    model = Autoencoder(nn.Flatten(), nn.Linear(3, 8), shape=(4,), latent=3)
    with pytest.raises(ValueError, match=r"3 samples of shape \(4,\), but gave \(3, 8\)"):
        model.decode(torch.zeros(3, 3))


def test_pictures_do_not_depend_on_batches_and_leave_the_mode_alone():
    model = Autoencoder.mlp((1, 4, 4), latent=3).train()
    z = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_allclose(model.pictures(z, batch=2), model.pictures(z), atol=1e-6)
    assert model.training
    assert model.pictures(z[:0]).shape == (0, 1, 4, 4)
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        model.pictures(z[:, :2])


def test_unknown_parts_of_a_spec_name_the_nearest():
    spec = Autoencoder.mlp((4,), latent=2).to_spec()
    with pytest.raises(SettingError, match="did you mean 'Softplus'"):
        Autoencoder.from_spec({**spec, "activation": "Softpluss"})
    with pytest.raises(SettingError, match="unknown likelihood head 'gauss'"):
        Autoencoder.from_spec({**spec, "head": {"name": "gauss"}})
    with pytest.raises(SettingError, match="unknown network 'mpl': did you mean 'mlp'"):
        Autoencoder.from_spec({**spec, "net": "mpl"})
    with pytest.raises(SettingError, match="does not fit the network 'mlp'"):
        Autoencoder.from_spec({**spec, "depth": 3})


def test_a_posterior_may_be_given_directly():
    class Encoder(nn.Module):
        def forward(self, x):
            return Posterior(x, torch.zeros_like(x))

    model = Autoencoder(Encoder(), nn.Identity(), shape=(3,), latent=3)
    assert model.encode(torch.ones(2, 3)).logvar.sum() == 0
