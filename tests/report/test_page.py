"""The page is whole, refers to nothing outside, escapes what users wrote, and says what is missing."""

import hashlib
import json
import re
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from zscape import data, drawing
from zscape.base import Result
from zscape.errors import RunFormatError
from zscape.report import write, write_singles
from zscape.run import Run

# Figures of a run whose codes have labels.
CLASSES = ["class-spectra", "class-distances", "class-clusters", "class-neighbours"]
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements in order, text by element, and a record of every tag that is not closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.faults, self.ids, self.links, self.tags, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()
        self.faults += self.open

    def handle_starttag(self, tag, attrs):
        self._note(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def _note(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for key, value in attrs if key == "id"]
        self.links += [value for key, value in attrs if key in ("href", "src", "xlink:href")]

    def count(self, tag):
        return sum(found == tag for found, _ in self.tags)


def parsed(run, data_set, **options):
    page = Page(write(run, data_set, **options).read_text(encoding="utf-8"))
    assert not page.faults
    return page


def figure_names(page):
    return [attrs["id"].removeprefix("figure-") for tag, attrs in page.tags if tag == "figure"]


def said(page):
    return " ".join(" ".join(page.text).split())


def files(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_whole_page(make):
    run, data_set = make()
    page = parsed(run, data_set)
    before = ["learning-curves", "reconstructions", "latent-map", "spectrum"]
    assert figure_names(page) == [*before, *CLASSES, "samples"]
    assert len(page.ids) == len(set(page.ids))
    assert dict(page.tags[0][1]) == {"lang": "en"}
    text = said(page)
    assert "squares: 240 samples of shape 1 × 8 × 8" in text
    assert "kl" in text
    assert "free bits 0.5" in text
    assert "−98.77" in text
    assert "−99.20 to −98.30" in text
    assert "This makes it" not in text


def test_every_figure_is_also_png_and_svg_and_linked(make):
    run, data_set = make(latent=2, factors={"x": np.arange(240) % 5})
    page = parsed(run, data_set, tsne=True)
    names = figure_names(page)
    assert len(names) == 13
    for name in names:
        for kind in ("png", "svg"):
            assert f"figures/{name}.{kind}" in page.links
        with Image.open(run.figures / f"{name}.png") as picture:
            picture.verify()
        assert ElementTree.parse(run.figures / f"{name}.svg").getroot().tag.endswith("svg")
    assert {path.stem for path in run.figures.iterdir()} == set(names)


def test_nothing_outside_is_referred_to(make):
    run, data_set = make()
    path = write(run, data_set, tsne=True)
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert "<script" not in text
    assert "@import" not in text
    assert str(run.path.parent) not in text
    outside = [link for link in Page(text).links if not link.startswith(("#", "data:image/png", "figures/"))]
    assert not outside
    targets = {link[1:] for link in Page(text).links if link.startswith("#")}
    assert targets <= set(Page(text).ids)


def test_figures_describe_themselves_and_tables_have_headers(make):
    page = parsed(*make())
    drawings = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(drawings) == page.count("figure") == page.count("figcaption")
    assert all(attrs["role"] == "img" and len(attrs["aria-label"]) > 10 for attrs in drawings)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")


NASTY = '</svg><script>alert("$x$")</script>&<b>\x07'


def test_text_of_users_is_escaped(make):
    run, data_set = make(
        names=(NASTY, "b", "c", "d"), name=NASTY, run_name="<i>run&", spec={"engine": {NASTY: NASTY}}
    )
    run.record([Result(NASTY, 1.0, None, None, 3, NASTY, NASTY)])
    parsed_page = parsed(run, data_set)
    assert not {"script", "b", "i"} & {tag for tag, _ in parsed_page.tags}
    assert '<script>alert("$x$")' in said(parsed_page)
    assert "<i>run&" in said(parsed_page)


def test_same_run_gives_same_bytes(make):
    run, data_set = make(latent=2)
    write(run, data_set, tsne=True, seed=5)
    first = files(run.path)
    write(Run(run.path), data_set, tsne=True, seed=5)
    assert files(run.path) == first
    write(Run(run.path), data_set, tsne=True, seed=6)
    assert files(run.path) != first


def test_who_watches_is_told_of_every_part(make):
    run, data = make()
    told = []
    write(run, data, watch=lambda *news: told.append(news))
    assert [done for done, _, _ in told] == list(range(8))
    assert {parts for _, parts, _ in told} == {7}
    assert [words for _, _, words in told][::3] == ["learning curves", "classes", "figures"]


def test_no_file_is_left_behind(make):
    run, data_set = make()
    before = set(files(run.path))
    write(run, data_set)
    made = set(files(run.path)) - before
    assert {path.parts[0] for path in made} == {"figures", "report.html"}
    assert not [path for path in made if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("only", "commands"),
    [
        ((), ["zscape fit", "zscape fit", "zscape encode run", "zscape sample run", "zscape measure run"]),
        (("history",), ["zscape fit", "zscape encode run", "zscape sample run", "zscape measure run"]),
        (("history", "weights"), ["zscape encode run", "zscape sample run", "zscape measure run"]),
        (("history", "weights", "codes"), ["zscape sample run", "zscape measure run"]),
        (("history", "weights", "codes", "samples"), ["zscape measure run"]),
    ],
)
def test_what_is_missing_names_its_command(make, only, commands):
    page = parsed(*make(only=only))
    assert re.findall(r"This makes it: (zscape \w+(?: run)?)", said(page)) == commands


def test_manifold_needs_no_codes(make):
    run, data_set = make(latent=2, only=("history", "weights"))
    assert "manifold" in figure_names(parsed(run, data_set))


@pytest.mark.parametrize(
    "settings",
    [
        {"latent": 1},
        {"latent": 2},
        {"stochastic": False},
        {"classes": 0},
        {"classes": 0, "factors": {"x": np.arange(240) % 7}},
        {"shape": (3, 9, 7)},
        {"classes": 30, "names": tuple(f"class number {index}" for index in range(30))},
        {"classes": 60},
        {"classes": 1},
        {"samples": 1},
        {"shape": (1, 1, 1)},
        {"latent": 40},
    ],
)
def test_runs_of_all_kinds(make, settings):
    run, data_set = make(**settings)
    page = parsed(run, data_set)
    assert {"learning-curves", "reconstructions", "latent-map", "samples"} <= set(figure_names(page))


def test_class_names_are_on_the_map(make):
    run, data_set = make(names=("boot", "coat", "汉字", "bag"))
    text = said(parsed(run, data_set))
    assert all(name in text for name in ("boot", "coat", "汉字", "bag"))


REDRAWN = ["learning-curves", "reconstructions", "redrawn"]


def test_page_of_drawings(make):
    run, data_set = make(drawings=True)
    page = parsed(run, data_set)
    assert figure_names(page) == [*REDRAWN, "latent-map", "spectrum", "samples", "samples-drawn"]
    text = said(page)
    assert "doodles: 60 drawings of up to 12 points, 3 classes" in text
    assert text.count("at temperature 0.6 (variances times 0.6, log odds divided by it; seed 0)") == 2
    assert "This makes it" not in text
    assert "pixel" not in text


def test_drawings_are_files_of_every_kind_and_those_that_move_are_a_gif_too(make):
    run, data_set = make(drawings=True, latent=2)
    page = parsed(run, data_set)
    names = figure_names(page)
    assert "manifold" in names
    moving = {"redrawn", "samples-drawn"}
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    expected |= {f"{name}.gif" for name in moving}
    assert {path.name for path in run.figures.iterdir()} == expected
    assert {link.removeprefix("figures/") for link in page.links if link.startswith("figures/")} == expected
    for path in run.figures.iterdir():
        if path.suffix == ".svg":
            root = ElementTree.parse(path).getroot()
            assert bool(list(root.iter("{http://www.w3.org/2000/svg}animate"))) == (path.stem in moving)
        else:
            with Image.open(path) as picture:
                assert getattr(picture, "n_frames", 1) == (41 if path.suffix == ".gif" else 1)


def test_page_of_drawings_moves_within_itself_and_follows_its_colours(make):
    text = write(*make(drawings=True)).read_text(encoding="utf-8")
    assert "://" not in text
    assert "<script" not in text
    assert text.count("<style>") == 1
    moving = text.split('id="figure-redrawn"')[1].split("</figure>")[0]
    assert "<animate " in moving
    assert 'stroke="var(--ink)"' in moving
    assert 'fill="var(--surface)"' in moving
    assert "#1b1e23" not in moving


def test_same_run_of_drawings_gives_same_bytes(make):
    run, data_set = make(drawings=True, only=("weights", "samples"))
    write(run, data_set, seed=5)
    first = files(run.path)
    write(Run(run.path), data_set, seed=5)
    assert files(run.path) == first


@pytest.mark.parametrize(
    "settings",
    [{"latent": 1}, {"stochastic": False, "samples": 1}, {"classes": 0, "count": 12}],
)
def test_runs_of_drawings_of_all_kinds(make, settings):
    run, data_set = make(drawings=True, **settings)
    assert {"reconstructions", "redrawn", "samples", "samples-drawn"} <= set(
        figure_names(parsed(run, data_set))
    )


def test_headline_prefers_the_importance_bound(make):
    run, data_set = make()
    run.record([Result("importance_bound", -97.0, None, None, 24, "nats", "b")])
    page = write(run, data_set).read_text(encoding="utf-8")
    head = page[: page.index("<main>")]
    assert "importance bound" in head
    assert "ELBO" not in head


def test_headline_of_unknown_measures_is_the_first_of_them(make):
    run, data_set = make(only=("history", "weights"))
    run.record([Result(f"measure_{index}", 1.5, None, None, 2, "", "d") for index in range(6)])
    page = write(run, data_set).read_text(encoding="utf-8")
    assert re.findall(r"<dt>(.*?)</dt>", page) == [f"measure {index}" for index in range(4)]


def test_data_of_another_run_is_refused(make):
    run, data_set = make()
    with pytest.raises(ValueError, match=r"of shape \(1, 8, 8\), but got arrays of shape \(1, 4, 4\)"):
        write(run, data.from_arrays(np.zeros((240, 4, 4), np.uint8)))
    with pytest.raises(ValueError, match=f"of fingerprint {data_set.fingerprint}"):
        write(run, data.from_arrays(np.zeros((240, 8, 8), np.uint8)))
    assert not (run.path / "report.html").exists()


def test_data_with_too_few_samples_is_refused(make):
    few = data.from_arrays(np.zeros((9, 8, 8), np.uint8))
    run, _ = make(spec={"data": {"name": "few", "fingerprint": few.fingerprint}})
    with pytest.raises(ValueError, match="of 240 samples or more, but got arrays of 9"):
        write(run, few)


@pytest.mark.parametrize("name", ["codes.parquet", "samples.parquet", "results.json", "weights.safetensors"])
def test_damaged_files_are_named(make, name):
    run, data_set = make()
    (run.path / name).write_bytes(b"damaged")
    with pytest.raises(RunFormatError, match=name):
        write(Run(run.path), data_set)


def test_samples_that_are_no_pictures_are_not_drawn(make):
    run, data_set = make()
    spec = json.loads((run.path / "spec.json").read_text())
    spec["model"]["shape"] = [64]
    (run.path / "spec.json").write_text(json.dumps(spec))

    class Vectors:
        """The same data as vectors."""

        def __getattr__(self, name):
            return getattr(data_set, name)

        shape = (64,)

        def __len__(self):
            return len(data_set)

    vectors = Vectors()
    for name in ("name", "fingerprint", "labels", "names", "factors", "splits"):
        setattr(vectors, name, getattr(data_set, name))
    page = parsed(Run(run.path), vectors)
    assert figure_names(page) == ["learning-curves", "latent-map", "spectrum", *CLASSES[:-1]]
    assert "not grey or RGB pictures" in said(page)


def test_no_warning_is_shown_to_the_caller(make):
    run, data_set = make(latent=2, names=("汉字", "b", "c", "d"))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        write(run, data_set, tsne=True)
    assert [str(each.message) for each in shown] == []


def test_single_pictures_are_written_pixel_for_pixel_and_old_ones_go(make):
    run, _ = make()
    images = np.random.default_rng(0).random((3, 1, 8, 8)).astype(np.float32)
    write_singles(run, images)
    folder = write_singles(run, images[:2])
    assert sorted(path.name for path in folder.iterdir()) == ["0000.png", "0001.png"]
    with Image.open(folder / "0001.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture)[..., 0], np.rint(255 * images[1, 0]))


def test_single_drawings_are_svg_and_png_and_old_ones_go(make):
    run, _ = make(drawings=True)
    z = np.random.default_rng(0).normal(size=(3, 3))
    write_singles(run, run.shown(z))
    folder = write_singles(run, run.shown(z[:2]))
    assert sorted(path.name for path in folder.iterdir()) == ["0000.png", "0000.svg", "0001.png", "0001.svg"]
    assert (folder / "0001.svg").read_text() == drawing.svg(run.shown(z)[1])
    with Image.open(folder / "0001.png") as picture:
        expected = np.rint(255 * drawing.bitmaps(run.shown(z), side=256)[1, 0])
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_single_drawings_that_cannot_be_drawn_leave_the_old_ones(make):
    run, data_set = make(drawings=True)
    x = data_set.batch(torch.tensor([3, 4]), "cpu")[0].numpy()
    folder = write_singles(run, x)
    x[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        write_singles(run, x)
    assert len(list(folder.iterdir())) == 4
