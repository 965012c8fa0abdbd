"""Readers of features against plain passes, whatever the batch, and what they refuse."""

import hashlib
import logging

import numpy as np
import pytest
import torch

from zscape.errors import DataError
from zscape.model import feature_errors, feature_reader, perception, squeezenet, style_layers, vgg16
from zscape.model.features import prepared

LAYERS = ["relu1_2", "conv1_1", "pool1"]


def pictures(count=5, colours=3, side=12):
    return torch.rand(count, colours, side, side, generator=torch.Generator().manual_seed(count))


@pytest.fixture(scope="module")
def reader():
    return feature_reader("vgg16", weights="random", layers=LAYERS)


def test_features_are_those_of_a_plain_pass_in_the_order_asked_for(reader):
    x = pictures()
    layers = vgg16("random").features
    expected = [layers[: last + 1](prepared(x, preprocessing="torchvision")) for last in (3, 0, 4)]
    for found, wanted in zip(reader.read(x), expected, strict=True):
        # Positions first and channels last.
        torch.testing.assert_close(found.unflatten(1, (-1, 64)), wanted.flatten(2).mT, rtol=1e-4, atol=1e-4)


def test_a_network_ends_with_the_last_layer_that_is_read():
    reader = feature_reader("squeezenet", weights="random", layers=["fire3", "relu1"])
    assert len(reader.network.features) == 5
    x = pictures(side=20)
    whole = squeezenet("random").features[:5](prepared(x, preprocessing="torchvision"))
    torch.testing.assert_close(reader.read(x)[0], whole.permute(0, 2, 3, 1).flatten(1))


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("network", ["vgg16", "squeezenet"])
def test_features_of_a_picture_are_the_same_bits_whatever_the_batch(network, bf16):
    reader = feature_reader(network, weights="random", bf16=bf16)
    x = pictures(21, colours=1, side=20)
    whole = reader.read_alone(x)
    order = torch.randperm(21)
    for rows in (order[:5], order[3:20], order[-1:]):
        found = reader.read_alone(x[rows])
        assert all(torch.equal(part, every[rows]) for part, every in zip(found, whole, strict=True))
    assert not any(part.requires_grad for part in reader.read_alone(x[:2].requires_grad_()))


def test_bfloat16_is_near_float32_and_back_in_float32_for_errors():
    single, half = (feature_reader("vgg16", weights="random", bf16=bf16) for bf16 in (False, True))
    x, other = pictures(4, side=32), pictures(4, side=32).flip(0)
    assert {part.dtype for part in half.read(x)} == {torch.bfloat16}
    errors = [feature_errors(each.read(x), each.read(other)) for each in (single, half)]
    assert errors[1].dtype == torch.float32
    assert not torch.equal(*errors)
    torch.testing.assert_close(errors[1], errors[0], rtol=0.02, atol=0)


def test_networks_follow_the_type_of_pictures_and_come_back_as_they_were(reader):
    x = pictures()
    before = reader.read(x)
    double = reader.read(x.double())
    assert {part.dtype for part in double} == {torch.float64}
    assert all(torch.equal(old, new) for old, new in zip(before, reader.read(x), strict=True))
    torch.testing.assert_close(before[0], double[0].float(), rtol=1e-4, atol=1e-5)


def test_errors_are_the_formula():
    wanted = [torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[2.0], [0.0]])]
    found = [torch.tensor([[3.0, 2.0], [1.0, 1.0]]), torch.tensor([[1.0], [0.0]])]
    plain = feature_errors(wanted, found, relative=False)
    assert plain.tolist() == [(2.0 + 1.0) / 2, 0.0]
    relative = feature_errors(wanted, found, layer_weights=[10.0, 1.0])
    assert relative.tolist() == pytest.approx([10 * 4 / 25 + 1 / 4, 0.0], rel=1e-5)
    with pytest.raises(ValueError, match="one number a layer, 2, but are 1"):
        feature_errors(wanted, found, layer_weights=[1.0])


def test_features_that_are_all_lost_are_an_error_of_1(reader):
    wanted = reader.read(pictures())
    lost = feature_errors(wanted, [torch.zeros_like(part) for part in wanted])
    torch.testing.assert_close(lost, torch.ones(5), rtol=1e-4, atol=0)


def test_random_weights_are_told_once_and_noted(caplog):
    perception._warn_of_random_weights.cache_clear()
    with caplog.at_level(logging.WARNING, logger="zscape"):
        for _ in range(2):
            reader = feature_reader("vgg16", weights="random", layers=["relu1_1"])
    assert caplog.text.count("vgg16 has random weights, as asked") == 1
    assert reader.settings["weights"] == "random"
    assert reader.settings["sha256"] is None
    assert "random weights" in reader.description


def test_settings_name_the_content_of_the_file_and_another_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "own.npz"
    state = vgg16("random", through="relu1_1", seed=4).state_dict()
    np.savez(path, **{name: each.numpy() for name, each in state.items()})
    monkeypatch.chdir(tmp_path)
    reader = feature_reader("vgg16", weights="own.npz", layers=["relu1_1"], preprocessing="caffe", resize=9)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert reader.settings == {
        "network": "vgg16",
        "weights": str(path),
        "layers": ["relu1_1"],
        "preprocessing": "caffe",
        "resize": 9,
        "bf16": False,
        "sha256": digest,
    }
    assert f"own.npz (sha256 {digest[:8]})" in reader.description
    assert "resized to 9" in reader.description
    assert reader.read(pictures())[0].shape == (5, 64 * 81)
    again = feature_reader(**reader.settings)
    assert again.settings == reader.settings
    np.savez(path, **{name: each.numpy() + 1 for name, each in state.items()})
    with pytest.raises(DataError, match=r"are needed, as used before, but those at .*own.npz are others"):
        feature_reader(**reader.settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ["relu3"]}, "no layer 'relu3'"),
        ({"layers": []}, "one or more, each once"),
        ({"layers": ["relu1_1", "relu1_1"]}, "one or more, each once"),
        ({"resize": 0}, "resize needs to be at least 1"),
    ],
)
def test_what_there_is_not_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        feature_reader(**{"network": "vgg16", "weights": "random", **settings})


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
def test_weights_of_layers_are_finite_and_not_below_zero(weight):
    with pytest.raises(ValueError, match="layer_weights need to be finite and >= 0"):
        feature_errors([torch.ones(1, 2)], [torch.zeros(1, 2)], layer_weights=[weight])


def test_a_file_of_unknown_training_needs_its_preprocessing(tmp_path):
    state = vgg16("random", through="relu1_1").state_dict()
    np.savez(tmp_path / "own.npz", **{name: each.numpy() for name, each in state.items()})
    with pytest.raises(ValueError, match="trained with is not known; give preprocessing"):
        feature_reader("vgg16", weights=tmp_path / "own.npz", layers=["relu1_1"])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(3, 12, 12), "shape"),
        (torch.rand(2, 2, 12, 12), r"\(B, 1 or 3, H, W\)"),
        (torch.rand(0, 1, 12, 12), "shape"),
        (torch.zeros(1, 1, 12, 12, dtype=torch.uint8), "floats"),
        (
            torch.rand(1, 1, 12, 1),
            r"pool1 needs pictures of at least 2 pixels a side, but these have 1; give re",
        ),
    ],
)
def test_what_are_no_pictures_is_refused(reader, x, message):
    for read in (reader.read, reader.read_alone):
        with pytest.raises(ValueError, match=message):
            read(x)


def test_layers_of_style_are_the_first_of_each_block_that_a_file_reaches(tmp_path):
    assert style_layers("squeezenet", weights="random") == ("relu1", "fire2", "fire4", "fire6")
    path = tmp_path / "own.npz"
    state = vgg16("random", through="relu2_2").state_dict()
    np.savez(path, **{name: each.numpy() for name, each in state.items()})
    assert style_layers("vgg16", weights=path) == ("relu1_1", "relu2_1")
    unchecked = getattr(style_layers, "__wrapped__", style_layers)
    with pytest.raises(ValueError, match="no feature network 'vgg'"):
        unchecked("vgg")


def test_bfloat16_begins_after_the_first_layer():
    """A picture of one colour: rounding before it shifts every feature by as much."""
    single, half = (
        feature_reader("vgg16", weights="random", layers=["relu1_1"], bf16=bf16) for bf16 in (False, True)
    )
    x = torch.full((1, 3, 8, 8), 0.4567)
    assert torch.equal(half.read(x)[0], single.read(x)[0].bfloat16())
    # What it was made with is not lost by reading.
    assert torch.equal(half.read(x.double())[0], single.read(x.double())[0].bfloat16())
