import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from zscape.base import Likelihood
from zscape.errors import SettingError
from zscape.model import Autoencoder
from zscape.strokes import to_stroke5

LENGTH = 12


def made(**options):
    settings = {"latent": 3, "encoder": 6, "decoder": 7, "mixtures": 2, **options}
    return Autoencoder.lstm((LENGTH, 5), **settings)


def drawings(*counts, length=None, seed=0):
    random = np.random.default_rng(seed)
    sketches = [
        np.column_stack([random.standard_normal((n, 2)), random.integers(0, 2, n)]).astype(np.float32)
        for n in counts
    ]
    return torch.from_numpy(to_stroke5(sketches, length=length))


@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_posterior_depends_on_neither_padding_nor_neighbours(layer_norm):
    model = made(layer_norm=layer_norm)
    together = model.encode(drawings(3, 11, 1, 6))
    padded = model.encode(drawings(3, 11, 1, 6, length=40))
    torch.testing.assert_close(padded.mean, together.mean, atol=1e-6, rtol=0)
    x = drawings(3, 11, 1, 6)
    for row, count in enumerate((3, 11, 1, 6)):
        alone = model.encode(x[row : row + 1, : count + 1])
        torch.testing.assert_close(alone.mean[0], together.mean[row], atol=1e-6, rtol=0)
        torch.testing.assert_close(alone.logvar[0], together.logvar[row], atol=1e-6, rtol=0)
    changed = x.clone()
    changed[0, 3:, :2] = 1e3
    assert torch.equal(model.encode(changed).mean, together.mean)


def test_the_encoder_reads_every_point_in_both_directions():
    model = made()
    x = drawings(5).requires_grad_()
    for lstm in (model.encoder.forwards, model.encoder.backwards):
        states, _ = lstm(x[:, :5].transpose(0, 1), torch.zeros(1, 6), torch.zeros(1, 6))
        assert states.shape == (6, 1, 6)
    mirrored = drawings(5)
    mirrored[:, :5] = x.detach()[:, :5].flip(1)
    model.encoder.backwards.load_state_dict(model.encoder.forwards.state_dict())
    with torch.no_grad():
        weight = model.encoder.posterior.linear.weight
        weight[:, 6:] = weight[:, :6]
    torch.testing.assert_close(model.encode(mirrored).mean, model.encode(x).mean)
    (gradient,) = torch.autograd.grad(model.encode(x).mean.sum(), x)
    assert (gradient[0, :5, :4].abs() > 0).all()
    assert (gradient[0, 5] == 0).all()


def test_log_prob_is_that_of_a_plain_implementation():
    model = made().double()
    z = torch.randn(3, 3, dtype=torch.float64)
    x = drawings(4, 1, 7, length=10).double()
    ours = model.decode(z).log_prob(x)
    decoder = {name: value.numpy() for name, value in model.decoder.state_dict().items()}
    for row, count in enumerate((4, 1, 7)):
        expected = by_hand(decoder, z[row].numpy(), x[row, : count + 1].numpy())
        assert ours[row].item() == pytest.approx(expected, rel=1e-9)


def by_hand(weights, z, rows):
    """One drawing, one point after the other, in numpy and scipy."""
    start = np.tanh(weights["start.weight"] @ z + weights["start.bias"])
    h, c = np.split(start, 2)
    before, total = np.array([0.0, 0, 1, 0, 0]), 0.0
    for number, row in enumerate(rows):
        gates = before @ weights["lstm.input_weight"] + h @ weights["lstm.state_weight"]
        gates = gates + weights["lstm.bias"] + weights["beside.weight"] @ z
        i, f, o, g = np.split(gates, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        output = weights["head.weight"] @ h + weights["head.bias"]
        pen = np.exp(output[-3:]) / np.exp(output[-3:]).sum()
        total += math.log(pen[row[2:].argmax()])
        if number < len(rows) - 1:
            odds = np.exp(output[:2])
            density = 0.0
            for m in range(2):
                across, down = np.exp(7 * np.tanh(output[6 + 2 * m : 8 + 2 * m] / 7))
                cross = 0.999 * np.tanh(output[10 + m]) * across * down
                normal = stats.multivariate_normal(
                    output[2 + 2 * m : 4 + 2 * m], [[across**2, cross], [cross, down**2]]
                )
                density += odds[m] / odds.sum() * normal.pdf(row[:2])
            total += math.log(density)
        before = row
    return total


def test_log_prob_depends_on_neither_padding_nor_neighbours():
    model, x = made(), drawings(3, 8, 5)
    decoded = model.decode(torch.randn(3, 3))
    value = decoded.log_prob(x)
    torch.testing.assert_close(decoded.log_prob(drawings(3, 8, 5, length=30)), value)
    for row, count in enumerate((3, 8, 5)):
        alone = model.decode(decoded.z[row : row + 1]).log_prob(x[row : row + 1, : count + 1])
        torch.testing.assert_close(alone[0], value[row], atol=1e-5, rtol=1e-5)
    changed = x.clone()
    changed[0, 3:, :2] = 1e3
    assert torch.equal(decoded.log_prob(changed), value)


def test_a_drawing_without_points_is_its_end():
    model, x = made(), drawings(0, 2)
    decoded = model.decode(torch.zeros(2, 3))
    h, c, beside = model.decoder.begin(decoded.z)
    first = torch.tensor([[[0.0, 0, 1, 0, 0]]]).expand(1, 2, 5)
    pen = model.decoder.read(model.decoder.lstm(first, h, c, beside)[0][1]).pen
    torch.testing.assert_close(decoded.log_prob(x)[0], torch.log_softmax(pen, -1)[0, 2])
    assert torch.isfinite(model.encode(x).mean).all()
    assert torch.isfinite(model.encode(drawings(0, 0)).mean).all()
    assert torch.isfinite(decoded.log_prob(drawings(0, 0))).all()


def test_a_model_learns_to_tell_drawings_apart():
    torch.manual_seed(0)
    model = made(latent=2, encoder=16, decoder=32, mixtures=1)
    x = drawings(*[5] * 4)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(240):
        optimiser.zero_grad()
        loss = -model.decode(model.encode(x).mean).log_prob(x).mean()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        z = model.encode(x).mean
        own = model.decode(z).log_prob(x).mean()
        others = model.decode(z.roll(1, 0)).log_prob(x).mean()
    assert own > -5
    assert own > others + 50
    drawn = model.decode(z).mean
    assert torch.equal((drawn[..., 4] == 0).sum(1), torch.full((4,), 5))
    away, from_another = ((drawn[:, :6] - each).abs().mean() for each in (x, x.roll(1, 0)))
    assert away < 0.5 * from_another


def test_it_is_a_likelihood_and_its_samples_are_drawings():
    model = made()
    decoded = model.decode(torch.randn(4, 3))
    assert isinstance(decoded, Likelihood)
    torch.manual_seed(3)
    first = decoded.sample()
    torch.manual_seed(3)
    assert torch.equal(first, decoded.sample())
    for drawn in (first, decoded.mean):
        assert drawn.shape == (4, LENGTH, 5)
        assert drawn.dtype == torch.float32
        assert (drawn[..., 2:].sum(-1) == 1).all()
        ends = drawn[..., 4]
        assert (ends[:, 1:] >= ends[:, :-1]).all()
        assert ends[:, -1].all()
        assert (drawn[ends == 1][:, :4] == 0).all()
    assert torch.equal(decoded.mean, decoded.mean)


def test_samples_have_the_likelihood_that_log_prob_says():
    """The mean of log p over samples is minus the entropy, so two halves of a mixture are told apart."""
    model = made()
    with torch.no_grad():
        model.decoder.head.bias[-1] = 1.0  # an end is likely, so that few drawings are cut at L
    z = torch.zeros(4000, 3)
    x = model.decode(z).sample()
    ended = (x[..., 4] == 0).sum(1)
    pens = torch.log_softmax(model.decoder.read(states_at_first(model)).pen, -1)[0].exp()
    assert (ended == 0).float().mean().item() == pytest.approx(pens[2].item(), abs=0.03)


def states_at_first(model):
    h, c, beside = model.decoder.begin(torch.zeros(1, 3))
    return model.decoder.lstm(torch.tensor([[[0.0, 0, 1, 0, 0]]]), h, c, beside)[0][1]


def test_in_half_precision_only_the_products_of_the_recurrence_are_rounded():
    model, x = made(), drawings(6, 3)
    exact = model.decode(torch.ones(2, 3)).log_prob(x)
    with torch.autocast("cpu", torch.bfloat16):
        q = model.encode(x)
        decoded = model.decode(torch.ones(2, 3))
    assert q.mean.dtype == torch.float32
    # Outside of autocast, as terms are: the likelihood remembers what it was made in.
    rounded = decoded.log_prob(x)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - exact).abs().max() < 0.1
    assert decoded.mean.dtype == torch.float32


@pytest.mark.parametrize("stochastic", [False, True])
def test_spec_alone_rebuilds_the_model(stochastic):
    model = made(stochastic=stochastic, layer_norm=True, dropout=0.2).eval()
    again = Autoencoder.from_spec(json.loads(json.dumps(model.to_spec()))).eval()
    again.load_state_dict(model.state_dict())
    x = drawings(4, 2)
    q = model.encode(x)
    assert (q.logvar is not None) == stochastic
    assert torch.equal(again.encode(x).mean, q.mean)
    assert torch.equal(again.decode(q.mean).log_prob(x), model.decode(q.mean).log_prob(x))
    assert again.to_spec() == model.to_spec()
    with pytest.raises(SettingError, match="does not fit the network 'lstm'"):
        Autoencoder.from_spec({**model.to_spec(), "widths": [3]})


def test_pictures_are_greedy_drawings_and_log_prob_takes_arrays():
    model, x = made(), drawings(4, 2)
    z = np.random.default_rng(0).standard_normal((5, 3))
    pictures = model.pictures(z, batch=2)
    assert pictures.shape == (5, LENGTH, 5)
    np.testing.assert_allclose(pictures, model.decode(torch.from_numpy(z).float()).mean, atol=1e-5)
    values = model.log_prob(x.numpy(), z[:2])
    expected = model.decode(torch.from_numpy(z[:2]).float()).log_prob(x)
    np.testing.assert_allclose(values, expected.detach(), rtol=1e-6)


def test_the_published_size_is_the_default():
    model = Autoencoder.lstm((201, 5))
    assert (model.latent, model.encoder.forwards.width, model.decoder.lstm.width) == (128, 256, 512)
    assert model.decoder.head.out_features == 123


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: Autoencoder.lstm((1, 28, 28)), r"shape \(L, 5\) with L >= 2, but got \(1, 28, 28\)"),
        (lambda: Autoencoder.lstm((1, 5)), r"shape \(L, 5\)"),
        (lambda: Autoencoder.lstm((30, 4)), r"shape \(L, 5\)"),
        (lambda: made(mixtures=0), "mixtures >= 1 .* but got 6, 7, 0 and 0.0"),
        (lambda: made(dropout=1.0), r"dropout in \[0, 1\)"),
        (lambda: made(latent=0), "latent >= 1"),
        (lambda: made().encode(torch.zeros(2, 6, 4)), r"shape \(B, T, 5\).* but got \(2, 6, 4\)"),
        (lambda: made().encode(torch.zeros(2, 5)), r"shape \(B, T, 5\)"),
        (lambda: made().decode(torch.zeros(2, 3)).log_prob(drawings(3)), "one drawing a code, 2 .* got 1"),
        (
            lambda: made().decode(torch.zeros(1, 3)).log_prob(drawings(3)[:, :3]),
            "end row .* one has 3 points in 3 rows; pad the batch to 4",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
