"""Categories of Quick, Draw! by name: found, listed, fetched from a server of this test, checked, shown."""

import http.server
import threading

import numpy as np
import pytest

from data.drawn import sketches, write_archive
from zscape.data import check, contact_sheet, fetch, find, load, load_images
from zscape.data.entries import entry, located_categories
from zscape.data.quickdraw import CATEGORIES, parse_quickdraw_name
from zscape.errors import DataError, DownloadError


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("ZSCAPE_DATA", raising=False)


def write_category(path, *, seed=0, count=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_archive(
        path,
        train=sketches(count, seed=seed),
        valid=sketches(4, seed=seed + 1),
        test=sketches(4, seed=seed + 2),
    )


def test_there_are_345_categories():
    assert len(CATEGORIES) == len(set(CATEGORIES)) == 345
    assert {"cat", "alarm clock", "The Mona Lisa", "teddy-bear", "zigzag", "aircraft carrier"} <= set(
        CATEGORIES
    )


@pytest.mark.parametrize(
    ("name", "categories"),
    [
        ("quickdraw:cat", ("cat",)),
        ("quickdraw:pig,cat", ("pig", "cat")),
        ("quickdraw: alarm clock , The Mona Lisa", ("alarm clock", "The Mona Lisa")),
        ("quickdraw:alarm_clock,the mona lisa", ("alarm clock", "The Mona Lisa")),
    ],
)
def test_names(name, categories):
    assert parse_quickdraw_name(name) == categories


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("quickdraw", "names no category; write for example quickdraw:cat"),
        ("quickdraw:", "names no category"),
        ("quickdraw:caat", r"no category 'caat'; did you mean 'cat'\?"),
        ("quickdraw:qqqqqq", "no category 'qqqqqq'; quickdraw.withgoogle.com"),
        ("quickdraw:cat,Cat", "names 'cat' twice"),
    ],
)
def test_names_that_are_none_are_refused(name, match):
    for function in (load, fetch, entry):
        with pytest.raises(DataError, match=match):
            function(name)
    if ":" in name and name[-1] != ":":
        with pytest.raises(DataError, match=match):
            find(name)


def test_addresses_of_names_with_spaces():
    known = entry("quickdraw:alarm clock,cat")
    assert known.fetchable
    assert [file.path for file in known.files] == ["quickdraw/alarm clock.npz", "quickdraw/cat.npz"]
    assert (
        known.files[0].url == "https://storage.googleapis.com/quickdraw_dataset/sketchrnn/alarm%20clock.npz"
    )


def test_the_published_file_is_taken_before_others(tmp_path):
    other = write_category(tmp_path / "strokes" / "quickdraw_alarm_clock.npz", count=10)
    assert located_categories("quickdraw:alarm clock", tmp_path) == {"alarm clock": other}
    assert len(load("quickdraw:alarm clock", data_dir=tmp_path)) == 18
    published = write_category(tmp_path / "quickdraw" / "alarm clock.npz", count=30)
    assert located_categories("quickdraw:alarm clock", tmp_path) == {"alarm clock": published}
    assert find("quickdraw:alarm clock", tmp_path).path == published
    assert len(load("quickdraw:alarm_clock", data_dir=tmp_path)) == 38


def test_several_categories_are_labels_with_their_splits(tmp_path):
    write_category(tmp_path / "strokes" / "quickdraw_pig.npz", seed=5)
    write_category(tmp_path / "strokes" / "quickdraw_cat.npz")
    data = load("quickdraw:pig,cat", data_dir=tmp_path, scale=1)
    assert data.name == "quickdraw:pig,cat"
    assert data.names == ("cat", "pig")
    assert {split: np.bincount(data.labels[rows]).tolist() for split, rows in data.splits.items()} == {
        "train": [20, 20],
        "validation": [4, 4],
        "test": [4, 4],
    }
    assert load("quickdraw:pig", data_dir=tmp_path).labels is None
    assert find("quickdraw:pig,cat", tmp_path).path == tmp_path / "strokes"
    assert load(**data.to_spec()).fingerprint == data.fingerprint


def test_what_is_nowhere_says_where_and_how(tmp_path):
    write_category(tmp_path / "strokes" / "quickdraw_cat.npz")
    match = r"drawings of 'owl' were not found; looked at .*owl\.npz.*zscape data fetch 'quickdraw:owl'"
    with pytest.raises(DataError, match=match):
        load("quickdraw:cat,owl", data_dir=tmp_path)
    assert find("quickdraw:cat,owl", tmp_path).path is None
    (finding,) = check("quickdraw:cat,owl", data_dir=tmp_path)
    assert not finding.good


def test_the_family_is_listed(tmp_path):
    assert find("quickdraw", tmp_path).path is None
    write_category(tmp_path / "strokes" / "quickdraw_cat.npz")
    assert find("quickdraw", tmp_path).path == tmp_path / "strokes"
    write_category(tmp_path / "quickdraw" / "cat.npz")
    assert find("quickdraw", tmp_path).path == tmp_path / "quickdraw"
    assert find("quickdraw", tmp_path).looked[0] == tmp_path / "quickdraw"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        body = self.server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Stands for the bucket; gives the same archive for every address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    server.content = write_category(tmp_path / "original.npz").read_bytes()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(
        "zscape.data.quickdraw._BUCKET", f"http://127.0.0.1:{server.server_address[1]}/sketchrnn"
    )
    yield server
    server.shutdown()
    server.server_close()


def test_fetching_a_category(server, tmp_path):
    path = fetch("quickdraw:alarm clock", data_dir=tmp_path / "data")
    assert path == tmp_path / "data" / "quickdraw" / "alarm clock.npz"
    assert path.read_bytes() == server.content
    assert server.asked == ["/sketchrnn/alarm%20clock.npz"]
    assert len(load("quickdraw:alarm clock", data_dir=tmp_path / "data")) == 28
    fetch("quickdraw:cat,alarm clock", data_dir=tmp_path / "data")
    assert server.asked[1:] == ["/sketchrnn/cat.npz"]


@pytest.mark.parametrize("fault", ["cut", "changed", "page"])
def test_what_is_no_whole_archive_is_not_kept(server, tmp_path, fault):
    changed = bytearray(server.content)
    changed[300] ^= 0xFF
    server.content = {"cut": server.content[:-9], "changed": bytes(changed), "page": b"<html>"}[fault]
    with pytest.raises(DownloadError, match=r"cat\.npz is not the published file \(.*was deleted"):
        fetch("quickdraw:cat", data_dir=tmp_path / "data")
    assert list((tmp_path / "data" / "quickdraw").iterdir()) == []


def test_a_broken_file_in_place_is_not_overwritten(server, tmp_path):
    target = tmp_path / "quickdraw" / "cat.npz"
    target.parent.mkdir()
    target.write_bytes(b"something")
    with pytest.raises(DownloadError, match="exists but is not the published file"):
        fetch("quickdraw:cat", data_dir=tmp_path)
    assert server.asked == []


def test_what_cannot_be_fetched_names_an_example():
    with pytest.raises(DownloadError, match=r"only these have: .*quickdraw:cat, sheep"):
        fetch("paintings")


def test_checking_drawings(tmp_path):
    path = write_category(tmp_path / "strokes" / "quickdraw_cat.npz")
    first, whole = check("quickdraw:cat", data_dir=tmp_path)
    assert first.good
    assert "whole by the checksums that it holds; no hash of it is published" in first.note
    assert whole.good
    assert "28 drawings of" in whole.note
    path.write_bytes(path.read_bytes()[:-20])
    assert [finding.good for finding in check("quickdraw:cat", data_dir=tmp_path)] == [False, False]
    assert check("doodles:count=30")[0].good


def test_every_faulty_drawing_of_a_folder_is_named(tmp_path):
    for number in range(4):
        text = '<svg><path d="M0 0L5 5"/></svg>'
        (tmp_path / f"{number}.svg").write_text("<svg" if number % 2 else text, encoding="utf-8")
    findings = check(tmp_path)
    assert [finding.path.rpartition("/")[2] for finding in findings] == ["1.svg", "3.svg", tmp_path.name]
    assert not any(finding.good for finding in findings)


def test_a_sheet_of_drawings(tmp_path):
    write_category(tmp_path / "quickdraw" / "cat.npz")
    write_category(tmp_path / "quickdraw" / "owl.npz", seed=9)
    data = load("quickdraw:cat,owl", data_dir=tmp_path)
    sheet, caption = contact_sheet(data, 9)
    assert sheet.shape == (3 * 110 + 2, 3 * 98 + 2, 3)
    tile = sheet[2:98, 2:98, 0]
    assert tile.min() < 50
    assert tile.max() == 255
    assert (tile > 200).mean() > 0.5
    assert caption.startswith("quickdraw:cat,owl: 56 drawings of")
    assert "(train 40, validation 8, test 8)" in caption
    assert f"9 shown, one unit of a batch is {data.scale:.4g} of the file; classes: cat 28, owl 28" in caption


def test_work_on_images_refuses_drawings():
    with pytest.raises(DataError, match="images are needed here, but doodles are drawings"):
        load_images("doodles:count=30")
    assert load_images("digits").shape == (1, 8, 8)
