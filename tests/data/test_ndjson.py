"""Drawings line by line, raw and simplified, whole and broken."""

import json

import numpy as np
import pytest

from data.drawn import write_ndjson
from zscape.data.ndjson import open_ndjson
from zscape.errors import DataError

CORNER = [[[10, 20, 20], [5, 5, 9]], [[0], [0]]]
SQUARE = [[[100.0, 200.0, 200.0, 100.0], [50.0, 50.0, 150.0, 150.0], [0, 16, 33, 48]]]


def test_simplified_drawings_as_they_are(tmp_path):
    found = open_ndjson(write_ndjson(tmp_path / "two.ndjson", [CORNER, CORNER], ["cat", "alarm clock"]))
    # Both are taken, though only the first was recognised.
    assert found.category.tolist() == ["cat", "alarm clock"]
    assert found.sketches[0].tolist() == [[10, 0, 0], [0, 4, 1], [-20, -9, 1]]


def test_raw_drawings_are_boxed_and_simplified(tmp_path):
    found = open_ndjson(write_ndjson(tmp_path / "two.ndjson", [SQUARE, CORNER], ["square", "square"]))
    assert np.allclose(found.sketches[0], [[255, 0, 0], [0, 255, 0], [-255, 0, 1]], atol=0.6)
    assert found.sketches[1].tolist() == [[10, 0, 0], [0, 4, 1], [-20, -9, 1]]


def test_without_a_word_the_file_names_the_category(tmp_path):
    path = tmp_path / "yoga.ndjson"
    path.write_text(json.dumps({"drawing": CORNER}) + "\n\n", encoding="utf-8")
    assert open_ndjson(path).category.tolist() == ["yoga"]


def test_a_drawing_without_strokes_has_no_points(tmp_path):
    found = open_ndjson(write_ndjson(tmp_path / "a.ndjson", [[], CORNER], "aa"))
    assert [len(each) for each in found.sketches] == [0, 3]


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"drawing": [[[1, 2], [3', r"line 2 of .*odd\.ndjson is no JSON .*cut short"),
        ("[1, 2]", "line 2 .* needs a 'drawing'"),
        ('{"word": "cat"}', "line 2 .* needs a 'drawing'"),
        ('{"drawing": [7]}', "line 2 .* needs a 'drawing'"),
        ('{"drawing": [[[1, 2], [3]]]}', "line 2 .* needs strokes of as many x as y"),
        ('{"drawing": [[[1, 2]]]}', "line 2 .* needs strokes of as many x as y"),
        ('{"drawing": [[1, 2]]}', "line 2 .* needs strokes of as many x as y"),
        ('{"drawing": [[["a"], ["b"]]]}', "line 2 .* has a stroke that is no numbers"),
        ('{"drawing": [[[[1]], [[1, 2]]]]}', "line 2 .* has a stroke that is no numbers"),
        ('{"drawing": [[[[1, 2]], [[3, 4]]]]}', "line 2 .* has a stroke that is no numbers but lists"),
        (
            f'{{"drawing": [[[1{"0" * 400}], [2]]]}}',
            r"line 2 .* has a stroke that is no numbers \(int too large",
        ),
        (f'{{"drawing": [[["{"a" * 9999}"], [2]]]}}', r"a{100,200}\.\.\.\); correct it"),
        (
            f'{{"drawing": [], "word": "{"a" * 9999}"}}',
            r"'word' of at most 200 letters, but has 'a{40}\.\.\.'",
        ),
        ('{"drawing": [], "word": [1]}', r"needs a 'word' .* but has '\[1\]'"),
        ('{"drawing": [[[1, NaN], [3, 4]]]}', "line 2 .* not below"),
        ('{"drawing": [[[1, 1e300], [3, 4]]]}', "line 2 .* not below"),
        ("[" * 100_000, "line 2 .* is no JSON"),
    ],
)
def test_a_line_that_is_no_drawing_is_named(tmp_path, line, match):
    path = tmp_path / "odd.ndjson"
    path.write_text(json.dumps({"drawing": CORNER}) + "\n" + line, encoding="utf-8")
    with pytest.raises(DataError, match=match):
        open_ndjson(path)


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "odd.ndjson"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="no text in UTF-8"):
        open_ndjson(path)
    with pytest.raises(DataError, match="cannot be read"):
        open_ndjson(tmp_path / "missing.ndjson")
