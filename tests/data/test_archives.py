import re
import zipfile

import numpy as np
import pytest

from zscape.data.archives import open_archive
from zscape.errors import DataError


def images(count=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 5, 4), dtype=np.uint8)


def save(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def whole(source):
    return np.concatenate(list(source.chunks()))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.npz"


@pytest.mark.parametrize("key", ["images", "imgs", "x", "data"])
@pytest.mark.parametrize("label", ["labels", "y"])
def test_images_and_labels_under_the_usual_names(path, key, label):
    source = open_archive(save(path, **{key: images(), label: np.arange(12) % 3}))
    assert source.shape == (12, 1, 5, 4)
    np.testing.assert_array_equal(whole(source), images()[:, None])
    np.testing.assert_array_equal(source.labels, np.arange(12) % 3)
    assert source.names == ("0", "1", "2")


def test_names_and_factors(path):
    table = np.stack([np.arange(12), np.arange(12) ** 2], axis=1)
    source = open_archive(
        save(path, images=images(), labels=np.arange(12) % 2, names=np.array(["cat", "dog"]), factors=table)
    )
    assert source.names == ("cat", "dog")
    assert source.factors["factor1"].tolist() == (np.arange(12) ** 2).tolist()
    save(path, images=images(), factors=table, factor_names=np.array(["age", "mass"]))
    assert list(open_archive(path).factors) == ["age", "mass"]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.uint8, bool, np.float32])
def test_chunks_join_to_the_whole(path, monkeypatch, order, dtype):
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 100)
    array = (images(13) > 99).astype(dtype) if dtype is not np.uint8 else images(13)
    source = open_archive(save(path, images=np.asarray(array, order=order)))
    expected = array if dtype is np.uint8 else array.astype(np.uint8) * 255
    if order == "C":
        assert len(list(source.chunks())) > 1
    np.testing.assert_array_equal(whole(source), expected[:, None])


def test_dsprites_layout_with_a_pickle_that_is_never_read(path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    bits = images() % 2
    classes = np.stack([np.zeros(12), np.arange(12) % 3, *np.arange(48).reshape(4, 12) % 5], axis=1).astype(
        int
    )
    values = classes * 0.5
    np.savez(
        path, imgs=bits, latents_classes=classes, latents_values=values, metadata=np.array(Bomb(), object)
    )
    source = open_archive(path)
    np.testing.assert_array_equal(whole(source), bits[:, None] * 255)
    assert list(source.factors) == ["shape", "scale", "orientation", "x", "y"]
    np.testing.assert_array_equal(source.factors["y"], classes[:, 5])
    np.testing.assert_array_equal(source.labels, classes[:, 1])
    assert source.names == ("square", "ellipse", "heart")
    for name, column in source.factors.items():
        np.testing.assert_array_equal(source.values[name][column], column * 0.5)


def test_dsprites_without_the_colour_column(path):
    classes = np.arange(60).reshape(12, 5) % 3
    source = open_archive(save(path, imgs=images() % 2, latents_classes=classes))
    np.testing.assert_array_equal(source.factors["shape"], classes[:, 0])


def test_dsprites_pixels_over_one_are_refused(path):
    source = open_archive(save(path, imgs=images(), latents_classes=np.zeros((12, 5), int)))
    with pytest.raises(DataError, match=r"need to be 0 or 1, but 'imgs' in .*some\.npz holds"):
        whole(source)


@pytest.mark.parametrize("key", ["latents_classes", "latents_values"])
def test_dsprites_factors_of_another_length_are_refused(path, key):
    arrays = {"latents_classes": np.zeros((12, 5), int), "latents_values": np.zeros((12, 5))}
    arrays[key] = arrays[key][:11]
    with pytest.raises(DataError, match=rf"{key} need .*some\.npz they have \(11, 5\)"):
        open_archive(save(path, imgs=images() % 2, **arrays))


def test_turntable_layout(path):
    views = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 6), dtype=np.uint8)
    source = open_archive(save(path, images=views, angles_deg=np.arange(4) * 90.0))
    np.testing.assert_array_equal(whole(source), views.reshape(12, 1, 6, 6))
    assert source.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert source.factors["angle"].tolist() == [0, 1, 2, 3] * 3
    assert source.values["angle"].tolist() == [0.0, 90.0, 180.0, 270.0]
    assert source.names == ("object 1", "object 2", "object 3")


def test_one_array_a_class(path):
    source = open_archive(save(path, dog=images(5, 1), cat=images(7, 2)))
    np.testing.assert_array_equal(whole(source), np.concatenate([images(7, 2), images(5, 1)])[:, None])
    assert source.names == ("cat", "dog")
    assert source.labels.tolist() == [0] * 7 + [1] * 5


def test_pickled_images_are_refused_and_not_run(path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    np.savez(path, images=np.array([Bomb()] * 3, object))
    with pytest.raises(
        DataError, match=r"'images' in .*some\.npz holds pickled Python objects.*save plain arrays"
    ):
        open_archive(path)
    np.savez(path, images=images(3), labels=np.array([Bomb()] * 3, object))
    with pytest.raises(
        DataError, match=r"'labels' in .*some\.npz holds pickled Python objects.*save plain arrays"
    ):
        open_archive(path)
    np.savez(path, a=np.array([Bomb()] * 3, object), b=np.array([Bomb()] * 3, object))
    with pytest.raises(DataError, match=r"some\.npz holds a \(3,\), b \(3,\); rename"):
        open_archive(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": images(), "labels": np.arange(11)},
            r"12 in all, but those of .*some\.npz have shape \(11,\)",
        ),
        (
            {"images": images(), "factors": np.zeros((11, 2))},
            r"shape \(12, F\).*some\.npz has shape \(11, 2\)",
        ),
        ({"images": images(), "factors": np.full((12, 1), np.nan)}, "factor 'factor0' of .* finite numbers"),
        ({"images": images(), "factors": np.ones((12, 1)), "factor_names": np.array(["a", "b"])}, "names 2"),
        ({"pictures": images()}, r"holds pictures \(12, 5, 4\); rename the array of images to 'images'"),
        ({"images": np.zeros((3, 4))}, r"'images' in .*some\.npz has \(3, 4\); reshape"),
        ({"images": images().astype(np.int32)}, r"'images' in .*some\.npz is int32; convert"),
        ({}, "holds nothing"),
    ],
)
def test_archives_that_cannot_be_understood_are_refused(path, arrays, message):
    with pytest.raises(DataError, match=message):
        open_archive(save(path, **arrays))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((3, 4, 4), np.nan), r"'images' in .*some\.npz holds values that are not finite"),
        (np.full((3, 4, 4), 1.5), r"in \[0, 1\], but 'images' in .*some\.npz spans 1.5 to 1.5; rescale"),
        (images() % 2, r"'images' in .*some\.npz holds only 0 and 1"),
    ],
)
def test_pixels_that_cannot_be_are_refused(path, array, message):
    with pytest.raises(DataError, match=message):
        whole(open_archive(save(path, images=array)))


def test_a_truncated_archive_is_refused(path):
    save(path, images=images())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"some\.npz is a damaged \.npz archive.*make or copy it again"):
        open_archive(path)


def test_a_damaged_member_is_refused(path):
    np.savez(path, images=images(200))
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"some\.npz is a damaged"):
        whole(open_archive(path))


@pytest.mark.parametrize("save_as", [np.savez, np.savez_compressed])
def test_a_wrong_checksum_is_refused(path, monkeypatch, save_as):
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 100)
    save_as(path, images=images(13))
    with zipfile.ZipFile(path) as archive:
        checksum = archive.getinfo("images.npy").CRC.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(checksum, b"oops"))
    with pytest.raises(DataError, match=r"some\.npz is a damaged .*CRC"):
        whole(open_archive(path))


def test_damaged_headers_are_refused_before_memory_is_asked_for(path):
    save(path, images=images())
    with zipfile.ZipFile(path) as archive:
        member = archive.read("images.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", member.replace(b"(12, 5, 4)", b"(999999999"))
    with pytest.raises(DataError, match=r"some\.npz is a damaged"):
        open_archive(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", member.replace(b"(12, 5, 4)", b"(99, 5, 4)"))
    with pytest.raises(DataError, match=r"'images' in .*some\.npz is not as long as its header says"):
        open_archive(path)


@pytest.mark.parametrize("content", [b"", b"not a zip at all"])
def test_what_is_no_archive_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"some\.npz is a damaged \.npz archive, or none"):
        open_archive(path)


def with_column(column, values, dtype=float):
    classes = (np.arange(60).reshape(12, 5) % 3).astype(dtype)
    classes[:, column] = values
    return classes


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (with_column(1, -1), r"whole numbers in 0\.\.65535.* scale spans -1 to -1"),
        (with_column(4, 2**40), r"whole numbers in 0\.\.65535.* y spans 1\.1e\+12 to 1\.1e\+12"),
        (with_column(0, 7), r"whole numbers in 0\.\.2.* shape spans 7 to 7"),
        (with_column(2, np.nan), r"whole numbers in 0\.\.65535.* orientation spans nan to nan"),
        (with_column(2, 0.5), r"whole numbers in 0\.\.65535.* orientation spans 0\.5 to 0\.5"),
        (with_column(2, "a", "U1"), r"need numbers, but .*<U1"),
    ],
)
def test_dsprites_classes_that_cannot_be_are_refused(path, classes, message):
    save(path, imgs=images() % 2, latents_classes=classes)
    with pytest.raises(DataError, match=r"'latents_classes' in .*some\.npz") as caught:
        open_archive(path)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize("values", [np.full((12, 5), "a"), np.full((12, 5), 1j)])
def test_dsprites_values_that_are_no_numbers_are_refused(path, values):
    save(path, imgs=images() % 2, latents_classes=with_column(0, 0, int), latents_values=values)
    with pytest.raises(DataError, match=r"'latents_values' in .*some\.npz need numbers"):
        open_archive(path)


@pytest.mark.parametrize("name", ["images", "labels"])
def test_negative_dimensions_are_refused(path, name):
    save(path, images=images(), labels=np.arange(12))
    with zipfile.ZipFile(path) as archive:
        members = {info: archive.read(info) for info in archive.namelist()}
    turned = {b"(12, 5, 4)": b"(12,-5,-4)", b"(12,)": b"(-1,)"}
    for old, new in turned.items():
        members[f"{name}.npy"] = members[f"{name}.npy"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    with pytest.raises(DataError, match=rf"'{name}' in .*some\.npz has a header of shape \(-?1.*again"):
        open_archive(path)


def test_equal_factor_names_are_refused(path):
    save(path, images=images(), factors=np.ones((12, 3)), factor_names=np.array(["a", "b", "a"]))
    with pytest.raises(DataError, match=r"some\.npz .*two factors 'a'.*rename one"):
        open_archive(path)


def test_bytes_name_as_strings_do(path):
    save(
        path,
        images=images(),
        labels=np.arange(12) % 2,
        names=np.array([b"cat", "élan".encode()]),
        factors=np.ones((12, 1)),
        factor_names=np.array([b"age"]),
    )
    source = open_archive(path)
    assert source.names == ("cat", "élan")
    assert list(source.factors) == ["age"]
    save(path, images=images(), labels=np.arange(12) % 2, names=np.array([b"cat", b"\xff"]))
    with pytest.raises(DataError, match=r"'names' in .*some\.npz are not UTF-8.*save them as strings"):
        open_archive(path)
