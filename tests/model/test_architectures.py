"""VGG against its published table, names of layers, and files of weights: short, damaged, malicious."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from zscape.errors import DataError
from zscape.model import layer_names, pooled_features, squeezenet, vgg16, vgg19
from zscape.model.weights import located, preprocessing_of

SHORT = "vgg19_conv1_1_to_conv3_4_fp16.npz"
# Of torchvision's networks: the numbers of their convolutions.
CONVOLUTIONS = {
    vgg16: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    vgg19: (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}


def arrays(make=vgg16, through="relu2_1", seed=0):
    return {
        name: each.clone() for name, each in make("random", through=through, seed=seed).state_dict().items()
    }


def write(path, weights, kind):
    if kind == "npz":
        np.savez(path, **{name: each.numpy() for name, each in weights.items()})
    elif kind == "safetensors":
        save_file({name: each.contiguous() for name, each in weights.items()}, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "pth")
    return path


@pytest.mark.parametrize(
    ("make", "table"),
    [
        (vgg16, "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M"),
        (vgg19, "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M"),
    ],
)
def test_vgg_is_its_published_table(make, table):
    network = make("random", seed=1)
    weights = iter(list(network.state_dict().values()))
    expected = x = torch.rand(2, 3, 33, 32) * 4 - 2
    for part in table.split():
        if part == "M":
            expected = functional.max_pool2d(expected, 2)
        else:
            weight, bias = next(weights), next(weights)
            assert len(weight) == int(part)
            expected = functional.conv2d(expected, weight, bias, padding=1).clamp(min=0)
    assert next(weights, None) is None
    found = network(x)
    assert found.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("make", "count"), [(vgg16, 14_714_688), (vgg19, 20_024_384)])
def test_keys_are_those_of_torchvision_and_parameters_as_many(make, count):
    network = make("random")
    wanted = {f"features.{number}.{kind}" for number in CONVOLUTIONS[make] for kind in ("weight", "bias")}
    assert set(network.state_dict()) == wanted
    # 138,357,544 and 143,667,240 in all, of which the classifier has 123,642,856.
    assert sum(each.numel() for each in network.parameters()) == count
    assert not any(each.requires_grad for each in network.parameters())
    assert not any(module.training for module in network.modules())


def test_layers_have_the_names_that_papers_use_at_the_numbers_of_torchvision():
    names = layer_names(vgg16("random"))
    assert [names.index(f"relu{layer}") for layer in ("1_2", "2_2", "3_3", "4_3", "5_3")] == [
        3,
        8,
        15,
        22,
        29,
    ]
    assert [names.index(f"pool{block}") for block in range(1, 6)] == [4, 9, 16, 23, 30]
    names = layer_names(vgg19("random"))
    assert [names.index(f"conv{block}_1") for block in range(1, 6)] == [0, 5, 10, 19, 28]
    assert names.index("relu3_4") == 17
    assert names[-1] == "pool5"
    expected = "conv1 relu1 pool1 fire2 fire3 pool3 fire4 fire5 pool5 fire6 fire7 fire8 fire9"
    assert " ".join(layer_names(squeezenet("random"))) == expected
    own = nn.Sequential()
    own.add_module("features", nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(), nn.ReLU()))
    assert layer_names(own) == ("conv1_1", "1", "relu1_1")


def test_a_layer_may_be_named_where_a_number_would_do():
    network, x = vgg16("random", through="relu2_1"), np.random.default_rng(0).random((3, 3, 8, 8))
    named, numbered = (
        pooled_features(x, network, preprocessing="caffe", layer=layer) for layer in ("relu1_2", 3)
    )
    assert np.array_equal(named, numbered)
    with pytest.raises(ValueError, match=r"no layer 'relu2_2': did you mean 'relu2_1'"):
        pooled_features(x, network, preprocessing="caffe", layer="relu2_2")


@pytest.mark.parametrize("kind", ["npz", "safetensors", "pth", "old.pth"])
def test_weights_come_back_from_every_kind_of_file_with_or_without_a_classifier(tmp_path, kind):
    weights = arrays(seed=5)
    path = write(tmp_path / f"w.{kind}", weights | {"classifier.0.weight": torch.ones(2, 2)}, kind)
    network = vgg16(path)
    assert layer_names(network)[-1] == "relu2_1"
    found = network.state_dict()
    assert all(torch.equal(found[name], each) for name, each in weights.items())
    path.unlink()
    assert network(torch.ones(1, 3, 8, 8)).isfinite().all()


def test_half_precision_becomes_single(tmp_path):
    weights = arrays()
    path = write(tmp_path / "w.npz", {name: each.half() for name, each in weights.items()}, "npz")
    found = vgg16(path).state_dict()
    assert all(each.dtype == torch.float32 for each in found.values())
    assert all(torch.equal(found[name], each.half().float()) for name, each in weights.items())


def test_a_file_that_ends_early_gives_a_network_that_ends_early(tmp_path):
    path = write(tmp_path / "w.npz", arrays(vgg19, "conv2_2"), "npz")
    assert layer_names(vgg19(path))[-1] == "relu2_2"
    # Pooling has no weights, so it is there when asked for.
    for through in ("conv1_1", "relu1_2", "conv2_2", "pool2"):
        assert layer_names(vgg19(path, through=through))[-1] == through
    with pytest.raises(
        DataError, match=r"weights through pool2 only, not through conv3_1.*fetch network:vgg19"
    ):
        vgg19(path, through="conv3_1")
    with pytest.raises(ValueError, match="no layer 'relu6_1'"):
        vgg19(path, through="relu6_1")


def test_layers_after_the_last_one_asked_for_may_hold_anything(tmp_path):
    weights = arrays(through="relu2_1")
    weights["features.5.weight"] = torch.full((1,), torch.nan)
    path = write(tmp_path / "w.npz", weights, "npz")
    assert layer_names(vgg16(path, through="pool1"))[-1] == "pool1"
    with pytest.raises(DataError, match=r"'features.5.weight'"):
        vgg16(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("features.0.bias"), "'features.0.bias' is in one of both only"),
        (lambda w: w.update({"features.1.weight": torch.ones(1)}), "'features.1.weight' is in one"),
        (lambda w: w.update({"features.2.bias": torch.ones(3)}), r"shape \(64,\) as 'features.2.bias'"),
        (lambda w: w.update({"features.2.bias": torch.full((64,), torch.inf)}), "not finite"),
        (lambda w: w.update({"features.2.bias": torch.ones(64, dtype=torch.int64)}), "finite floats"),
        (lambda w: w.clear(), "26 arrays are needed and 0 there"),
    ],
)
@pytest.mark.parametrize("kind", ["npz", "pth"])
def test_a_file_of_other_arrays_is_refused(tmp_path, kind, change, message):
    weights = arrays()
    change(weights)
    with pytest.raises(DataError, match=message):
        vgg16(write(tmp_path / f"w.{kind}", weights, kind))


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["pth", "old.pth", "pickle"])
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path, kind):
    path, touched = tmp_path / "w.pth", tmp_path / "touched"
    if kind == "pickle":
        path.write_bytes(pickle.dumps({"features.0.weight": Touch(touched)}))
    else:
        write(path, {"features.0.weight": Touch(touched)}, kind)
    with pytest.raises(DataError, match="cannot be read as arrays"):
        vgg16(path)
    assert not touched.exists()


@pytest.mark.parametrize("content", [[1, 2], {"features.0.weight": "text"}, torch.ones(3)])
def test_a_file_of_something_else_than_tensors_by_name_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(DataError, match="something else than tensors by name"):
        vgg16(tmp_path / "w.pth")


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["pth", "old.pth"])
def test_a_truncated_file_is_refused(tmp_path, kind, kept):
    path = write(tmp_path / "w.pth", arrays(), kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match="cannot be read as arrays"):
        vgg16(path)


@pytest.mark.parametrize("kind", ["pth", "old.pth"])
def test_damage_anywhere_is_a_data_error_or_harmless(tmp_path, kind):
    weights = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    content = write(tmp_path / "w.pth", weights, kind).read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        damaged[random.integers(len(damaged) // 8)] ^= 1 << random.integers(8)
        (tmp_path / "w.pth").write_bytes(damaged)
        try:
            vgg16(tmp_path / "w.pth", through="relu1_1")
        except DataError:
            refused += 1
    assert refused > 0


def test_files_are_known_by_name_and_found_in_the_order_of_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSCAPE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    late = tmp_path / "cache" / "data" / "networks" / "vgg19-dcbb9e9d.pth"
    early = tmp_path / "data" / "networks" / SHORT
    with pytest.raises(DataError, match=r"dcbb9e9d.*fetch network:vgg19"):
        located("vgg19")
    for path, content in ((late, b"late"), (early, b"early")):
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    assert located("vgg19") == early
    assert preprocessing_of("vgg19", early) == "caffe"
    assert preprocessing_of("vgg19", late) == "torchvision"
    assert preprocessing_of("vgg19", tmp_path / "own.npz") is None
    # Whichever has the content that was used before.
    digest = "f1a04b8baf4347f9b3de39b9ba0fd0a4d8d7e3e3ac2ecd0a6f7a8d1a43c0c6fd"
    with pytest.raises(DataError, match=r"sha256 f1a04b8baf43\.\.\. are needed"):
        located("vgg19", sha256=digest)
    assert located("vgg19", sha256=hashlib.sha256(b"late").hexdigest()) == late


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:Sparse")
@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("features.0.bias", lambda: torch.zeros(64).to_sparse(), "sparse, nested or without numbers"),
        ("features.0.bias", lambda: torch.zeros(64, device="meta"), "sparse, nested or without numbers"),
        ("features.0.bias", lambda: torch.nested.nested_tensor([torch.zeros(3)]), "sparse, nested"),
        ("features.²", lambda: torch.zeros(1), "another network"),
        ("features.².weight", lambda: torch.zeros(1), "another network"),
        (f"features.{'1' * 5000}.weight", lambda: torch.zeros(1), "another network"),
    ],
)
def test_strange_tensors_and_names_are_refused(tmp_path, name, make, message):
    torch.save({**squeezenet("random").state_dict(), name: make()}, tmp_path / "odd.pth")
    with pytest.raises(DataError, match=message):
        squeezenet(tmp_path / "odd.pth")


def test_floats_of_eight_bits_are_weights(tmp_path):
    state = squeezenet("random").state_dict()
    state["features.0.bias"] = torch.ones(64).to(torch.float8_e4m3fn)
    torch.save(state, tmp_path / "small.pth")
    assert squeezenet(tmp_path / "small.pth").state_dict()["features.0.bias"].unique().tolist() == [1.0]


def test_the_short_vgg19_of_the_data_folder(shared_data):
    network = vgg19(shared_data / "networks" / SHORT)
    assert layer_names(network)[-1] == "relu3_4"
    grey = np.linspace(0, 1, 3 * 32 * 32).reshape(3, 1, 32, 32)
    features = pooled_features(grey, network, preprocessing="caffe")
    assert features.shape == (3, 256)
    assert 1 < features.mean() < 10_000


@pytest.mark.parametrize("network", [squeezenet, vgg16, vgg19])
def test_a_network_that_ends_early_names_its_layers_as_the_whole_one_does(network):
    names = layer_names(network("random"))
    for number, last in enumerate(names[:6], 1):
        assert layer_names(network("random", through=last)) == names[:number]
