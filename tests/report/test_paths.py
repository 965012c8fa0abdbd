"""Paths on the page: what is drawn of them, what is said, and when they are not shown."""

import numpy as np
import pytest
import torch

from zscape import codes, walk
from zscape.report import paths, pictures, walks, write_paths
from zscape.report.path_measures import path_results


def made(run, *, pairs=2, steps=4, kinds=("linear", "spherical"), profiles=True):
    table = codes.load(run.codes_path)
    rows = np.arange(2 * pairs).reshape(-1, 2)
    ends = [table.mean[rows[:, side]].astype(float) for side in (0, 1)]
    functions = {"linear": walk.linear_path, "spherical": walk.spherical_path}
    z = {kind: functions[kind](*ends, steps=steps) for kind in kinds}
    lengths = {kind: walk.step_lengths(each) for kind, each in z.items()}
    found = {"length": lengths, "decoded": lengths} if profiles else {}
    return walk.PathSet(table.id[rows].astype(np.int64), ("random",) * pairs, z, found)


def plates_of(run, found, notes, data=None):
    return paths.path_plates(run, found, notes, path_results(found, notes), data)


def test_pictures_are_those_of_the_codes_by_pair_and_kind(make, monkeypatch):
    run, _ = make()
    seen = []
    figure = pictures.picture_grid(np.zeros((1, 1, 8, 8)), 1)
    monkeypatch.setattr(pictures, "filmstrips", lambda *given: seen.append(given) or figure)
    found = made(run)
    plates = plates_of(run, found, {"classes": [["a", "b"], ["b", "a"]]})
    assert [plate.name for plate in plates] == ["paths", "path-curves", "path-measures"]
    ((images, names, steps, ends),) = seen
    assert names[0] == "random, linear, 0 → 1\na → b"
    assert [name.split(", ")[1] for name in names] == ["linear", "spherical"] * 2
    assert steps == [0, 1, 2, 3, 4]
    assert ends is None
    for row, (pair, kind) in enumerate((pair, kind) for pair in (0, 1) for kind in found.z):
        np.testing.assert_allclose(images[row], run.decode(found.z[kind][pair]), atol=1e-6)
    assert plates[0].kinds == ("png", "svg", "gif")


def test_originals_of_both_ends_stand_beside(make, monkeypatch):
    run, data = make()
    seen = []
    figure = pictures.picture_grid(np.zeros((1, 1, 8, 8)), 1)
    monkeypatch.setattr(pictures, "filmstrips", lambda *given: seen.append(given) or figure)
    strips, *_ = plates_of(run, made(run), {}, data)
    ends = seen[0][3]
    assert ends.shape == (4, 2, *data.shape)
    # Two kinds of path between rows 2 and 3, after those between 0 and 1.
    for row in (2, 3):
        np.testing.assert_array_equal(ends[row], data.batch(torch.tensor([2, 3]), "cpu")[0].numpy())
    assert "beside them the originals of both ends" in strips.caption


def test_paths_of_many_kinds_and_of_other_rows_are_shown_too(make):
    run, data = make()
    two = made(run)
    kinds = {f"kind {number}": two.z["linear"] for number in range(7)}
    lengths = {kind: walk.step_lengths(z) for kind, z in kinds.items()}
    found = walk.PathSet(two.ends + 10_000, two.choices, kinds, {"decoded": lengths})
    strips, *_ = plates_of(run, found, {}, data)
    assert "originals" not in strips.caption


def test_each_choice_of_pairs_is_shown(make):
    run, _ = make()
    table = made(run, pairs=8)
    choices = ("random",) * 6 + ("closest", "furthest")
    found = walk.PathSet(table.ends, choices, table.z, table.profiles)
    strips, *_ = plates_of(run, found, {"pairs": ["random:6", "closest:1", "furthest:1"]})
    assert strips.caption.startswith("6 of 8 pairs of codes")
    for name in ("random", "closest", "furthest"):
        assert f">{name}, linear, " in strips.figure.svg
    rows = [axes.get_ylabel() for axes in paths.path_curves(found).axes[::2]]
    assert rows == ["random (6)", "closest (1)", "furthest (1)"]


def test_of_many_pairs_and_steps_some_are_shown_and_it_is_said(make):
    run, _ = make()
    notes = {"pairs": ["random:20"], "between": ["a", "b"], "seed": 3}
    strips, curves, _ = plates_of(run, made(run, pairs=20, steps=30), notes)
    assert strips.caption.startswith("6 of 20 pairs of codes, named by rows of the data set; 30 steps")
    assert "chosen: random 20, between classes a and b (seed 3)." in strips.caption
    assert "the mean over 20 random ones" in curves.caption
    assert (
        "Style loss: as it was measured."
        in plates_of(run, made(run), {"style": "as it was measured"})[1].caption
    )


def test_a_panel_reaches_to_its_curves(make):
    run, _ = make()
    one = made(run, pairs=1)
    profile = np.array([[1.0, 9.0, 2.0, 1.0]])
    found = walk.PathSet(one.ends, one.choices, one.z, {"length": {kind: 1e6 * profile for kind in one.z}})
    (axes,) = paths.path_curves(found).axes
    assert axes.get_title(loc="left") == "length in codes / 10⁶"
    assert axes.get_ylim() == (0, pytest.approx(9 * 1.08))
    np.testing.assert_allclose(axes.lines[0].get_ydata(), profile[0])
    # Equal curves are both seen.
    assert len({line.get_linestyle() for line in axes.lines}) == 2


def test_what_is_not_defined_is_left_out_of_curves(make):
    run, _ = make()
    two = made(run, pairs=2)
    values = np.array([[1.0, np.nan, np.nan, 2.0], [3.0, 5.0, np.nan, 4.0]])
    found = walk.PathSet(two.ends, two.choices, two.z, {"cross_dissolve": {"linear": values}})
    (axes,) = paths.path_curves(found).axes
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [2, 5, np.nan, 3])


def test_curves_are_the_profiles_and_their_mean(make):
    run, _ = make()
    found = made(run, pairs=3)
    axes, _ = paths.path_curves(found).axes
    assert len(axes.lines) == 2 * 4
    np.testing.assert_allclose(axes.lines[3].get_ydata(), found.profiles["length"]["linear"].mean(axis=0))
    assert [text.get_text() for text in paths.path_curves(found).legends[0].get_texts()] == [
        "linear",
        "spherical",
    ]
    with pytest.raises(ValueError, match="needs paths with profiles"):
        paths.path_curves(made(run, profiles=False))


def test_the_section_shows_the_paths_that_were_written(make):
    run, _ = make()
    notes = {"weights": codes.hash_of_weights(run.model), "cost": 1.0}
    walk.save_paths(made(run), run.path / "walk" / "paths.parquet", notes=notes)
    assert [plate.name for plate in walks.walked(run, seed=0).plates][-3:] == [
        "paths",
        "path-curves",
        "path-measures",
    ]
    walk.save_paths(made(run), run.path / "walk" / "paths.parquet", notes={"weights": "0" * 16})
    assert "paths" not in [plate.name for plate in walks.walked(run, seed=0).plates]


def test_drawings_keep_their_random_numbers_along_a_path(make, tmp_path):
    run, _ = make(drawings=True)
    still = np.zeros((2, 3, 3))
    images = paths.along(run, still)
    assert images.shape[:3] == (2, 3, 1)
    np.testing.assert_array_equal(images[:, 0], images[:, 2])
    found = made(run, steps=2)
    written = write_paths(run, found, {}, path_results(found, {}), tmp_path / "out")
    assert sorted(written) == ["animation", "filmstrips", "path-curves", "path-measures"]
    assert "<path" in (tmp_path / "out" / "paths.svg").read_text()
