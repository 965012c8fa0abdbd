"""Members of archives: what they say of themselves is compared with what is there."""

import struct
import zipfile

import numpy as np
import pytest

from zscape.errors import DataError
from zscape.npz import check_sizes, content, list_members, read, read_all


def with_header(header, payload=b""):
    """The bytes of a .npy with any header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + payload


def of(shape, descr="<f4"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.npz"


@pytest.fixture
def write(path):
    """Writes an archive of members given as bytes."""

    def write(compression=zipfile.ZIP_DEFLATED, **members):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in members.items():
                archive.writestr(f"{name}.npy", data)
        return path

    return write


def test_arrays_come_back_and_the_rest_is_passed_by(path):
    arrays = {
        "a": np.arange(6.0).reshape(2, 3),
        "b": np.asfortranarray(np.eye(3)),
        "c": np.array(["x", "yz"]),
    }
    np.savez_compressed(path, **arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "hello")
    found = list_members(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(read(found[name]), array)
    assert content(found["a"]) == arrays["a"].tobytes()
    assert found["b"].fortran


@pytest.mark.parametrize(
    "header",
    [
        "",
        "()",
        "'" * 5,
        "(" * 3000,
        "-" * 3000 + "1",
        "{[]: 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,",
        *(of("(3,)", descr) for descr in ((), [], {}, None, [1, 2], [("a",)], ("<f4",), ("<f4", (-1,)))),
        of("(True,)"),
        of("(1000000000000, 3)"),
        of(f"({2**62}, {2**62}, 3)"),
        of("(-1, 3)"),
        of(f"({-(10**400)}, 3)"),
    ],
)
def test_any_header_is_read_or_refused_in_few_words(write, header):
    with pytest.raises(DataError, match=r"some\.npz") as caught:
        list_members(write(train=with_header(header)))
    assert "again" in str(caught.value)
    assert len(str(caught.value)) < 800


def test_a_header_with_any_byte_changed_gives_members_or_is_refused(write):
    generator = np.random.default_rng(0)
    whole = with_header(of("(2, 3)"), bytes(24))
    refused = 0
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] = generator.integers(32, 127)
        try:
            found = read(list_members(write(train=bytes(broken)))["train"])
        except DataError:
            refused += 1
        else:
            assert found.nbytes == 24
    assert refused > 30


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_member_is_a_damaged_archive(write, path, compression):
    generator = np.random.default_rng(0)
    write(
        compression,
        train=with_header(of("(500,)", "|u1"), generator.integers(0, 99, 500, np.uint8).tobytes()),
    )
    data = bytearray(path.read_bytes())
    data[100:200] = generator.integers(0, 256, 100, np.uint8).tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"some\.npz is a damaged"):
        read(list_members(path)["train"])


def test_what_would_fill_the_memory_is_refused_before_it_does(write):
    """Zeros shrink by a thousand; what is read whole may have 16 MiB and 100 times the file."""
    zeros = with_header(of(f"({2**24 + 2**22},)", "|u1"), bytes(2**24 + 2**22))
    path = write(one=zeros, two=with_header(of("(12000000,)", "|u1"), bytes(12_000_000)))
    found = list_members(path)
    for reader in (read, content):
        with pytest.raises(
            DataError, match=r"'one' in .*some\.npz would have 20971\d+ bytes once decompressed"
        ):
            reader(found["one"])
    assert len(read(found["two"])) == 12_000_000
    check_sizes(found["two"])
    with pytest.raises(DataError, match=r"^[^']*some\.npz would have 24000\d+ bytes"):
        check_sizes(found["two"], found["two"])


def test_a_name_of_any_length_is_not_repeated(write):
    with pytest.raises(DataError, match="a name of 60000 letters") as caught:
        list_members(write(**{"a" * 60_000: with_header(of("(0,)"))}))
    assert len(str(caught.value)) < 500


def test_all_arrays_are_read_and_what_is_none_is_refused(path):
    np.savez(path, a=np.arange(3), b=np.array("text"))
    found = read_all(path)
    assert list(found) == ["a", "b"]
    assert found["a"].tolist() == [0, 1, 2]
    assert str(found["b"]) == "text"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "no array")
    with pytest.raises(DataError, match=r"nothing else, but notes\.txt is no array"):
        read_all(path)
