import gzip

import numpy as np
import pytest

from zscape.data.idx import is_idx, open_idx, open_idx_folder, read_idx
from zscape.errors import DataError


def idx_bytes(array, kind=0x08):
    header = bytes([0, 0, kind, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.tobytes()


def write(path, array):
    data = idx_bytes(array)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def images(count=12, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 5, 4), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "train-images-idx3-ubyte.gz", images(12))
    write(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(12, dtype=np.uint8) % 3)
    write(tmp_path / "t10k-images-idx3-ubyte", images(6, seed=1))
    write(tmp_path / "t10k-labels-idx1-ubyte", np.arange(6, dtype=np.uint8) % 3)
    return tmp_path


@pytest.mark.parametrize("name", ["a-images-idx3-ubyte", "a-images-idx3-ubyte.gz", "a-images.idx3-ubyte"])
def test_raw_and_gz_read_alike(tmp_path, name):
    path = write(tmp_path / name, images())
    assert is_idx(path)
    np.testing.assert_array_equal(read_idx(path), images())


def test_a_gz_is_known_by_its_content_and_not_its_name(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(gzip.compress(idx_bytes(images())))
    np.testing.assert_array_equal(read_idx(path), images())


def test_chunks_join_to_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("zscape.data.source.CHUNK_BYTES", 100)
    source = open_idx(write(tmp_path / "a-images-idx3-ubyte.gz", images(13)))
    parts = list(source.chunks())
    assert [len(part) for part in parts] == [5, 5, 3]
    np.testing.assert_array_equal(np.concatenate(parts), images(13)[:, None])


def test_the_layout_of_mnist(folder):
    source = open_idx_folder(folder)
    assert source.shape == (18, 1, 5, 4)
    np.testing.assert_array_equal(source.fixed["test"], np.arange(12, 18))
    np.testing.assert_array_equal(source.labels, np.concatenate([np.arange(12) % 3, np.arange(6) % 3]))
    expected = np.concatenate([images(12), images(6, seed=1)])[:, None]
    np.testing.assert_array_equal(np.concatenate(list(source.chunks())), expected)
    assert open_idx_folder(folder, ("a", "b", "c")).names == ("a", "b", "c")


def test_without_a_test_part_nothing_is_prescribed(folder):
    for path in folder.glob("t10k-*"):
        path.unlink()
    assert open_idx_folder(folder).fixed == {}


def test_one_file_finds_the_labels_beside_it(folder):
    source = open_idx(folder / "t10k-images-idx3-ubyte")
    assert source.labels.tolist() == [0, 1, 2, 0, 1, 2]
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert open_idx(folder / "t10k-images-idx3-ubyte").labels is None


def test_a_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte .*fetch or copy"):
        open_idx_folder(folder)


@pytest.mark.parametrize("keep", [30, 100, 150])
def test_a_truncated_gz_is_refused(tmp_path, keep):
    path = write(tmp_path / "a-images-idx3-ubyte.gz", images())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        DataError, match=r"a-images-idx3-ubyte\.gz is a truncated gz file; fetch or copy the file"
    ):
        read_idx(path)


def test_a_gz_with_a_wrong_checksum_is_refused(tmp_path):
    path = write(tmp_path / "a-images-idx3-ubyte.gz", images())
    data = bytearray(path.read_bytes())
    data[-6] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"a-images-idx3-ubyte\.gz is a damaged gz file.*fetch or copy"):
        read_idx(path)


def test_a_short_file_is_refused(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(idx_bytes(images())[:-7])
    with pytest.raises(
        DataError, match=r"ends early: its header promises \(12, 5, 4\).*after 233 of 240; fetch"
    ):
        read_idx(path)


def test_a_long_file_is_refused(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(idx_bytes(images()) + b"x")
    with pytest.raises(DataError, match=r"is longer than the"):
        read_idx(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not an IDX file .it begins with nothing"),
        (b"PK\x03\x04 and more", "is not an IDX file .it begins with 504b0304"),
        (b"\0\0\x08\x03\0\0", "ends within its header"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "of type 0x0d, and unsigned bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than 16 bytes can hold"),
    ],
)
def test_other_content_is_refused(tmp_path, data, message):
    path = tmp_path / "a-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_labels_of_another_length_are_refused(folder):
    write(folder / "train-labels-idx1-ubyte.gz", np.zeros(11, dtype=np.uint8))
    with pytest.raises(
        DataError, match=r"train-labels.*shape \(11,\), but .*train-images.* holds 12 images; fetch"
    ):
        open_idx_folder(folder)


def test_parts_of_different_sizes_are_refused(folder):
    write(folder / "t10k-images-idx3-ubyte", np.zeros((6, 7, 7), dtype=np.uint8))
    with pytest.raises(DataError, match=r"hold images of \(1, 5, 4\) and \(1, 7, 7\)"):
        open_idx_folder(folder)


def test_a_file_of_labels_is_no_file_of_images(folder):
    with pytest.raises(DataError, match=r"1 dimensions .labels, perhaps.; name the file of images"):
        open_idx(folder / "t10k-labels-idx1-ubyte")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read .*check the path"):
        read_idx(tmp_path)
