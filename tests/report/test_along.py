"""Paths of any model as files: what is written is what was decoded, and what the measures say of it."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from zscape import measure, report
from zscape.report import along

FILES = ["path-curves.png", "path-curves.svg", "paths.gif", "paths.png", "paths.svg"]
ENDS = np.array([[4, 9], [7, 2]])


def unchecked(function):
    """Without the annotations of shapes, which are only checked under pytest."""
    return getattr(function, "__wrapped__", function)


def faded(count=2, points=5, channels=1):
    ends = np.random.default_rng(0).random((2, count, 1, channels, 8, 8))
    at = np.linspace(0, 1, points).reshape(1, -1, 1, 1, 1)
    return (1 - at) * ends[0] + at * ends[1]


@pytest.mark.parametrize("channels", [1, 3])
def test_files_are_written_without_a_run(tmp_path, channels):
    paths = {"linear": faded(channels=channels), "back": faded(channels=channels)[:, ::-1]}
    found = report.write_path_pictures(paths, tmp_path / "new", ends=ENDS, choice="random")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == FILES
    assert {what: path.name for what, path in found.items()} == {
        "filmstrips": "paths.png",
        "animation": "paths.gif",
        "path-curves": "path-curves.png",
    }
    words = (tmp_path / "new" / "paths.svg").read_text("utf-8")
    assert all(f"{kind}, random, rows {pair}" in words for kind in paths for pair in ("4 to 9", "7 to 2"))
    with Image.open(found["animation"]) as moving:
        # There through five points, and back through the three between.
        assert len(list(ImageSequence.Iterator(moving))) == 8
    before = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    report.write_path_pictures(paths, tmp_path / "new", ends=ENDS, choice="random")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}


def test_the_strips_hold_the_pictures(tmp_path, monkeypatch):
    drawn, real = [], along.pictures.filmstrips
    monkeypatch.setattr(along.pictures, "filmstrips", lambda *given: drawn.append(given) or real(*given))
    one = faded(count=20, points=30)
    report.write_path_pictures({"a": one, "b": one[:, ::-1] * 2}, tmp_path, ends=np.arange(40).reshape(20, 2))
    ((images, names, points),) = drawn
    assert images.shape == (12, 11, 1, 8, 8)
    assert names[:3] == ["a, rows 0 to 1", "b, rows 0 to 1", "a, rows 2 to 3"]
    assert (points[0], points[-1]) == (0, 29)
    np.testing.assert_allclose(images[2], one[1][points], rtol=1e-6)
    np.testing.assert_allclose(images[1], np.clip(2 * one[0][::-1], 0, 1)[points], rtol=1e-6)


def test_curves_are_the_measures():
    from zscape import model

    reader = model.feature_reader("vgg16", weights="random", layers=["relu1_1"])
    paths = faded().astype(np.float32)
    found = along._as_set({"linear": paths}, ENDS, "random", reader)
    lengths = np.linalg.norm((paths[:, -1] - paths[:, 0]).reshape(2, -1), axis=1)
    np.testing.assert_allclose(
        found.profiles["decoded"]["linear"], lengths[:, None].repeat(4, 1) / 4, rtol=1e-5
    )
    np.testing.assert_allclose(found.profiles["cross_dissolve"]["linear"], 0, atol=1e-9)
    losses = measure.style_profiles(paths, reader).losses
    np.testing.assert_array_equal(found.profiles["style_loss"]["linear"], losses)
    two = along._as_set({"linear": paths[:, ::4]}, ENDS, "given", None)
    assert list(two.profiles) == ["decoded"]


@pytest.mark.parametrize(
    ("paths", "ends", "said"),
    [
        ({}, ENDS, r"but got \[\]"),
        ({"a": faded(), "b": faded(points=6)}, ENDS, "one shape of all kinds"),
        ({"a": faded(points=1)}, ENDS, "T >= 2"),
        ({"a": faded()[:0]}, ENDS[:0], "one path or more"),
        ({"a": faded()}, ENDS[:1], r"ends \(P, 2\), P = 2, but got \(1, 2\)"),
        ({"a": np.full((2, 3, 1, 4, 4), np.nan)}, ENDS, "finite"),
        ({"a": np.zeros((2, 3, 2, 4, 4))}, ENDS, "C = 1 or 3"),
    ],
)
def test_what_is_no_set_of_paths_is_refused(paths, ends, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        unchecked(report.write_path_pictures)(paths, tmp_path / "new", ends=ends)
    assert not (tmp_path / "new").exists()


def test_one_path_is_told_how_to_go_in(tmp_path):
    with pytest.raises(ValueError, match=r"path\[None\]"):
        unchecked(report.write_path_pictures)({"a": faded()[0]}, tmp_path, ends=ENDS)
