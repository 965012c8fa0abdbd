"""Files and folders of drawings of every kind, as one data set."""

import numpy as np
import pytest
from PIL import Image

from data.drawn import sketches, write_archive, write_binary, write_ndjson
from zscape.data import find, load
from zscape.data.stroke_files import are_drawings, drawing_files, open_stroke_files
from zscape.errors import DataError

CORNER = [[[10, 20, 20], [5, 5, 9]], [[0], [0]]]
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0H{0}V10Z"/></svg>'


def write_svg(path, size=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SVG.format(size), encoding="utf-8")
    return path


def test_one_svg_is_boxed_and_simplified(tmp_path):
    found = open_stroke_files(write_svg(tmp_path / "a.svg"))
    assert np.allclose(found.sketches[0], [[255, 0, 0], [0, 127.5, 0], [-255, -127.5, 1]], atol=1)
    assert found.category is None


def test_a_raw_drawing_of_lines_to_and_fro_without_end_is_refused(tmp_path):
    """At one unit between points in the box each of these strokes of a few bytes has 255."""
    svg = tmp_path / "b.svg"
    svg.write_text(f'<svg><polyline points="{"0 0 9 0 " * 9000}"/></svg>', encoding="utf-8")
    there, times = [0, 9] * 9000, list(range(18000))
    write_svg(tmp_path / "a.svg")
    raw = write_ndjson(tmp_path / "c.ndjson", [CORNER, [[there, [0] * 18000, times]]], ["cat"] * 2)
    for path, title in ((svg, "b.svg"), (raw, "drawing 2 of .*c.ndjson"), (tmp_path, "b.svg|c.ndjson")):
        with pytest.raises(DataError, match=rf"{title} has lines that are 1.8e\+04 times as long"):
            open_stroke_files(path)
    svg.write_text(f'<svg><polyline points="{"0 0 9 0 " * 900}"/></svg>', encoding="utf-8")
    assert len(open_stroke_files(svg)) == 1


def test_folders_of_svg_are_categories(tmp_path):
    for number in range(5):
        write_svg(tmp_path / "cat" / f"{number}.svg", 20 + number)
        write_svg(tmp_path / "owl" / "big" / f"{number}.svg", 30 + number)
    (tmp_path / ".hidden").mkdir()
    write_svg(tmp_path / ".hidden" / "a.svg")
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    assert are_drawings(tmp_path)
    data = load(tmp_path)
    assert len(data) == 10
    assert data.names == ("cat", "owl")
    assert data.labels.tolist() == [0] * 5 + [1] * 5
    assert load(**data.to_spec()).fingerprint == data.fingerprint


def test_split_folders_prescribe(tmp_path):
    for split in ("train", "test"):
        for kind in ("cat", "owl"):
            for number in range(6 if split == "train" else 2):
                write_svg(tmp_path / split / kind / f"{number}.svg", 20 + 5 * number)
    data = load(tmp_path)
    assert len(data.splits["test"]) == 4
    assert len(data.splits["validation"]) >= 1
    assert data.names == ("cat", "owl")
    files = open_stroke_files(tmp_path).files
    assert {files[row].relative_to(tmp_path).parts[0] for row in data.splits["test"]} == {"test"}


@pytest.mark.parametrize("kind", ["ndjson", "bin", "npz"])
def test_split_folders_prescribe_for_files_of_many_drawings_too(tmp_path, kind):
    def write(split, length, count):
        (tmp_path / split).mkdir()
        path = tmp_path / split / f"cat.{kind}"
        line = [[[0, length], [0, 0]]]
        if kind == "ndjson":
            write_ndjson(path, [line] * count, ["cat"] * count)
        elif kind == "bin":
            write_binary(path, [line] * count)
        else:
            write_archive(path, train=[np.array([[length, 0, 1]])] * count)

    for split, length, count in (("train", 10, 6), ("val", 20, 3), ("test", 30, 2)):
        write(split, length, count)
    data = load(tmp_path, scale=1.0)
    found = {split: {int(each[0, 0]) for each in data.sketches(rows)} for split, rows in data.splits.items()}
    assert found == {"train": {10}, "validation": {20}, "test": {30}}
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 6,
        "validation": 3,
        "test": 2,
    }
    assert data.labels is None


def test_svg_files_alone_have_no_category_and_mixed_ones_are_refused(tmp_path):
    for number in range(4):
        write_svg(tmp_path / f"{number}.svg", 20 + number)
    assert load(tmp_path).labels is None
    write_svg(tmp_path / "cat" / "a.svg")
    with pytest.raises(DataError, match=r"0\.svg lies beside folders of other drawings"):
        load(tmp_path)


def test_several_files_are_a_category_each(tmp_path):
    write_archive(
        tmp_path / "quickdraw_alarm_clock.npz", train=sketches(6), valid=sketches(2), test=sketches(2)
    )
    write_binary(tmp_path / "owl.bin", [CORNER] * 10)
    write_ndjson(tmp_path / "cats.ndjson", [CORNER] * 10, ["cat"] * 10)
    data = load(tmp_path)
    assert data.names == ("alarm clock", "cat", "owl")
    assert np.bincount(data.labels).tolist() == [10, 10, 10]
    # Splits that one file prescribes hold; the other files are cut.
    of_clock = {split: (data.labels[rows] == 0).sum() for split, rows in data.splits.items()}
    assert of_clock == {"train": 6, "validation": 2, "test": 2}
    assert {split: len(rows) for split, rows in data.splits.items()} == {
        "train": 22,
        "validation": 4,
        "test": 4,
    }
    assert [file.name for file in drawing_files(tmp_path)] == [
        "cats.ndjson",
        "owl.bin",
        "quickdraw_alarm_clock.npz",
    ]


def test_one_category_is_no_label(tmp_path):
    data = load(write_ndjson(tmp_path / "cats.ndjson", [CORNER] * 5, ["cat"] * 5))
    assert data.labels is None
    assert data.name == "cats"
    data = load(write_ndjson(tmp_path / "both.ndjson", [CORNER] * 6, ["cat", "owl"] * 3))
    assert data.names == ("cat", "owl")


def test_folders_of_pictures_are_pictures(tmp_path):
    for number in range(4):
        Image.fromarray(np.full((8, 8), number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
    write_svg(tmp_path / "logo.svg")
    assert not are_drawings(tmp_path)
    assert load(tmp_path).shape == (1, 8, 8)
    assert not are_drawings(tmp_path / "0.png")
    (tmp_path / "empty").mkdir()
    assert not are_drawings(tmp_path / "empty")


def test_options_of_the_other_kind_are_refused(tmp_path):
    with pytest.raises(DataError, match="doodles are drawings, for which size and grey mean nothing"):
        load("doodles", size=8, grey=True)
    with pytest.raises(DataError, match="digits are pictures, for which limit and augment mean nothing"):
        load("digits", limit=100, augment=True)


def test_real_files_by_path(shared_data):
    data = load("strokes/quickdraw_tiny_butterfly_cat_owl_yoga.npz", data_dir=shared_data)
    assert data.names == ("butterfly", "cat", "owl", "yoga")
    assert len(data) == 98  # one has over 250 points
    assert load(**data.to_spec()).fingerprint == data.fingerprint


def test_real_categories(shared_data):
    data = load("quickdraw:cat,alarm clock", data_dir=shared_data)
    assert len(data) == 4500
    assert data.names == ("alarm clock", "cat")
    assert find("quickdraw", shared_data).path == shared_data / "strokes"
