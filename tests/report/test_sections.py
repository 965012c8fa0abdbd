"""Sections pick, name and read what the run folder has."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from zscape import codes
from zscape.base import Codes
from zscape.errors import RunFormatError
from zscape.report import page, pictures, samples, sections, sheets
from zscape.run import Run


def names(section):
    return [plate.name for plate in section.plates]


def caption(section, name):
    return next(plate.caption for plate in section.plates if plate.name == name)


def test_picks_take_the_classes_in_turn():
    labels = np.array([0] * 50 + [1] * 3 + [2] * 50)
    rows = sections.picks(np.arange(103), labels, count=12, seed=0)
    assert labels[rows].tolist() == [0, 1, 2] * 3 + [0, 2, 0]
    assert len(set(rows.tolist())) == 12


def test_picks_are_fixed_by_the_seed():
    rows = np.arange(100, 200)
    one, again, other = (sections.picks(rows, None, count=9, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert set(one) <= set(rows)
    assert (np.diff(one) > 0).all()


def test_picks_of_few_rows_are_all_of_them():
    assert sections.picks(np.array([4, 2]), np.array([0, 1, 0, 1, 1]), count=20, seed=0).tolist() in ([2, 4],)


@pytest.mark.parametrize(
    ("latent", "expected"),
    [(1, ["latent-map"]), (2, ["latent-map", "manifold", "spectrum"]), (3, ["latent-map", "spectrum"])],
)
def test_latent_figures_follow_the_dimension(make, latent, expected):
    run, _ = make(latent=latent)
    assert names(sections.latent(run, tsne=False, seed=0)) == expected


def test_latent_with_factors_and_tsne(make):
    run, _ = make(factors={"x": np.arange(240) % 5, "y": np.arange(240) % 3})
    section = sections.latent(run, tsne=True, seed=4)
    assert names(section) == ["latent-map", "latent-tsne", "latent-factors", "information", "spectrum"]
    assert "seed 4" in caption(section, "latent-tsne")
    assert "24 codes are few for 20 bins and 5 values" in caption(section, "information")
    assert "24 codes" in caption(section, "latent-tsne")


def test_map_shows_the_test_codes_and_their_number(make):
    run, data = make()
    shown = caption(sections.latent(run, tsne=False, seed=0), "latent-map")
    assert shown.startswith(f"{len(data.splits['test'])} test codes, coloured by label")


def test_shares_on_the_map_are_those_of_a_singular_value_decomposition(make):
    run, _ = make()
    points = codes.load(run.codes_path).of("test").mean.astype(float)
    lengths = np.linalg.svd(points - points.mean(0), compute_uv=False)
    share = 100 * (lengths[:2] ** 2).sum() / (lengths**2).sum()
    assert f"hold {share:.1f} % of the variance" in caption(
        sections.latent(run, tsne=False, seed=0), "latent-map"
    )


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_codes_say_so(make, count):
    run, _ = make()
    codes.save(codes.load(run.codes_path).take(np.arange(count)), run.codes_path)
    section = sections.latent(run, tsne=True, seed=0)
    assert not section.plates
    assert f"there are {count}" in section.note


def test_tsne_of_too_few_codes_says_so(make):
    run, _ = make()
    table = codes.load(run.codes_path).of("test").take(np.arange(9))
    codes.save(table, run.codes_path)
    section = sections.latent(run, tsne=True, seed=0)
    assert "latent-tsne" not in names(section)
    assert "t-SNE needs 10" in section.note


def test_codes_without_a_test_split_are_shown_all(make):
    run, _ = make()
    codes.save(codes.load(run.codes_path).of("train"), run.codes_path)
    assert "codes of all splits" in caption(sections.latent(run, tsne=False, seed=0), "latent-map")


def test_collapsed_codes_are_drawn(make):
    run, _ = make()
    table = codes.load(run.codes_path)
    flat = Codes(id=table.id, split=table.split, mean=np.zeros_like(table.mean), label=table.label)
    codes.save(flat, run.codes_path)
    section = sections.latent(run, tsne=False, seed=0)
    assert names(section) == ["latent-map", "spectrum"]
    assert "hold 0.0 %" in caption(section, "latent-map")


def test_samples_say_how_they_were_drawn(make):
    run, _ = make(samples=1)
    assert caption(samples.sampled(run), "samples").endswith("density StandardNormal, seed 3.")


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (24, 2, 12), (64, 4, 16), (90, 4, 16)])
def test_samples_fill_even_rows(make, count, rows, columns):
    run, _ = make(samples=count)
    figure = samples.sampled(run).plates[0].figure
    tall, wide = figure.axes[0].get_images()[0].get_array().shape[:2]
    assert tall / wide == pytest.approx((9 * rows - 1) / (9 * columns - 1))


def test_samples_leave_out_what_was_not_asked(make):
    run, _ = make(meta=b'{"density": "prior", "label": null}')
    assert caption(samples.sampled(run), "samples").endswith("drawn: density prior.")


def rewrite(run: Run, table: pa.Table):
    parquet.write_table(table, run.samples_path)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"id": [1]}), r"column code of lists of 3 numbers, but holds: id \(int64\)"),
        (pa.table({"code": [1.0]}), "column code"),
        (pa.table({"code": codes.vectors(np.zeros((2, 4)))}), "of 3 dimensions, but holds codes of 4"),
        (pa.table({"code": codes.vectors(np.full((2, 3), np.nan))}), "6 values that are not finite"),
    ],
)
def test_samples_that_do_not_fit_are_refused(make, table, message):
    run, _ = make()
    rewrite(run, table)
    with pytest.raises(RunFormatError, match=message):
        samples.sampled(run)


def test_a_set_is_shown_beside_independent_draws(make):
    run, _ = make()
    z = np.random.default_rng(0).normal(size=(3, 3))
    table = pa.table({"id": range(3), "code": codes.vectors(z), "iid": codes.vectors(-z)})
    rewrite(run, table)
    section = samples.sampled(run)
    assert "independent draws" in caption(section, "samples")
    shown = section.plates[0].figure.axes[0].get_images()[0].get_array()
    expected = pictures.compared({"this set": run.decode(z), "i.i.d.": run.decode(-z)}, 3)
    np.testing.assert_array_equal(shown, expected.axes[0].get_images()[0].get_array())


def test_chosen_rows_are_shown_as_they_are_in_the_data(make):
    run, data = make()
    table = pa.table({"id": [7, 200], "code": codes.vectors(np.zeros((2, 3)))})
    rewrite(run, table.replace_schema_metadata({b"zscape": b'{"method": "representatives"}'}))
    section = samples.sampled(run, data)
    shown = section.plates[0].figure.axes[0].get_images()[0].get_array()
    originals = data.images[[7, 200]].numpy() / np.float32(255)
    expected = pictures.picture_grid(originals, 2).axes[0].get_images()[0].get_array()
    np.testing.assert_array_equal(shown, expected)
    assert section.plates[0].title == "Pictures chosen from the data"


def by_class(run: Run, label: list[int], names: list[str]) -> np.ndarray:
    """Write a table of samples drawn class by class; gives the codes."""
    z = np.random.default_rng(0).normal(size=(len(label), 3))
    table = pa.table({"code": codes.vectors(z), "iid": codes.vectors(-z), "label": label})
    made = json.dumps({"method": "by-class", "classes": names})
    rewrite(run, table.replace_schema_metadata({b"zscape": made.encode()}))
    return z


def test_a_set_drawn_class_by_class_has_a_row_a_class(make):
    run, _ = make()
    z = by_class(run, [1, 1, 3], ["one", "three"])
    section = samples.sampled(run)
    assert caption(section, "samples") == (
        "A row a class, the first of each: 3 codes, decoded. How they were drawn: method by-class. On the "
        "right: as many independent draws of the data's codes of the same classes."
    )
    assert section.plates[0].alt == "A grid of 3 generated pictures, a row each for one, three."
    shown = section.plates[0].figure.axes[0].get_images()[0].get_array()
    groups = {"this set": run.decode(z), "data codes": run.decode(-z)}
    expected = pictures.class_rows(groups, np.array([1, 1, 3]), {1: "one", 3: "three"}, 16)
    np.testing.assert_array_equal(shown, expected.axes[0].get_images()[0].get_array())


def test_every_class_of_a_large_set_is_shown(make):
    run, _ = make()
    by_class(run, np.repeat([0, 1, 2], 100).tolist(), ["a", "b", "c"])
    assert caption(samples.sampled(run), "samples").startswith("A row a class, the first of each: 63 of 300")


def test_many_classes_or_one_have_no_rows(make):
    run, _ = make()
    for label in ([4, 4, 4], list(range(41))):
        by_class(run, label, [str(which) for which in sorted(set(label))])
        assert caption(samples.sampled(run), "samples").startswith(f"The first {len(label)} codes")


def test_classes_that_do_not_fit_their_names_are_refused(make):
    run, _ = make()
    by_class(run, [1, 3], ["one"])
    with pytest.raises(RunFormatError, match="the names of 2 classes, but holds 1"):
        samples.sampled(run)


def test_samples_in_another_folder_are_shown(make, tmp_path):
    run, _ = make(samples=2)
    (tmp_path / "other").mkdir()
    run.samples_path.rename(tmp_path / "other" / "samples.parquet")
    assert not samples.sampled(run).plates
    assert samples.sampled(run, folder=tmp_path / "other").plates


@pytest.mark.parametrize("rows", [[7, 240], [-1, 3]])
def test_chosen_rows_that_the_data_lacks_are_refused(make, rows):
    run, data = make()
    table = pa.table({"id": rows, "code": codes.vectors(np.zeros((2, 3)))})
    rewrite(run, table.replace_schema_metadata({b"zscape": b'{"method": "representatives"}'}))
    with pytest.raises(RunFormatError, match="ids from 0 to 239"):
        samples.sampled(run, data)


MEASURE = {"name": "mean radius", "value": 1.23456, "unit": "latent units", "definition": "how far out"}
RANGE = {"iid_mean": 2.0, "iid_low": 1.5, "iid_high": 2.5}


def measured(run, **notes):
    table = parquet.read_table(run.samples_path)
    rewrite(
        run, table.replace_schema_metadata({b"zscape": json.dumps({"method": "quantize"} | notes).encode()})
    )


def test_the_measures_that_samples_keep_are_a_table_of_the_page(make):
    run, data = make(samples=2)
    measured(run, measures=[MEASURE | RANGE, MEASURE | {"unit": ""}], beside="20 i.i.d. sets")
    section = samples.sampled(run)
    assert section.measures == (
        sections.Row("mean radius", "1.235", "2 (1.500 to 2.500)", "latent units", "how far out"),
        sections.Row("mean radius", "1.235", "", "", "how far out"),
    )
    assert "20 i.i.d. sets" not in caption(section, "samples")
    text = page.write(run, data).read_text()
    assert "Mean (range) of 20 i.i.d. sets" in text
    assert "2 (1.500 to 2.500)" in text
    assert "how far out" in text


@pytest.mark.parametrize(
    "notes",
    [
        {"measures": 3},
        {"measures": ["x"]},
        {"measures": [MEASURE | {"value": True}]},
        {"measures": [MEASURE | RANGE | {"iid_low": None}]},
        {"measures": [MEASURE | {"unit": 3}]},
        {"measures": [MEASURE], "beside": 3},
    ],
)
def test_damaged_measures_of_samples_are_refused(make, notes):
    run, _ = make()
    measured(run, **notes)
    with pytest.raises(RunFormatError, match="make it again with zscape sample"):
        samples.sampled(run)


def test_damaged_samples_are_refused(make):
    run, _ = make()
    run.samples_path.write_bytes(b"PAR1 no parquet")
    with pytest.raises(RunFormatError, match="make it again with zscape sample"):
        samples.sampled(run)


def test_no_samples_in_the_table(make):
    run, _ = make(samples=0)
    assert "empty" in samples.sampled(run).note


def test_place_of_an_absolute_path_is_its_name(make, tmp_path, monkeypatch):
    make()
    assert sections.place(Run(tmp_path / "run")) == "run"
    monkeypatch.chdir(tmp_path)
    assert sections.place(Run("run")) == "run"
    monkeypatch.chdir(tmp_path.parent)
    assert sections.place(Run(f"{tmp_path.name}/run")) == f"{tmp_path.name}/run"


def test_a_drawing_among_samples_is_that_of_its_row(make):
    run, _ = make(drawings=True)
    z = by_class(run, [1, 1, 3], ["one", "three"])
    figure = samples.sampled(run).plates[0].figure
    groups = {"this set": run.shown(z), "data codes": run.shown(-z)}
    assert figure == sheets.class_rows(groups, np.array([1, 1, 3]), {1: "one", 3: "three"}, 8)
    # Of a set too large to be shown whole, the same.
    z = by_class(run, np.repeat([0, 1], 40).tolist(), ["a", "b"])
    shown = np.r_[:32, 40:72]
    groups = {"this set": run.shown(z)[shown], "data codes": run.shown(-z)[shown]}
    expected = sheets.class_rows(groups, np.repeat([0, 1], 32), {0: "a", 1: "b"}, 8)
    assert samples.sampled(run).plates[0].figure == expected


def test_drawings_chosen_from_the_data_are_shown_as_they_are(make):
    run, data = make(drawings=True)
    table = pa.table({"id": [7, 30], "code": codes.vectors(np.zeros((2, 3)))})
    rewrite(run, table.replace_schema_metadata({b"zscape": b'{"method": "representatives"}'}))
    plate = samples.sampled(run, data).plates[0]
    x, _ = data.batch(torch.tensor([7, 30]), "cpu")
    assert plate.figure == sheets.picture_grid(x.numpy(), 2)
    assert plate.title == "Drawings chosen from the data"
    assert "temperature" not in plate.caption
