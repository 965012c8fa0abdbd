"""Feature networks read as rows of numbers, and what trained weights see that others do not."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from zscape.errors import DataError
from zscape.model import pooled_features, squeezenet
from zscape.model.architectures import Fire
from zscape.model.features import least_side, prepared

FILE = "squeezenet1_1_features_fp32.npz"


def pictures(count=5, colours=3, side=24, seed=0):
    return np.random.default_rng(seed).random((count, colours, side, side)).astype(np.float32)


def arrays(seed=0):
    return {name: each.numpy() for name, each in squeezenet("random", seed=seed).state_dict().items()}


def by_hand(weights, x):
    """SqueezeNet 1.1 from its published table, by functions on plain arrays of weights."""

    def convolved(x, name, **how):
        weight, bias = (torch.from_numpy(weights[f"features.{name}.{each}"]) for each in ("weight", "bias"))
        return functional.conv2d(x, weight, bias, **how).clamp(min=0)

    x = convolved(x, "0", stride=2)
    for block in (3, 4, 6, 7, 9, 10, 11, 12):
        if block in (3, 6, 9):
            # Pad to what a window at the edge reaches, with what never is the largest.
            missing = (x.shape[-1] - 3) % 2
            x = functional.max_pool2d(functional.pad(x, (0, missing, 0, missing), value=-1e9), 3, 2)
        x = convolved(x, f"{block}.squeeze")
        x = torch.cat(
            [convolved(x, f"{block}.expand1x1"), convolved(x, f"{block}.expand3x3", padding=1)], dim=1
        )
    return x


@pytest.mark.parametrize("side", [17, 24, 30, 33])
def test_squeezenet_is_its_published_table(side):
    x = torch.from_numpy(pictures(side=side)) * 100 - 50
    expected = by_hand(arrays(), x)
    found = squeezenet("random")(x)
    assert found.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_keys_are_those_of_torchvision_and_parameters_as_many():
    network = squeezenet("random")
    state = network.state_dict()
    blocks = [
        f"{number}.{part}"
        for number in (3, 4, 6, 7, 9, 10, 11, 12)
        for part in ("squeeze", "expand1x1", "expand3x3")
    ]
    assert set(state) == {f"features.{at}.{kind}" for at in ("0", *blocks) for kind in ("weight", "bias")}
    # 1,235,496 in all, of which the classifier has 512 x 1000 + 1000.
    assert sum(each.numel() for each in network.parameters()) == 1_235_496 - 513_000
    assert not any(each.requires_grad for each in network.parameters())
    assert not any(module.training for module in network.modules())


def test_a_tiny_network_gives_the_plain_formula():
    first = nn.Conv2d(3, 2, 1)
    network = nn.Sequential()
    network.add_module("features", nn.Sequential(first, nn.ReLU()))
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, -1]]).reshape(2, 3, 1, 1))
        first.bias.copy_(torch.tensor([0.0, 5.0]))
    x = pictures(3, side=4).astype(np.float64)
    red, green, blue = np.moveaxis(255 * x, 1, 0)
    expected = np.stack(
        [
            np.maximum(red - 123.68, 0).mean(axis=(1, 2)),
            np.maximum((green - 116.779) - (blue - 103.939) + 5, 0).mean(axis=(1, 2)),
        ],
        axis=1,
    )
    found = pooled_features(x, network, preprocessing="caffe")
    assert found.dtype == np.float32
    assert np.allclose(found, expected, rtol=1e-5)
    red, green, blue = (np.moveaxis(x, 1, 0) - np.reshape([0.485, 0.456, 0.406], (3, 1, 1, 1))) / np.reshape(
        [0.229, 0.224, 0.225], (3, 1, 1, 1)
    )
    found = pooled_features(x, network, preprocessing="torchvision", layer=0)
    assert np.allclose(
        found, np.stack([red.mean((1, 2)), (green - blue + 5).mean((1, 2))], axis=1), atol=1e-5
    )


def test_features_do_not_depend_on_batch_or_order_and_change_nothing():
    network, x = squeezenet("random"), pictures(7)
    network.train()
    before, state = x.copy(), torch.random.get_rng_state()
    whole = pooled_features(x, network, preprocessing="caffe")
    assert whole.shape == (7, 512)
    parts = pooled_features(x, network, preprocessing="caffe", batch=3)
    turned = pooled_features(x[::-1], network, preprocessing="caffe")
    assert np.allclose(parts, whole, rtol=1e-4, atol=1e-4)
    assert np.allclose(turned[::-1], whole, rtol=1e-4, atol=1e-4)
    assert np.array_equal(x, before)
    assert all(module.training for module in network.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_grey_is_repeated_and_pooling_is_the_mean_over_space():
    network, x = squeezenet("random"), pictures(3, colours=1)
    grey = pooled_features(x, network, preprocessing="torchvision", layer=4)
    assert np.array_equal(
        grey, pooled_features(np.repeat(x, 3, axis=1), network, preprocessing="torchvision", layer=4)
    )
    maps = network.features[:5](prepared(torch.from_numpy(x), preprocessing="torchvision"))
    assert np.allclose(grey, maps.numpy().mean(axis=(2, 3)), rtol=1e-5)


@pytest.mark.parametrize(("layer", "least"), [(0, 3), (2, 5), (4, 5), (5, 9), (7, 9), (8, 17), (12, 17)])
def test_a_picture_is_enlarged_only_when_asked(layer, least):
    network = squeezenet("random")
    found = pooled_features(pictures(2, side=least), network, preprocessing="caffe", layer=layer)
    assert np.isfinite(found).all()
    small = pictures(2, side=least - 1)
    with pytest.raises(
        ValueError, match=f"layer {layer} needs pictures of at least {least} pixels .* have {least - 1}"
    ):
        pooled_features(small, network, preprocessing="caffe", layer=layer)
    again = pooled_features(small, network, preprocessing="caffe", layer=layer, resize=least)
    assert again.shape == found.shape


def test_resizing_keeps_a_flat_picture_flat_and_one_of_that_size_as_it_is():
    flat = torch.full((1, 3, 10, 14), 0.3)
    wanted = prepared(flat[..., :1, :1], preprocessing="caffe").expand(1, 3, 20, 20)
    torch.testing.assert_close(prepared(flat, preprocessing="caffe", resize=20), wanted)
    x = torch.from_numpy(pictures())
    torch.testing.assert_close(
        prepared(x, preprocessing="caffe", resize=24), prepared(x, preprocessing="caffe")
    )


def test_shrinking_does_not_see_patterns_that_are_not_there():
    board = torch.from_numpy((np.indices((1, 1, 40, 40)).sum(axis=0) % 2).astype(np.float32))
    small = prepared(board, preprocessing="torchvision", resize=15)
    grey = prepared(torch.full((1, 1, 15, 15), 0.5), preprocessing="torchvision")
    assert (small - grey).abs().max() < 0.1


def test_networks_are_read_in_evaluation_mode():
    features = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(0.5))
    network = nn.Sequential()
    network.add_module("features", features)
    network.train()
    first, second = (
        pooled_features(pictures(), network, preprocessing="caffe", layer=layer) for layer in (0, 1)
    )
    assert np.array_equal(first, second)
    assert features[1].training


def test_the_least_side_knows_padding_and_pooling_of_vgg():
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.MaxPool2d((2, 2), (2, 2))]
    assert [least_side(nn.Sequential(*layers[:count])) for count in (1, 2, 3, 4)] == [1, 1, 2, 4]
    assert least_side(nn.Sequential(Fire(3, 2, 2))) == 1


def test_gradients_reach_the_picture_but_not_the_weights():
    x = torch.from_numpy(pictures()).requires_grad_()
    network = squeezenet("random")
    network(prepared(x, preprocessing="caffe")).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(each.grad is None for each in network.parameters())


def test_random_weights_are_of_their_seed_and_of_hes_variance():
    state, again, other = (squeezenet("random", seed=seed).state_dict() for seed in (3, 3, 4))
    name = "features.12.expand3x3.weight"
    assert torch.equal(state[name], again[name])
    assert not torch.equal(state[name], other[name])
    assert state[name].std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.01)
    assert not state["features.0.bias"].any()


@pytest.mark.parametrize("kind", ["npz", "safetensors", "half"])
def test_weights_come_back_from_a_file_with_or_without_a_classifier(tmp_path, kind):
    weights = arrays(seed=5) | {"classifier.1.weight": np.ones((2, 2), np.float32)}
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.npz")
    if kind == "safetensors":
        save_file({name: torch.from_numpy(each).contiguous() for name, each in weights.items()}, path)
    else:
        np.savez(
            path,
            **{name: each.astype(np.float16 if kind == "half" else None) for name, each in weights.items()},
        )
    found = squeezenet(path).state_dict()
    for name, each in arrays(seed=5).items():
        assert found[name].dtype == torch.float32
        assert np.allclose(
            found[name].numpy(), each, rtol=1e-3 if kind == "half" else 0, atol=1e-4 if kind == "half" else 0
        )


def test_the_data_folder_is_looked_at_when_no_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSCAPE_DATA", str(tmp_path))
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"no weights at .*networks.*fetch network:squeezenet.*give"):
        squeezenet()
    (tmp_path / "networks").mkdir()
    np.savez(tmp_path / "networks" / FILE, **arrays(seed=6))
    assert torch.equal(squeezenet().features[0].weight, squeezenet("random", seed=6).features[0].weight)
    monkeypatch.delenv("ZSCAPE_DATA")
    with pytest.raises(DataError, match="no weights at"):
        squeezenet()
    (tmp_path / "cache" / "data" / "networks").mkdir(parents=True)
    np.savez(tmp_path / "cache" / "data" / "networks" / FILE, **arrays(seed=7))
    assert torch.equal(squeezenet().features[0].weight, squeezenet("random", seed=7).features[0].weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("features.0.bias"), "another network: 50 arrays .* 49 there"),
        (
            lambda weights: weights.update({"features.13.weight": np.ones(1)}),
            r"'features.13.weight' is in one",
        ),
        (
            lambda weights: weights.update({"features.0.bias": np.ones(3)}),
            r"shape \(64,\) as 'features.0.bias'",
        ),
        (lambda weights: weights["features.0.bias"].fill(np.nan), "not finite"),
        (lambda weights: weights.update({"features.0.bias": np.array([{}], dtype=object)}), "cannot be read"),
        (lambda weights: weights.update({"features.0.bias": np.array(["a"])}), "cannot be read"),
    ],
)
def test_a_file_of_other_arrays_is_refused(tmp_path, change, message):
    weights = arrays()
    change(weights)
    np.savez(tmp_path / "w.npz", **weights)
    with pytest.raises(DataError, match=message):
        squeezenet(tmp_path / "w.npz")


@pytest.mark.parametrize("name", ["w.npz", "w.safetensors", "w.pth"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not weights at all", b"\x80\x04\x95"])
def test_a_damaged_file_is_refused_and_never_unpickled(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as arrays"):
        squeezenet(tmp_path / name)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["npz", "safetensors"])
def test_a_truncated_file_is_refused(tmp_path, kind, kept):
    path = tmp_path / f"w.{kind}"
    if kind == "npz":
        np.savez(path, **arrays())
    else:
        save_file({name: torch.from_numpy(each).contiguous() for name, each in arrays().items()}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match="cannot be read as arrays"):
        squeezenet(path)


@pytest.mark.parametrize(
    ("images", "settings", "message"),
    [
        (pictures()[0], {}, "shape"),
        (pictures(colours=2), {}, r"\(N, 1 or 3, H, W\)"),
        ((pictures() * 255).astype(np.uint8), {}, "scale whole numbers"),
        (pictures() * 255, {}, r"within \[0, 1\], but these"),
        (pictures() - 0.5, {}, r"within \[0, 1\], but these"),
        (np.full((1, 1, 24, 24), np.nan), {}, "within"),
        (pictures()[:0], {}, "needs pictures, but got shape"),
        (pictures(), {"layer": 13}, "0 to 12 here, but is 13"),
        (pictures(), {"layer": -1}, "0 to 12 here, but is -1"),
        (pictures(), {"batch": 0}, "batch >= 1"),
        (pictures(), {"resize": 0}, "resize >= 1"),
        (pictures(), {"resize": 16}, "at least 17 pixels a side, but these have 16"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(images, settings, message):
    with pytest.raises(ValueError, match=message):
        pooled_features(images, squeezenet("random"), **{"preprocessing": "caffe", **settings})


def accuracy(features, labels):
    """Of a linear probe on the odd rows, trained on the even ones."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    return probe.fit(features[::2], labels[::2]).score(features[1::2], labels[1::2])


def test_trained_weights_tell_drawings_apart_better_than_the_same_weights_shuffled(shared_data, tmp_path):
    random = np.random.default_rng(0)
    with np.load(shared_data / "networks" / FILE) as archive:
        trained = {name: archive[name] for name in archive.files}
    np.savez(
        tmp_path / "w.npz",
        **{name: random.permuted(each.ravel()).reshape(each.shape) for name, each in trained.items()},
    )
    with np.load(shared_data / "bitmaps" / "quickdraw_bitmaps_28.npz") as archive:
        x = np.concatenate([archive[name][:120] for name in archive.files])[:, None]
        labels = np.repeat(np.arange(len(archive.files)), 120)
    x = (1 - x / 255).astype(np.float32)
    scores = [
        accuracy(pooled_features(x, network, preprocessing="caffe", layer=7), labels)
        for network in (squeezenet(), squeezenet(tmp_path / "w.npz"))
    ]
    # Of seven classes and 420 drawings: a standard error of 0.02.
    assert scores[0] > 0.8
    assert scores[0] > scores[1] + 0.08
