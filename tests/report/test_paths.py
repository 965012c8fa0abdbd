"""Paths on the page: what is drawn of them, what is said, and when they are not shown."""

import numpy as np
import pytest

from zscape import codes, walk
from zscape.report import paths, pictures, walks, write_paths


def made(run, *, pairs=2, steps=4, kinds=("linear", "spherical"), profiles=True):
    table = codes.load(run.codes_path)
    rows = np.arange(2 * pairs).reshape(-1, 2)
    ends = [table.mean[rows[:, side]].astype(float) for side in (0, 1)]
    functions = {"linear": walk.linear_path, "spherical": walk.spherical_path}
    z = {kind: functions[kind](*ends, steps=steps) for kind in kinds}
    found = {"length": {kind: walk.step_lengths(each) for kind, each in z.items()}} if profiles else {}
    return walk.PathSet(table.id[rows].astype(np.int64), z, found)


def test_pictures_are_those_of_the_codes_by_pair_and_kind(make, monkeypatch):
    run, _ = make()
    seen = []
    figure = pictures.picture_grid(np.zeros((1, 1, 8, 8)), 1)
    monkeypatch.setattr(pictures, "traversals", lambda images, names: seen.append((images, names)) or figure)
    found = made(run)
    plates = paths.path_plates(run, found, {"classes": [["a", "b"], ["b", "a"]]})
    assert [plate.name for plate in plates] == ["paths", "path-curves"]
    ((images, names),) = seen
    assert names[0] == "linear, a → b\nrows 0 → 1"
    assert [name.split(",")[0] for name in names] == ["linear", "spherical"] * 2
    for row, (pair, kind) in enumerate((pair, kind) for pair in (0, 1) for kind in found.z):
        np.testing.assert_allclose(images[row], run.decode(found.z[kind][pair]), atol=1e-6)
    assert plates[0].kinds == ("png", "svg", "gif")


def test_of_many_pairs_and_steps_some_are_shown_and_it_is_said(make):
    run, _ = make()
    notes = {"pairs": ["random:20"], "between": ["a", "b"], "seed": 3}
    strips, curves = paths.path_plates(run, made(run, pairs=20, steps=30), notes)
    assert strips.caption.startswith("The first 6 of 20 pairs of codes, 30 equal shares")
    assert "chosen: random 20, between classes a and b (seed 3)." in strips.caption
    assert "mean over all 20" in curves.caption


def test_curves_are_the_profiles_and_their_mean(make):
    run, _ = make()
    found = made(run, pairs=3)
    (axes,) = paths.path_curves(found).axes
    assert len(axes.lines) == 2 * 4
    np.testing.assert_allclose(axes.lines[3].get_ydata(), found.profiles["length"]["linear"].mean(axis=0))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["linear", "spherical"]
    with pytest.raises(ValueError, match="needs paths with profiles"):
        paths.path_curves(made(run, profiles=False))


def test_the_section_shows_the_paths_that_were_written(make):
    run, _ = make()
    notes = {"weights": codes.hash_of_weights(run.model), "cost": 1.0}
    walk.save_paths(made(run), run.path / "walk" / "paths.parquet", notes=notes)
    assert [plate.name for plate in walks.walked(run, seed=0).plates][-2:] == ["paths", "path-curves"]
    walk.save_paths(made(run), run.path / "walk" / "paths.parquet", notes={"weights": "0" * 16})
    assert "paths" not in [plate.name for plate in walks.walked(run, seed=0).plates]


def test_drawings_keep_their_random_numbers_along_a_path(make, tmp_path):
    run, _ = make(drawings=True)
    still = np.zeros((2, 3, 3))
    images = paths.along(run, still)
    assert images.shape[:3] == (2, 3, 1)
    np.testing.assert_array_equal(images[:, 0], images[:, 2])
    written = write_paths(run, made(run, steps=2), {}, tmp_path / "out")
    assert sorted(written) == ["animation", "filmstrips", "path-curves"]
    assert "<path" in (tmp_path / "out" / "paths.svg").read_text()
