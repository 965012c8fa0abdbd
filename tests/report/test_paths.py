"""Paths on the page: what is drawn of them, what is said, and when they are not shown."""

import numpy as np
import pytest
import torch

from zscape import codes, walk
from zscape.report import paths, pictures, walks, write_paths
from zscape.report.path_measures import path_results
from zscape.report.wording import interval


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
    ((images, names, steps, ends, heads),) = seen
    assert names == ["linear", "spherical"] * 2
    assert heads == ["random, rows 0 to 1, classes a to b", "", "random, rows 2 to 3, classes b to a", ""]
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


@pytest.mark.parametrize(("kinds", "shown"), [(2, 6), (7, 3)])
def test_each_choice_of_pairs_is_shown_and_what_is_left_out_is_said(make, monkeypatch, kinds, shown):
    run, _ = make()
    moved = []
    real = paths.moving.there_and_back
    monkeypatch.setattr(
        paths.moving, "there_and_back",
        lambda images, names, **others: moved.append((names, others)) or real(images, names, **others),
    )  # fmt: skip
    table = made(run, pairs=8, profiles=False)
    choices = ("random",) * 6 + ("closest", "furthest")
    z = {f"kind{each}": table.z["linear"] for each in range(kinds)}
    found = walk.PathSet(table.ends, choices, z)
    notes = {"pairs": ["random:6", "closest:1", "furthest:1"], "classes": [["a", "b"]] * 8}
    (strips,) = paths.path_plates(run, found, notes, [])
    assert strips.caption.startswith(
        f"{shown} of 8 pairs of codes ({shown - 2} of 6 random, the closest one, the furthest one; the "
        "others are in pairs.csv), named by rows of the data set"
    )
    # A pair has one name, on the filmstrip and where it moves.
    names = ["closest, rows 12 to 13", "furthest, rows 14 to 15", "random, rows 0 to 1"]
    for name in names:
        assert f">{name}, classes a to b<" in strips.figure.svg
    ((captions, others),) = moved
    assert len(captions) == shown * kinds
    assert captions[-1] == f"kind{kinds - 1}\nfurthest, rows 14 to 15\nclasses a to b"
    assert others == {"together": kinds}


def test_of_many_pairs_and_steps_some_are_shown_and_it_is_said(make):
    run, _ = make()
    notes = {"pairs": ["random:20"], "between": ["a", "b"], "seed": 3}
    strips, curves, _ = plates_of(run, made(run, pairs=20, steps=30), notes)
    assert strips.caption.startswith(
        "The first 6 of 20 pairs of codes, named by rows of the data set; 30 steps"
    )
    assert "chosen: random 20, from class a to b (seed 3)." in strips.caption
    assert curves.caption.startswith("Of 20 random pairs from class a to b.")
    assert "bands their 95 % intervals" in curves.caption
    assert "thin lines are single paths, the first 4 of each kind" in curves.caption
    assert (
        "Style loss: as it was measured."
        in plates_of(run, made(run), {"style": "as it was measured"})[1].caption
    )


def test_one_pair_is_not_a_mean(make):
    run, _ = make()
    _, curves, measures = plates_of(run, made(run, pairs=1), {})
    assert curves.caption.startswith("Of random, rows 0 to 1. Each panel")
    assert "mean" not in curves.caption
    assert "have no interval" in measures.caption


def test_searches_that_fell_short_are_said_and_measures_are_a_table(make):
    run, _ = make()
    found = made(run, pairs=3, kinds=("linear", "spherical"))
    notes = {"weights": codes.hash_of_weights(run.model)}
    notes["search"] = {"spherical": {"converged": [1.0, 0.0, 1.0], "excess": [0.0, 0.07, 0.0]}}
    walk.save_paths(found, run.path / "walk" / "paths.parquet", notes=notes)
    section = walks.walked(run, seed=0)
    plates = {plate.name: plate for plate in section.plates}
    for name in ("paths", "path-measures"):
        assert "1 of 3 spherical paths have not converged; their energy may be up to 7.0 %" in (
            plates[name].caption
        )
    (table,) = section.comparisons
    assert (table.title, table.columns) == ("3 random pairs", ("linear", "spherical"))
    rows = {row.name: row for row in table.rows}
    assert [value for value, _ in rows["converged"].cells] == ["–", "0.6667"]
    assert rows["over linear"].unit == "ratio"
    length = path_results(found, notes)[0]
    assert rows["latent length"].cells[0] == interval(length)


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


@pytest.mark.parametrize("channels", [1, 3])
def test_heads_stand_above_their_rows_and_pixels_stay_exact(channels):
    images = np.random.default_rng(0).random((3, 2, channels, 4, 4)).astype(np.float32)
    names, heads = ["linear", "graph", "linear"], ["first pair", "", "a second pair of codes"]
    figure = pictures.filmstrips(images, names, [0, 1], None, heads)
    axes = figure.axes[0]
    canvas = axes.get_images()[0].get_array()
    zoom = canvas.shape[1] // (2 * 4 + 1)
    small = canvas[::zoom, ::zoom]
    rows = np.flatnonzero(small[:, 0, 3])
    # Between the last two there is place for the head.
    assert rows.tolist()[:8] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert (len(rows), rows[8] > 10) == (12, True)
    for row, top in enumerate(rows[::4]):
        expected = np.broadcast_to(np.rint(255 * images[row, 1]), (3, 4, 4)).transpose(1, 2, 0)
        np.testing.assert_array_equal(small[top : top + 4, 5:9, :3], expected)
    places = {text.get_text(): text.xy[1] for text in axes.texts}
    assert places["first pair"] == -0.5
    assert places["a second pair of codes"] == rows[8] - 0.5
    with pytest.raises(ValueError, match="a head a row, but got 3 rows and 1 heads"):
        pictures.filmstrips(images, names, [0, 1], None, ["one"])
