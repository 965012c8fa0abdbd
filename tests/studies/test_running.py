import sys
from types import ModuleType

import pytest

from zscape import studies
from zscape.errors import DataError, SettingError
from zscape.studies import running


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "diverse-samplin"}, "unknown study 'diverse-samplin': did you mean 'diverse-sampling'"),
        ({"name": "class-generation", "scale": "smok"}, "unknown scale 'smok': did you mean 'smoke'"),
        ({"name": "x"}, "unknown study .x.: known are class-generation, diverse-sampling, sketch-cov"),
    ],
)
def test_what_there_is_not_is_refused_with_the_nearest(settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=message):
        studies.run(**settings)
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(SettingError, match="needs a folder"):
        studies.run("diverse-sampling", out=tmp_path / "out")


@pytest.mark.parametrize("name", sorted(studies.STUDIES))
def test_missing_data_is_named_before_anything_is_written(name, tmp_path, monkeypatch):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    named = r"(mnist|cat|dsprites)[\s\S]*zscape data fetch|paintings was not found[\s\S]*put it"
    with pytest.raises(DataError, match=named):
        studies.run(name, scale="cpu", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_study_is_made_in_runs_unless_told_otherwise(tmp_path, monkeypatch):
    orders = []
    module = ModuleType("made_up_study")
    module.make = lambda order: orders.append(order) or order.page
    monkeypatch.setitem(sys.modules, "made_up_study", module)
    monkeypatch.setitem(running.STUDIES, "made-up", "made_up_study")
    page = studies.run("made-up", scale="paper", data_dir="data")
    assert page.parts == ("runs", "studies", "made-up", "paper", "page")
    assert orders[0].data_dir == "data"
    assert studies.run("made-up", out=str(tmp_path)) == tmp_path / "page"
    assert orders[1].scale == "smoke"


def test_every_study_has_every_scale():
    from zscape.studies import (
        class_generation,
        diverse_sampling,
        sketch_covariance,
        sparse_disentanglement,
        style_paths,
    )

    for study in (class_generation, diverse_sampling, sketch_covariance, sparse_disentanglement, style_paths):
        assert tuple(study.SCALES) == studies.SCALES
    # As published, so that fits made elsewhere with these settings are found.
    assert diverse_sampling.SCALES["cpu"].widths == (784,) * 5
    assert class_generation.SCALES["cpu"].widths == (500, 500)
    assert class_generation.SCALES["cpu"].latents == (2, 10, 20)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("class-generation", "by_class"),
        ("diverse-sampling", "diverse"),
        ("sketch-covariance", "sketches"),
        ("sparse-disentanglement", "sparse"),
        ("style-paths", "style_walks"),
    ],
)
def test_a_second_call_measures_nothing_again(name, made, request):
    out, _ = request.getfixturevalue(made)
    before = (out / "page" / "results.json").read_bytes()
    kept = {
        path: path.stat().st_mtime_ns
        for path in out.rglob("*")
        if path.parent.name != "page" and path.is_file()
    }
    studies.run(name, scale="smoke", out=out)
    assert (out / "page" / "results.json").read_bytes() == before
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
