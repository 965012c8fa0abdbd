"""zscape draw: what is drawn, what is written, and what is refused."""

import inspect
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import zscape as zs
from zscape import strokes
from zscape.app import cli
from zscape.data.stroke_files import open_stroke_files

FILES = {"sheet.svg", "sheet.png", "animation.svg", "animation.gif", "drawings.ndjson", "singles"}


@pytest.fixture
def run(drawn, tmp_path):
    """The small run of drawings, to write into."""
    return shutil.copytree(drawn, tmp_path / "run")


@pytest.fixture
def draw(zscape, run, tmp_path):
    """Draw with these options; gives the records of drawings.ndjson and the folder."""
    calls = []

    def call(*words):
        calls.append(words)
        folder = tmp_path / f"drawn-{len(calls)}"
        done = zscape("draw", run, *words, "--out", folder, "--json")
        assert done.code == 0, done.err
        assert {path.name for path in folder.iterdir()} == FILES
        assert set(json.loads(done.out).values()) == {str(folder / name) for name in FILES}
        text = (folder / "drawings.ndjson").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()], folder

    return call


def sketches(run, z, **settings):
    """What the functions of the package draw, in the units of the data."""
    scale = np.array([run.spec["data"]["scale"]] * 2 + [1])
    return [each * scale for each in strokes.to_stroke3(zs.model.draw(run.model, z, **settings))]


def same(folder, expected):
    found = open_stroke_files(folder / "drawings.ndjson").sketches
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        # The file has two decimals, and every line of it ends.
        np.testing.assert_allclose(one[:, :2], other[:, :2], atol=0.011)
        np.testing.assert_array_equal(one[:-1, 2], other[:-1, 2])


def test_new_drawings_come_from_a_gaussian_on_the_codes_or_from_the_prior(draw, run):
    codes = zs.codes.load(run / "codes.parquet").of("train")
    densities = {(): zs.sample.Gaussian().fit(codes), ("--prior",): zs.sample.StandardNormal(3)}
    for words, density in densities.items():
        records, folder = draw(*words, "--count", 5, "--temperature", 0.8, "--seed", 2)
        z = density.sample(5, seed=2)
        same(folder, sketches(zs.Run(run), z, temperature=0.8, seed=2))
        assert {record["made"]["temperature"] for record in records} == {0.8}


def test_drawings_like_others_are_those_of_their_codes(draw, run):
    records, folder = draw("--like", 3, "--like", 50, "--count", 2, "--temperature", 1)
    data = zs.data.load("doodles:count=60")
    z = zs.codes.load(run / "codes.parquet").mean[[3, 3, 50, 50]]
    same(folder, sketches(zs.Run(run), z, temperature=1.0))
    assert [record["made"]["like"] for record in records] == [3, 3, 50, 50]
    assert records[0]["word"] == data.names[data.labels[3]]
    sheet = (folder / "sheet.svg").read_text("utf-8")
    assert f"{data.names[data.labels[50]]} 50" in sheet
    assert sheet.count("<g transform") == 6
    assert sheet.count("original") == 1


def test_the_way_between_two_begins_and_ends_at_their_codes(draw, run):
    records, folder = draw("--from", 3, "--to", 50, "--steps", 3, "--temperature", 0)
    first, last = zs.codes.load(run / "codes.parquet").mean[[3, 50]].astype(float)
    z = np.array([first, (first + last) / 2, last])
    same(folder, sketches(zs.Run(run), z, temperature=0.0))
    assert [record["made"]["share"] for record in records] == [0, 0.5, 1]
    assert (folder / "sheet.svg").read_text("utf-8").count("<g transform") == 5


def test_beginnings_are_kept_and_drawn_on(draw, run, tmp_path):
    lines = [[[0, 30, 60], [0, 0, 40]], [[5, 8], [90, 90]]]
    path = tmp_path / "begun.ndjson"
    path.write_text("".join(json.dumps({"drawing": lines[: number + 1]}) + "\n" for number in range(2)))
    records, folder = draw("--complete", path, "--count", 3, "--temperature", 1)
    found = open_stroke_files(folder / "drawings.ndjson").sketches
    begun = open_stroke_files(path).sketches
    assert len(found) == 6
    for number, sketch in enumerate(found):
        start = begun[number // 3]
        np.testing.assert_allclose(sketch[: len(start), :2], start[:, :2], atol=0.011)
        np.testing.assert_array_equal(sketch[: len(start), 2], start[:, 2])
    assert [record["made"]["begun"] for record in records] == ["begun 0"] * 3 + ["begun 1"] * 3
    assert any(len(sketch) > len(begun[number // 3]) for number, sketch in enumerate(found))


def test_the_page_of_an_svg_stands_for_a_whole_drawing(run, tmp_path):
    from zscape.app.sketching.beginnings import read_beginnings

    opened, data = zs.Run(run), zs.data.load("doodles:count=60")
    half = '<path d="M10 20H60"/></svg>'
    pages = ('viewBox="0 0 100 50"', 'width="100" height="50px"', 'width="100px" height="50px"', "")
    widths = []
    for number, page in enumerate(pages):
        path = tmp_path / f"{number}.svg"
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {page}>{half}')
        (sketch,) = read_beginnings(path, opened, None).values()
        widths.append(sketch[:, 0].sum() * data.scale)
    # Doodles are 255 wide or high; where the page has no size, the line is the drawing.
    np.testing.assert_allclose(widths, [255 / 2, 255 / 2, 255 / 2, 255], rtol=0.02)


def test_a_single_drawing_can_be_completed_again(draw):
    _, folder = draw("--like", 3, "--count", 1, "--temperature", 1)
    single = folder / "singles" / "0000.svg"
    records, _ = draw("--complete", single, "--count", 2)
    assert len(records) == 2


def test_what_is_drawn_is_a_data_set_again(draw, zscape):
    _, folder = draw("--count", 12, "--temperature", 1)
    done = zscape("data", "show", folder / "drawings.ndjson", "--out", folder / "again.png", "--json")
    assert done.code == 0, done.err
    assert sum(json.loads(done.out)["splits"].values()) <= 12


def test_pictures_can_be_opened_and_have_all_drawings(draw):
    _, folder = draw("--count", 14)
    with Image.open(folder / "sheet.png") as sheet, Image.open(folder / "animation.gif") as moving:
        assert sheet.size[0] > sheet.size[1] > 300
        assert moving.n_frames > 10
    assert (folder / "sheet.svg").read_text("utf-8").count("<g transform") == 14
    assert (folder / "animation.svg").read_text("utf-8").count("<g transform") == 14
    assert "<animate" in (folder / "animation.svg").read_text("utf-8")
    assert len(list((folder / "singles").glob("*.svg"))) == 14
    with Image.open(folder / "singles" / "0013.png") as single:
        assert single.size == (256, 256)


def test_the_run_folder_is_replaced_but_for_files_of_others(zscape, run):
    for count in (5, 2):
        done = zscape("draw", run, "--count", count)
        assert done.code == 0, done.err
        assert f"sheet: {run / 'drawings' / 'sheet.svg'}" in done.out
        assert len(list((run / "drawings" / "singles").glob("*.svg"))) == count
    (run / "drawings" / "singles" / "mine.svg").touch()
    before = (run / "drawings" / "sheet.svg").read_bytes()
    done = zscape("draw", run, "--count", 1)
    assert done.code == 2
    assert "mine.svg" in done.err
    assert (run / "drawings" / "sheet.svg").read_bytes() == before
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_a_folder_that_could_not_be_finished_is_not_there(zscape, run, tmp_path, monkeypatch):
    from zscape import drawing

    def broken(*_, **__):
        raise OSError("no space left")

    assert zscape("draw", run, "--count", 2).code == 0
    before = sorted(run.rglob("*"))
    monkeypatch.setattr(drawing, "gif", broken)
    assert zscape("draw", run, "--count", 3).code == 1
    assert zscape("draw", run, "--count", 3, "--out", tmp_path / "set").code == 1
    assert sorted(run.rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_a_run_without_codes_says_what_to_do(zscape, run):
    (run / "codes.parquet").unlink()
    done = zscape("draw", run)
    assert done.code == 1
    assert "make it with zscape encode" in done.err
    assert zscape("draw", run, "--prior", "--count", 1).code == 0
    assert zscape("draw", run, "--like", 0, "--count", 1).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--like", 60), "rows 0 to 59, but got 60"),
        (("--like", -1), "rows 0 to 59, but got -1"),
        (("--from", 3), "needs both: --from ROW --to ROW"),
        (("--like", 3, "--from", 3, "--to", 4), "one call draws one thing, but got --like and --from"),
        (("--steps", 4), "--steps needs --from"),
        (("--from", 3, "--to", 4, "--count", 4), "take --steps, not --count"),
        (("--like", 3, "--prior"), "--prior means nothing with --like"),
        (("--temperature", "inf"), "--temperature needs a number"),
        (("--complete", "{run}/none.svg"), "there is none at"),
        (("--complete", "{run}/spec.json"), "spec.json is none"),
        (("--complete", "{run}/blank.svg"), "there is none in"),
        (("--complete", "{run}/blank.ndjson"), "there is none in drawing 1"),
        (("--complete", "{run}/nothing.ndjson"), "there is none in"),
        (("--complete", "{run}/cut.ndjson"), "line 1 of"),
        (("--complete", "{run}/long.ndjson"), "beginnings need fewer than"),
        (("--out", "{run}"), "--out needs a new folder"),
    ],
)
def test_what_is_asked_wrongly_is_one_line_and_nothing_is_written(zscape, run, words, said):
    (run / "blank.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (run / "blank.ndjson").write_text('{"drawing": [[[0, 5], [0, 5]]]}\n{"drawing": []}\n')
    (run / "nothing.ndjson").write_text("\n")
    (run / "cut.ndjson").write_text('{"drawing": [[[0, ')
    many = list(range(200))
    (run / "long.ndjson").write_text(json.dumps({"drawing": [[many, [n % 7 for n in many]]]}))
    done = zscape("draw", run, *(str(word).format(run=run) for word in words))
    assert done.code in (1, 2)
    # How far it is may be said before.
    (line,) = [line for line in done.err.splitlines() if line.strip() and not line.startswith("draw  ")]
    assert line.startswith("zscape: ")
    assert said in line
    assert not (run / "drawings").exists()


def test_pictures_are_not_drawn(zscape, fitted):
    done = zscape("draw", fitted)
    assert done.code == 2
    assert "needs a run of drawings" in done.err


def test_the_command_draws_at_the_temperature_that_the_function_does():
    default = inspect.signature(cli.draw).parameters["temperature"].default
    assert default == inspect.signature(zs.model.draw).parameters["temperature"].default
