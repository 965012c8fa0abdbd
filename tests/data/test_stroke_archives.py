"""Archives of sketch-rnn in both layouts, whole and broken."""

import os
import zipfile

import numpy as np
import pytest

from data.drawn import of_objects, sketches, write_archive
from zscape.data.stroke_archives import check_archive, holds_drawings, open_stroke_archive
from zscape.errors import DataError


@pytest.mark.parametrize("protocol", [2, 4])
def test_prescribed_splits(tmp_path, protocol):
    path = write_archive(
        tmp_path / "cat.npz",
        protocol=protocol,
        train=sketches(5),
        valid=sketches(2, seed=1),
        test=sketches(3, seed=2),
    )
    found = open_stroke_archive(path)
    assert found.category is None
    assert found.split.tolist() == ["train"] * 5 + ["validation"] * 2 + ["test"] * 3
    for before, after in zip([*sketches(5), *sketches(2, seed=1)], found.sketches, strict=False):
        assert np.array_equal(before, after)


def test_an_array_a_category(tmp_path):
    found = open_stroke_archive(write_archive(tmp_path / "two.npz", owl=sketches(3), cat=sketches(2)))
    assert found.split is None
    assert found.category.tolist() == ["owl"] * 3 + ["cat"] * 2


def test_what_numpy_itself_writes(tmp_path):
    path = tmp_path / "plain.npz"
    same = [np.ones((4, 3), dtype=np.int16)] * 3
    # numpy makes one block of drawings of one length.
    np.savez_compressed(
        path, train=of_objects(sketches(4)), valid=np.array(same), test=of_objects(sketches(2))
    )
    assert holds_drawings(path)
    assert len(open_stroke_archive(path)) == 9


def test_archives_of_images_hold_no_drawings(tmp_path):
    np.savez(tmp_path / "images.npz", images=np.zeros((3, 8, 8), np.uint8), meta=np.array({"a": 1}, object))
    np.savez(tmp_path / "classes.npz", cat=np.zeros((3, 8, 8), np.uint8), dog=np.zeros((3, 8, 8), np.uint8))
    (tmp_path / "none.npz").write_bytes(b"no archive")
    assert not any(holds_drawings(path) for path in tmp_path.iterdir())


class Bomb:
    def __reduce__(self):
        return os.system, ("touch exploded",)


def test_a_bomb_in_an_archive_does_not_go_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_archive(tmp_path / "bomb.npz", train=[*sketches(2), Bomb()])
    with pytest.raises(DataError, match=r"'train' in .*bomb\.npz .*it asks for 'posix\.system'"):
        open_stroke_archive(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (np.zeros((3, 2), np.int16), r"number 1 of 'train' in .* is int16 of shape \(3, 2\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.array([[1, 2, 7]]), r"number 1 of .* has a point \[1, 2, 7\]"),
        (np.array([[np.nan, 0, 1]]), "number 1 of .* has a point"),
        (np.array([[1e9, 0, 1]]), "number 1 of .* has a point"),
    ],
)
def test_what_is_no_drawing_is_refused(tmp_path, row, match):
    first = np.array([[1, 1, 0], [1, 1, 1]], dtype=row.dtype)
    path = write_archive(tmp_path / "odd.npz", train=[first, row])
    with pytest.raises(DataError, match=match):
        open_stroke_archive(path)


def test_a_broken_archive_is_refused(tmp_path):
    path = write_archive(tmp_path / "cat.npz", train=sketches(20), valid=sketches(3), test=sketches(3))
    whole = path.read_bytes()
    assert check_archive(path) is None
    for end in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert "damaged" in check_archive(path)
        with pytest.raises(DataError, match="damaged"):
            open_stroke_archive(path)
    changed = bytearray(whole)
    changed[200] ^= 0xFF
    path.write_bytes(bytes(changed))
    assert check_archive(path) is not None
    with pytest.raises(DataError):
        open_stroke_archive(path)


def test_other_members_and_none_are_refused(tmp_path):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match=r"odd\.npz"):
        open_stroke_archive(path)
    with pytest.raises(DataError, match="holds no drawings"):
        open_stroke_archive(write_archive(tmp_path / "none.npz", train=[]))


@pytest.mark.parametrize("beside", [np.float64(3), np.array("text"), np.zeros((5, 0, 3)), np.zeros(4)])
def test_what_stands_beside_the_drawings_and_is_none_is_named(tmp_path, beside):
    path = tmp_path / "odd.npz"
    np.savez(path, train=of_objects(sketches(3)), scale=beside)
    with pytest.raises(DataError, match=r"block \(N, n, 3\), but 'scale' in .*odd\.npz is .* of shape"):
        open_stroke_archive(path)


def test_a_split_without_drawings_may_be_of_any_type(tmp_path):
    np.savez(tmp_path / "some.npz", train=of_objects(sketches(3)), valid=[])
    assert open_stroke_archive(tmp_path / "some.npz").split.tolist() == ["train"] * 3


@pytest.mark.parametrize("reader", [holds_drawings, open_stroke_archive])
@pytest.mark.parametrize(
    "header", ["'" * 5, "{'descr': (), 'fortran_order': False, 'shape': (3,)}", "{[]: 1}"]
)
def test_a_header_that_is_none_is_a_damaged_archive(tmp_path, reader, header):
    path = tmp_path / "odd.npz"
    with zipfile.ZipFile(path, "w") as archive:
        data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        archive.writestr("train.npy", data)
    with pytest.raises(DataError, match=r"odd\.npz is a damaged"):
        reader(path)


def test_arrays_too_large_together_are_refused(tmp_path):
    path = tmp_path / "large.npz"
    np.savez_compressed(path, cat=np.zeros((4, 10**6, 3), np.uint8), owl=np.zeros((4, 10**6, 3), np.uint8))
    with pytest.raises(DataError, match=r"large\.npz would have \d+ bytes once decompressed"):
        open_stroke_archive(path)


@pytest.mark.parametrize(
    ("name", "count"), [("aaron_sheep", 8000), ("quickdraw_tiny_butterfly_cat_owl_yoga", 99)]
)
def test_real_archives(shared_data, name, count):
    path = shared_data / "strokes" / f"{name}.npz"
    assert holds_drawings(path)
    found = open_stroke_archive(path)
    assert len(found) == count
    with np.load(path, allow_pickle=True, encoding="latin1") as archive:
        truth = [row for member in archive.files for row in archive[member]]
    assert all(np.array_equal(row, sketch) for row, sketch in zip(truth, found.sketches, strict=True))
