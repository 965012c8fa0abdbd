"""The section of classes: what it shows of which codes, and when there is none."""

import numpy as np
import pytest

from zscape import codes, measure
from zscape.base import Codes
from zscape.report import classes
from zscape.report.wording import interval


def names(section):
    return [plate.name for plate in section.plates]


def relabelled(run, label):
    table = codes.load(run.codes_path)
    codes.save(Codes(table.id, table.split, table.mean, table.logvar, label), run.codes_path)


def test_codes_with_classes_have_spectra_clusters_and_neighbours(make):
    run, data = make()
    section = classes.structured(run, data, seed=3)
    assert names(section) == [
        "class-spectra",
        "class-distances",
        "class-clusters",
        "class-neighbours",
    ]
    table = codes.load(run.codes_path).of("test")
    purity, *_ = measure.cluster_agreement(measure.cluster(table, 4, seed=3), table.label, seed=3)
    assert "Purity {} ({})".format(*interval(purity)) in section.plates[2].caption
    assert all("24 codes" in plate.caption and "seed 3" in plate.caption for plate in section.plates)


def test_neighbours_are_shown_of_every_class(make):
    run, data = make()
    table = codes.load(run.codes_path)
    label = np.arange(len(table)) % 11
    relabelled(run, label)
    section = classes.structured(run, data, seed=0)
    (plate,) = [each for each in section.plates if each.name == "class-neighbours"]
    rows = [note.get_text() for note in plate.figure.axes[0].texts][:-2]
    assert sorted(rows, key=int) == [str(each) for each in np.unique(label)]
    assert plate.alt.startswith("11 pictures")


def test_drawings_have_no_neighbours_as_pictures(make):
    run, data = make(drawings=True, count=240)
    section = classes.structured(run, data, seed=0)
    assert names(section) == ["class-spectra", "class-distances", "class-clusters"]


@pytest.mark.parametrize("change", ["no codes", "no labels", "one class", "many classes", "collapsed"])
def test_without_classes_there_is_no_section(make, change):
    run, data = make(classes=0 if change == "no labels" else 4, only=("weights", "codes"))
    table = codes.load(run.codes_path)
    match change:
        case "no codes":
            run.codes_path.unlink()
        case "one class":
            relabelled(run, np.zeros(len(table), dtype=np.int64))
        case "many classes":
            relabelled(run, np.arange(len(table)))
        case "collapsed":
            flat = Codes(table.id, table.split, np.zeros_like(table.mean), label=table.label)
            codes.save(flat, run.codes_path)
    assert classes.structured(run, data, seed=0) is None


def test_panels_show_shares_and_the_null():
    z = np.random.default_rng(0).standard_normal((60, 5))
    z[:, 1] += 3 * z[:, 0]
    found = measure.parallel_analysis(z, seed=1)
    axes = classes.spectra_panels([found, found], ["all", "cats"], [1060, 60]).axes
    titles = [each.get_title(loc="left") for each in axes]
    assert titles == ["all (n = 1,060)\n1 above", "cats (n = 60)\n1 above"]
    np.testing.assert_allclose([bar.get_height() for bar in axes[0].patches], 100 * found.ratios)
    np.testing.assert_allclose(axes[0].get_lines()[0].get_ydata(), 100 * found.null_high)
    colours = [bar.get_facecolor() for bar in axes[0].patches]
    assert colours[0] != colours[1] == colours[2]


def test_the_table_of_clusters_shows_shares():
    table = measure.composition(np.array([0, 0, 0, 1]), np.array([3, 3, 5, 5]))
    silhouettes = [measure.silhouette(np.arange(4.0)[:, None], np.arange(4) % count) for count in (2, 3)]
    left, right, *_ = classes.cluster_figure(silhouettes, [2, 3], table, ["cat", "dog"]).axes
    np.testing.assert_allclose(right.get_images()[0].get_array(), [[2 / 3, 1 / 3], [0, 1]])
    assert [text.get_text() for text in right.texts] == ["0.67", "0.33", "1.00"]
    assert [text.get_text() for text in right.get_yticklabels()] == ["1 (3)", "2 (1)"]
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), [each.value for each in silhouettes])
