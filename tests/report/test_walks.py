"""Walks on the page: what is walked, what is said of it, and pictures of it."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from zscape import codes, walk
from zscape.errors import RunFormatError
from zscape.report import answers, moving, pictures, sections, walks, write_walk

FACTORS = {"x": np.arange(240) % 5, "y": np.arange(240) % 3}


def names(section):
    return [plate.name for plate in section.plates]


def spread(run):
    """Codes whose first two latents are in use, and a third that is not, written to the run."""
    table = codes.load(run.codes_path)
    mean = np.random.default_rng(0).normal(size=table.mean.shape).astype(np.float32)
    mean[:, 2] *= 0.01
    table = replace(table, mean=mean)
    codes.save(table, run.codes_path)
    return table


def test_without_codes_there_is_no_section(make):
    run, _ = make(only=("history", "weights"))
    assert walks.walked(run, seed=0) is None


def test_with_factors_there_are_answers_too(make):
    run, _ = make(factors=FACTORS)
    spread(run)
    assert names(walks.walked(run, seed=0)) == ["traversals", "responses"]
    run, _ = make(run_name="plain")
    spread(run)
    assert names(walks.walked(run, seed=0)) == ["traversals"]


def test_the_usual_walk_leaves_out_what_is_not_in_use_and_says_so(make):
    run, _ = make()
    table = spread(run)
    made = walks.usual(table, seed=4)
    assert sorted(made.ways.latents) == [0, 1]
    (plate,) = walks.walked(run, seed=4).plates
    assert "Not in use, as their means vary by less than 0.01: z3." in plate.caption
    assert "a draw from the aggregate posterior (seed 4)" in plate.caption
    assert "9 equal steps from the 2.5 % to the 97.5 % quantile" in plate.caption
    assert plate.kinds == ("png", "svg", "gif")


def test_no_latent_in_use_is_said(make):
    run, _ = make()
    table = spread(run)
    codes.save(replace(table, mean=0.01 * table.mean), run.codes_path)
    section = walks.walked(run, seed=0)
    assert not section.plates
    assert section.note == "None of the 3 latents is in use, so there is no walk."


def test_one_code_is_no_walk(make):
    run, _ = make()
    codes.save(codes.load(run.codes_path).take(np.array([0])), run.codes_path)
    assert "needs 2 or more codes, but there are 1" in walks.walked(run, seed=0).note


def store(run, table, **notes):
    ways = walk.traversals(table, start=np.zeros(3), steps=3, latents=[2])
    walk.save(ways, run.path / "walk" / "walk.parquet", notes=notes)


def test_the_walk_that_was_written_is_shown(make):
    run, _ = make()
    store(run, spread(run), **{"from": "12", "order": "named", "weights": codes.hash_of_weights(run.model)})
    (plate,) = walks.walked(run, seed=0).plates
    assert "others stay at the code of row 12 of the data" in plate.caption
    assert "3 equal steps" in plate.caption
    assert plate.alt.endswith("1 rows in which one latent each moves, z3.")


def test_a_walk_of_other_weights_is_not_shown(make):
    run, _ = make()
    store(run, spread(run), **{"from": "12", "weights": "0" * 16})
    assert "aggregate posterior" in walks.walked(run, seed=0).plates[0].caption


def test_a_damaged_walk_is_refused(make):
    run, _ = make()
    (run.path / "walk").mkdir()
    (run.path / "walk" / "walk.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunFormatError, match="make it again with zscape walk"):
        walks.walked(run, seed=0)


def test_pictures_are_those_of_the_codes(make, monkeypatch):
    run, _ = make()
    table = spread(run)
    seen = []
    monkeypatch.setattr(pictures, "traversals", lambda images, names: seen.append((images, names)) or figure)
    figure = pictures.picture_grid(np.zeros((1, 1, 8, 8)), 1)
    made = walks.usual(table, seed=0)
    walks.plates(run, table, made)
    ((images, labels),) = seen
    kl = walk.latent_kl(table)
    for way, latent in enumerate(made.ways.latents):
        np.testing.assert_allclose(images[way], run.decode(made.ways.z[way]), atol=1e-6)
        assert labels[way].startswith(f"z{latent + 1}  {kl[latent]:.2f} nats\n")
        low, high = (float(each) for each in labels[way].split("\n")[1].replace("−", "-").split(" to "))
        np.testing.assert_allclose([low, high], made.ways.values[way][[0, -1]], atol=0.01)


def test_points_are_told_by_their_variance(make):
    run, _ = make(stochastic=False)
    table = spread(run)
    (plate,) = walks.plates(run, table, walks.usual(table, seed=0))
    assert "Beside each is the variance of its codes, by which they are ordered" in plate.caption
    assert "variance 1" in plate.figure.svg


def test_drawings_share_their_random_numbers_along_a_way(make):
    run, _ = make(drawings=True)
    table = spread(run)
    ways = walk.traversals(table, start=np.zeros(3), steps=3, latents=[0, 1])
    still = walk.Traversals(np.zeros_like(ways.z), ways.latents, np.zeros_like(ways.values))
    x = walks._drawn(run, still, seed=1)
    np.testing.assert_array_equal(x[:, 0], x[:, 1])
    assert (x[0] != x[1]).any()
    (plate,) = walks.plates(run, table, walks.Walk(ways, {"from": "origin"}))
    assert "others stay at the middle of the prior" in plate.caption
    assert plate.figure.gif.startswith(b"GIF89a")
    assert "z1" in plate.figure.svg


def test_vectors_have_answers_but_no_pictures(make, monkeypatch):
    monkeypatch.setattr(walks, "pictorial", lambda _: False)
    run, _ = make(factors=FACTORS)
    table = spread(run)
    assert [plate.name for plate in walks.plates(run, table, walks.usual(table, seed=0))] == ["responses"]
    run, _ = make(run_name="bare")
    spread(run)
    assert "are not grey or RGB pictures" in walks.walked(run, seed=0).note


def test_factors_that_no_curve_fits_are_left_out():
    table = codes.Codes(np.arange(300), np.full(300, "test"), np.zeros((300, 1), np.float32))
    table.factors.update(
        same=np.ones(300), many=np.arange(300), word=np.full(300, "a"), holes=np.full(300, np.nan),
        half=np.arange(300) % 2, sides=np.arange(300) % 3 / 2,
    )  # fmt: skip
    assert list(walks.plain_factors(table)) == ["half", "sides"]


def test_more_factors_than_fit_are_named(make):
    run, _ = make(factors={f"f{each}": np.arange(240) % (each + 2) for each in range(9)})
    spread(run)
    assert "Further factors: f7, f8." in walks.walked(run, seed=0).plates[-1].caption


def test_the_figures_of_a_walk_are_files(make, tmp_path):
    run, _ = make(factors=FACTORS)
    table = spread(run)
    paths = write_walk(run, table, walks.usual(table, seed=0), tmp_path / "out")
    assert sorted(paths) == ["animation", "responses", "traversals"]
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert found == ["responses.png", "responses.svg", "traversals.gif", "traversals.png", "traversals.svg"]


def test_a_walk_goes_there_and_back():
    steps = np.linspace(0, 1, 5)
    images = np.broadcast_to(steps[None, :, None, None, None], (3, 5, 1, 8, 8))
    with Image.open(io.BytesIO(moving.there_and_back(images, ["z1", "z2", "z3"], seconds=1.6))) as gif:
        assert gif.n_frames == 8
        seen, durations = [], []
        for frame in range(8):
            gif.seek(frame)
            pixels = np.asarray(gif.convert("RGB"))
            # Nothing of a grey picture, nor around it, is tinted.
            assert (pixels == pixels[..., :1]).all()
            seen.append(pixels[50, 50, 0] / 255)
            durations.append(gif.info["duration"])
    np.testing.assert_allclose(seen, [*steps, *steps[-2:0:-1]], atol=0.01)
    # Both ends stay.
    assert durations == [1000, 200, 200, 200, 1000, 200, 200, 200]
    assert gif.size == (3 * 164 + 4, 4 + 160 + 15 + 8)


def test_pixels_are_enlarged_by_a_whole_factor():
    images = np.random.default_rng(0).random((1, 2, 1, 28, 28))
    with Image.open(io.BytesIO(moving.there_and_back(images, ["one"]))) as gif:
        shown = np.asarray(gif.convert("L"))[4 : 4 + 6 * 28, 4 : 4 + 6 * 28].reshape(28, 6, 28, 6) / 255
    assert (shown == shown[:, :1, :, :1]).all()
    np.testing.assert_allclose(shown[:, 0, :, 0], images[0, 0, 0], atol=0.012)


def test_ways_that_belong_together_stand_in_a_row_under_all_lines_of_their_names():
    images = np.zeros((12, 2, 1, 8, 8))
    images[4:8, 1] = 1
    with Image.open(io.BytesIO(moving.there_and_back(images, ["a\nb"] * 12, together=4))) as gif:
        gif.seek(1)
        shown = np.asarray(gif.convert("L"))
    down = 160 + 2 * 15 + 8
    assert shown.shape == (4 + 3 * down, 4 + 4 * 164)
    lit = shown[84::down, 84::164] > 127
    np.testing.assert_array_equal(lit, [[False] * 4, [True] * 4, [False] * 4])


def test_two_steps_colours_and_large_pictures_move_too():
    images = np.random.default_rng(0).random((20, 2, 3, 120, 120))
    with Image.open(io.BytesIO(moving.there_and_back(images, [f"z{each}" for each in range(20)]))) as gif:
        assert gif.n_frames == 2
        assert gif.size[0] < 1000
        gif.seek(1)
        shown = np.asarray(gif.convert("RGB"))[4:124, 4:124] / 255
    assert np.abs(shown - images[0, 1].transpose(1, 2, 0)).mean() < 0.15


@pytest.mark.parametrize("shape", [(1, 1, 1, 8, 8), (0, 3, 1, 8, 8), (1, 3, 2, 8, 8), (2, 3, 1, 8, 8)])
def test_what_cannot_move_is_refused(shape):
    with pytest.raises(ValueError, match="ways of two or more grey or RGB pictures"):
        moving.there_and_back(np.zeros(shape), ["z1"])


def test_a_row_of_pictures_has_its_name():
    figure = pictures.traversals(np.zeros((2, 3, 1, 8, 8)), ["z1\n-1 to 1", "z2"])
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["z1\n-1 to 1", "z2"]
    with pytest.raises(ValueError, match="a name a row, but got 2 rows and 1 names"):
        pictures.traversals(np.zeros((2, 3, 1, 8, 8)), ["z1"])


def test_curves_are_the_means_and_say_the_share():
    size = np.arange(60) % 3
    z = np.column_stack([size + 0.01 * (np.arange(60) % 2), np.arange(60) // 30])
    found = walk.responses(z.astype(float), {"size": size})
    figure = answers.response_curves(found, [1, 0])
    flat, rising = figure.axes
    np.testing.assert_allclose(rising.lines[0].get_ydata(), found[0].mean[:, 0])
    np.testing.assert_allclose(rising.lines[0].get_xdata(), [0, 1, 2])
    assert [axes.texts[0].get_text() for axes in (flat, rising)] == ["0 %", "100 %"]
    assert flat.lines[0].get_color() != rising.lines[0].get_color()


def test_curves_need_factors_and_latents():
    with pytest.raises(ValueError, match="needs factors and latents, but got 0 and 1"):
        answers.response_curves([], [0])


def test_the_page_has_the_section_between_space_and_samples(make):
    from zscape.report import write

    run, data = make(factors=FACTORS)
    spread(run)
    text = write(run, data).read_text()
    places = [text.index(f'<section id="{anchor}">') for anchor in ("latent", "walks", "samples")]
    assert places == sorted(places)
    assert 'href="figures/traversals.gif"' in text
    assert sections.Section("walks", "Walks").title in text
