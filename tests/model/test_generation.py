import numpy as np
import pytest
import torch

from zscape.model import Autoencoder, draw
from zscape.strokes import lengths, to_stroke3, to_stroke5

LENGTH = 16


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Autoencoder.lstm((LENGTH, 5), latent=3, encoder=4, decoder=9, mixtures=3)
    with torch.no_grad():
        # As far apart as those of a trained model, and ending at different points.
        model.decoder.head.weight *= 4
        model.decoder.head.bias[-3:] = torch.tensor([1.0, 0.5, 0.0])
    return model


def codes(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, 3))


def test_a_drawing_has_its_own_random_numbers(model):
    z = codes(40)
    all_at_once = draw(model, z, seed=5)
    assert all_at_once.shape == (40, LENGTH, 5)
    assert all_at_once.dtype == np.float32
    assert len(set(lengths(all_at_once))) > 3
    np.testing.assert_allclose(draw(model, z, seed=5, batch=7), all_at_once, atol=1e-4)
    np.testing.assert_allclose(draw(model, z, seed=5, batch=1), all_at_once, atol=1e-4)
    np.testing.assert_allclose(draw(model, z[:9], seed=5), all_at_once[:9], atol=1e-4)
    assert np.array_equal(draw(model, z, seed=5), all_at_once)
    assert not np.array_equal(draw(model, z, seed=6), all_at_once)
    same_code = draw(model, np.repeat(z[:1], 20, axis=0), temperature=1.0)
    assert len(np.unique(same_code, axis=0)) > 10


def test_the_callers_state_and_codes_are_left_alone(model):
    z, before, mode = codes(4), torch.get_rng_state(), model.training
    kept = z.copy()
    draw(model, z)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(z, kept)
    assert model.training == mode


def test_drawings_end_and_stay_ended(model):
    drawn = draw(model, codes(200), temperature=1.0)
    ends = drawn[..., 4]
    assert (drawn[..., 2:].sum(-1) == 1).all()
    assert (np.diff(ends, axis=1) >= 0).all()
    assert ends[:, -1].all()
    assert (drawn[ends == 1][:, :4] == 0).all()
    assert len(to_stroke3(drawn)) == 200


def test_at_temperature_zero_it_is_the_mean(model):
    z = codes(6)
    drawn = draw(model, z, temperature=0, seed=1)
    assert np.array_equal(drawn, draw(model, z, temperature=0, seed=2))
    np.testing.assert_allclose(drawn, model.pictures(z), atol=1e-5)


@pytest.mark.parametrize("temperature", [1e-320, 1e-42, 1e-38, 1e-30])
def test_next_to_temperature_zero_it_is_the_same(model, temperature):
    z = codes(30)
    np.testing.assert_allclose(
        draw(model, z, temperature=temperature), draw(model, z, temperature=0), atol=1e-5
    )


def test_less_temperature_is_nearer_to_the_likeliest(model):
    z = np.repeat(codes(1), 300, axis=0)
    first = [draw(model, z, temperature=tau)[:, 0, :2] for tau in (0.0, 1e-3, 0.1, 1.0)]
    away = [np.abs(points - first[0]).mean() for points in first]
    assert away[0] == 0 < away[1] < away[2] < away[3]


def test_drawings_follow_the_likelihood(model):
    """Two estimates of the same entropy: of points drawn, and by the density of what torch would sample."""
    z = np.zeros((6000, 3))
    decoded = model.decode(torch.zeros(6000, 3))
    with torch.no_grad():
        ours = decoded.log_prob(torch.from_numpy(draw(model, z, temperature=1.0)))
        theirs = decoded.log_prob(decoded.sample())
    error = (ours.var() / 6000 + theirs.var() / 6000).sqrt()
    assert (ours.mean() - theirs.mean()).abs() < 5 * error


def test_a_beginning_is_kept_and_gone_on_from(model):
    z, random = codes(30), np.random.default_rng(0)
    sketches = [
        np.column_stack([random.standard_normal((n, 2)), random.integers(0, 2, n)]).astype(np.float32)
        for n in random.integers(0, 8, 30)
    ]
    drawn = draw(model, z, start=sketches, temperature=0.8)
    for sketch, whole in zip(sketches, to_stroke3(drawn), strict=True):
        assert np.array_equal(whole[: len(sketch)], sketch)
    assert (lengths(drawn) > lengths(to_stroke5(sketches))).sum() > 10
    assert np.array_equal(draw(model, z, start=to_stroke5(sketches), temperature=0.8), drawn)
    nothing = draw(model, z, start=[np.zeros((0, 3), dtype=np.float32)] * 30, temperature=0.8)
    assert np.array_equal(nothing, draw(model, z, temperature=0.8))


def test_what_was_drawn_so_far_is_what_the_rest_depends_on(model):
    z = codes(5)
    whole = draw(model, z, temperature=0.7, seed=3)
    begun = whole.copy()
    begun[:, 4:] = [0, 0, 0, 0, 1]
    again = draw(model, z, temperature=0.7, seed=3, start=begun)
    long = lengths(whole) >= 4
    assert long.any()
    np.testing.assert_allclose(again[long], whole[long], atol=1e-5)


def test_no_codes_give_no_drawings(model):
    assert draw(model, np.zeros((0, 3))).shape == (0, LENGTH, 5)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda model: draw(Autoencoder.mlp((4,), latent=3), codes(1)),
            "decoder is Sequential; for pictures",
        ),
        (lambda model: draw(model, np.zeros((2, 4))), r"\(N, 3\)"),
        (lambda model: draw(model, codes(2), temperature=-1.0), "temperature >= 0, .* got -1.0"),
        (lambda model: draw(model, codes(2), temperature=float("nan")), "temperature >= 0"),
        (lambda model: draw(model, codes(2), temperature=float("inf")), "finite temperature >= 0, .* inf"),
        (lambda model: draw(model, codes(2), batch=0), "batch >= 1"),
        (lambda model: draw(model, codes(2), seed=-1), "seed >= 0"),
        (lambda model: draw(model, codes(2), start=[np.zeros((1, 3))]), "one beginning a code, 2 in all"),
        (lambda model: draw(model, codes(2), start=np.zeros((2, 3, 4))), "of shape"),
        (
            lambda model: draw(model, codes(1), start=[np.zeros((LENGTH, 3))]),
            "fewer than 16 points, .* one has 16",
        ),
    ],
)
def test_what_does_not_fit_is_refused(model, call, match):
    with pytest.raises(ValueError, match=match):
        call(model)
