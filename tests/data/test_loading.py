import json
import time

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from zscape.base import Data
from zscape.data import load, sprites
from zscape.data.pixels import fitted
from zscape.errors import DataError


def write_folder(folder, count=8, side=12):
    for number in range(count):
        place = folder / ("a" if number % 2 else "b")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (side, side + 2, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def same(first, second):
    return (
        first.fingerprint == second.fingerprint
        and torch.equal(first.images, second.images)
        and first.names == second.names
        and first.splits.keys() == second.splits.keys()
        and all(np.array_equal(rows, second.splits[name]) for name, rows in first.splits.items())
    )


def test_digits_are_scikit_learns_over_the_whole_range():
    data = load("digits")
    bunch = load_digits()
    x, y = data.batch(torch.arange(len(data)), "cpu")
    assert isinstance(data, Data)
    np.testing.assert_allclose(x[:, 0].numpy(), bunch.images / 16, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(y.numpy(), bunch.target)
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)


def test_the_spec_is_json_and_loads_the_same_data(tmp_path, monkeypatch):
    np.savez(
        tmp_path / "some.npz", images=np.random.default_rng(0).random((30, 9, 9)), labels=np.arange(30) % 3
    )
    write_folder(tmp_path / "pictures")
    (tmp_path / "labels.csv").write_text(
        "file,label\n" + "".join(f"a/{n}.png,{n % 4}\n" for n in (1, 3, 5, 7))
    )
    monkeypatch.chdir(tmp_path)
    for name, options in (
        ("digits", {"size": 16, "grey": False, "seed": 4}),
        ("sprites:size=16,scales=2,orientations=3,positions=2", {"fractions": (0.5, 0.25, 0.25)}),
        ("some.npz", {"size": 5, "budget_gib": 0.0}),
        ("pictures", {"size": 8, "grey": True}),
        ("pictures", {"size": 8, "labels": "labels.csv"}),
    ):
        data = load(name, **options)
        spec = json.loads(json.dumps(data.to_spec()))
        monkeypatch.chdir("/")
        assert same(data, load(**spec))
        monkeypatch.chdir(tmp_path)


def test_size_and_colour_apply_to_every_kind():
    data = load("digits", size=28, grey=False)
    assert data.shape == (3, 28, 28)
    assert load("sprites:scales=1,orientations=1,positions=2", size=20).shape == (1, 20, 20)


def test_sprites_come_by_call_and_by_name():
    data = sprites(size=16, scales=2, orientations=3, positions=2, seed=3)
    assert data.to_spec()["name"] == "sprites:size=16,scales=2,orientations=3,positions=2"
    assert same(data, load(**data.to_spec()))
    assert data.values["scale"].tolist() == [0.5, 1.0]
    assert data.factors["scale"].dtype == np.int64
    np.testing.assert_array_equal(data.labels, data.factors["shape"])


def test_default_sprites_load_in_seconds():
    start = time.perf_counter()
    data = load("sprites")
    assert time.perf_counter() - start < 10
    assert data.shape == (1, 64, 64)
    assert len(data) == 3 * 6 * 9 * 8 * 8


def test_over_the_budget_data_is_mapped_and_equal(tmp_path, cache):
    np.savez_compressed(tmp_path / "some.npz", images=np.random.default_rng(0).random((40, 3, 9, 9)))
    held = load(tmp_path / "some.npz")
    assert not (cache / "prepared").exists()
    mapped = load(tmp_path / "some.npz", budget_gib=1e-6)
    assert same(held, mapped)
    assert [path.name.startswith("some-") for path in (cache / "prepared").iterdir()] == [True]
    index = torch.tensor([5, 2, 39])
    assert torch.equal(held.batch(index, "cpu")[0], mapped.batch(index, "cpu")[0])


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise RuntimeError('unpickled')",)


def test_all_of_dsprites_has_five_factors_and_is_mapped_once(tmp_path, cache):
    # The published archive in little: every combination, six columns, a pickled dictionary, 0 and 1.
    counts = {"shape": 3, "scale": 6, "orientation": 4, "x": 8, "y": 8}
    classes = np.indices((1, *counts.values())).reshape(6, -1).T
    path = tmp_path / "dsprites" / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
    path.parent.mkdir()
    pictures = (np.random.default_rng(0).random((len(classes), 8, 8)) < 0.3).astype(np.uint8)
    np.savez_compressed(
        path,
        metadata=np.array(Bomb(), dtype=object),
        imgs=pictures,
        latents_classes=classes,
        latents_values=classes.astype(float),
    )
    data = load("dsprites", data_dir=tmp_path, budget_gib=0.0)
    assert {name: int(column.max()) + 1 for name, column in data.factors.items()} == counts
    assert len({tuple(row) for row in np.stack(list(data.factors.values()), axis=1).tolist()}) == len(data)
    np.testing.assert_array_equal(data.images[:, 0].numpy(), pictures * 255)
    (file,) = (cache / "prepared").glob("*.npy")
    assert file.stat().st_size == pictures.size + 128
    # The images are that file and no copy of it.
    with file.open("r+b") as opened:
        opened.seek(-1, 2)
        opened.write(b"\x7b")
    assert int(data.images[-1, 0, -1, -1]) == 0x7B


def test_a_folder_is_decoded_once(tmp_path, monkeypatch, cache):
    folder = write_folder(tmp_path / "pictures")
    first = load(folder, size=8)
    assert len(list((cache / "prepared").iterdir())) == 1

    def never(*_, **__):
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr("zscape.data.folder.read_picture", never)
        assert same(first, load(folder, size=8, seed=0))
        assert load(folder, size=8, seed=1).fingerprint == first.fingerprint
    load(folder, size=6)
    Image.fromarray(np.zeros((12, 14, 3), dtype=np.uint8)).save(folder / "a" / "1.png")
    assert load(folder, size=8).fingerprint != first.fingerprint
    assert len(list((cache / "prepared").iterdir())) == 3


def test_bad_requests_are_refused(tmp_path):
    with pytest.raises(ValueError, match="budget_gib needs to be at least 0, but got -1"):
        load("digits", budget_gib=-1.0)
    with pytest.raises(ValueError, match="three positive numbers"):
        load("digits", fractions=(0.5, 0.5))
    with pytest.raises(ValueError, match="size needs to be at least 1 pixel"):
        load("digits", size=0)
    with pytest.raises(
        DataError, match="goes with a folder of pictures, and digits is none; leave labels out"
    ):
        load("digits", labels="a.csv")
    (tmp_path / "a.mp4").touch()
    with pytest.raises(
        DataError, match=r"a\.mp4 is of no kind that zscape reads; needed is an \.npz archive"
    ):
        load(tmp_path / "a.mp4")


@pytest.mark.parametrize("count", [0, 1])
def test_no_or_one_image_is_refused_with_the_file(tmp_path, count):
    np.savez(tmp_path / "few.npz", images=np.zeros((count, 4, 4), dtype=np.uint8))
    with pytest.raises(DataError, match=rf"at least 3 images.*few\.npz holds {count}; add images"):
        load(tmp_path / "few.npz")


def test_mnist_has_its_published_test_split(shared_data):
    data = load("mnist", data_dir=shared_data)
    assert data.images.shape == (70000, 1, 28, 28)
    np.testing.assert_array_equal(data.splits["test"], np.arange(60000, 70000))
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.labels[60000:60003].tolist() == [7, 2, 1]
    assert round(float(data.images[:60000].double().mean()) / 255, 4) == 0.1307
    share = np.bincount(data.labels[:60000]) / 60000
    assert np.abs(np.bincount(data.labels[data.splits["validation"]]) - share * 6667).max() < 2


def test_dsprites_factors_match_its_pictures(shared_data):
    data = load("dsprites-thinned", data_dir=shared_data)
    assert [len(data.values[name]) for name in ("shape", "scale", "orientation", "x", "y")] == [
        3,
        6,
        10,
        16,
        16,
    ]
    rows = torch.arange(0, len(data), 37)
    x, _ = data.batch(rows, "cpu")
    assert set(x.unique().tolist()) == {0.0, 1.0}
    pixel = torch.arange(64.0)
    mass = x.sum(dim=(1, 2, 3))
    for name, axis in (("x", 2), ("y", 3)):
        centre = ((x.sum(dim=axis)[:, 0] * pixel).sum(dim=1) / mass).numpy()
        assert np.corrcoef(centre, data.values[name][data.factors[name][rows]])[0, 1] > 0.99


def test_coil20_is_a_turntable(shared_data):
    data = load("coil20", data_dir=shared_data)
    assert data.shape == (1, 64, 64)
    np.testing.assert_array_equal(np.bincount(data.labels), np.full(20, 72))
    assert data.values["angle"][data.factors["angle"][71]] == 355.0


def test_paintings_use_their_test_folder(shared_data):
    data = load("paintings", data_dir=shared_data, size=32)
    assert data.shape == (3, 32, 32)
    assert data.names == ("baroque", "expressionism", "impressionism", "romanticism")
    np.testing.assert_array_equal(np.bincount(data.labels[data.splits["test"]]), np.full(4, 100))
    assert sum(map(len, data.splits.values())) == 3600


def test_sizes_beyond_reason_are_refused():
    for name in ("digits", "sprites"):
        with pytest.raises(
            ValueError, match=r"at most 8192|<= 8192 pixels, but got 100000; choose a smaller"
        ):
            load(name, size=100_000)
    with pytest.raises(ValueError, match=r"at most 10000000 images, but .* make 583200000000"):
        load("sprites:positions=60000")


def test_small_images_are_enlarged_a_few_at_a_time(monkeypatch):
    whole = load("digits", size=16)
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 16 * 16 * 100)
    rows = []

    def noted(images, size, grey):
        rows.append(len(images))
        return fitted(images, size, grey)

    monkeypatch.setattr("zscape.data.loading.fitted", noted)
    assert same(whole, load("digits", size=16))
    assert rows == [100] * 17 + [97]


def test_paths_that_cannot_be_looked_at_are_refused(tmp_path):
    folder = write_folder(tmp_path / "pictures")
    long, user = "x" * 5000, "~nobody-of-that-name/x"
    for options in ({"name": f"{long}/a.npz"}, {"name": "mnist", "data_dir": long}):
        with pytest.raises(DataError, match=r"x cannot be looked at \(File name too long\)|check the path"):
            load(**options)
    for options in (
        {"name": user},
        {"name": "mnist", "data_dir": user},
        {"name": "digits", "data_dir": user},
        {"name": str(folder), "size": 8, "labels": user},
    ):
        with pytest.raises(DataError, match=f"{user} names a home folder that is not known; write the path"):
            load(**options)
