"""Style loss against a network worked out by hand, a second implementation, nulls and invariances."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from zscape import measure
from zscape.measure import _grams
from zscape.model import feature_reader, style_layers, vgg16

LAYERS = ("relu1_1", "relu2_1")


def pictures(seed=0, shape=(5, 3, 12, 10)):
    return np.random.default_rng(seed).random(shape)


@pytest.fixture(scope="module")
def reader():
    return feature_reader("vgg16", weights="random", layers=LAYERS)


def features(x):
    """Features (N, E, M) of each layer in float64, channels first, by the network's own layers."""
    layers = vgg16("random").double().features
    mean, std = (
        torch.tensor(values, dtype=torch.float64).reshape(3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    at = (torch.from_numpy(np.broadcast_to(x, (len(x), 3, *x.shape[2:])).copy()).double() - mean) / std
    return [layers[: number + 1](at).flatten(2).numpy() for number in (1, 6)]


def entry_by_entry(f, p):
    """Gatys et al., equation 4, as it stands there, with its sums."""
    channels, positions = f.shape
    total = 0.0
    for i in range(channels):
        for j in range(channels):
            total += (sum(f[i] * f[j]) - sum(p[i] * p[j])) ** 2
    return total / (4 * channels**2 * positions**2)


def test_the_loss_is_the_formula_of_the_paper_sum_by_sum(reader):
    x, other = pictures(0, (2, 3, 6, 4)), pictures(1, (2, 3, 6, 4))
    first = [entry_by_entry(f, p) for f, p in zip(features(x)[0], features(other)[0], strict=True)]
    found = measure.style_loss_per_image(x, other, reader, layer_weights=[1, 0])
    assert found == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("weights", [None, [2.0, 0.5]])
def test_both_conventions_are_quarter_means_and_means_of_gram_matrices_over_positions(reader, weights):
    x, other = pictures(0), pictures(1)
    paper, code = np.zeros(5), np.zeros(5)
    for number, (f, p) in enumerate(zip(features(x), features(other), strict=True)):
        channels, positions = f.shape[1:]
        square = ((f @ f.swapaxes(1, 2) - p @ p.swapaxes(1, 2)) / positions) ** 2
        paper += (0.5 if weights is None else weights[number]) * square.mean((1, 2)) / 4
        code += (1000 / channels**2 if weights is None else weights[number]) * square.mean((1, 2))
    for convention, expected in (("paper", paper), ("gatys_code", code)):
        settings = {"convention": convention, "layer_weights": weights}
        assert measure.style_loss_per_image(x, other, reader, **settings) == pytest.approx(expected, rel=1e-5)
        assert measure.style_loss(x, other, reader, **settings).value == pytest.approx(
            expected.mean(), rel=1e-5
        )


def test_a_picture_of_one_colour_by_hand(tmp_path):
    """One channel of the first layer sees the red of a pixel, the others nothing: G / M is its square."""
    weight = np.zeros((64, 3, 3, 3), np.float32)
    weight[0, 0, 1, 1] = 1.0
    path = tmp_path / "own.npz"
    np.savez(path, **{"features.0.weight": weight, "features.0.bias": np.zeros(64, np.float32)})
    reader = feature_reader("vgg16", weights=path, layers=["relu1_1"], preprocessing="caffe")
    x, other = (np.zeros((1, 3, 4, 4)) for _ in range(2))
    x[:, 0], other[:, 0] = 128.68 / 255, 126.68 / 255  # 5 and 3 over the mean of red
    result = measure.style_loss(x, other, reader)
    assert result.value == pytest.approx((25 - 9) ** 2 / 4 / 64**2, rel=1e-4)
    code = measure.style_loss(x, other, reader, convention="gatys_code").value
    assert code == pytest.approx((25 - 9) ** 2 / 64**2 * 1000 / 64**2, rel=1e-4)


@pytest.mark.parametrize("bf16", [False, True])
def test_equal_pictures_have_loss_0_and_pairs_may_be_exchanged(bf16):
    reader = feature_reader("vgg16", weights="random", layers=LAYERS, bf16=bf16)
    x, other = pictures(0, (15, 1, 8, 8)), pictures(1, (15, 1, 8, 8))
    assert measure.style_loss_per_image(x, x.copy(), reader).tolist() == [0.0] * 15
    # Also where equal pictures are in other places.
    same = np.repeat(x[:1], 15, axis=0)
    assert measure.style_profiles(same[None], reader, against="all").losses.max() == 0
    there, back = (measure.style_loss_per_image(*pair, reader) for pair in ((x, other), (other, x)))
    assert np.array_equal(there, back)
    assert (there > 0).all()


def test_features_may_be_shuffled_in_space():
    """On arrays of features: a Gram matrix knows what goes together, not where."""
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 20, 6, generator=random)
    shuffled = maps[:, torch.randperm(20, generator=random)]
    torch.testing.assert_close(_grams._gram(shuffled), _grams._gram(maps))
    apart = maps.clone()
    apart[..., 0] = shuffled[..., 0]
    assert not torch.allclose(_grams._gram(apart), _grams._gram(maps), atol=0.01)


def test_pictures_rolled_around_keep_their_style_and_lose_their_place(reader):
    x = np.tile(pictures(0, (2, 3, 8, 8)), (1, 1, 4, 4))
    rolled = np.roll(x, 3, axis=3)
    other = np.tile(pictures(1, (2, 3, 8, 8)), (1, 1, 4, 4))
    near, far = (measure.style_loss_per_image(x, each, reader) for each in (rolled, other))
    # But for the edges.
    assert (near < 0.5 * far).all()


def test_the_definition_tells_layers_weights_and_sizes(reader):
    result = measure.style_loss(pictures(), pictures(1), reader, layer_weights=[1, 3])
    for part in ("relu1_1, relu2_1 of vgg16", "random weights", "w of [1, 3]", "4 N^2 M^2", "12 by 10"):
        assert part in result.definition
    assert (result.name, result.n, result.unit) == ("style_loss", 5, "feature units^4")
    code = measure.style_loss(pictures(), pictures(1), reader, convention="gatys_code")
    assert "1000 / N^2" in code.definition


def test_pictures_of_two_sizes_can_be_compared(reader):
    small, large = (np.full((1, 1, side, side), 0.5) for side in (16, 64))
    bright = np.full((1, 1, 64, 64), 0.6)
    near, far = (measure.style_loss(small, each, reader).value for each in (large, bright))
    assert near < far


@pytest.mark.parametrize(
    ("x", "settings", "message"),
    [
        (pictures() * 2, {}, r"within \[0, 1\], as the network takes them"),
        (np.full((5, 3, 12, 10), np.nan), {}, "within"),
        (np.zeros((5, 3, 12, 10), np.uint8), {}, "as floats within"),
        (pictures()[:0], {}, "one or more"),
        (pictures()[:4], {}, "as many others as images, but got 5 for 4"),
        (pictures()[:, 0], {}, r"shape \(N, C, H, W\)"),
        (pictures()[:, :, :1], {}, "at least 2 pixels a side"),
        (pictures(), {"convention": "gatys"}, '"paper" or "gatys_code", but is \'gatys\''),
        (pictures(), {"layer_weights": [1.0]}, "one number >= 0 a layer, not all 0, for relu1_1, relu2_1"),
        (pictures(), {"layer_weights": [1.0, -1.0]}, "one number >= 0"),
        (pictures(), {"layer_weights": [1.0, math.nan]}, "one number >= 0"),
        (pictures(), {"layer_weights": [0.0, 0.0]}, "not all 0"),
    ],
)
def test_what_is_no_pair_of_pictures_or_setting_is_refused(reader, x, settings, message):
    # As a program calls it that does not check shapes.
    unchecked = getattr(measure.style_loss_per_image, "__wrapped__", measure.style_loss_per_image)
    with pytest.raises(ValueError, match=message):
        unchecked(x, pictures(1), reader, **settings)


def test_on_paintings_blocks_put_elsewhere_keep_the_style_and_bfloat16_agrees(shared_data):
    """Quarters exchanged: the style stays, the content goes. Another painting: both go."""
    weights = shared_data / "networks" / "vgg19_conv1_1_to_conv3_4_fp16.npz"
    layers = style_layers("vgg19", weights=weights)
    assert layers == ("relu1_1", "relu2_1", "relu3_1")
    single, half = (
        feature_reader("vgg19", weights=weights, layers=layers, bf16=bf16) for bf16 in (False, True)
    )
    files = sorted((shared_data / "paintings" / "test").glob("*/*.jpg"))[::50]
    x = np.stack([np.asarray(Image.open(path).resize((64, 64))).transpose(2, 0, 1) / 255 for path in files])
    moved = np.roll(x, (32, 32), axis=(2, 3))
    near = measure.style_loss(x, moved, single)
    far = measure.style_loss(x, x[::-1], single)
    assert near.high < far.low
    assert near.value < 0.25 * far.value
    distances = [measure.feature_distance(x, each, single).value for each in (moved, x[::-1])]
    assert distances[0] > 0.5 * distances[1]
    assert measure.style_loss(x, x[::-1], half).value == pytest.approx(far.value, rel=0.005)


def test_lists_are_as_good_as_arrays(reader):
    x, other = np.random.default_rng(0).random((2, 3, 1, 8, 8))
    each, mean = (
        getattr(one, "__wrapped__", one) for one in (measure.style_loss_per_image, measure.style_loss)
    )
    expected = measure.style_loss_per_image(x, other, reader)
    np.testing.assert_array_equal(each(x.tolist(), other.tolist(), reader), expected)
    assert mean(x.tolist(), other.tolist(), reader) == measure.style_loss(x, other, reader)
