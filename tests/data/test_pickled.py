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


# Pickles by hand, whose values refer to themselves.
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"


def dtype_of(code, order):
    sized = b"U" + bytes([len(code)]) + code
    state = b"(K\x03U\x01" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return b"cnumpy\ndtype\n" + sized + b"K\x00K\x01\x87R" + state


def array_of(shape, code, data, order=b"<"):
    return EMPTY + b"(K\x01" + shape + dtype_of(code, order) + b"\x89" + data + b"tb"


def rows_of(count, elements):
    shape = b"J" + struct.pack("<i", count) + b"\x85"
    return b"\x80\x02" + array_of(shape, b"O8", b"](" + elements + b"e", b"|") + b"."


def counted(data):
    return b"T" + struct.pack("<i", len(data)) + data


# A tuple of itself twice, sixty times: 2^60 values in 300 bytes, if anything goes through them.
LAUGHS = b"N\x85" + b"q\x00h\x00\x86" * 60
LONG = b"\x8a\xff" + b"\xff" * 254 + b"\x7f"


def test_an_array_by_hand_is_read():
    row = array_of(b"K\x01K\x03\x86", b"i2", counted(struct.pack("<3h", 3, 0, 1)))
    assert [each.tolist() for each in read_object_array(rows_of(1, row), "the test")] == [[[3, 0, 1]]]


@pytest.mark.parametrize(
    ("stream", "match"),
    [
        (rows_of(1, array_of(LAUGHS, b"i2", counted(b""))), "2 axes, or sides that are no whole numbers"),
        (b"\x80\x04" + LAUGHS + b"\x8c\x01x\x93.", "a name that is no text"),
        (b"\x80\x04\x8c\x01x" + LAUGHS + b"\x93.", "a name that is no text"),
        (
            rows_of(1, array_of(b"(" + LONG + b"q\x05" + b"h\x05" * 50_000 + b"t", b"i2", counted(b""))),
            "axes",
        ),
        (rows_of(1, array_of(b"K\x00" + LONG + b"\x86", b"i2", counted(b""))), "sides that no array has"),
        (rows_of(1, array_of(b"(" + b"K\x01" * 70 + b"t", b"i2", counted(b"ab"))), "70 axes"),
    ],
)
def test_values_that_refer_to_themselves_are_refused_in_few_words(stream, match):
    with pytest.raises(DataError, match=match) as caught:
        read_object_array(stream, "the test")
    assert len(str(caught.value)) < 500


def test_one_array_a_thousand_times_is_refused_and_a_few_times_read():
    row = array_of(b"J\x40\x42\x0f\x00\x85", b"u1", counted(bytes(1_000_000))) + b"q\x09"
    found = read_object_array(rows_of(5, row + b"h\x09" * 4), "the test")
    assert [len(each) for each in found] == [1_000_000] * 5
    with pytest.raises(DataError, match=r"become larger than 2078\d+ bytes by referring to itself"):
        read_object_array(rows_of(1000, row + b"h\x09" * 999), "the test")


def test_one_text_made_to_bytes_a_thousand_times_is_refused():
    text = b"X" + struct.pack("<I", 1_000_000) + b"a" * 1_000_000 + b"\x8c\x06latin1\x86q\x01"
    stream = b"\x80\x04c_codecs\nencode\nq\x00" + text + b"h\x00h\x01R" * 1000 + b"."
    with pytest.raises(DataError, match="by referring to itself"):
        read_object_array(stream, "the test")


def test_a_type_of_a_long_code_is_refused_in_few_words():
    code = counted(b"i" * 1_000_000)
    stream = rows_of(1, array_of(b"K\x00\x85", b"i2", counted(b"")))
    with pytest.raises(DataError, match=r"is of type <i{10}, which is no number"):
        read_object_array(stream.replace(b"U\x02i2", code), "the test")
