"""The published binary layout, whole and broken."""

import pytest

from data.drawn import write_binary
from zscape.data.quickdraw_binary import open_binary
from zscape.errors import DataError

CORNER = [[[10, 20, 20], [5, 5, 9]], [[0], [255]]]


def test_drawings_as_they_are(tmp_path):
    found = open_binary(write_binary(tmp_path / "cat.bin", [CORNER, [], CORNER]))
    assert found.category is None
    assert [each.tolist() for each in found.sketches] == [
        [[10, 0, 0], [0, 4, 1], [-20, 246, 1]],
        [],
        [[10, 0, 0], [0, 4, 1], [-20, 246, 1]],
    ]


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "hand.bin"
    path.write_bytes(bytes([1, 0, 0, 0, 0, 0, 0, 0, 85, 83, 1, 0, 0, 0, 88, 1, 0, 2, 0, 3, 9, 4, 4]))
    assert open_binary(path).sketches[0].tolist() == [[6, 0, 1]]


def test_a_file_cut_within_a_drawing_is_refused(tmp_path):
    path = write_binary(tmp_path / "cat.bin", [CORNER, CORNER])
    whole = path.read_bytes()
    half = len(whole) // 2
    for end in range(1, len(whole)):
        path.write_bytes(whole[:end])
        if end == half:
            assert len(open_binary(path)) == 1
            continue
        with pytest.raises(
            DataError, match=f"ends within drawing {int(end > half)}, .*of {end}; it is cut short"
        ):
            open_binary(path)
    path.write_bytes(b"")
    assert len(open_binary(path)) == 0
    with pytest.raises(DataError, match="cannot be read"):
        open_binary(tmp_path / "missing.bin")
