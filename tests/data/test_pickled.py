"""Pickles are followed and never run: numpy's own in every protocol, and nothing else."""

import os
import pickle
import struct

import numpy as np
import pytest

from data.drawn import of_objects, sketches
from zscape.data.pickled import read_object_array
from zscape.errors import DataError


def read(value: object, protocol: int = 4) -> list[np.ndarray]:
    return read_object_array(pickle.dumps(value, protocol=protocol), "the test")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.int64, np.float32, np.float64, ">i2"])
def test_what_numpy_pickles_comes_out_the_same(protocol, dtype):
    rows = [*sketches(5, dtype=np.dtype(dtype)), np.zeros((0, 3), dtype=dtype)]
    found = read(of_objects(rows), protocol)
    assert len(found) == 6
    for before, after in zip(rows, found, strict=True):
        assert after.dtype == before.dtype
        assert np.array_equal(before, after)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_column_major_arrays_keep_their_order(protocol):
    row = np.asfortranarray(np.arange(12, dtype=np.int16).reshape(4, 3))
    assert np.array_equal(read(of_objects([row, row]), protocol)[1], row)


def test_many_rows_come_in_several_batches():
    assert len(read(of_objects(sketches(1100)))) == 1100


# As Python 2 wrote it: strings are bytes, names stand in lines, flags are numbers.
PYTHON_2 = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03("
    b"K\x01K\x01\x85cnumpy\ndtype\nq\x04U\x02O8K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
    b"\xffK?tb\x89]q\x06h\x01h\x02K\x00\x85U\x01b\x87Rq\x07(K\x01K\x02K\x03\x86h\x04U\x02i2K\x00K\x01\x87Rq\x08("
    b"K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    b"T\x0c\x00\x00\x00\x01\x00\xfe\xff\x00\x00\x03\x00\x04\x00\x01\x00tbatb."
)


def test_a_pickle_of_python_2():
    assert [row.tolist() for row in read_object_array(PYTHON_2, "the test")] == [[[1, -2, 0], [3, 4, 1]]]
    # The stream is a true one: Python agrees.
    assert pickle.loads(PYTHON_2, encoding="latin1")[0].tolist() == [[1, -2, 0], [3, 4, 1]]


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("where", ["alone", "beside", "within"])
def test_a_bomb_is_refused_and_does_not_go_off(tmp_path, monkeypatch, protocol, where):
    monkeypatch.chdir(tmp_path)
    rows = [Bomb()] if where == "alone" else [*sketches(2), Bomb()]
    value = Bomb() if where == "within" else of_objects(rows)
    with pytest.raises(DataError, match=r"which no array needs.*nothing of it was run"):
        read(value, protocol)
    assert list(tmp_path.iterdir()) == []
    pickle.loads(pickle.dumps(Bomb()))
    assert [path.name for path in tmp_path.iterdir()] == ["exploded"]  # it would have


@pytest.mark.parametrize(
    ("value", "match"),
    [
        ([1, 2], "a Python list and no array of objects"),
        ({"a": 1}, "which no array needs"),
        (np.zeros(3), "an array of numbers and no array of objects"),
        (of_objects([1, 2]), "element 0 is a Python int"),
        (of_objects([of_objects([np.zeros(3)])]), "element 0 is an array of objects"),
        (of_objects([np.zeros((2, 3), dtype=complex)]), "which is no number"),
        (of_objects([np.array(["a", "b"])]), "which is no number"),
        (of_objects([np.zeros(3, dtype=[("a", int)])]), "no number|no array"),
        (np.array([[None]], dtype=object), "a list of 1 stands for"),
        (of_objects([np.datetime64("2020")]), "which no array needs"),
        (of_objects([2**70]), "element 0 is a Python int"),
    ],
)
def test_anything_else_is_refused(value, match):
    with pytest.raises(DataError, match=match):
        read(value)


def test_a_stream_cut_anywhere_is_refused():
    stream = pickle.dumps(of_objects(sketches(1)), protocol=4)
    for end in range(len(stream)):
        with pytest.raises(DataError, match="the test needs to be a plain array"):
            read_object_array(stream[:end], "the test")


def test_a_stream_with_any_byte_changed_gives_arrays_or_is_refused():
    stream = pickle.dumps(of_objects(sketches(2)), protocol=4)
    generator = np.random.default_rng(0)
    refused = 0
    for place in range(len(stream)):
        broken = bytearray(stream)
        broken[place] = generator.integers(256)
        try:
            rows = read_object_array(bytes(broken), "the test")
        except DataError:
            refused += 1
        else:
            assert all(isinstance(row, np.ndarray) for row in rows)
    assert refused > 50


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x04B" + struct.pack("<I", 2**31) + b"abc.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"abc.",
        b"\x80\x02T" + struct.pack("<i", -5) + b"abc.",
        b"\x80\x04h\x07.",
        b"\x80\x04t.",
        b"\x80\x04K\x01a.",
        b"\x80\x04(R.",
        b"\x80\x04cos\nsystem\n.",
        b"\x80\x04cos",
        b"\x80\x04\x93.",
        b"",
    ],
)
def test_streams_that_no_pickler_writes_are_refused(stream):
    with pytest.raises(DataError, match="the test needs to be a plain array"):
        read_object_array(stream, "the test")


def test_a_shape_larger_than_its_bytes_is_refused():
    stream = pickle.dumps(of_objects([np.zeros((2, 3), dtype=np.int16)]), protocol=4)
    broken = stream.replace(b"K\x02K\x03\x86", b"K\xffK\xff\x86")
    assert broken != stream
    with pytest.raises(DataError, match=r"an array of shape \(255, 255\) of i2 has 12 bytes"):
        read_object_array(broken, "the test")
